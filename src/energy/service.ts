import type { Logger } from 'pino'
import { DEFAULT_SETTINGS, openSite, type Site, type SiteSpec } from '../../profiles/index.ts'
import type { EventHub, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { LimitRecord, SiteRecord } from '../store/sites.ts'
import type { MeterConfig } from './base-load.ts'
import { SiteLoop } from './site-loop.ts'
import { type SiteStatus, siteStatus } from './status.ts'

export interface EnergyServiceOptions {
  readonly store: Store
  readonly bus: StationBus
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  /** How often a site decides without being asked by an event. */
  readonly intervalMs: number
  readonly leaseMs?: number
  readonly pushDeadlineMs: number
}

export interface Issue {
  readonly path: string
  readonly message: string
}

export type Refusable<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** The sites and their loops: one loop per site, rebuilt when its configuration changes. */
export class EnergyService {
  readonly #options: EnergyServiceOptions
  readonly #loops = new Map<string, { site: Site; loop: SiteLoop }>()
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: () => void = () => undefined

  constructor(options: EnergyServiceOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { store, hub, log, intervalMs } = this.#options
    for (const record of await store.sites.listSites()) {
      const opened = openSite(toSpec(record.id, record.config))
      // What was stored had been checked: only a change of the rules between two versions can refuse it now.
      if (opened.ok) await this.#open(opened.site, record.config)
      else
        log.error(
          { site: record.id, problems: opened.problems },
          'A stored site is refused by this version; correct it by PUT',
        )
    }
    this.#unsubscribe = hub.subscribe((event) => {
      for (const { loop } of this.#loops.values()) loop.observe(event)
    })
    this.#timer = setInterval(() => {
      for (const { loop } of this.#loops.values()) loop.poke()
    }, intervalMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#unsubscribe()
    await Promise.all([...this.#loops.values()].map(({ loop }) => loop.stop()))
  }

  async put(siteId: string, config: object): Promise<Refusable<{ site: SiteRecord; created: boolean }>> {
    const opened = openSite(toSpec(siteId, config))
    if (!opened.ok) {
      const errors = opened.problems.filter((problem) => problem.severity === 'error')
      return { ok: false, issues: errors.map(({ where, message }) => ({ path: where, message })) }
    }
    const issues = [...this.#stationsElsewhere(siteId, opened.site), ...unknownMeters(opened.site, config)]
    if (issues.length > 0) return { ok: false, issues }
    const { store, clock } = this.#options
    const site: SiteRecord = { id: siteId, config, updatedAt: new Date(clock.now()).toISOString() }
    await store.sites.putSite(site)
    const before = this.#loops.get(siteId)
    await before?.loop.stop()
    await this.#open(opened.site, config)
    return { ok: true, value: { site, created: before === undefined } }
  }

  async remove(siteId: string): Promise<boolean> {
    const removed = await this.#options.store.sites.removeSite(siteId)
    const running = this.#loops.get(siteId)
    this.#loops.delete(siteId)
    await running?.loop.stop()
    return removed
  }

  async status(siteId: string): Promise<SiteStatus | undefined> {
    const running = this.#loops.get(siteId)
    if (!running) return undefined
    const { site, loop } = running
    if (!loop.decision)
      return { siteId, at: new Date(this.#options.clock.now()).toISOString(), nodes: [], evses: [] }
    return siteStatus(site, loop.decision, loop.live, loop.limits)
  }

  async putLimit(limit: LimitRecord): Promise<Refusable<LimitRecord>> {
    const running = this.#loops.get(limit.siteId)
    if (!running?.site.nodeById.has(limit.nodeId) && !running?.site.evseByKey.has(limit.nodeId)) {
      return {
        ok: false,
        issues: [{ path: 'body/nodeId', message: `The site ${limit.siteId} has no node ${limit.nodeId}` }],
      }
    }
    await this.#options.store.sites.putLimit(limit)
    await this.#limitsChanged(limit.siteId)
    return { ok: true, value: limit }
  }

  async removeLimit(siteId: string, limitId: string): Promise<boolean> {
    const removed = await this.#options.store.sites.removeLimit(siteId, limitId)
    if (removed) await this.#limitsChanged(siteId)
    return removed
  }

  /** A meter's reading; false where the configuration has no such site or meter. */
  readMeter(
    siteId: string,
    nodeId: string,
    reading: { readonly currentA?: readonly number[]; readonly powerW?: readonly number[] },
  ): boolean {
    const running = this.#loops.get(siteId)
    if (!running) return false
    const { voltageV } = running.site
    const perPhase = reading.currentA ?? reading.powerW?.map((powerW) => powerW / voltageV)
    const [one, two, three] = perPhase ?? []
    if (one === undefined || two === undefined || three === undefined) return false
    return running.loop.readMeter(nodeId, [one, two, three])
  }

  /** Load against limit of every node that has been decided on: for metrics. */
  loads() {
    return [...this.#loops.values()].flatMap(({ site, loop }) =>
      loop.decision
        ? siteStatus(site, loop.decision, loop.live, loop.limits).nodes.map(
            ({ nodeId, measuredA, limitA }) => ({ siteId: site.id, nodeId, measuredA, limitA }),
          )
        : [],
    )
  }

  /** For those who show or record sites: every running loop. */
  loops(): readonly SiteLoop[] {
    return [...this.#loops.values()].map(({ loop }) => loop)
  }

  async #limitsChanged(siteId: string): Promise<void> {
    const { hub, clock } = this.#options
    await this.#loops.get(siteId)?.loop.reloadLimits()
    hub.publish({ kind: 'limit.changed', siteId, at: new Date(clock.now()).toISOString() })
  }

  async #open(site: Site, config: object): Promise<void> {
    const { leaseMs } = this.#options
    const settings = leaseMs === undefined ? DEFAULT_SETTINGS : { ...DEFAULT_SETTINGS, leaseMs }
    const loop = new SiteLoop({ ...this.#options, site, settings, meters: metersOf(config) })
    await loop.start()
    this.#loops.set(site.id, { site, loop })
  }

  /** A station has one grid connection: two loops would each give it what the other may have given away. */
  #stationsElsewhere(siteId: string, site: Site): Issue[] {
    const own = new Set(site.evses.map((evse) => evse.stationId))
    return [...this.#loops.entries()].flatMap(([otherId, other]) =>
      otherId === siteId
        ? []
        : [...own]
            .filter((stationId) => other.loop.live.has(stationId))
            .map((stationId) => ({
              path: stationId,
              message: `The station is part of the site ${otherId} already`,
            })),
    )
  }
}

type StoredConfig = Omit<SiteSpec, 'id'> & { readonly meters?: readonly MeterConfig[] }

/** The API has checked the shape against openapi.yaml; what remains is judged by `openSite`. */
function toSpec(id: string, config: object): SiteSpec {
  const { meters: _meters, ...spec } = config as StoredConfig
  return { ...spec, id }
}

function metersOf(config: object): readonly MeterConfig[] {
  return (config as StoredConfig).meters ?? []
}

function unknownMeters(site: Site, config: object): Issue[] {
  return metersOf(config).flatMap(({ nodeId }, index) =>
    site.nodeById.has(nodeId)
      ? []
      : [{ path: `body/meters/${index}/nodeId`, message: `The site has no node ${nodeId}` }],
  )
}
