import { baseLoads, lessBase, type NodeBaseLoad } from './base-load.ts'
import { type Booking, book, EMPTY_SLOTS, type EvseState, freshDrawA, liveLease } from './booking.ts'
import { learnPhases } from './car-phases.ts'
import { bookedMask } from './demand.ts'
import { DEFAULT_DEVICE } from './device.ts'
import { type Escalation, escalationOf, watchLimit } from './escalation.ts'
import { worstMask } from './failsafe.ts'
import { drawOf, LEARN, type LearnedDraw, learn, startLearning } from './learned.ts'
import { type MergedLimits, mergeLimits } from './limits.ts'
import { type Network, networkOf, powerRow } from './network.ts'
import type { Site, SiteEvse } from './site.ts'
import type { EvseMemory, Snapshot } from './snapshot.ts'
import type { PhaseValues } from './units.ts'

/** A snapshot, measured and booked: what every later step of a decision reads. */
export interface Situation {
  readonly snapshot: Snapshot
  readonly network: Network
  readonly merged: MergedLimits
  readonly base: readonly NodeBaseLoad[]
  /** Row limits less base load. */
  readonly available: Float64Array
  /** By EVSE index. */
  readonly states: readonly EvseState[]
  readonly memories: readonly EvseMemory[]
  readonly escalations: readonly (Escalation | null)[]
  readonly bookings: readonly Booking[]
  readonly worstA: Float64Array
  /** Terminals that count for the worst case. */
  readonly worstMask: Uint8Array
  readonly measuredA: readonly PhaseValues[]
}

export function assess(snapshot: Snapshot): Situation {
  const { site, nowMs, settings } = snapshot
  const network = networkOf(site)
  const byKey = new Map(snapshot.evses.map((state) => [state.key, state]))
  const reported = site.evses.map((evse) => byKey.get(evse.key) ?? neverSeen(evse.key))
  const merged = mergeLimits({
    site,
    network,
    inputs: snapshot.limits,
    nowMs,
    lookaheadMs: settings.lookaheadMs,
  })
  const memories = site.evses.map((evse, index) => updateMemory(evse, reported[index], snapshot))
  const states = reported.map((state, index) =>
    overdrewBefore(memories[index], nowMs) ? { ...state, distrusted: true } : state,
  )
  const measuredA = site.evses.map((evse, index) => measuredPhases(evse, states[index], snapshot))
  const base = baseLoads({ site, inputs: snapshot.baseLoads, evseCurrentA: measuredA, nowMs })
  const bookings = site.evses.map((evse, index) =>
    book(evse, states[index] ?? neverSeen(evse.key), memories[index]?.learned ?? null, nowMs, settings),
  )
  return {
    snapshot,
    network,
    merged,
    base,
    available: lessBase(site, atVoltage(site, merged.rowLimits, states), base),
    states,
    memories,
    escalations: site.evses.map((evse, index) =>
      escalationOf(evse, states[index] ?? neverSeen(evse.key), memories[index]?.learned ?? null, {
        nowMs,
        maxFailures: settings.maxFailures,
        overdrewBefore: overdrewBefore(memories[index], nowMs),
      }),
    ),
    bookings,
    worstA: Float64Array.from(bookings, (booking) => booking.worstA),
    worstMask: worstMasks(site, states, bookings, memories),
    measuredA,
  }
}

/** Whole percents, so that decisions do not follow every volt. */
const VOLTAGE_STEPS = 100

/**
 * Power limits as the amperes at nominal voltage that they allow: where stations measure more volts, every ampere is
 * more watts. Fewer volts give no more room, as they may be back in a moment.
 */
function atVoltage(site: Site, rowLimits: Float64Array, states: readonly EvseState[]): Float64Array {
  const highest = states.reduce((most, { measured }) => Math.max(most, measured?.voltageShare ?? 1), 1)
  const share = Math.ceil(highest * VOLTAGE_STEPS - 1e-6) / VOLTAGE_STEPS
  if (share === 1) return rowLimits
  const scaled = rowLimits.slice()
  for (const { index } of site.nodes) scaled[powerRow(index)] = (scaled[powerRow(index)] ?? 0) / share
  return scaled
}

function neverSeen(key: string): EvseState {
  return {
    key,
    link: 'never-seen',
    session: null,
    measured: null,
    slots: EMPTY_SLOTS,
    device: DEFAULT_DEVICE,
  }
}

function measuredPhases(evse: SiteEvse, state: EvseState | undefined, snapshot: Snapshot): PhaseValues {
  const phases: [number, number, number] = [0, 0, 0]
  if (!state?.measured || snapshot.nowMs - state.measured.atMs > snapshot.settings.meterMaxAgeMs)
    return phases
  evse.terminals.forEach((terminal, index) => {
    phases[terminal.phase - 1] = (phases[terminal.phase - 1] ?? 0) + (state.measured?.currentA[index] ?? 0)
  })
  return phases
}

/** How long an EVSE that drew above its limit is not taken at its word by the car that comes next. */
const OVERDREW_MS = 60_000

/** It is the station that does not obey, not the car: another car changes nothing about it. */
function overdrewBefore(memory: EvseMemory | undefined, nowMs: number): boolean {
  const { overdrew } = memory ?? {}
  return (
    overdrew !== undefined && nowMs < overdrew.untilMs && overdrew.transactionId !== memory?.transactionId
  )
}

/** Learning starts anew with each transaction. */
function updateMemory(evse: SiteEvse, state: EvseState | undefined, snapshot: Snapshot): EvseMemory {
  const { nowMs } = snapshot
  const before = snapshot.memory?.evses[evse.key]
  const transactionId = state?.session?.transactionId ?? null
  const overdrew = before?.overdrew && nowMs < before.overdrew.untilMs ? { overdrew: before.overdrew } : {}
  if (!state?.session || transactionId === null) {
    return {
      learned: null,
      turn: { runningSinceMs: null, pausedSinceMs: null },
      transactionId: null,
      lastRaiseMs: null,
      ...overdrew,
    }
  }
  const same = before?.transactionId === transactionId
  const learned = learnFrom(
    same && before.learned ? before.learned : startLearning(transactionId),
    state,
    snapshot,
  )
  return {
    learned,
    turn: same ? before.turn : { runningSinceMs: null, pausedSinceMs: nowMs },
    transactionId,
    lastRaiseMs: same ? before.lastRaiseMs : null,
    ...(learned.overSinceMs === null
      ? overdrew
      : { overdrew: { transactionId, untilMs: nowMs + OVERDREW_MS } }),
  }
}

/**
 * Phases from every fresh measurement; how much the car takes, and whether it breaks its limit, from those alone that
 * came after the limit had settled.
 */
function learnFrom(learned: LearnedDraw, state: EvseState, snapshot: Snapshot): LearnedDraw {
  const { acked, inFlight, releasing } = liveLease(state)
  const { measured } = state
  const { settings, nowMs } = snapshot
  if (!measured || nowMs - measured.atMs > settings.meterMaxAgeMs) return learned
  const { atMs } = measured
  const known = learnPhases(learned, { ...measured, limitA: acked?.limitA ?? Number.POSITIVE_INFINITY })
  const expired = acked !== null && acked.expiresAtMs !== null && atMs > acked.expiresAtMs
  if (!acked || expired) return { ...known, overSinceMs: null }
  const releasedA = releasing && releasing.untilMs > atMs ? releasing.limitA : 0
  const limitA = Math.max(acked.limitA, inFlight?.limitA ?? 0, releasedA)
  const settled = inFlight === null && atMs >= acked.sentAtMs + 2 * settings.reactionMs
  const { drawA } = drawOf(known, { ...measured, limitA })
  const watched = watchLimit(known, { drawA, limitA, atMs, unit: acked.unit }, settled)
  const paused = acked.limitA < LEARN.chargeA && drawA < LEARN.idleA
  return settled && !paused ? learn(watched, { ...measured, limitA: acked.limitA }) : watched
}

/** Unmeasured cars, stations out of reach and disobedient ones count on every phase they are wired to. */
function worstMasks(
  site: Site,
  states: readonly EvseState[],
  bookings: readonly Booking[],
  memories: readonly EvseMemory[],
): Uint8Array {
  const worst = worstMask(site)
  return Uint8Array.from(site.evses, (evse, index) => {
    const reason = bookings[index]?.reason
    const steered = states[index]?.link === 'connected' && (reason === 'lease' || reason === 'still-drawing')
    return steered ? bookedMask(evse, memories[index]?.learned ?? null) : (worst[index] ?? 7)
  })
}

/** Whether the EVSE's draw is measured above what it may take, for explanations. */
export function drawsA(situation: Situation, index: number): number {
  const state = situation.states[index]
  return state ? freshDrawA(state, situation.snapshot.nowMs, situation.snapshot.settings) : 0
}
