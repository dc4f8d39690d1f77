/** Sites: load against limit, what was above it, and who is silent. */

import type { Registry } from 'prom-client'
import { Gauge } from 'prom-client'
import { addSamples, type Guard, type Sample } from './metric-kinds.ts'

export interface SiteLoad {
  readonly siteId: string
  readonly nodeId: string
  /** Per phase; null where nothing is measured or no limit applies. */
  readonly measuredA: readonly (number | null)[] | null
  readonly limitA: readonly (number | null)[]
}

export interface SiteSources {
  readonly siteLoads?: () => readonly SiteLoad[]
  /** Seconds above the limit since the start, by `site` and `node`. */
  readonly siteExcursions?: () => readonly Sample[]
  /** Alarms that stand, by `site` and `code`. */
  readonly siteAlarms?: () => Promise<readonly Sample[]>
  /** Grid sources by `site` and `source`: 1 where its failsafe holds because it is silent, otherwise 0. */
  readonly limitSources?: () => readonly Sample[]
  /** Renegotiations with ISO 15118 cars since the start, by `site` and `by`. */
  readonly renegotiations?: () => readonly Sample[]
}

export function addSites(registry: Registry, sources: SiteSources, guard: Guard): void {
  addLoads(registry, sources.siteLoads, guard)
  addSamples(
    {
      registry,
      name: 'gridkeep_site_seconds_above_limit_total',
      help: 'Seconds in which a node drew more than its limit.',
      labels: ['site', 'node'],
      kind: 'counter',
    },
    guard,
    sources.siteExcursions,
  )
  addSamples(
    { registry, name: 'gridkeep_site_alarms', help: 'Alarms that stand.', labels: ['site', 'code'] },
    guard,
    sources.siteAlarms,
  )
  addSamples(
    {
      registry,
      name: 'gridkeep_limit_source_silent',
      help: 'Whether a grid source is silent and its failsafe holds.',
      labels: ['site', 'source'],
    },
    guard,
    sources.limitSources,
  )
  addSamples(
    {
      registry,
      name: 'gridkeep_site_renegotiations_total',
      help: 'Renegotiations with ISO 15118 cars: by us (K16), by the car (K17), or for a plan above its profile.',
      labels: ['site', 'by'],
      kind: 'counter',
    },
    guard,
    sources.renegotiations,
  )
}

function addLoads(registry: Registry, siteLoads: SiteSources['siteLoads'], guard: Guard): void {
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
