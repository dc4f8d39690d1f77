import type { Decision, NodeReport, Site, SiteNode } from '../../profiles/index.ts'
import type { LimitRecord } from '../store/sites.ts'
import { explanationText } from './explain-text.ts'
import type { LiveSite } from './live-site.ts'

type Phases = [number, number, number]

export interface NodeStatus {
  readonly nodeId: string
  readonly kind: 'circuit' | 'station'
  readonly parentId: string | null
  readonly limitA: [number | null, number | null, number | null]
  readonly limitW: number | null
  readonly measuredA: Phases | null
  readonly grantedA: Phases
  readonly binding: {
    readonly source: string
    readonly limitId: string | null
    readonly validTo: string | null
  } | null
}

export interface EvseStatus {
  readonly stationId: string
  readonly evseId: number
  readonly online: boolean
  readonly transactionId: string | null
  readonly grantedA: number
  readonly confirmedA: number | null
  readonly measuredA: Phases | null
  readonly reason: {
    readonly code: string
    readonly nodeId: string | null
    readonly phase: number | null
    readonly source: string | null
    readonly text: string
  } | null
}

export interface SiteStatus {
  readonly siteId: string
  readonly at: string
  readonly nodes: NodeStatus[]
  readonly evses: EvseStatus[]
}

/** The latest decision as operators see it. */
export function siteStatus(
  site: Site,
  decision: Decision,
  live: LiveSite,
  limits: readonly LimitRecord[],
): SiteStatus {
  return {
    siteId: site.id,
    at: new Date(decision.atMs).toISOString(),
    nodes: site.nodes.map((node) => nodeStatus(site, node, decision, limits)),
    evses: site.evses.map((evse) => evseStatus(evse.key, evse.stationId, evse.evseId, decision, live)),
  }
}

function nodeStatus(
  site: Site,
  node: SiteNode,
  decision: Decision,
  limits: readonly LimitRecord[],
): NodeStatus {
  const reports = decision.nodes.filter((report) => report.nodeId === node.id)
  const tightest = reports.filter((report) => report.source !== null).sort((a, b) => a.limitA - b.limitA)[0]
  const [one, two, three] = perPhase(reports, (report) => report.limitA, Number.POSITIVE_INFINITY)
  return {
    nodeId: node.id,
    kind: node.kind,
    parentId: node.parent === null ? null : (site.nodes[node.parent]?.id ?? null),
    limitA: [finite(one), finite(two), finite(three)],
    limitW: finite(wattLimit(node, decision, limits)),
    // A node without a limit is not judged phase by phase: what its EVSEs were given is still worth showing.
    measuredA: reports.length === 0 ? null : perPhase(reports, (report) => report.measuredA, 0),
    grantedA:
      reports.length === 0
        ? grantedBelow(site, node, decision)
        : perPhase(reports, (report) => report.worstA, 0),
    binding: tightest?.source ? bindingOf(tightest.source, limits) : null,
  }
}

function perPhase(
  reports: readonly NodeReport[],
  value: (report: NodeReport) => number,
  absent: number,
): Phases {
  const of = (phase: number): number => {
    const report = reports.find((one) => one.phase === phase)
    return report ? round(value(report)) : absent
  }
  return [of(1), of(2), of(3)]
}

function grantedBelow(site: Site, node: SiteNode, decision: Decision): Phases {
  const sum: Phases = [0, 0, 0]
  for (const evse of site.evses) {
    const grant = evse.path.includes(node.index)
      ? decision.grants.find((one) => one.key === evse.key)
      : undefined
    grant?.perPhaseA.forEach((value, index) => {
      sum[index] = round((sum[index] ?? 0) + value)
    })
  }
  return sum
}

function bindingOf(
  source: NonNullable<NodeReport['source']>,
  limits: readonly LimitRecord[],
): NodeStatus['binding'] {
  const limit = limits.find((one) => one.id === source.sourceId)
  return {
    source: source.origin === 'site' ? 'configuration' : (limit?.source ?? source.origin),
    limitId: limit?.id ?? null,
    validTo: limit?.validTo ?? null,
  }
}

function wattLimit(node: SiteNode, decision: Decision, limits: readonly LimitRecord[]): number {
  const inForce = limits.filter(
    (limit) =>
      limit.unit === 'W' &&
      limit.nodeId === node.id &&
      (limit.validFrom === null || Date.parse(limit.validFrom) <= decision.atMs) &&
      (limit.validTo === null || Date.parse(limit.validTo) > decision.atMs),
  )
  return Math.min(node.limitW, ...inForce.map((limit) => limit.value))
}

function evseStatus(
  key: string,
  stationId: string,
  evseId: number,
  decision: Decision,
  live: LiveSite,
): EvseStatus {
  const grant = decision.grants.find((one) => one.key === key)
  const { measured, session, slots } = live.evse(key)
  const explanation = grant?.explanation
  return {
    stationId,
    evseId,
    online: live.isOnline(stationId),
    transactionId: session?.transactionId ?? null,
    grantedA: round(grant?.limitA ?? 0),
    confirmedA: slots.lease.acked?.limitA ?? slots.safe.acked?.limitA ?? null,
    measuredA: measured ? terminals(measured.currentA) : null,
    reason: explanation
      ? {
          code: explanation.code,
          nodeId: explanation.row?.nodeId ?? null,
          phase: explanation.row?.phase ?? null,
          source: explanation.row?.source?.sourceId ?? explanation.source?.sourceId ?? null,
          text: explanationText(explanation),
        }
      : null,
  }
}

function terminals(currentA: readonly number[]): Phases {
  return [round(currentA[0] ?? 0), round(currentA[1] ?? 0), round(currentA[2] ?? 0)]
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

function round(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : value
}
