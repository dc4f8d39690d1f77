/** The operator API, health and metrics, put together. */

import type { Foundation } from './app-foundation.ts'
import type { Stations } from './app-stations.ts'
import type { Trust } from './app-trust.ts'
import { authorityAdministration } from './certificates/administration.ts'
import { contractAdministration } from './certificates/contracts/administration.ts'
import { createHttpServer } from './http/index.ts'
import { watchService } from './metric-sources.ts'
import { createHealth } from './observe/health.ts'
import { createMetrics } from './observe/metrics.ts'
import { LATENCY_BOUNDS_MS } from './ocpp/metrics.ts'
import { hashPassword } from './stations/credentials.ts'
import { readHttpTls } from './tls-source.ts'

/** The operator API with what is watched; it does not listen yet. */
export async function serveOperators(foundation: Foundation, trust: Trust, { ocpp, energy }: Stations) {
  const { config, store, hub, clock, log, onStop } = foundation
  const { certificates, contracts, fleet } = trust
  const health = createHealth([{ name: 'database', check: () => store.check() }])
  const authorities = authorityAdministration(certificates, store)
  const watched = watchService({
    store,
    clock,
    energy,
    onlineStations: () => ocpp.bus.onlineStations(),
    ocsp: () => authorities.responders(),
  })
  onStop(async () => watched.stop())
  const metrics = createMetrics(
    { ...watched.sources, ocpp: { counts: () => ocpp.stats(), latencyBoundsMs: LATENCY_BOUNDS_MS } },
    (error) => log.error({ err: error }, 'A metric could not be read'),
  )
  onStop(async () => metrics.close())
  const httpTls = await readHttpTls(config)
  const http = await createHttpServer({
    services: {
      store,
      bus: ocpp.bus,
      hub,
      clock,
      sites: energy,
      energy,
      limits: energy.limits,
      certificates,
      contracts: contractAdministration(contracts),
      authorities,
      orders: ocpp.orders,
      fleet: fleet.api(),
      localLists: ocpp.localLists,
      hashPassword,
    },
    log,
    health,
    metrics,
    ...(httpTls === undefined ? {} : { tls: httpTls }),
  })
  onStop(() => http.close())
  return { http, health }
}
