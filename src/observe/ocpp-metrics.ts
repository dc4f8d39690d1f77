/** What the OCPP server counts. */

import type { Registry } from 'prom-client'
import { addCounter, addGauge, addLatency, type Guard } from './metric-kinds.ts'

/** Latencies as counts per bucket (not cumulative), one more than `boundsMs`. */
export interface LatencyCounts {
  readonly buckets: readonly number[]
  readonly sumMs: number
  readonly count: number
}

/** What the OCPP server counts; see src/ocpp/metrics.ts. */
export interface OcppCounts {
  readonly messagesIn: number
  readonly messagesOut: number
  readonly callsIn: ReadonlyMap<string, number>
  readonly callsOut: ReadonlyMap<string, number>
  readonly callOutcomes: ReadonlyMap<string, number>
  readonly errorsOut: ReadonlyMap<string, number>
  readonly refusedConnections: ReadonlyMap<string, number>
  readonly closed: ReadonlyMap<string, number>
  readonly lateAnswers: number
  readonly unmatchedAnswers: number
  readonly repeatedCalls: number
  readonly messagesUnlogged: number
  readonly connections: number
  readonly connectionsTotal: number
  readonly handling: LatencyCounts
  readonly answering: LatencyCounts
}

export interface OcppSource {
  readonly counts: () => OcppCounts
  readonly latencyBoundsMs: readonly number[]
}

export function addOcpp(registry: Registry, source: OcppSource, guard: Guard): void {
  const { counts, latencyBoundsMs } = source
  const total = (name: string, help: string, read: (counts: OcppCounts) => number) =>
    addCounter({ registry, name, help }, guard, () => new Map([['', read(counts())]]))
  const byLabel = (
    name: string,
    help: string,
    label: string,
    read: (counts: OcppCounts) => ReadonlyMap<string, number>,
  ) => addCounter({ registry, name, help, label }, guard, () => read(counts()))

  total('gridkeep_ocpp_messages_in_total', 'Messages from stations.', (now) => now.messagesIn)
  total('gridkeep_ocpp_messages_out_total', 'Messages to stations.', (now) => now.messagesOut)
  byLabel('gridkeep_ocpp_calls_in_total', 'Calls of stations.', 'action', (now) => now.callsIn)
  byLabel('gridkeep_ocpp_calls_out_total', 'Calls to stations.', 'action', (now) => now.callsOut)
  byLabel(
    'gridkeep_ocpp_call_outcomes_total',
    'What became of calls to stations.',
    'outcome',
    (now) => now.callOutcomes,
  )
  byLabel('gridkeep_ocpp_errors_out_total', 'CALLERRORs sent.', 'code', (now) => now.errorsOut)
  byLabel(
    'gridkeep_ocpp_refused_connections_total',
    'Refused connections.',
    'reason',
    (now) => now.refusedConnections,
  )
  byLabel(
    'gridkeep_ocpp_closed_connections_total',
    'Connections closed by the service.',
    'reason',
    (now) => now.closed,
  )
  total('gridkeep_ocpp_late_answers_total', 'Answers after the deadline.', (now) => now.lateAnswers)
  total(
    'gridkeep_ocpp_unmatched_answers_total',
    'Answers that belong to no call.',
    (now) => now.unmatchedAnswers,
  )
  total('gridkeep_ocpp_repeated_calls_total', 'Calls answered from memory.', (now) => now.repeatedCalls)
  total(
    'gridkeep_ocpp_messages_unlogged_total',
    'Messages dropped from the message log.',
    (now) => now.messagesUnlogged,
  )
  total('gridkeep_ocpp_connections_total', 'Connections accepted.', (now) => now.connectionsTotal)
  addGauge(
    { registry, name: 'gridkeep_ocpp_connections', help: 'Open connections.' },
    guard,
    () => counts().connections,
  )
  addLatency(
    { registry, name: 'gridkeep_ocpp_handling_seconds', help: "From a station's call to its answer." },
    latencyBoundsMs,
    () => counts().handling,
  )
  addLatency(
    { registry, name: 'gridkeep_ocpp_answering_seconds', help: "From a call to the station's answer." },
    latencyBoundsMs,
    () => counts().answering,
  )
}
