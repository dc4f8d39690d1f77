/** Port: how the service reaches the node that holds a station's socket, and what it tells everyone else. */

import type { Action, Requests, Responses } from '../ocpp/v201/messages.generated.ts'

/** What became of one call to a station. Only `answered` means that the station acted on it. */
export type CallOutcome<A extends Action = Action> =
  | { readonly kind: 'answered'; readonly payload: Responses[A] }
  /** The station answered with a CALLERROR. */
  | {
      readonly kind: 'refused'
      readonly code: string
      readonly description: string
      readonly details: object
    }
  /** No socket: nothing was sent and nothing is queued. */
  | { readonly kind: 'offline' }
  /** Sent, but no answer within the deadline, or the socket closed first: the station may have acted. */
  | { readonly kind: 'unanswered'; readonly reason: 'deadline' | 'disconnected' }
  /** The queue of calls to this station is full, or the deadline passed before the call could be sent: nothing was sent. */
  | { readonly kind: 'busy' }
  /** The station's state forbids it (B03.FR.03: a rejected station is not spoken to): nothing was sent. */
  | { readonly kind: 'withheld'; readonly reason: string }
  /** Our payload breaks the schema: nothing was sent. */
  | { readonly kind: 'invalid'; readonly issues: readonly string[] }
  /** The station's answer breaks the schema. */
  | { readonly kind: 'malformed'; readonly issues: readonly string[] }

export interface CallOptions {
  readonly deadlineMs?: number
  /** An operator or a site's limit waits for it: it goes before what Gridkeep asks by itself. */
  readonly urgent?: boolean
}

export interface StationBus {
  call<A extends Action>(
    stationId: string,
    action: A,
    payload: Requests[A],
    options?: CallOptions,
  ): Promise<CallOutcome<A>>
  isOnline(stationId: string): boolean
  onlineStations(): readonly string[]
  /** Closes the station's socket, if there is one (close code 1001 or 1008). */
  disconnect(stationId: string, reason: string): void
}

/** What happened, for everyone who follows: the site loop, SSE clients, metrics. Facts already committed, never commands. */
export type DomainEvent =
  | {
      readonly kind: 'station.connected'
      readonly stationId: string
      readonly at: string
      /** SHA-256 of the server certificate that it was shown; null or absent without TLS. */
      readonly shown?: string | null
    }
  | { readonly kind: 'station.disconnected'; readonly stationId: string; readonly at: string }
  | {
      readonly kind: 'station.booted'
      readonly stationId: string
      readonly at: string
      readonly registration: string
    }
  | {
      readonly kind: 'station.event'
      readonly stationId: string
      readonly at: string
      readonly type: string
      readonly critical: boolean
    }
  | {
      readonly kind: 'connector.status'
      readonly stationId: string
      readonly evseId: number
      readonly connectorId: number
      readonly status: string
      readonly at: string
    }
  | {
      readonly kind: 'session.updated'
      readonly stationId: string
      readonly transactionId: string
      readonly evseId: number | null
      readonly eventType: 'Started' | 'Updated' | 'Ended'
      readonly at: string
    }
  | {
      readonly kind: 'meter.read'
      readonly stationId: string
      readonly evseId: number
      readonly transactionId: string | null
      readonly at: string
      readonly values: readonly import('../ocpp/v201/messages.generated.ts').MeterValueType[]
    }
  | {
      readonly kind: 'profile.reported'
      readonly stationId: string
      readonly evseId: number
      readonly at: string
    }
  | {
      readonly kind: 'charging-limit.reported'
      readonly stationId: string
      readonly evseId: number | null
      readonly at: string
    }
  /** NotifyEVChargingNeeds (K15, K17): answered `Processing`, the site loop follows with a profile. */
  | {
      readonly kind: 'charging-needs.reported'
      readonly stationId: string
      readonly evseId: number
      readonly at: string
      readonly needs: import('../ocpp/v201/messages.generated.ts').ChargingNeedsType
      readonly maxScheduleTuples: number | null
    }
  /** NotifyEVChargingSchedule: the schedule that the car has chosen. */
  | {
      readonly kind: 'ev-schedule.reported'
      readonly stationId: string
      readonly evseId: number
      readonly at: string
      readonly timeBase: string
      readonly schedule: import('../ocpp/v201/messages.generated.ts').ChargingScheduleType
    }
  /** A station took a profile, whoever sent it. */
  | {
      readonly kind: 'charging-profile.accepted'
      readonly stationId: string
      readonly evseId: number
      readonly profile: import('../ocpp/v201/messages.generated.ts').ChargingProfileType
      readonly at: string
    }
  /** N10: the station agreed to forget a customer; `isReported` where it says first what it knew. */
  | {
      readonly kind: 'customer.cleared'
      readonly stationId: string
      readonly requestId: number
      readonly idToken: import('../ocpp/v201/messages.generated.ts').IdTokenType
      readonly isReported: boolean
      readonly at: string
    }
  /** The last part of what a station knew about a customer. */
  | {
      readonly kind: 'customer.reported'
      readonly stationId: string
      readonly requestId: number
      readonly at: string
    }
  /** An operator's act on a station has come a step further. */
  | {
      readonly kind: 'order.updated'
      readonly orderId: string
      readonly stationId: string
      readonly action: string
      readonly state: string
      readonly outcome: string | null
      readonly at: string
    }
  | {
      readonly kind: 'certificate.requested'
      readonly stationId: string
      readonly orderId: string
      readonly at: string
    }
  | {
      readonly kind: 'certificate.issued'
      readonly stationId: string | null
      readonly fingerprint: string
      readonly at: string
    }
  | { readonly kind: 'site.updated'; readonly siteId: string; readonly at: string; readonly status: object }
  | { readonly kind: 'limit.changed'; readonly siteId: string; readonly at: string }

export interface EventHub {
  publish(event: DomainEvent): void
  /** Listeners must record and return; an exception in one is logged and does not reach the publisher. */
  subscribe(listener: (event: DomainEvent) => void): () => void
}
