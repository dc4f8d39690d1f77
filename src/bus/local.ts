/** StationBus over the sockets of this process. Both directions are checked against the schemas. */

import { randomUUID } from 'node:crypto'
import { csmsMaySend } from '../ocpp/actions.ts'
import type { CallEnd } from '../ocpp/call-queue.ts'
import type { Connection } from '../ocpp/connection.ts'
import { increment, type OcppMetrics } from '../ocpp/metrics.ts'
import type { Registry } from '../ocpp/registry.ts'
import type { Schemas } from '../ocpp/schemas.ts'
import type { Action, Requests, Responses } from '../ocpp/v201/messages.generated.ts'
import { solicitedAction } from '../stations/solicited.ts'
import type { CallOptions, CallOutcome, StationBus } from './ports.ts'

export interface LocalBusOptions {
  readonly registry: Registry
  readonly schemas: Schemas
  readonly metrics: OcppMetrics
  readonly monotonic: () => number
  readonly callTimeoutMs: number
  readonly maxQueuedCalls: number
  /** Told about a connection that has calls now, so that their deadlines are watched. */
  readonly watch: (connection: Connection) => void
  /**
   * Keeps what an answer says about the station before the caller learns it. Its failure is the caller's to see
   * in the log, not in the outcome: the station has acted.
   */
  readonly keep: (stationId: string, action: Action, request: unknown, response: unknown) => Promise<void>
}

type Unsuccessful = Exclude<CallOutcome, { kind: 'answered' }>

/** Deadlines of callers are bounded: nobody waits longer than ten minutes for a station. */
const MAX_DEADLINE_MS = 600_000

export function createLocalBus(options: LocalBusOptions): StationBus {
  const { registry, schemas, metrics } = options

  async function call<A extends Action>(
    stationId: string,
    action: A,
    payload: Requests[A],
    { deadlineMs = options.callTimeoutMs, urgent = false }: CallOptions = {},
  ): Promise<CallOutcome<A>> {
    const refusal = refusalOf(stationId, action, payload)
    if (refusal !== undefined) return refusal
    const connection = registry.get(stationId)
    if (connection === undefined) return { kind: 'offline' }
    const solicited = solicitedAction(action, payload)
    if (solicited !== undefined) connection.gate.grant(solicited, options.monotonic())
    const end = await transmit(connection, action, payload, {
      deadlineMs: Math.min(deadlineMs, MAX_DEADLINE_MS),
      urgent,
    })
    if (end.kind !== 'result') return outcomeOf(end)
    const violation = schemas.check(action, 'conf', end.payload)
    if (violation !== undefined) return { kind: 'malformed', issues: violation.issues }
    await options.keep(stationId, action, payload, end.payload)
    // The schema has just said so.
    return { kind: 'answered', payload: end.payload as Responses[A] }
  }

  function refusalOf(stationId: string, action: Action, payload: unknown): Unsuccessful | undefined {
    if (!csmsMaySend(action))
      return { kind: 'invalid', issues: [`${action} is sent by stations, not by the CSMS.`] }
    const violation = schemas.check(action, 'req', payload)
    if (violation !== undefined) return { kind: 'invalid', issues: violation.issues }
    const connection = registry.get(stationId)
    if (connection?.gate.registration === 'Rejected')
      return {
        kind: 'withheld',
        reason: 'The station is Rejected: it is not spoken to until it is accepted (B03.FR.03).',
      }
    return undefined
  }

  function transmit(
    connection: Connection,
    action: Action,
    payload: unknown,
    { deadlineMs, urgent }: Required<CallOptions>,
  ): Promise<CallEnd | { kind: 'full' }> {
    return new Promise((resolve) => {
      const id = randomUUID()
      const taken = connection.call(
        {
          id,
          action,
          payload,
          urgent,
          deadlineAt: options.monotonic() + deadlineMs,
          sentAt: 0,
          settle: resolve,
        },
        options.maxQueuedCalls,
      )
      if (!taken) resolve({ kind: 'full' })
      else {
        increment(metrics.callsOut, action)
        options.watch(connection)
      }
    })
  }

  return {
    async call(stationId, action, payload, callOptions) {
      const outcome = await call(stationId, action, payload, callOptions)
      increment(metrics.callOutcomes, outcome.kind)
      return outcome
    },
    isOnline: (stationId) => registry.get(stationId) !== undefined,
    onlineStations: () => registry.stationIds(),
    disconnect(stationId, reason) {
      registry.get(stationId)?.close(1008, reason)
    },
  }
}

function outcomeOf(end: Exclude<CallEnd, { kind: 'result' }> | { kind: 'full' }): Unsuccessful {
  switch (end.kind) {
    case 'error':
      return { kind: 'refused', code: end.code, description: end.description, details: end.details }
    case 'expired':
      return { kind: 'unanswered', reason: 'deadline' }
    case 'disconnected':
      return { kind: 'unanswered', reason: 'disconnected' }
    case 'unsent':
    case 'full':
      return { kind: 'busy' }
  }
}
