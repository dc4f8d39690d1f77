import type { SlotBelief } from './belief.ts'
import type { EvseState } from './booking.ts'
import type { PushDirection } from './diff.ts'
import type { LeaseTerm } from './encode.ts'
import { isCalm, NEAR_MS } from './promises.ts'
import type { SiteEvse } from './site.ts'
import type { Situation } from './situation.ts'
import type { Targets } from './targets.ts'

/** One EVSE in a decision. */
export interface EvseContext {
  readonly situation: Situation
  readonly targets: Targets
  readonly evse: SiteEvse
  readonly state: EvseState
}

/**
 * How long a lease lasts. A car that speaks ISO 15118 renegotiates with every profile (K16.FR.02), so it gets one for
 * as long as the site can keep it without us, and one that says what comes after a shorter lease.
 */
export function leaseTerm(context: EvseContext, wantedA: number, safeA: number): LeaseTerm {
  const { evse, state, targets, situation } = context
  const { settings } = situation.snapshot
  const below = wantedA < safeA
  if (!targets.promises || !isCalm(state, situation))
    return { leaseMs: below ? settings.pauseLeaseMs : settings.leaseMs }
  const { nearA, farA } = targets.promises
  const promisedA = Math.max(safeA, farA[evse.index] ?? 0)
  if (!below && wantedA <= promisedA + 1e-6) return { leaseMs: null }
  const calm = below || wantedA <= (nearA[evse.index] ?? 0) + 1e-6
  const leaseMs = calm ? Math.max(NEAR_MS, settings.pauseLeaseMs) : settings.leaseMs
  const periods = Math.min(
    state.device.periodsPerSchedule,
    state.session?.iso15118?.maxScheduleTuples ?? Number.POSITIVE_INFINITY,
  )
  return periods < 2 ? { leaseMs } : { leaseMs, tailA: promisedA }
}

/** What the lease in force says; `null` where there is none. */
export function heldLeaseA({ acked }: SlotBelief, nowMs: number): number | null {
  if (!acked) return null
  return acked.expiresAtMs === null || acked.expiresAtMs > nowMs ? acked.limitA : (acked.tailA ?? null)
}

export function leaseDirection(options: {
  context: EvseContext
  lease: SlotBelief
  wantedA: number
  term: LeaseTerm
}): PushDirection | null {
  const { context, lease, wantedA, term } = options
  const { situation, state, evse } = context
  const { nowMs, settings } = situation.snapshot
  const heldA = heldLeaseA(lease, nowMs)
  const sentAgoMs = nowMs - (lease.acked?.sentAtMs ?? Number.NEGATIVE_INFINITY)
  if (heldA === null || lease.inFlight)
    return wantedA > (situation.worstA[evse.index] ?? 0) ? 'raise' : 'lower'
  if (wantedA < heldA - 1e-6 || promisesTooMuch(context, lease, term) || mustRepeat(context, lease))
    return 'lower'
  if (voltageFell(context, lease)) return 'lower'
  const raises = wantedA > heldA + 1e-6
  if (state.session?.iso15118?.waits) return raises ? 'raise' : 'refresh'
  if (sentAgoMs < state.device.minUpdateMs) return null
  if (raises) {
    const lastRaiseMs = situation.memories[evse.index]?.lastRaiseMs ?? Number.NEGATIVE_INFINITY
    const gapMs = state.session?.iso15118 ? CALM_RAISE_MS : settings.minRaiseIntervalMs
    return nowMs - lastRaiseMs >= gapMs ? 'raise' : null
  }
  return isDue(lease, term, nowMs) ? 'refresh' : null
}

/** A limit that is not followed is said again with each step of the escalation that says it in another way. */
function mustRepeat({ situation, evse }: EvseContext, { acked }: SlotBelief): boolean {
  const escalation = situation.escalations[evse.index]
  if (!acked || escalation?.cause !== 'draws-more' || escalation.sinceMs === null) return false
  return escalation.step !== 'station-cap' && acked.sentAtMs < escalation.sinceMs
}

/** Raises of a car that renegotiates each of them come together. */
const CALM_RAISE_MS = 30_000

function isDue({ acked }: SlotBelief, { leaseMs, tailA }: LeaseTerm, nowMs: number): boolean {
  if (!acked || acked.expiresAtMs === null) return false
  const lifeMs = acked.expiresAtMs - acked.sentAtMs
  // A lease with a tail is renewed at half of its own life: one that could be longer now is no reason to disturb.
  const halfMs = (tailA === undefined ? (leaseMs ?? lifeMs) : Math.min(lifeMs, leaseMs ?? lifeMs)) / 2
  return acked.expiresAtMs - nowMs <= halfMs
}

/** Whether a station holds for longer, or goes on with more, than the site could keep without us by now. */
function promisesTooMuch(
  { evse, state, targets, situation }: EvseContext,
  { acked }: SlotBelief,
  term: LeaseTerm,
): boolean {
  if (!acked || !targets.promises || !isCalm(state, situation)) return false
  const safeA = state.slots.safe.acked?.limitA ?? 0
  const promisedA = Math.max(safeA, targets.promises.farA[evse.index] ?? 0) + 0.05
  if ((acked.tailA ?? 0) > promisedA) return true
  if (acked.limitA <= promisedA) return false
  const lifeMs = acked.expiresAtMs === null ? Number.POSITIVE_INFINITY : acked.expiresAtMs - acked.sentAtMs
  return term.leaseMs !== null && lifeMs > term.leaseMs + 60_000
}

/** Of the voltage that a power was written for: less than this is not worth another profile. */
const VOLTAGE_FALL = 0.99

/** A station that holds a power draws more current when the voltage falls. */
function voltageFell({ state, evse }: EvseContext, { acked }: SlotBelief): boolean {
  const { lowVoltageV, lineVoltageV } = state.device
  if (acked?.unit !== 'W' || evse.supply.kind !== 'ac' || lowVoltageV === undefined) return false
  return lowVoltageV < (acked.lowVoltageV ?? lineVoltageV) * VOLTAGE_FALL
}
