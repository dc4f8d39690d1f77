import { rowLoads } from './allocate.ts'
import { type EvseState, liveLease } from './booking.ts'
import { type Demand, demandOf } from './demand.ts'
import { applyDeadband } from './diff.ts'
import { leastA, rateUnitFor, writeLimit } from './encode.ts'
import { unitAttempt } from './escalation.ts'
import { safeDefaults, usualSafeA, worstMask } from './failsafe.ts'
import { disobeys, LEARN } from './learned.ts'
import { isSlow, type Promises, promisesOf } from './promises.ts'
import type { Site, SiteEvse } from './site.ts'
import type { Situation } from './situation.ts'
import type { Snapshot } from './snapshot.ts'
import { allocateInStages } from './stages.ts'

/** Why an EVSE is left out of the split; `null` when it takes part. */
export type Unsteered =
  | 'never-seen'
  | 'offline'
  | 'no-session'
  | 'disobeys'
  | 'smart-charging-off'
  | 'lease-refused'
  | null

/** Where the site shall be once every push is confirmed. By EVSE index. */
export interface Targets {
  readonly limitA: Float64Array
  readonly mask: Uint8Array
  readonly safeA: Float64Array
  readonly holdA: Float64Array
  readonly unsteered: readonly Unsteered[]
  readonly demands: readonly (Demand | null)[]
  readonly bindingRow: Int32Array
  readonly admitted: Uint8Array
  /** Loads whose limit stays because the change is too small. */
  readonly kept: ReadonlySet<number>
  /** What is available to the steered, after everything that is not. */
  readonly steerable: Float64Array
  readonly safeRoomSinceMs: number | null
  /** `null` where no car speaks ISO 15118. */
  readonly promises: Promises | null
}

export function unsteeredReason(situation: Situation, evse: SiteEvse): Unsteered {
  const { snapshot } = situation
  const state = situation.states[evse.index]
  if (!state || state.link === 'never-seen') return 'never-seen'
  if (state.link === 'offline') return 'offline'
  if (!state.session) return 'no-session'
  const { learned } = situation.memories[evse.index] ?? { learned: null }
  if (state.distrusted || disobeys(learned, snapshot.nowMs)) return 'disobeys'
  if (!state.device.enabled || rateUnitFor(evse, state.device) === null) return 'smart-charging-off'
  if (state.slots.lease.failures >= snapshot.settings.maxFailures) return 'lease-refused'
  return null
}

/**
 * Safe defaults in use. They follow the configuration, and shrink when a present limit cannot carry them; they
 * grow again only after there was room for a while, so that they are not rewritten with every gust of base load.
 */
function safeTargets(situation: Situation): { safeA: Float64Array; roomSinceMs: number | null } {
  const { snapshot, network, available } = situation
  const { site, nowMs, memory } = snapshot
  const usual = usualSafeA(site, network)
  const usualFits = overloads(situation, usual) === 0
  const last = Float64Array.from(site.evses, (evse, index) => memory?.safeA[evse.key] ?? usual[index] ?? 0)
  const isUsual = last.every((value, index) => value >= (usual[index] ?? 0))
  if (isUsual && usualFits) return { safeA: usual, roomSinceMs: null }
  if (usualFits) {
    const since = memory?.safeRoomSinceMs ?? nowMs
    if (nowMs - since >= snapshot.settings.safeRaiseDelayMs) return { safeA: usual, roomSinceMs: null }
    return { safeA: last, roomSinceMs: since }
  }
  if (overloads(situation, last) === 0 && !isUsual) return { safeA: last, roomSinceMs: null }
  const shrunk = safeDefaults(site, network, available).safeA
  return { safeA: shrunk.map((value, index) => Math.min(value, last[index] ?? 0)), roomSinceMs: null }
}

function overloads(situation: Situation, safeA: Float64Array): number {
  const sums = rowLoads(situation.network, safeA, worstMask(situation.snapshot.site))
  let over = 0
  sums.forEach((sum, row) => {
    if (sum > (situation.available[row] ?? 0) + 1e-6) over++
  })
  return over
}

/** What an EVSE without a session costs once its base profiles are confirmed. */
function idleTarget(state: EvseState, safeA: number, snapshot: Snapshot): number {
  return usesHold(state, snapshot) ? 0 : safeA
}

/** Holds need a level above the safe default and a station that accepts them. */
export function usesHold(state: EvseState, snapshot: Snapshot): boolean {
  const { device, slots, link } = state
  if (!snapshot.settings.holds || link !== 'connected' || !device.enabled) return false
  if (slots.lease.failures >= snapshot.settings.maxFailures) return false
  if (device.maxStackLevel < 1 || slots.hold.failures >= snapshot.settings.maxFailures) return false
  // Entries[ChargingProfiles]: three of ours for each EVSE, and the cap of the station.
  const { stationId = '' } = snapshot.site.evseByKey.get(state.key) ?? {}
  return device.maxProfiles > 3 * (evseCounts(snapshot.site).get(stationId) ?? 0)
}

const counts = new WeakMap<Site, ReadonlyMap<string, number>>()

function evseCounts(site: Site): ReadonlyMap<string, number> {
  const known = counts.get(site)
  if (known) return known
  const made = new Map<string, number>()
  for (const { stationId } of site.evses) made.set(stationId, (made.get(stationId) ?? 0) + 1)
  counts.set(site, made)
  return made
}

/** By EVSE index: what is not to be split, of those that are not steered and of those that draw more than they may. */
function fixedCurrents(
  situation: Situation,
  of: {
    readonly unsteered: readonly Unsteered[]
    readonly demands: readonly (Demand | null)[]
    readonly safeA: Float64Array
  },
): Float64Array {
  const { snapshot, states, worstA } = situation
  return Float64Array.from(snapshot.site.evses, (evse, index) => {
    const demand = of.demands[index]
    if (demand) return overdrawA(situation, index, demand.minA)
    const state = states[index]
    if (of.unsteered[index] === null || !state) return 0
    const idle = of.unsteered[index] === 'no-session' && state.device.enabled
    return idle ? idleTarget(state, of.safeA[index] ?? 0, snapshot) : (worstA[index] ?? evse.maxA)
  })
}

/** Splits what is available over the sessions that can be steered. */
export function computeTargets(situation: Situation): Targets {
  const { snapshot, network } = situation
  const { site, settings } = snapshot
  const count = site.evses.length
  const unsteered = site.evses.map((evse) => unsteeredReason(situation, evse))
  const { safeA, roomSinceMs } = safeTargets(situation)
  const holdA = new Float64Array(count)
  const demands = site.evses.map((evse) =>
    unsteered[evse.index] === null ? demandFor(situation, evse) : null,
  )
  const fixedA = fixedCurrents(situation, { unsteered, demands, safeA })
  const fixed = rowLoads(network, fixedA, situation.worstMask)
  const steerable = situation.available.map((limit, row) => limit - (fixed[row] ?? 0))
  const of = (pick: (demand: Demand) => number) =>
    Float64Array.from(demands, (demand) => (demand ? pick(demand) : 0))
  const mask = Uint8Array.from(demands, (demand, index) => demand?.mask ?? situation.worstMask[index] ?? 7)
  const maxA = of((demand) => demand.maxA)
  const request = {
    limits: steerable,
    mask,
    minA: of((demand) => demand.minA),
    maxA,
    weight: of((demand) => demand.weight),
    offset: of((demand) => demand.offset),
    tier: Int32Array.from(demands, (demand) => demand?.tier ?? 0),
    order: of((demand) => demand.order),
  }
  const allocation = allocateInStages(network, request, stagesOf(demands))
  const limitA = allocation.grantA.map((grantA, index) =>
    rounded(situation, index, ramped(situation, index, grantA)),
  )
  const kept = applyDeadband({
    network,
    limits: steerable,
    mask,
    wantedA: limitA,
    heldA: (load) => (demands[load] ? heldLimitA(situation.states[load]) : null),
    deadbandA: (load) => Math.max(settings.deadbandA, significance(situation, load), calm(situation, load)),
    mayKeepA: (load) => demands[load]?.mayKeepA ?? 0,
  })
  fixedA.forEach((value, index) => {
    if (!demands[index]) limitA[index] = value
  })
  const promises = promisesOf(situation, { limitA, safeA, unsteered })
  situation.states.forEach((state, index) => {
    // Nobody could renew a lease there: it gets what the site can keep without us.
    if (!promises || !demands[index] || !isSlow(state, situation)) return
    const keptA = Math.max(safeA[index] ?? 0, promises.nearA[index] ?? 0)
    limitA[index] = Math.min(limitA[index] ?? 0, keptA)
  })
  return {
    limitA,
    mask,
    safeA,
    holdA,
    unsteered,
    demands,
    bindingRow: allocation.bindingRow,
    admitted: allocation.admitted,
    kept,
    steerable,
    safeRoomSinceMs: roomSinceMs,
    promises,
  }
}

/** What is guaranteed, then what the plan has for each car, then what is left. */
function stagesOf(demands: readonly (Demand | null)[]): Float64Array[] {
  const of = (pick: (demand: Demand) => number) =>
    Float64Array.from(demands, (demand) => (demand ? pick(demand) : 0))
  const some = (holds: (demand: Demand) => boolean) =>
    demands.some((demand) => demand !== null && holds(demand))
  const guaranteed = some((demand) => demand.guaranteeA > demand.minA)
  const planned = some((demand) => demand.firstA < demand.maxA)
  const least = (demand: Demand) => Math.max(demand.guaranteeA, Math.min(demand.minA, demand.firstA))
  return [
    ...(guaranteed ? [of(least)] : []),
    ...(planned ? [of((demand) => Math.max(demand.guaranteeA, demand.firstA))] : []),
    of((demand) => demand.maxA),
  ]
}

/** A site with a ramp raises an EVSE by a step at a time; what may run at all begins with its minimum. */
function ramped(situation: Situation, index: number, grantA: number): number {
  const { site, settings } = situation.snapshot
  const evse = site.evses[index]
  if (site.rampAPerS === null || !evse) return grantA
  const stepA = (site.rampAPerS * settings.minRaiseIntervalMs) / 1000
  const heldA = heldLimitA(situation.states[index]) ?? 0
  return Math.min(grantA, Math.max(evse.minA, heldA + stepA))
}

/**
 * What an EVSE draws above a limit that it has accepted and had time to follow. Others make room for it at once: where
 * no meter above them sees it, waiting until it counts as disobedient would leave the excess on the fuse for long.
 */
function overdrawA(situation: Situation, index: number, minA: number): number {
  const state = situation.states[index]
  if (!state?.measured || situation.bookings[index]?.reason !== 'still-drawing') return 0
  // Said again, a limit that is not followed is no new one.
  const broken = situation.memories[index]?.learned?.overSinceMs != null
  const { acked, inFlight, releasing } = liveLease(state)
  const { reactionMs } = situation.snapshot.settings
  const { atMs } = state.measured
  if (!acked) return 0
  // Measured before the car can have followed: what it had before is no excess.
  const followingA = releasing && releasing.untilMs > atMs ? releasing.limitA : 0
  if (!broken && !releasing && atMs < acked.sentAtMs + reactionMs) return 0
  const allowedA = Math.max(acked.limitA, inFlight?.limitA ?? 0, followingA)
  const drawnA = situation.worstA[index] ?? 0
  // One that clearly does not follow will not follow its next limit either: all but the least it can be given is gone.
  const followsA = drawnA - allowedA > LEARN.overA ? Math.min(allowedA, minA) : allowedA
  return Math.max(0, drawnA - followsA)
}

/** A car that speaks ISO 15118 renegotiates with every profile (K16.FR.02): small changes are not worth that. */
const CALM_A = 2

function calm(situation: Situation, load: number): number {
  return situation.states[load]?.session?.iso15118 ? CALM_A : 0
}

/** LimitChangeSignificance: changes that the station itself would not consider. */
function significance(situation: Situation, load: number): number {
  const state = situation.states[load]
  const held = heldLimitA(state) ?? 0
  return (held * (state?.device.limitChangePercent ?? 0)) / 100
}

export function heldLimitA(state: EvseState | undefined): number | null {
  if (!state) return null
  const lease = liveLease(state)
  return lease.acked?.limitA ?? null
}

/** What the wire can carry, so that the books hold exactly what the station will be told. */
function rounded(situation: Situation, index: number, limitA: number): number {
  const evse = situation.snapshot.site.evses[index]
  const state = situation.states[index]
  if (!evse || !state || limitA <= 0) return 0
  const { lease, safe } = state.slots
  const unit = rateUnitFor(evse, state.device, unitAttempt(lease.failures), safe.acked?.unit)
  if (unit === null) return 0
  return writeLimit({ evse, device: state.device, unit, limitA }).limitA
}

function demandFor(situation: Situation, evse: SiteEvse): Demand | null {
  const { snapshot, merged } = situation
  const state = situation.states[evse.index]
  const memory = situation.memories[evse.index]
  if (!state?.session || !memory) return null
  const planned =
    snapshot.plan && snapshot.nowMs < snapshot.plan.untilMs ? snapshot.plan.advice[evse.key] : undefined
  const unit = rateUnitFor(evse, state.device, 0, state.slots.safe.acked?.unit)
  const leastWrittenA = Math.max(state.session.minA ?? 0, leastA(evse, state.device, unit))
  return demandOf({
    evse,
    session: leastWrittenA > evse.minA ? { ...state.session, minA: leastWrittenA } : state.session,
    learned: memory.learned,
    turn: memory.turn,
    capA: merged.evseCapA[evse.index] ?? evse.maxA,
    advice: planned ?? null,
    policy: snapshot.policy,
    nowMs: snapshot.nowMs,
    rotateMs: snapshot.settings.rotateMs,
    ...(snapshot.pricePerKwh === undefined ? {} : { pricePerKwh: snapshot.pricePerKwh }),
  })
}
