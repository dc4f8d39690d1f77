import type { BookingReason } from './booking.ts'
import type { BindingLimit } from './limits.ts'
import type { RowKind } from './network.ts'
import type { Phase } from './units.ts'

/** Why a session gets what it gets. Texts belong to whoever shows them. */
export type ReasonCode =
  /** A node's phase or power is full. */
  | 'node-limit'
  /** The car, its cable or the EVSE takes no more. */
  | 'own-maximum'
  /** A limit source caps this EVSE itself. */
  | 'evse-limit'
  /** The car draws less than it was given; the rest went to others. */
  | 'takes-less'
  /** The planner keeps this share for later or for others. */
  | 'plan'
  /** A kilowatt-hour costs more now than the session is willing to pay. */
  | 'price'
  /** It was stopped several times in a row, and waits a little before it starts again. */
  | 'resting'
  /** Its minimum does not fit beside those that come first; pauses rotate. */
  | 'waiting-for-turn'
  /** Others must give and confirm first. */
  | 'waiting-for-others'
  /** The change is too small to be worth a message. */
  | 'within-deadband'
  | 'no-session'
  | 'offline'
  | 'never-seen'
  | 'disobeys'
  | 'no-safe-default'
  | 'smart-charging-off'
  | 'lease-refused'

export interface RowReason {
  readonly row: string
  readonly kind: RowKind
  readonly nodeId: string | null
  readonly phase: Phase | null
  readonly limit: number
  /** Who set the limit, and until when it stands. */
  readonly source: BindingLimit | null
}

export interface EvseExplanation {
  readonly code: ReasonCode
  readonly row: RowReason | null
  readonly source: BindingLimit | null
  /** What the car could take here if nothing of the site bound it; amperes per phase. See `otherwise.ts` for the rest. */
  readonly wantsA: number
  readonly booking: BookingReason
}

/** One phase of one node, for the operator and for the record. */
export interface NodeReport {
  readonly nodeId: string
  readonly phase: Phase
  readonly limitA: number
  readonly source: BindingLimit | null
  readonly baseA: number
  readonly baseStale: boolean
  /** Worst current of all EVSEs below, now. */
  readonly worstA: number
  /** What the decision gives out once all pushes are confirmed. */
  readonly grantedA: number
  readonly measuredA: number
  readonly headroomA: number
}

/** The power of one node that has a power limit: all phases together, at the nominal voltage. */
export interface PowerReport {
  readonly nodeId: string
  readonly limitW: number
  readonly source: BindingLimit | null
  readonly baseStale: boolean
  readonly worstW: number
  readonly grantedW: number
  readonly measuredW: number
}

export type AlarmCode =
  /** What cannot be steered already exceeds a limit. */
  | 'overcommitted'
  | 'disobeys'
  | 'lease-refused'
  | 'safe-default-refused'
  | 'base-load-stale'
  | 'source-failsafe'
  | 'unknown-target'
  | 'unit-unsupported'
  | 'smart-charging-off'

export interface Alarm {
  readonly code: AlarmCode
  /** Node id, EVSE key or source id. */
  readonly where: string
  readonly detail: string
}
