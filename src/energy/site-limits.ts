import type { Site } from '../../profiles/index.ts'
import type { EventHub } from '../bus/ports.ts'
import type { GridSignal, GridSignalSink } from '../grid/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { LimitRecord } from '../store/sites.ts'
import type { ScheduleRecord, SourceRecord } from './limit-records.ts'
import type { LimitSources } from './limit-sources.ts'
import type { LimitInForce } from './limits-in-force.ts'
import type { Refusable } from './site-config.ts'
import type { SiteLoop } from './site-loop.ts'
import { isTimeZone } from './weekly-schedule.ts'

/** Nodes named to somebody who asked for one that there is not. */
const NAMED = 10

export interface SiteLimitsOptions {
  readonly store: Store
  readonly hub: EventHub
  readonly clock: Clock
  /** The running site; undefined where there is none. */
  readonly find: (siteId: string) => { readonly site: Site; readonly loop: SiteLoop } | undefined
}

/** The limits of all sites as operators, other systems and grid adapters set them: each change is decided on at once. */
export class SiteLimits implements GridSignalSink {
  readonly #options: SiteLimitsOptions

  constructor(options: SiteLimitsOptions) {
    this.#options = options
  }

  async put(limit: LimitRecord): Promise<Refusable<LimitRecord>> {
    const refused = this.#refusedNode(limit.siteId, limit.nodeId)
    if (refused) return refused
    await this.#options.store.sites.putLimit(limit)
    await this.#changed(limit.siteId)
    return { ok: true, value: limit }
  }

  async remove(siteId: string, limitId: string): Promise<boolean> {
    const removed = await this.#options.store.sites.removeLimit(siteId, limitId)
    if (removed) await this.#changed(siteId)
    return removed
  }

  /** Every limit beside the configuration, with who set it and whether it holds now. */
  inForce(siteId: string): readonly LimitInForce[] | undefined {
    return this.#sourcesOf(siteId)?.inForce(this.#options.clock.now())
  }

  schedules(siteId: string): readonly ScheduleRecord[] | undefined {
    return this.#sourcesOf(siteId)?.schedules
  }

  async putSchedule(siteId: string, schedule: ScheduleRecord): Promise<Refusable<ScheduleRecord>> {
    const refused = this.#refusedNode(siteId, schedule.nodeId)
    if (refused) return refused
    if (!isTimeZone(schedule.timeZone)) {
      const message = `${schedule.timeZone} is no time zone; use a name like Europe/Berlin`
      return { ok: false, issues: [{ path: 'body/timeZone', message }] }
    }
    await this.#sourcesOf(siteId)?.putSchedule(schedule)
    this.#announce(siteId)
    return { ok: true, value: schedule }
  }

  async removeSchedule(siteId: string, id: string): Promise<boolean> {
    const removed = (await this.#sourcesOf(siteId)?.removeSchedule(id)) ?? false
    if (removed) this.#announce(siteId)
    return removed
  }

  sources(siteId: string): readonly SourceRecord[] | undefined {
    return this.#sourcesOf(siteId)?.sources
  }

  async putSource(siteId: string, source: SourceRecord): Promise<Refusable<SourceRecord>> {
    const refused = this.#refusedNode(siteId, source.nodeId)
    if (refused) return refused
    await this.#sourcesOf(siteId)?.putSource(source, this.#options.clock.now())
    this.#announce(siteId)
    return { ok: true, value: source }
  }

  async removeSource(siteId: string, id: string): Promise<boolean> {
    const removed = (await this.#sourcesOf(siteId)?.removeSource(id)) ?? false
    if (removed) this.#announce(siteId)
    return removed
  }

  async signal(siteId: string, sourceId: string, signal: GridSignal): Promise<boolean> {
    const sources = this.#sourcesOf(siteId)
    if (!sources) return false
    const known = await sources.signal(sourceId, signal, this.#options.clock.now())
    if (known) this.#announce(siteId)
    return known
  }

  #sourcesOf(siteId: string): LimitSources | undefined {
    return this.#options.find(siteId)?.loop.limits
  }

  async #changed(siteId: string): Promise<void> {
    await this.#sourcesOf(siteId)?.reloadOperator()
    this.#announce(siteId)
  }

  #announce(siteId: string): void {
    this.#options.find(siteId)?.loop.poke()
    const at = new Date(this.#options.clock.now()).toISOString()
    this.#options.hub.publish({ kind: 'limit.changed', siteId, at })
  }

  #refusedNode(siteId: string, nodeId: string): Refusable<never> | undefined {
    const site = this.#options.find(siteId)?.site
    if (site?.nodeById.has(nodeId) || site?.evseByKey.has(nodeId)) return undefined
    const nodes = site?.nodes.map(({ id }) => id) ?? []
    const some = `${nodes.slice(0, NAMED).join(', ')}${nodes.length > NAMED ? ', ...' : ''}`
    const evse = site?.evses[0]?.key
    const message = `The site ${siteId} has no node ${nodeId}; it has ${some}, and EVSEs like ${evse}`
    return { ok: false, issues: [{ path: 'body/nodeId', message }] }
  }
}
