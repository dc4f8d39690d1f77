/** Prometheus metrics, read from plain counters at the moment of the scrape: the hot paths know nothing of it. */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { MetricConfiguration } from 'prom-client'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

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

export interface SiteLoad {
  readonly siteId: string
  readonly nodeId: string
  /** Per phase; null where nothing is measured or no limit applies. */
  readonly measuredA: readonly (number | null)[] | null
  readonly limitA: readonly (number | null)[]
}

/** Where the numbers come from. Each is called once per scrape; one that fails leaves its metrics out. */
export interface MetricSources {
  readonly ocpp?: { readonly counts: () => OcppCounts; readonly latencyBoundsMs: readonly number[] }
  readonly stationsOnline?: () => number
  readonly sessionsActive?: () => Promise<number> | number
  readonly siteLoads?: () => readonly SiteLoad[]
  /** Certificates issued here that are in force, by days until they expire: labels `7`, `30`, `90`. */
  readonly certificatesExpiring?: () => Promise<ReadonlyMap<string, number>> | ReadonlyMap<string, number>
}

export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  close(): void
}

export function createMetrics(sources: MetricSources, onError: (error: unknown) => void): Metrics {
  const registry = new Registry()
  const guard = (read: () => Promise<void> | void) => async () => {
    try {
      await read()
    } catch (error) {
      onError(error)
    }
  }
  collectDefaultMetrics({ register: registry, prefix: 'gridkeep_' })
  const lag = addEventLoopLag(registry)
  addOcpp(registry, sources.ocpp, guard)
  addService(registry, sources, guard)
  addSites(registry, sources.siteLoads, guard)
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    close() {
      lag.disable()
      registry.clear()
    },
  }
}

type Guard = (read: () => Promise<void> | void) => () => Promise<void>

function addEventLoopLag(registry: Registry): ReturnType<typeof monitorEventLoopDelay> {
  const lag = monitorEventLoopDelay({ resolution: 20 })
  lag.enable()
  const gauge = new Gauge({
    name: 'gridkeep_event_loop_delay_seconds',
    help: 'Delay of the event loop since the last scrape, by quantile.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      for (const quantile of [0.5, 0.99, 1])
        gauge.set({ quantile: String(quantile) }, lag.percentile(quantile * 100) / 1e9)
      lag.reset()
    },
  })
  return lag
}

function addOcpp(registry: Registry, source: MetricSources['ocpp'], guard: Guard): void {
  if (!source) return
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

function addService(registry: Registry, sources: MetricSources, guard: Guard): void {
  const gauge = (name: string, help: string, read: (() => Promise<number> | number) | undefined) => {
    if (read) addGauge({ registry, name, help }, guard, read)
  }
  gauge('gridkeep_stations_online', 'Stations with a connection.', sources.stationsOnline)
  gauge('gridkeep_sessions_active', 'Sessions that have not ended.', sources.sessionsActive)
  const expiring = sources.certificatesExpiring
  if (!expiring) return
  const metric = new Gauge({
    name: 'gridkeep_certificates_expiring',
    help: 'Certificates in force that expire within so many days.',
    labelNames: ['days'],
    registers: [registry],
    collect: guard(async () => {
      const counts = await expiring()
      metric.reset()
      for (const [days, count] of counts) metric.set({ days }, count)
    }),
  })
}

function addSites(registry: Registry, siteLoads: MetricSources['siteLoads'], guard: Guard): void {
  if (!siteLoads) return
  const labelNames = ['site', 'node', 'phase']
  const load = new Gauge({
    name: 'gridkeep_site_load_amperes',
    help: 'Measured load per node and phase.',
    labelNames,
    registers: [],
  })
  const limit = new Gauge({
    name: 'gridkeep_site_limit_amperes',
    help: 'Limit in force per node and phase.',
    labelNames,
    registers: [registry],
    // Fills both, so that a scrape shows load and limit of one moment; the registry reads in order.
    collect: guard(() => {
      limit.reset()
      load.reset()
      for (const { siteId, nodeId, measuredA, limitA } of siteLoads()) {
        for (const [index, phase] of ['L1', 'L2', 'L3'].entries()) {
          const labels = { site: siteId, node: nodeId, phase }
          const limitNow = limitA[index]
          const loadNow = measuredA?.[index]
          if (typeof limitNow === 'number') limit.set(labels, limitNow)
          if (typeof loadNow === 'number') load.set(labels, loadNow)
        }
      }
    }),
  })
  registry.registerMetric(load)
}

interface MetricOptions {
  readonly registry: Registry
  readonly name: string
  readonly help: string
  readonly label?: string
}

function base({ registry, name, help, label }: MetricOptions): MetricConfiguration<string> {
  return { name, help, labelNames: label === undefined ? [] : [label], registers: [registry] }
}

function addCounter(options: MetricOptions, guard: Guard, read: () => ReadonlyMap<string, number>): void {
  const { label } = options
  const counter = new Counter({
    ...base(options),
    collect: guard(() => {
      const counts = read()
      counter.reset()
      for (const [key, count] of counts) counter.inc(label === undefined ? {} : { [label]: key }, count)
    }),
  })
}

function addGauge(options: MetricOptions, guard: Guard, read: () => Promise<number> | number): void {
  const gauge = new Gauge({
    ...base(options),
    collect: guard(async () => {
      gauge.set(await read())
    }),
  })
}

/** The buckets were counted elsewhere: they are handed over as they are instead of being observed again. */
function addLatency(options: MetricOptions, boundsMs: readonly number[], read: () => LatencyCounts): void {
  const { name, help } = options
  const histogram = new Histogram({ ...base(options), buckets: boundsMs.map((bound) => bound / 1000) })
  const values = () => {
    const { buckets, sumMs, count } = read()
    let cumulative = 0
    const upTo = boundsMs.map((bound, index) => {
      cumulative += buckets[index] ?? 0
      return { metricName: `${name}_bucket`, labels: { le: bound / 1000 }, value: cumulative }
    })
    return [
      ...upTo,
      { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels: {}, value: sumMs / 1000 },
      { metricName: `${name}_count`, labels: {}, value: count },
    ]
  }
  // The method that the registry calls for its text format.
  Object.assign(histogram, {
    getForPromString: async () => ({ name, help, type: 'histogram', values: values() }),
  })
}
