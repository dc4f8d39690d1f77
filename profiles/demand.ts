import type { LearnedDraw } from './learned.ts'
import { usableA } from './learned.ts'
import { loadMask } from './network.ts'
import type { SiteEvse } from './site.ts'

/** A running transaction and what is known of the car's wishes. */
export interface Session {
  readonly transactionId: string
  readonly startedAtMs: number
  /** OCPP chargingState. */
  readonly chargingState?: 'Charging' | 'EVConnected' | 'SuspendedEV' | 'SuspendedEVSE' | 'Idle'
  readonly departureMs?: number
  /** Energy still wanted. */
  readonly remainingWh?: number
  /** Energy wanted in all; the planner's fairness is about shares of it. */
  readonly requestedWh?: number
  /** What car and cable announced, per phase. */
  readonly maxA?: number
  readonly minA?: number
  /** Lower is served first under the priority policy. */
  readonly priorityClass?: number
  /** Current that this session must have before any other gets more than its minimum. */
  readonly guaranteeA?: number
  /** It waits while a kilowatt-hour costs more; not while no price is known. */
  readonly maxPricePerKwh?: number
  /** Present for a car that told its needs over ISO 15118: it plans by its profile, and each new one disturbs it. */
  readonly iso15118?: {
    /** Periods per schedule that it takes. */
    readonly maxScheduleTuples: number | null
    /** It waits for a profile (K15.FR.07), even one that says what it has already. */
    readonly waits: boolean
  }
}

export type PolicyName = 'fair' | 'priority' | 'earliest-deadline' | 'least-laxity' | 'cost'

/** What a planner advises for one EVSE. Advice narrows a demand, it never widens a limit. */
export interface PlanAdvice {
  readonly weight?: number
  /** Amperes per phase that the plan has for now, given before anybody gets more than the plan has for them. */
  readonly firstA?: number
  /** The most that the plan allows now, even where more is free: the rest waits for cheaper hours. */
  readonly capA?: number
}

/** One EVSE's part in an allocation. */
export interface Demand {
  readonly mask: number
  readonly minA: number
  readonly maxA: number
  /** What it gets before any other gets more than its minimum; 0 where nothing is guaranteed. */
  readonly guaranteeA: number
  /** What it was given before may stay up to here as long as nobody else needs it. */
  readonly mayKeepA: number
  /** Given in a first round, before what is left is shared out up to `maxA`. */
  readonly firstA: number
  readonly weight: number
  /** Level at which its share begins (see `AllocationRequest.offset`). */
  readonly offset: number
  readonly tier: number
  readonly order: number
}

/** Running and pause times of an EVSE, kept so that pauses rotate, and do not follow one another too soon. */
export interface Turn {
  readonly runningSinceMs: number | null
  readonly pausedSinceMs: number | null
  /** How often it was stopped while the one before was not long ago. Absent: never. */
  readonly stops?: number
}

/** The turn after a decision. A station that is out of reach for a moment keeps its turn. */
export function nextTurn(turn: Turn, running: boolean | null, nowMs: number): Turn {
  const { runningSinceMs, pausedSinceMs, stops = 0 } = turn
  if (running === null) return turn
  if (running) {
    const calm = runningSinceMs !== null && nowMs - runningSinceMs > CALM_MS
    return { runningSinceMs: runningSinceMs ?? nowMs, pausedSinceMs: null, stops: calm ? 0 : stops }
  }
  if (runningSinceMs === null) return { ...turn, pausedSinceMs: pausedSinceMs ?? nowMs }
  return { runningSinceMs: null, pausedSinceMs: nowMs, stops: stops + 1 }
}

/** After running for this long a stop counts as the first again. */
const CALM_MS = 1_800_000
const REST_MS = 15_000
const LONGEST_REST_MS = 300_000

/**
 * Whether a car that was stopped waits before it starts again although there is room. The first time it does not; then
 * twice as long with each stop, so that a limit that swings around its minimum does not wear out its contactor.
 */
export function rests({ pausedSinceMs, stops = 0 }: Turn, nowMs: number): boolean {
  if (pausedSinceMs === null || stops < 2) return false
  return nowMs - pausedSinceMs < Math.min(LONGEST_REST_MS, REST_MS * 2 ** Math.min(stops - 2, 10))
}

/** Terminals to book: all until the car's are measured. */
export function bookedMask(evse: SiteEvse, learned: LearnedDraw | null): number {
  if (evse.supply.kind !== 'ac') return loadMask(7, evse.supply.kind === 'dc')
  const all = (1 << evse.terminals.length) - 1
  const terminals = learned?.terminals ?? null
  if (terminals === null) return loadMask(all, false)
  return loadMask(terminals & all, learned?.balanced === true)
}

export interface DemandInput {
  readonly evse: SiteEvse
  readonly session: Session
  readonly learned: LearnedDraw | null
  readonly turn: Turn
  /** Cap that limit sources put on this EVSE. */
  readonly capA: number
  readonly advice: PlanAdvice | null
  readonly policy: PolicyName
  readonly nowMs: number
  readonly rotateMs: number
  readonly pricePerKwh?: number
}

/** Whether the price of now is more than a session is willing to pay. */
export function isTooDear({ maxPricePerKwh }: Session, pricePerKwh: number | undefined): boolean {
  return maxPricePerKwh !== undefined && pricePerKwh !== undefined && pricePerKwh > maxPricePerKwh
}

/** What one session asks of the allocator under a policy. */
export function demandOf(input: DemandInput): Demand {
  const { evse, session, advice } = input
  const hardMaxA = Math.min(evse.maxA, input.capA, session.maxA ?? Number.POSITIVE_INFINITY)
  const minA = Math.min(evse.maxA, Math.max(evse.minA, session.minA ?? 0))
  const wantedA = Math.max(minA, usableA(input.learned, hardMaxA))
  const waits = rests(input.turn, input.nowMs) || isTooDear(session, input.pricePerKwh)
  const plannedA = waits ? 0 : Math.min(wantedA, advice?.capA ?? wantedA)
  // A plan that wants less than the minimum wants a pause.
  const maxA = Math.min(hardMaxA, plannedA + 1e-9 < minA ? 0 : plannedA)
  const least = input.policy === 'least-laxity'
  return {
    mask: bookedMask(evse, input.learned),
    minA,
    maxA: maxA + 1e-9 < minA ? 0 : maxA,
    guaranteeA: maxA > 0 ? Math.min(session.guaranteeA ?? 0, maxA) : 0,
    mayKeepA: maxA > 0 ? Math.min(hardMaxA, advice?.capA ?? hardMaxA) : 0,
    firstA: advice?.firstA ?? maxA,
    weight: (advice?.weight ?? 1) * (least ? Math.max(1, wantedA) : 1),
    // Time to spare in hours: whoever has least rises first, and the others join as they come level.
    offset: least ? laxityS(input) / 3600 : 0,
    tier: tierOf(input),
    order: orderOf(input),
  }
}

function tierOf(input: DemandInput): number {
  const { session, policy } = input
  if (policy === 'priority') return session.priorityClass ?? 1
  if (policy === 'earliest-deadline') return secondsUntilDeparture(input)
  return 0
}

/** Horizon assumed for cars that did not say when they leave, so that they come after all that did. */
const NO_DEPARTURE_S = 86_400 * 2

function secondsUntilDeparture(input: DemandInput): number {
  const { departureMs } = input.session
  if (departureMs === undefined) return NO_DEPARTURE_S
  return Math.max(0, Math.min(NO_DEPARTURE_S, Math.round((departureMs - input.nowMs) / 1000)))
}

/** Time to spare if the car charged at its full current from now on. */
export function laxityS(input: DemandInput): number {
  const { evse, session } = input
  const fullW = Math.max(
    1,
    usableA(input.learned, Math.min(evse.maxA, session.maxA ?? evse.maxA)) * evse.wattPerA,
  )
  const neededS = ((session.remainingWh ?? 0) * 3600) / fullW
  return Math.round(secondsUntilDeparture(input) - neededS)
}

const TURN_CLASS = 1e10
/**
 * How long a car may leave an offer untouched before its turn goes to another. Stations report SuspendedEV from the
 * offer on until the car has woken up: taking the turn back at once would let none ever start.
 */
const WAKE_MS = 120_000
/** How long a car that was stopped stays behind those that run, whether their turn is over or not. */
const STAY_MS = 60_000

/**
 * Admission when not all minimums fit. A car that started lately keeps its turn; then come those who wait, longest
 * first; then those who have run for a full turn. So every pause ends, and nobody is switched more than once a turn.
 */
function orderOf(input: DemandInput): number {
  const { turn, nowMs, rotateMs, session } = input
  const awakeUntilMs = turn.runningSinceMs === null ? 0 : turn.runningSinceMs + WAKE_MS
  const sleeps = session.chargingState === 'SuspendedEV' && nowMs >= awakeUntilMs
  // What is guaranteed waits for nobody, unless its car sleeps.
  const guaranteed = (session.guaranteeA ?? 0) > 0 ? -4 * TURN_CLASS : 0
  const asleep = sleeps ? 2 * TURN_CLASS : guaranteed
  if (turn.runningSinceMs !== null) {
    const ranMs = nowMs - turn.runningSinceMs
    return asleep + (ranMs < rotateMs ? -ranMs : TURN_CLASS + ranMs)
  }
  const waitedMs = nowMs - (turn.pausedSinceMs ?? session.startedAtMs)
  // Just stopped, it does not push out the one that stayed: that would be two changes instead of one.
  if ((turn.stops ?? 0) > 0 && waitedMs < STAY_MS) return asleep + 1.5 * TURN_CLASS - waitedMs
  return asleep + TURN_CLASS / 2 - waitedMs
}
