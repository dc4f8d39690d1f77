import { rowLoads } from './allocate.ts'
import { baseLoads, lessBase } from './base-load.ts'
import { type EvseState, liveLease } from './booking.ts'
import { rowChanges } from './diff.ts'
import { constantEnvelope } from './envelope.ts'
import { limitsLessReserve, worstMask } from './failsafe.ts'
import { type LimitInput, mergeLimits } from './limits.ts'
import type { Situation } from './situation.ts'
import { roundDownTenth } from './units.ts'

/** How far ahead known limits are looked at for a profile that ends with the transaction, and for one that is renewed. */
export const FAR_MS = 24 * 3_600_000
export const NEAR_MS = 3_600_000

/**
 * What cars that speak ISO 15118 may be promised: amperes that the site can keep without us, while every other EVSE is
 * at its safe default. By EVSE index; the safe default where nothing more can be promised.
 */
export interface Promises {
  /** For the next hour. */
  readonly nearA: Float64Array
  /** For a day. */
  readonly farA: Float64Array
}

interface Wanted {
  readonly limitA: Float64Array
  readonly safeA: Float64Array
  readonly unsteered: readonly (string | null)[]
}

interface Car {
  readonly index: number
  readonly startedAtMs: number
}

/** A station that takes profiles too seldom to renew a lease in time (UpdateRateLimit) is written to as seldom. */
export function isSlow(state: EvseState, { snapshot }: Situation): boolean {
  return state.device.minUpdateMs > snapshot.settings.leaseMs / 2
}

/** Whether an EVSE is written to as seldom as can be. */
export function isCalm(state: EvseState, situation: Situation): boolean {
  return state.session?.iso15118 !== undefined || isSlow(state, situation)
}

/** `null` where no car of the site speaks ISO 15118 and no station is slow. */
export function promisesOf(situation: Situation, targets: Wanted): Promises | null {
  const cars = situation.states.flatMap((state, index): Car[] => {
    const { session } = state
    if (!session || !isCalm(state, situation) || targets.unsteered[index] !== null) return []
    return [{ index, startedAtMs: session.startedAtMs }]
  })
  if (cars.length === 0) return null
  // Who came first keeps what it was promised: a promise that moves would be a renegotiation.
  cars.sort((a, b) => a.startedAtMs - b.startedAtMs || a.index - b.index)
  const nearA = promised({ situation, targets, cars, aheadMs: NEAR_MS })
  const farA = promised({ situation, targets, cars, aheadMs: FAR_MS })
  return { nearA, farA: farA.map((limitA, index) => Math.min(limitA, nearA[index] ?? 0)) }
}

/**
 * What rows carry at worst until then if nobody steers: the lowest of all sources whatever their priority, sources with
 * a heartbeat at their failsafe value as well, and base loads as they are, as they count when silent, or as reserved.
 */
function rowsWithoutUs(situation: Situation, aheadMs: number): Float64Array {
  const { snapshot, network } = situation
  const { site, nowMs } = snapshot
  const inputs = snapshot.limits.flatMap(({ group: _group, watch, ...input }): LimitInput[] => {
    if (!watch) return [input]
    return [input, { ...input, envelope: constantEnvelope(watch.failsafeValue) }]
  })
  const { rowLimits } = mergeLimits({ site, network, inputs, nowMs, lookaheadMs: aheadMs })
  const silent = baseLoads({
    site,
    inputs: snapshot.baseLoads,
    evseCurrentA: situation.measuredA,
    nowMs: nowMs + FAR_MS,
  })
  const whenSilent = lessBase(site, rowLimits, silent)
  const asNow = lessBase(site, rowLimits, situation.base)
  const reserved = limitsLessReserve(site, network)
  return rowLimits.map((_, row) =>
    Math.min(
      situation.available[row] ?? 0,
      whenSilent[row] ?? 0,
      asNow[row] ?? 0,
      reserved[row] ?? Number.POSITIVE_INFINITY,
    ),
  )
}

function promised(options: {
  readonly situation: Situation
  readonly targets: Wanted
  readonly cars: readonly Car[]
  readonly aheadMs: number
}): Float64Array {
  const { situation, targets, cars, aheadMs } = options
  const { site } = situation.snapshot
  const limits = rowsWithoutUs(situation, aheadMs)
  // Whoever is not steered stays where it is; at the others anything may be plugged in.
  const levelA = targets.safeA.map((safeA, index) => {
    const reason = targets.unsteered[index]
    const stays = reason !== null && reason !== 'no-session'
    return stays ? Math.max(safeA, situation.worstA[index] ?? 0) : safeA
  })
  // A promise ends with its car: the safe default below it counts on every phase, for the next one.
  const sums = rowLoads(situation.network, levelA, worstMask(site))
  const mask = situation.worstMask
  const raise = (index: number, toA: number): void => {
    const fromA = levelA[index] ?? 0
    const mostA = fromA + roomA(situation, { limits, sums, mask, index })
    const reachA = mostA >= toA ? toA : roundDownTenth(mostA)
    if (reachA <= fromA || reachA < (site.evses[index]?.minA ?? 0)) return
    // Adding magnitudes is exact for plain rows and safe for phasor rows.
    for (const [row, { re, im }] of rowChanges(situation.network, mask[index] ?? 0, index, reachA - fromA))
      sums[row] = (sums[row] ?? 0) + Math.hypot(re, im)
    levelA[index] = reachA
  }
  const wantedA = (index: number) => targets.limitA[index] ?? 0
  let withdrawn = false
  for (const { index } of cars) {
    const heldA = heldPromiseA(situation, index, aheadMs)
    raise(index, Math.min(heldA, wantedA(index)))
    if ((levelA[index] ?? 0) < heldA - 0.05) withdrawn = true
  }
  // What is taken back must be given up by its station before another is promised it.
  if (!withdrawn) for (const { index } of cars) raise(index, wantedA(index))
  return levelA
}

function roomA(
  { network }: Situation,
  options: { limits: Float64Array; sums: Float64Array; mask: Uint8Array; index: number },
): number {
  const { limits, sums, mask, index } = options
  let room = Number.POSITIVE_INFINITY
  for (const [row, { re, im }] of rowChanges(network, mask[index] ?? 0, index, 1)) {
    const perA = Math.hypot(re, im)
    if (perA > 0) room = Math.min(room, ((limits[row] ?? 0) - (sums[row] ?? 0)) / perA)
  }
  return Math.max(0, room)
}

/** What the station already holds beyond a lease. */
function heldPromiseA(situation: Situation, index: number, aheadMs: number): number {
  const state = situation.states[index]
  if (!state) return 0
  const { nowMs, settings } = situation.snapshot
  const { acked, inFlight } = liveLease(state)
  const held = [acked, inFlight].map((belief) => {
    if (!belief) return 0
    if (belief.expiresAtMs === null) return belief.limitA
    const beyondLease = belief.expiresAtMs > nowMs + settings.leaseMs + settings.skewMs
    return Math.max(belief.tailA ?? 0, beyondLease && aheadMs === NEAR_MS ? belief.limitA : 0)
  })
  return Math.max(...held)
}
