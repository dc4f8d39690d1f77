import type { EvseState } from './booking.ts'
import type { SmartChargingDevice } from './device.ts'
import { LEARN, type LearnedDraw } from './learned.ts'
import type { SiteEvse } from './site.ts'

/**
 * What is done about a station that refuses a limit, draws more than it accepted, or was found to hold or compute
 * something else: one step after the other, each only where the one before did not help.
 *
 * 1. `retry`: it is told once more.
 * 2. `other-unit`: it is told in watts instead of amperes, or the other way round, where it takes both.
 * 3. `station-cap`: the station as a whole is capped at what its EVSEs are granted (ChargingStationMaxProfile).
 * 4. `worst-case`: it counts with all that its EVSE can give, is granted the least, and an alarm says so.
 *
 * The books do not wait for any step: from the first measurement above its limit an EVSE counts with what it draws,
 * and from the first answer of a read-back with what it says that it holds; others make room for that at once.
 */
export type EscalationStep = 'retry' | 'other-unit' | 'station-cap' | 'worst-case'

export interface Escalation {
  readonly step: EscalationStep
  readonly cause: 'refuses' | 'draws-more' | 'holds-more'
  /** When this step began, where time decides about the next one. */
  readonly sinceMs: number | null
}

/** Time for a station to answer and for its car to follow (IEC 61851-1: 5 s), before the next step. */
const STEP_MS = LEARN.overHoldMs / 3
/** A refusal is repeated within seconds where there is still something to say. */
const SETTLED_MS = 30_000
/** Refusals in a row after which a slot is written in its other unit. */
const RETRIES = 2

/** Which of the usable units comes next after so many refusals: the first one twice, then the others in turn. */
export function unitAttempt(failures: number): number {
  return Math.max(0, failures - RETRIES + 1)
}

/** Where an EVSE stands on that ladder; `null` while there is nothing to object to. */
export function escalationOf(
  evse: SiteEvse,
  state: EvseState,
  learned: LearnedDraw | null,
  at: {
    readonly nowMs: number
    readonly maxFailures: number
    /** With its last car, a moment ago. */
    readonly overdrewBefore?: boolean
  },
): Escalation | null {
  if (at.overdrewBefore) return { step: 'worst-case', cause: 'draws-more', sinceMs: null }
  if (state.distrusted) return { step: 'worst-case', cause: 'holds-more', sinceMs: null }
  if (learned?.overSinceMs != null) return overdrawn(evse, state.device, learned.overSinceMs, at.nowMs)
  if (state.capped) return { step: 'station-cap', cause: 'holds-more', sinceMs: null }
  const { failures, acked, lastFailureMs } = state.slots.lease
  if (failures >= at.maxFailures) return { step: 'station-cap', cause: 'refuses', sinceMs: null }
  if (failures >= RETRIES && hasOtherUnit(evse, state.device))
    return { step: 'other-unit', cause: 'refuses', sinceMs: null }
  // Refused once, and nothing to tell it since: what it holds is what it should.
  const settled = acked !== null && at.nowMs - (lastFailureMs ?? 0) > SETTLED_MS
  if (failures > 0 && !settled) return { step: 'retry', cause: 'refuses', sinceMs: null }
  if (learned?.unfollowed != null) return { step: 'other-unit', cause: 'draws-more', sinceMs: null }
  return state.avoidsUnit ? { step: 'other-unit', cause: 'holds-more', sinceMs: null } : null
}

function overdrawn(
  evse: SiteEvse,
  device: SmartChargingDevice,
  overSinceMs: number,
  nowMs: number,
): Escalation {
  const steps = Math.min(3, Math.max(0, Math.floor((nowMs - overSinceMs) / STEP_MS)))
  const at = (step: EscalationStep, begun: number): Escalation => ({
    step,
    cause: 'draws-more',
    sinceMs: overSinceMs + begun * STEP_MS,
  })
  if (steps >= 3) return at('worst-case', 3)
  if (steps === 2) return at('station-cap', 2)
  return steps === 1 && hasOtherUnit(evse, device) ? at('other-unit', 1) : at('retry', 0)
}

/** Amperes at a DC outlet are no second way to say what watts say. */
export function hasOtherUnit(evse: SiteEvse, device: SmartChargingDevice): boolean {
  return evse.supply.kind !== 'dc' && device.rateUnits.length > 1
}

/** The device without the unit that its station was seen not to follow in this session, where it has another. */
export function followedUnits(
  evse: SiteEvse,
  device: SmartChargingDevice,
  learned: LearnedDraw | null,
): SmartChargingDevice {
  const avoided = learned?.unfollowed
  if (avoided == null || !hasOtherUnit(evse, device)) return device
  return { ...device, rateUnits: device.rateUnits.filter((unit) => unit !== avoided) }
}

/**
 * Watches whether a limit is followed. It begins to be broken only with a measurement from after it had settled; from
 * then on, however often it is said again, it ends only with a measurement inside of it. A unit that was not followed
 * after it had been said twice is not used again in this session.
 */
export function watchLimit(
  learned: LearnedDraw,
  drawn: { readonly drawA: number; readonly limitA: number; readonly atMs: number; readonly unit: 'A' | 'W' },
  settled: boolean,
): LearnedDraw {
  if (drawn.drawA <= drawn.limitA + LEARN.overA)
    return learned.overSinceMs === null ? learned : { ...learned, overSinceMs: null }
  if (learned.overSinceMs === null) return settled ? { ...learned, overSinceMs: drawn.atMs } : learned
  const persists = drawn.atMs - learned.overSinceMs >= STEP_MS
  return persists && learned.unfollowed == null ? { ...learned, unfollowed: drawn.unit } : learned
}
