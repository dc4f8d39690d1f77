/** Port: operator's acts on stations, each followed from the call to its outcome. */

import type { Action } from '../ocpp/v201/messages.generated.ts'

/**
 * `sending`: the call is on its way; `following`: the station agreed, the outcome comes by later messages;
 * `done` and `failed` are final.
 */
export type StationOrderState = 'sending' | 'following' | 'done' | 'failed'

export interface StationOrder {
  readonly id: string
  readonly stationId: string
  readonly action: Action
  /** As it was sent, secrets replaced. */
  readonly request: object
  readonly actor: string
  readonly state: StationOrderState
  /** Stable word for the latest step: the station's status, or `offline`, `deadline`, `expired`, ... */
  readonly outcome: string | null
  readonly detail: string | null
  /** The station's answer to the call. */
  readonly response: object | null
  /** What later messages brought: parts of a report, the transaction that was started, ... */
  readonly result: object | null
  /** requestId, remoteStartId or reservation id: how later messages refer to it. */
  readonly correlation: number | null
  readonly createdAt: string
  readonly updatedAt: string
  /** When the follow-up is given up; null where nothing is followed. */
  readonly expiresAt: string | null
}

export interface OrderFilter {
  readonly stationId?: string
  readonly action?: Action
  readonly states?: readonly StationOrderState[]
  /** Newest first; only orders created before this one (id of the last of the page before). */
  readonly before?: string
  readonly limit?: number
}

export interface OrderStore {
  /** Inserts, or replaces the order of the same id. */
  put(order: StationOrder): Promise<void>
  get(id: string): Promise<StationOrder | undefined>
  list(filter?: OrderFilter): Promise<readonly StationOrder[]>
  /** Removes final orders that were updated last before `at`; gives back how many. */
  prune(at: string): Promise<number>
}
