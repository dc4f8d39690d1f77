/** What the operator may tune about the OCPP server, with defaults that suit a production fleet. */

import type { ProvisioningPolicy } from '../stations/provisioning.ts'
import { FREE, type Tariff } from '../stations/tariff.ts'
import type { MessageLogPolicy } from './message-log.ts'

export interface OcppPolicy {
  /** Unknown stations may connect and wait (boot answered Pending) until an operator decides. */
  readonly allowPendingEnrolment: boolean
  /** More stations than this never wait at once: the rest get 404. */
  readonly maxPendingEnrolments: number
  /** BootNotification.interval for accepted stations. */
  readonly heartbeatIntervalS: number
  /** BootNotification.interval for pending and rejected stations: when they try again. */
  readonly bootRetryIntervalS: number
  /** Deadline of a call to a station where the caller gives none. */
  readonly callTimeoutMs: number
  /** Calls that may wait for their turn per station. */
  readonly maxQueuedCalls: number
  /** Larger messages close the connection (1009). */
  readonly maxFrameBytes: number
  /** Calls of one station that may wait for the one being handled; more close the connection. */
  readonly maxBacklog: number
  /** A station that lets this much pile up unread is disconnected. */
  readonly maxUnreadBytes: number
  /** Silence after which a ping is sent. */
  readonly pingIntervalMs: number
  /** A ping without any sign of life for this long ends the connection. */
  readonly pongTimeoutMs: number
  /** TLS handshake and upgrade must be done by then. */
  readonly handshakeTimeoutMs: number
  /** RFC 7692: part 4 requires a CSMS to offer it. Costs nothing unless a station asks for it. */
  readonly compression: boolean
  /**
   * How long a locally kept authorization may be believed (IdTokenInfo.cacheExpiryDateTime, C10).
   * Undefined: no hint, the station's own AuthCacheLifeTime applies.
   */
  readonly cacheExpiryS?: number
  readonly tariff: Tariff
  readonly provisioning: ProvisioningPolicy
  readonly messageLog: MessageLogPolicy
  /** DataTransfers that are accepted: `vendorId`, or `vendorId/messageId` for a single one. */
  readonly knownVendorMessages: readonly string[]
}

export const DEFAULT_POLICY: OcppPolicy = {
  allowPendingEnrolment: false,
  maxPendingEnrolments: 100,
  heartbeatIntervalS: 300,
  bootRetryIntervalS: 60,
  callTimeoutMs: 30_000,
  maxQueuedCalls: 64,
  maxFrameBytes: 256 * 1024,
  maxBacklog: 128,
  maxUnreadBytes: 1024 * 1024,
  pingIntervalMs: 60_000,
  pongTimeoutMs: 30_000,
  handshakeTimeoutMs: 20_000,
  compression: true,
  tariff: FREE,
  provisioning: {},
  messageLog: { mode: 'notable', keep: 200_000 },
  knownVendorMessages: [],
}
