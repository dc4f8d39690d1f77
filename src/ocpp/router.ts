/** The table of station-initiated messages, and the context that every handler gets. */

import type { Logger } from 'pino'
import type { EventHub } from '../bus/ports.ts'
import type { StationCertificates } from '../certificates/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { Registration, Station } from '../store/stations.ts'
import type { EvChargingPlans } from './energy-port.ts'
import type { OcppPolicy } from './policy.ts'
import type { Action, IdTokenType, Requests, Responses } from './v201/messages.generated.ts'

/** What a handler may use. One per connection. */
export interface StationContext {
  readonly stationId: string
  /** As it was when the station connected or booted last. */
  readonly station: Station
  readonly store: Store
  readonly hub: EventHub
  readonly clock: Clock
  readonly certificates: StationCertificates
  readonly plans: EvChargingPlans
  readonly policy: OcppPolicy
  readonly log: Logger
  /** Whether we asked this station ourselves, lately, to start a transaction with this token. */
  startedRemotely(idToken: IdTokenType): Promise<boolean>
  /** CN of the certificate presented in the TLS handshake (security profile 3). */
  readonly peerCommonName: string | null
  /** It came with an expired certificate and gets nothing but a new one. */
  readonly onlyToRenew: boolean
  /** Takes the new state of the station and of its boot gate. */
  booted(station: Station, registration: Registration): void
  /** Runs once the answer has left: what a station must not see before it. */
  afterAnswer(work: () => void): void
  /** Closes the connection once the answer has left. */
  closeAfterAnswer(reason: string): void
}

/** Answers after what it stored has been committed: the promise of the store resolves first. */
export type Handler<A extends Action> = (
  context: StationContext,
  request: Requests[A],
) => Responses[A] | Promise<Responses[A]>

export type Handlers = { readonly [A in Action]?: Handler<A> }

/** The payload must have passed the schema of the action: that is what makes the call below sound. */
export function dispatch(
  handlers: Handlers,
  action: Action,
  context: StationContext,
  payload: unknown,
): unknown | Promise<unknown> | undefined {
  const handler = handlers[action] as ((context: StationContext, request: unknown) => unknown) | undefined
  return handler?.(context, payload)
}
