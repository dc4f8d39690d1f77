import {
  type BindingLimit,
  type Decision,
  type Escalation,
  type EvseGrant,
  type EvseState,
  type LimitOrigin,
  linesOf,
  type NodeReport,
  type PowerReport,
  type Site,
  type SiteNode,
} from '../../profiles/index.ts'
import type { LoopAlarm } from './alarm-book.ts'
import type { CarTalk } from './car-plans.ts'
import { escalationText, explanationText } from './explain-text.ts'
import type { SiteLoop } from './site-loop.ts'
import type { Replay } from './snapshots.ts'

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
    readonly source: 'configuration' | Exclude<LimitOrigin, 'site'>
    readonly limitId: string | null
    readonly setBy: string | null
    readonly state: 'normal' | 'failsafe'
    readonly value: number
    readonly unit: 'A' | 'W'
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
    readonly setBy: string | null
    readonly validTo: string | null
    readonly text: string
  } | null
  /** What is done about a station that does not hold or follow its limit. */
  readonly escalation: (Pick<Escalation, 'step' | 'cause'> & { readonly text: string }) | null
  /** For a car that speaks ISO 15118. */
  readonly iso15118?: CarTalk
}

export interface SiteStatus {
  readonly siteId: string
  readonly at: string
  readonly nodes: NodeStatus[]
  readonly evses: EvseStatus[]
  readonly alarms: LoopAlarm[]
}

/** What a status is made of: of now, or of a recorded moment. */
interface View {
  readonly site: Site
  readonly decision: Decision
  readonly states: ReadonlyMap<string, EvseState>
  readonly alarms: readonly LoopAlarm[]
  readonly talk?: (evseKey: string) => CarTalk | undefined
}

/** The latest decision as operators see it; undefined before the first. */
export function siteStatus(site: Site, loop: SiteLoop): SiteStatus | undefined {
  const { decision, alarms } = loop
  if (!decision) return undefined
  const { evses } = loop.live.states()
  const talk = (key: string) => loop.cars.talk(key)
  return statusOf({ site, decision, states: byKey(evses), alarms, talk })
}

/** Of the latest decision, the nodes alone. */
export function nodeStatuses(site: Site, loop: SiteLoop): NodeStatus[] {
  const { decision, alarms } = loop
  if (!decision) return []
  return nodesOf({ site, decision, states: new Map(), alarms })
}

export function replayStatus({ site, decision, snapshot }: Replay): SiteStatus {
  const { evses } = snapshot
  return statusOf({ site, decision, states: byKey(evses), alarms: decision.alarms })
}

function byKey(evses: readonly EvseState[]): ReadonlyMap<string, EvseState> {
  return new Map(evses.map((state) => [state.key, state]))
}

function statusOf(view: View): SiteStatus {
  const { site, decision } = view
  return {
    siteId: site.id,
    at: new Date(decision.atMs).toISOString(),
    nodes: nodesOf(view),
    evses: decision.grants.map((grant) => evseStatus(view, grant)),
    alarms: [...view.alarms],
  }
}

function nodesOf(view: View): NodeStatus[] {
  const { site, decision } = view
  const reports = new Map<string, NodeReport[]>()
  for (const report of decision.nodes)
    reports.set(report.nodeId, [...(reports.get(report.nodeId) ?? []), report])
  const powers = new Map(decision.powers.map((report) => [report.nodeId, report]))
  const granted = grantedBelow(site, decision)
  return site.nodes.map((node) =>
    nodeStatus(view, {
      node,
      reports: reports.get(node.id) ?? [],
      power: powers.get(node.id),
      grantedA: granted[node.index] ?? [0, 0, 0],
    }),
  )
}

interface NodeParts {
  readonly node: SiteNode
  readonly reports: readonly NodeReport[]
  readonly power: PowerReport | undefined
  readonly grantedA: Phases
}

function nodeStatus(view: View, { node, reports, power, grantedA }: NodeParts): NodeStatus {
  const { site } = view
  const [one, two, three] = perPhase(reports, (report) => report.limitA, Number.POSITIVE_INFINITY)
  return {
    nodeId: node.id,
    kind: node.kind,
    parentId: node.parent === null ? null : (site.nodes[node.parent]?.id ?? null),
    limitA: [finite(one), finite(two), finite(three)],
    limitW: power ? round(power.limitW) : null,
    // A node without a limit is not judged phase by phase: what its EVSEs were given is still worth showing.
    measuredA: reports.length === 0 ? null : perPhase(reports, (report) => report.measuredA, 0),
    grantedA: reports.length === 0 ? grantedA : perPhase(reports, (report) => report.worstA, 0),
    binding: bindingOf(site, reports, power),
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

/** What the EVSEs below each node were granted, by node index. */
function grantedBelow(site: Site, decision: Decision): Phases[] {
  const sums = site.nodes.map((): Phases => [0, 0, 0])
  for (const evse of site.evses) {
    // Grants come in the order of the site's EVSEs.
    const perPhaseA = decision.grants[evse.index]?.perPhaseA ?? []
    for (const node of evse.path) {
      const sum = sums[node]
      perPhaseA.forEach((value, index) => {
        if (sum) sum[index] = round((sum[index] ?? 0) + value)
      })
    }
  }
  return sums
}

/** The limit that leaves least of the node: power counts as if it were spread evenly over the phases. */
function bindingOf(
  site: Site,
  reports: readonly NodeReport[],
  power: PowerReport | undefined,
): NodeStatus['binding'] {
  const sources = reports.map(({ limitA, source }) => ({ limitA, source, unit: 'A' as const }))
  const evenA = (power?.limitW ?? Number.POSITIVE_INFINITY) / (site.voltageV * linesOf(site.wiring).length)
  const tightest = [...sources, { limitA: evenA, source: power?.source ?? null, unit: 'W' as const }]
    .filter(({ source }) => source !== null)
    .sort((one, other) => one.limitA - other.limitA)[0]
  const source = tightest?.source
  if (!tightest || !source) return null
  const { origin, sourceId, setBy = null, state, value } = source
  return {
    source: origin === 'site' ? 'configuration' : origin,
    limitId: origin === 'site' ? null : sourceId,
    setBy,
    state,
    value: round(value),
    unit: tightest.unit,
    validTo: untilOf(source),
  }
}

function untilOf({ untilMs }: BindingLimit): string | null {
  return untilMs === null ? null : new Date(untilMs).toISOString()
}

/** Why a grant is not more, for operators. */
export function reasonOf({ explanation }: Pick<EvseGrant, 'explanation'>): NonNullable<EvseStatus['reason']> {
  const { code, row } = explanation
  const source = row?.source ?? explanation.source
  return {
    code,
    nodeId: row?.nodeId ?? null,
    phase: row?.phase ?? null,
    source: source?.sourceId ?? null,
    setBy: source?.setBy ?? null,
    validTo: source ? untilOf(source) : null,
    text: explanationText(explanation),
  }
}

function evseStatus({ site, states, talk }: View, grant: Decision['grants'][number]): EvseStatus {
  const evse = site.evseByKey.get(grant.key)
  const state = states.get(grant.key)
  const iso15118 = talk?.(grant.key)
  return {
    stationId: evse?.stationId ?? '',
    evseId: evse?.evseId ?? 0,
    online: state?.link === 'connected',
    transactionId: state?.session?.transactionId ?? null,
    grantedA: round(grant.limitA),
    confirmedA: state?.slots.lease.acked?.limitA ?? state?.slots.safe.acked?.limitA ?? null,
    measuredA: state?.measured ? terminals(state.measured.currentA) : null,
    reason: reasonOf(grant),
    escalation: grant.escalation && {
      step: grant.escalation.step,
      cause: grant.escalation.cause,
      text: escalationText(grant.escalation),
    },
    ...(iso15118 ? { iso15118 } : {}),
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
