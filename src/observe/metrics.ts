/** Prometheus metrics, read from plain counters at the moment of the scrape: the hot paths know nothing of it. */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { addGauge, addSamples, type Guard, type Sample } from './metric-kinds.ts'
import { addOcpp, type OcppSource } from './ocpp-metrics.ts'
import { addSites, type SiteSources } from './site-metrics.ts'
import { addTrust, type TrustSources } from './trust-metrics.ts'

/** Where the numbers come from. Each is called once per scrape; one that fails leaves its metrics out. */
export interface MetricSources extends SiteSources, TrustSources {
  readonly ocpp?: OcppSource
  readonly stationsOnline?: () => number
  /** Stations that may connect and are not connected. */
  readonly stationsOffline?: () => Promise<number>
  /** By `enrolment`. */
  readonly stations?: () => Promise<readonly Sample[]>
  readonly sessionsActive?: () => Promise<number> | number
}

export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  close(): void
}

export function createMetrics(sources: MetricSources, onError: (error: unknown) => void): Metrics {
  const registry = new Registry()
  const guard: Guard = (read) => async () => {
    try {
      await read()
    } catch (error) {
      onError(error)
    }
  }
  collectDefaultMetrics({ register: registry, prefix: 'gridkeep_' })
  const lag = addEventLoopLag(registry)
  if (sources.ocpp) addOcpp(registry, sources.ocpp, guard)
  addService(registry, sources, guard)
  addSites(registry, sources, guard)
  addTrust(registry, sources, guard)
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    close() {
      lag.disable()
      registry.clear()
    },
  }
}

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

function addService(registry: Registry, sources: MetricSources, guard: Guard): void {
  const gauge = (name: string, help: string, read: (() => Promise<number> | number) | undefined) => {
    if (read) addGauge({ registry, name, help }, guard, read)
  }
  gauge('gridkeep_stations_online', 'Stations with a connection.', sources.stationsOnline)
  gauge('gridkeep_stations_offline', 'Stations that may connect and have not.', sources.stationsOffline)
  gauge('gridkeep_sessions_active', 'Sessions that have not ended.', sources.sessionsActive)
  addSamples(
    { registry, name: 'gridkeep_stations', help: 'Stations that are known.', labels: ['enrolment'] },
    guard,
    sources.stations,
  )
}
