import { rowLoads } from './allocate.ts'
import { isTooDear, rests } from './demand.ts'
import type { Push } from './diff.ts'
import type { Alarm, EvseExplanation, NodeReport, PowerReport, ReasonCode, RowReason } from './explain.ts'
import { usableA } from './learned.ts'
import { phaseRow, powerRow } from './network.ts'
import type { SiteEvse } from './site.ts'
import type { Situation } from './situation.ts'
import type { EvseGrant, GrantState } from './snapshot.ts'
import type { Targets } from './targets.ts'
import { PHASES, type PhaseValues } from './units.ts'

/** One grant per EVSE, with what bound it. */
export function grants(situation: Situation, targets: Targets, pushes: readonly Push[]): EvseGrant[] {
  const waiting = new Set(pushes.filter((push) => push.wave === 2).map((push) => push.evseKey))
  return situation.snapshot.site.evses.map((evse) => {
    const limitA = targets.limitA[evse.index] ?? 0
    return {
      key: evse.key,
      state: grantState(targets, evse.index, limitA),
      limitA,
      perPhaseA: perPhase(evse, limitA, targets.mask[evse.index] ?? 7),
      worstA: situation.worstA[evse.index] ?? evse.maxA,
      safeA: targets.safeA[evse.index] ?? 0,
      explanation: explain({ situation, targets, evse, waiting: waiting.has(evse.key) }),
      escalation: situation.escalations[evse.index] ?? null,
    }
  })
}

function grantState(targets: Targets, index: number, limitA: number): GrantState {
  const reason = targets.unsteered[index]
  if (reason === 'no-session') return 'idle'
  if (reason !== null) return 'not-steered'
  return limitA > 0 ? 'charging' : 'paused'
}

function perPhase(evse: SiteEvse, limitA: number, mask: number): PhaseValues {
  const phases: [number, number, number] = [0, 0, 0]
  evse.terminals.forEach((terminal, index) => {
    const booked = evse.supply.kind !== 'ac' || (mask & (1 << index)) !== 0
    if (booked) phases[terminal.phase - 1] = (phases[terminal.phase - 1] ?? 0) + limitA
  })
  return phases
}

interface ExplainInput {
  readonly situation: Situation
  readonly targets: Targets
  readonly evse: SiteEvse
  readonly waiting: boolean
}

function explain(input: ExplainInput): EvseExplanation {
  const { situation, targets, evse } = input
  const { code, wantsA } = reasonOf(input)
  const row = targets.bindingRow[evse.index] ?? -1
  const booking = situation.bookings[evse.index]?.reason ?? 'no-safe-default'
  const named = code === 'node-limit' || code === 'waiting-for-turn'
  const source = code === 'evse-limit' ? (situation.merged.evseBinding[evse.index] ?? null) : null
  const rowReason = named && row >= 0 ? rowReasonOf(situation, row) : null
  return { code, row: rowReason, source: source ?? rowReason?.source ?? null, wantsA, booking }
}

function reasonOf(input: ExplainInput): { code: ReasonCode; wantsA: number } {
  const { situation, targets, evse, waiting } = input
  const index = evse.index
  const unsteered = targets.unsteered[index]
  const demand = targets.demands[index]
  const capA = situation.merged.evseCapA[index] ?? evse.maxA
  const ownA = Math.min(capA, situation.states[index]?.session?.maxA ?? Number.POSITIVE_INFINITY)
  if (unsteered !== null && unsteered !== undefined) return { code: unsteered, wantsA: ownA }
  if (!situation.states[index]?.slots.safe.acked) return { code: 'no-safe-default', wantsA: ownA }
  if (waiting) return { code: 'waiting-for-others', wantsA: targets.limitA[index] ?? 0 }
  if ((targets.bindingRow[index] ?? -1) >= 0) {
    const code = targets.admitted[index] === 1 ? 'node-limit' : 'waiting-for-turn'
    return { code, wantsA: demand?.maxA ?? ownA }
  }
  if (targets.kept.has(index)) return { code: 'within-deadband', wantsA: demand?.maxA ?? ownA }
  const wantsA = usableA(situation.memories[index]?.learned ?? null, ownA)
  const { session } = situation.states[index] ?? {}
  if (session && isTooDear(session, situation.snapshot.pricePerKwh)) return { code: 'price', wantsA }
  const turn = situation.memories[index]?.turn
  if (turn && rests(turn, situation.snapshot.nowMs)) return { code: 'resting', wantsA }
  if (demand && demand.maxA < Math.max(demand.minA, wantsA) - 1e-6) return { code: 'plan', wantsA }
  if (wantsA < ownA - 1e-6 && (targets.limitA[index] ?? 0) < ownA - 1e-6)
    return { code: 'takes-less', wantsA: ownA }
  return capA < evse.maxA - 1e-6
    ? { code: 'evse-limit', wantsA: evse.maxA }
    : { code: 'own-maximum', wantsA: ownA }
}

function rowReasonOf(situation: Situation, index: number): RowReason | null {
  const row = situation.network.rows[index]
  if (!row) return null
  return {
    row: row.id,
    kind: row.kind,
    nodeId: row.node === null ? null : (situation.snapshot.site.nodes[row.node]?.id ?? null),
    phase: row.phase,
    limit: situation.merged.rowLimits[index] ?? Number.POSITIVE_INFINITY,
    source: situation.merged.rowBinding[index] ?? null,
  }
}

/** Loads of every node and phase that has a limit: base, worst case, granted, measured. */
export function nodeReports(situation: Situation, targets: Targets): NodeReport[] {
  const { network, snapshot, merged, available, base } = situation
  const worst = rowLoads(network, situation.worstA, situation.worstMask)
  const granted = rowLoads(network, targets.limitA, targets.mask)
  return snapshot.site.nodes.flatMap((node) =>
    PHASES.flatMap((phase) => {
      const row = phaseRow(node.index, phase)
      const limitA = merged.rowLimits[row] ?? Number.POSITIVE_INFINITY
      if (!Number.isFinite(limitA)) return []
      const baseA = base[node.index]?.currentA[phase - 1] ?? 0
      const report: NodeReport = {
        nodeId: node.id,
        phase,
        limitA,
        source: merged.rowBinding[row] ?? null,
        baseA,
        baseStale: base[node.index]?.stale ?? false,
        worstA: worst[row] ?? 0,
        grantedA: granted[row] ?? 0,
        measuredA: base[node.index]?.measuredA[phase - 1] ?? 0,
        headroomA: (available[row] ?? 0) - (worst[row] ?? 0),
      }
      return [report]
    }),
  )
}

/** Power of every node that has a power limit, of its configuration or of a source. */
export function powerReports(situation: Situation, targets: Targets): PowerReport[] {
  const { network, snapshot, merged, base } = situation
  const limited = snapshot.site.nodes.filter((node) =>
    Number.isFinite(merged.rowLimits[powerRow(node.index)] ?? Number.POSITIVE_INFINITY),
  )
  if (limited.length === 0) return []
  const worst = rowLoads(network, situation.worstA, situation.worstMask)
  const granted = rowLoads(network, targets.limitA, targets.mask)
  return limited.map((node) => {
    const row = powerRow(node.index)
    const activeA = (base[node.index]?.activeA ?? []).reduce((sum, value) => sum + value, 0)
    return {
      nodeId: node.id,
      limitW: merged.rowLimits[row] ?? Number.POSITIVE_INFINITY,
      source: merged.rowBinding[row] ?? null,
      baseStale: base[node.index]?.stale ?? false,
      worstW: worst[row] ?? 0,
      grantedW: granted[row] ?? 0,
      measuredW: activeA * snapshot.site.voltageV,
    }
  })
}

/** What an operator must know, as data. */
export function alarms(situation: Situation, targets: Targets): Alarm[] {
  const { snapshot, merged, network } = situation
  const found: Alarm[] = []
  for (const target of merged.unknownTargets) {
    found.push({
      code: 'unknown-target',
      where: target,
      detail: 'a limit names a node that is not in the site',
    })
  }
  for (const base of situation.base) {
    const own = snapshot.baseLoads.some((input) => input.nodeId === base.nodeId)
    if (own && base.stale)
      found.push({ code: 'base-load-stale', where: base.nodeId, detail: 'assumed its stale value' })
  }
  const lost = new Set<string>()
  for (const binding of [...merged.rowBinding, ...merged.evseBinding]) {
    if (binding?.state === 'failsafe') lost.add(binding.sourceId)
  }
  for (const sourceId of lost)
    found.push({ code: 'source-failsafe', where: sourceId, detail: 'its failsafe value holds' })
  targets.steerable.forEach((limit, row) => {
    if (limit >= -1e-6) return
    const detail = `what cannot be steered is ${(-limit).toFixed(1)} above the limit`
    found.push({ code: 'overcommitted', where: network.rows[row]?.id ?? '', detail })
  })
  for (const evse of snapshot.site.evses) {
    const reason = targets.unsteered[evse.index]
    const detail = `counted at ${(situation.worstA[evse.index] ?? 0).toFixed(1)} A`
    if (reason === 'disobeys' || reason === 'lease-refused' || reason === 'smart-charging-off') {
      found.push({ code: reason, where: evse.key, detail })
    }
    const refused = (situation.states[evse.index]?.slots.safe.failures ?? 0) >= snapshot.settings.maxFailures
    if (refused) found.push({ code: 'safe-default-refused', where: evse.key, detail })
  }
  return found
}
