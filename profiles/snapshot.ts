import type { BaseLoadInput } from './base-load.ts'
import type { SlotBelief } from './belief.ts'
import type { BookingSettings, EvseState } from './booking.ts'
import type { PlanAdvice, PolicyName, Turn } from './demand.ts'
import type { SmartChargingDevice } from './device.ts'
import type { Push } from './diff.ts'
import type { Escalation } from './escalation.ts'
import type { Alarm, EvseExplanation, NodeReport, PowerReport } from './explain.ts'
import type { LearnedDraw } from './learned.ts'
import type { LimitInput } from './limits.ts'
import type { Site } from './site.ts'
import type { PhaseValues } from './units.ts'

export interface DecisionSettings extends BookingSettings {
  /** Life of a lease below the safe default; longer, so that it never ends before the leases of others. */
  readonly pauseLeaseMs: number
  /** Life of the hold on an idle EVSE. */
  readonly holdMs: number
  /** How long cars take to follow a lower limit (IEC 61851-1: 5 s). */
  readonly reactionMs: number
  /** Limits that fall within this time are met already now. */
  readonly lookaheadMs: number
  /** Changes below this are not sent unless they are needed. */
  readonly deadbandA: number
  /** Least time between two raises of one EVSE. */
  readonly minRaiseIntervalMs: number
  /** How long a car charges before it gives its turn to one that waits. */
  readonly rotateMs: number
  /** How long a limit must leave room before lowered safe defaults are raised again. */
  readonly safeRaiseDelayMs: number
  /** Refusals in a row after which a slot counts as refused. */
  readonly maxFailures: number
}

export const DEFAULT_SETTINGS: DecisionSettings = {
  leaseMs: 240_000,
  pauseLeaseMs: 720_000,
  holdMs: 900_000,
  skewMs: 30_000,
  meterMaxAgeMs: 90_000,
  reactionMs: 5_000,
  lookaheadMs: 10_000,
  deadbandA: 0.5,
  minRaiseIntervalMs: 5_000,
  rotateMs: 900_000,
  holds: true,
  safeRaiseDelayMs: 900_000,
  maxFailures: 3,
}

export interface StationState {
  readonly stationId: string
  readonly link: EvseState['link']
  readonly device: SmartChargingDevice
  readonly stationMax: SlotBelief
}

/** Everything a decision depends on. Plain data: record it, and the decision can be replayed. */
export interface Snapshot {
  readonly nowMs: number
  readonly site: Site
  readonly limits: readonly LimitInput[]
  readonly baseLoads: readonly BaseLoadInput[]
  /** EVSEs that are left out count as never seen. */
  readonly evses: readonly EvseState[]
  readonly stations?: readonly StationState[]
  readonly policy: PolicyName
  /** Of now, where one is known: for sessions that wait while it is higher than they are willing to pay. */
  readonly pricePerKwh?: number
  readonly settings: DecisionSettings
  /** From the planner, by EVSE key; ignored after `untilMs`. */
  readonly plan?: { readonly untilMs: number; readonly advice: Readonly<Record<string, PlanAdvice>> }
  /** What the previous decision returned; left out for the first. */
  readonly memory?: Memory
}

export interface EvseMemory {
  readonly learned: LearnedDraw | null
  readonly turn: Turn
  readonly transactionId: string | null
  readonly lastRaiseMs: number | null
  /** A transaction in which the EVSE drew above what it had accepted: until then the next one is not trusted either. */
  readonly overdrew?: { readonly transactionId: string; readonly untilMs: number }
}

export interface Memory {
  readonly evses: Readonly<Record<string, EvseMemory>>
  /** Safe defaults in use by EVSE key, and since when they could be higher. */
  readonly safeA: Readonly<Record<string, number>>
  readonly safeRoomSinceMs: number | null
}

export type GrantState = 'charging' | 'paused' | 'idle' | 'not-steered'

export interface EvseGrant {
  readonly key: string
  readonly state: GrantState
  /** Amperes per phase that the decision wants the EVSE to be limited to. */
  readonly limitA: number
  /** The same on the grid's phases, as booked. */
  readonly perPhaseA: PhaseValues
  /** Worst current per phase until everything is confirmed. */
  readonly worstA: number
  readonly safeA: number
  readonly explanation: EvseExplanation
  /** What is being done about a station that does not hold or follow its limit; `null` while there is no need. */
  readonly escalation: Escalation | null
}

export interface Decision {
  readonly atMs: number
  readonly grants: readonly EvseGrant[]
  readonly pushes: readonly Push[]
  readonly nodes: readonly NodeReport[]
  readonly powers: readonly PowerReport[]
  readonly alarms: readonly Alarm[]
  /** Give it to the next snapshot, and store it: it survives a restart. */
  readonly memory: Memory
  /** A limit source changes at this time: decide again then at the latest. */
  readonly nextChangeMs: number | null
}
