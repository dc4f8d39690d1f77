import type { Logger } from 'pino'
import { DEFAULT_SETTINGS, type PlanSolver, type Site } from '../../profiles/index.ts'
import type { EventHub, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type {
  NotifyEVChargingNeedsRequest,
  NotifyEVChargingScheduleRequest,
} from '../ocpp/v201/messages.generated.ts'
import type { Store } from '../store/ports.ts'
import type { SiteRecord } from '../store/sites.ts'
import { DemandBook, deliveredWh, type SessionDemand } from './demand-book.ts'
import { FreeCars } from './free-cars.ts'
import { PlanRounds } from './plan-rounds.ts'
import { type Issue, metersOf, openConfig, type Refusable, refusedMeters, toSpec } from './site-config.ts'
import { SiteLimits } from './site-limits.ts'
import { SiteLoop, type Steering } from './site-loop.ts'
import { SiteRecords } from './site-records.ts'
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
  /** A reading of an EVSE older than this counts as unknown. */
  readonly meterMaxAgeMs?: number
  readonly pushDeadlineMs: number
  /** Left out: sites are steered without looking ahead. */
  readonly solver?: PlanSolver
  readonly planEveryMs?: number
  readonly turnGapMs?: number
  readonly readBackEveryMs?: number
  /** How long a car of no site waits for its profile. */
  readonly offerAfterMs?: number
}

/** What an operator or another system says about a session; null takes back what was said. */
export type DemandWish = Pick<
  SessionDemand,
  'departure' | 'energyWh' | 'priorityClass' | 'guaranteeA' | 'maxPricePerKwh'
>

/** The sites and their loops: one loop per site, rebuilt when its configuration changes. */
export class EnergyService {
  readonly #options: EnergyServiceOptions
  readonly #loops = new Map<string, { site: Site; loop: SiteLoop }>()
  readonly #demands: DemandBook
  readonly #freeCars: FreeCars
  readonly #plans: PlanRounds
  readonly limits: SiteLimits
  readonly records: SiteRecords
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: () => void = () => undefined

  constructor(options: EnergyServiceOptions) {
    this.#options = options
    this.#demands = new DemandBook(options.store)
    this.#freeCars = new FreeCars(options)
    this.#plans = new PlanRounds({
      ...options,
      solver: options.solver ?? (async () => null),
      demands: this.#demands,
    })
    const find = (siteId: string) => this.#loops.get(siteId)
    this.limits = new SiteLimits({ ...options, find })
    this.records = new SiteRecords({ ...options, plans: this.#plans, find })
  }

  async start(): Promise<void> {
    const { store, hub, log, intervalMs } = this.#options
    await this.#demands.restore()
    for (const record of await store.sites.listSites()) {
      const opened = openConfig(record.id, record.config)
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
      if (event.kind === 'session.updated' && event.eventType === 'Started') this.#plans.hurry()
    })
    this.#timer = setInterval(() => {
      for (const { loop } of this.#loops.values()) loop.poke()
    }, intervalMs)
    if (this.#options.solver) this.#plans.start(() => this.loops())
    this.#freeCars.start()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#unsubscribe()
    this.#freeCars.stop()
    await this.#plans.stop()
    await Promise.all([...this.#loops.values()].map(({ loop }) => loop.stop()))
  }

  async put(siteId: string, config: object): Promise<Refusable<{ site: SiteRecord; created: boolean }>> {
    const opened = openConfig(siteId, config)
    if (!opened.ok) {
      const errors = opened.problems.filter((problem) => problem.severity === 'error')
      return { ok: false, issues: errors.map(({ where, message }) => ({ path: where, message })) }
    }
    const issues = [...this.#stationsElsewhere(siteId, opened.site), ...refusedMeters(opened.site, config)]
    if (issues.length > 0) return { ok: false, issues }
    const { store, clock } = this.#options
    const site: SiteRecord = { id: siteId, config, updatedAt: new Date(clock.now()).toISOString() }
    await store.sites.putSite(site)
    const before = this.#loops.get(siteId)
    await before?.loop.stop()
    await this.#open(opened.site, config)
    return { ok: true, value: { site, created: before === undefined } }
  }

  /** What a site's configuration cannot guarantee, or says in vain. */
  warnings({ id, config }: SiteRecord): readonly Issue[] {
    const opened = openConfig(id, config)
    return opened.ok ? opened.warnings.map(({ where, message }) => ({ path: where, message })) : []
  }

  async remove(siteId: string): Promise<boolean> {
    const removed = await this.#options.store.sites.removeSite(siteId)
    const running = this.#loops.get(siteId)
    this.#loops.delete(siteId)
    await running?.loop.stop()
    // A site that gets the name later begins anew.
    await running?.loop.limits.forget()
    for (const kind of ['steering', 'memory']) await this.#options.store.energy.remove(`${kind}/${siteId}`)
    return removed
  }

  async status(siteId: string): Promise<SiteStatus | undefined> {
    const running = this.#loops.get(siteId)
    if (!running) return undefined
    const { site, loop } = running
    return siteStatus(site, loop) ?? { siteId, at: this.#now(), nodes: [], evses: [], alarms: [] }
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

  steering(siteId: string): Steering | undefined {
    return this.#loops.get(siteId)?.loop.steering
  }

  async steer(siteId: string, change: Partial<Steering>): Promise<Steering | undefined> {
    const loop = this.#loops.get(siteId)?.loop
    if (!loop) return undefined
    await loop.steer({ ...loop.steering, ...change })
    this.#plans.hurry()
    return loop.steering
  }

  /** False where there is no such running session. */
  async wish(stationId: string, transactionId: string, wish: DemandWish, setBy: string): Promise<boolean> {
    const session = await this.#options.store.sessions.get(stationId, transactionId)
    if (!session || session.endedAt !== null) return false
    const demand: SessionDemand = {
      maxA: null,
      minA: null,
      ...wish,
      saidAtWh: deliveredWh(session),
      setBy,
      updatedAt: this.#now(),
    }
    if (!(await this.#demands.tell(session, demand))) return false
    for (const { loop } of this.#loops.values()) {
      if (!loop.live.has(stationId)) continue
      loop.live.demandChanged(stationId)
      loop.poke()
    }
    this.#plans.hurry()
    return true
  }

  demand(stationId: string, transactionId: string) {
    return this.#demands.get(stationId, transactionId)
  }

  judgeNeeds(stationId: string, request: NotifyEVChargingNeedsRequest) {
    const loop = this.#loopOf(stationId)
    if (loop === undefined) return this.#freeCars.judgeNeeds(stationId, request)
    return loop.cars.judgeNeeds(stationId, request).finally(() => loop.poke())
  }

  judgeSchedule(stationId: string, request: NotifyEVChargingScheduleRequest) {
    const loop = this.#loopOf(stationId)
    if (loop === undefined) return Promise.resolve(this.#freeCars.judgeSchedule(stationId, request))
    return loop.cars.judgeSchedule(stationId, request).finally(() => loop.poke())
  }

  /** Load against limit of every node that has been decided on: for metrics. */
  loads() {
    return [...this.#loops.values()].flatMap(({ site, loop }) =>
      (siteStatus(site, loop)?.nodes ?? []).map(({ nodeId, measuredA, limitA }) => ({
        siteId: site.id,
        nodeId,
        measuredA,
        limitA,
      })),
    )
  }

  /** For those who show or record sites: every running loop. */
  loops(): readonly SiteLoop[] {
    return [...this.#loops.values()].map(({ loop }) => loop)
  }

  #loopOf(stationId: string): SiteLoop | undefined {
    return this.loops().find((loop) => loop.live.has(stationId))
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString()
  }

  async #open(site: Site, config: object): Promise<void> {
    const { leaseMs, meterMaxAgeMs } = this.#options
    const settings = {
      ...DEFAULT_SETTINGS,
      ...(leaseMs === undefined ? {} : { leaseMs }),
      ...(meterMaxAgeMs === undefined ? {} : { meterMaxAgeMs }),
    }
    const loop = new SiteLoop({
      ...this.#options,
      site,
      spec: toSpec(site.id, config),
      settings,
      meters: metersOf(config),
      demands: this.#demands,
    })
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
