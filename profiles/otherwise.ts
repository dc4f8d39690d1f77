import type { RowReason } from './explain.ts'
import type { BindingLimit } from './limits.ts'
import { networkOf } from './network.ts'
import { grants } from './report.ts'
import type { Site, SiteNode } from './site.ts'
import { assess } from './situation.ts'
import type { Decision, EvseGrant, Snapshot } from './snapshot.ts'
import { computeTargets } from './targets.ts'

/**
 * What an EVSE would get if what its explanation names did not bind: the snapshot is decided once more without it, so
 * the answer knows of the next fuse and of everybody else who would take more. `null` where nothing was named that
 * could be lifted: the car takes no more, the station cannot be steered, or others are just giving way.
 */
export function otherwise(snapshot: Snapshot, decision: Decision, evseKey: string): EvseGrant | null {
  const grant = decision.grants.find(({ key }) => key === evseKey)
  const without = grant && lifted(snapshot, grant)
  if (!without) return null
  const situation = assess(without)
  // Without pushes, so that nobody waits for anybody: what counts is where it would end.
  return grants(situation, computeTargets(situation), []).find(({ key }) => key === evseKey) ?? null
}

function lifted(snapshot: Snapshot, { key, explanation }: EvseGrant): Snapshot | null {
  const { code, row, source } = explanation
  switch (code) {
    case 'node-limit':
    case 'waiting-for-turn':
      return row && withoutRow(snapshot, row)
    case 'evse-limit':
      return source && withoutSource(snapshot, source, key)
    case 'plan': {
      const { plan: _, ...rest } = snapshot
      return rest
    }
    case 'within-deadband':
      return { ...snapshot, settings: { ...snapshot.settings, deadbandA: 0 } }
    default:
      return null
  }
}

function withoutRow(snapshot: Snapshot, row: RowReason): Snapshot {
  const { source, nodeId } = row
  if (source && source.origin !== 'site' && nodeId !== null) return withoutSource(snapshot, source, nodeId)
  return { ...snapshot, site: withoutLimit(snapshot.site, row.row) }
}

function withoutSource(snapshot: Snapshot, { origin, sourceId }: BindingLimit, target: string): Snapshot {
  const limits = snapshot.limits.filter(
    (limit) => limit.sourceId !== sourceId || limit.origin !== origin || limit.target !== target,
  )
  return { ...snapshot, limits }
}

/** A limit of the configuration is lifted as a whole: a fuse on all of its phases. */
function withoutLimit(site: Site, rowId: string): Site {
  const row = networkOf(site).rows.find(({ id }) => id === rowId)
  if (row?.kind === 'phasor') {
    const ofRow = row.partOf ?? row.id
    return { ...site, phasorConstraints: site.phasorConstraints.filter(({ id }) => id !== ofRow) }
  }
  const none = Number.POSITIVE_INFINITY
  const nodes = site.nodes.map((node): SiteNode => {
    if (node.index !== row?.node) return node
    if (row.kind === 'phase') return { ...node, limitA: [none, none, none] }
    if (row.kind === 'power') return { ...node, limitW: none }
    return row.kind === 'imbalance' ? { ...node, imbalanceA: none } : { ...node, sharedDcW: none }
  })
  return { ...site, nodes, nodeById: new Map(nodes.map((node) => [node.id, node])) }
}
