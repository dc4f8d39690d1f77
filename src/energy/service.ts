import type { Logger } from 'pino'
import {
  DEFAULT_SETTINGS,
  openSite,
  type PlanSolver,
  type PolicyName,
  type Site,
  type SiteSpec,
} from '../../profiles/index.ts'
import type { EventHub, StationBus } from '../bus/ports.ts'
import type { GridSignal, GridSignalSink } from '../grid/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type {
  NotifyEVChargingNeedsRequest,
  NotifyEVChargingScheduleRequest,
} from '../ocpp/v201/messages.generated.ts'
import type { ComplianceMinute, SessionCost } from '../store/energy.ts'
import type { Store } from '../store/ports.ts'
import type { LimitRecord, SiteRecord } from '../store/sites.ts'
import type { MeterConfig } from './base-load.ts'
import { believedSlots } from './believed.ts'
import { DemandBook, deliveredWh, type SessionDemand } from './demand-book.ts'
import { FreeCars } from './free-cars.ts'
import type { LimitInForce, ScheduleRecord, SourceRecord } from './limit-sources.ts'
import { PlanRounds } from './plan-rounds.ts'
import { SiteLoop, type Steering } from './site-loop.ts'
import { type SiteOutlook, siteOutlook } from './site-outlook.ts'
import { type DecisionPart, replay } from './snapshots.ts'
import { replayStatus, type SiteStatus, siteStatus } from './status.ts'
import { isTimeZone } from './weekly-schedule.ts'

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

export interface Issue {
  readonly path: string
  readonly message: string
}

export type Refusable<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** What an operator or another system says about a session; null takes back what was said. */
export type DemandWish = Pick<SessionDemand, 'departure' | 'energyWh' | 'priorityClass' | 'guaranteeA'>

/** The sites and their loops: one loop per site, rebuilt when its configuration changes. */
export class EnergyService implements GridSignalSink {
  readonly #options: EnergyServiceOptions
  readonly #loops = new Map<string, { site: Site; loop: SiteLoop }>()
  readonly #demands: DemandBook
  readonly #freeCars: FreeCars
  readonly #plans: PlanRounds
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
  }

  async start(): Promise<void> {
    const { store, hub, log, intervalMs } = this.#options
    await this.#demands.restore()
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
    return siteStatus(site, loop) ?? { siteId, at: this.#now(), nodes: [], evses: [], alarms: [] }
  }

  async putLimit(limit: LimitRecord): Promise<Refusable<LimitRecord>> {
    const refused = this.#refusedNode(limit.siteId, limit.nodeId)
    if (refused) return refused
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

  /** Every limit beside the configuration, with who set it and whether it holds now. */
  limitsInForce(siteId: string): readonly LimitInForce[] | undefined {
    return this.#loops.get(siteId)?.loop.limits.inForce(this.#options.clock.now())
  }

  schedules(siteId: string): readonly ScheduleRecord[] | undefined {
    return this.#loops.get(siteId)?.loop.limits.schedules
  }

  async putSchedule(siteId: string, schedule: ScheduleRecord): Promise<Refusable<ScheduleRecord>> {
    const refused = this.#refusedNode(siteId, schedule.nodeId)
    if (refused) return refused
    if (!isTimeZone(schedule.timeZone)) {
      const message = `${schedule.timeZone} is no time zone; use a name like Europe/Berlin`
      return { ok: false, issues: [{ path: 'body/timeZone', message }] }
    }
    await this.#loops.get(siteId)?.loop.limits.putSchedule(schedule)
    this.#announceLimits(siteId)
    return { ok: true, value: schedule }
  }

  async removeSchedule(siteId: string, id: string): Promise<boolean> {
    const removed = (await this.#loops.get(siteId)?.loop.limits.removeSchedule(id)) ?? false
    if (removed) this.#announceLimits(siteId)
    return removed
  }

  sources(siteId: string): readonly SourceRecord[] | undefined {
    return this.#loops.get(siteId)?.loop.limits.sources
  }

  async putSource(siteId: string, source: SourceRecord): Promise<Refusable<SourceRecord>> {
    const refused = this.#refusedNode(siteId, source.nodeId)
    if (refused) return refused
    await this.#loops.get(siteId)?.loop.limits.putSource(source, this.#options.clock.now())
    this.#announceLimits(siteId)
    return { ok: true, value: source }
  }

  async removeSource(siteId: string, id: string): Promise<boolean> {
    const removed = (await this.#loops.get(siteId)?.loop.limits.removeSource(id)) ?? false
    if (removed) this.#announceLimits(siteId)
    return removed
  }

  async signal(siteId: string, sourceId: string, signal: GridSignal): Promise<boolean> {
    const running = this.#loops.get(siteId)
    if (!running) return false
    const known = await running.loop.limits.signal(sourceId, signal, this.#options.clock.now())
    if (known) this.#announceLimits(siteId)
    return known
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

  /** The compliance record, with the minute that is under way at its end. */
  async compliance(
    siteId: string,
    query: { fromMs: number; toMs: number; nodeId?: string; limit: number },
  ): Promise<readonly ComplianceMinute[] | undefined> {
    const running = this.#loops.get(siteId)
    if (!running) return undefined
    const { fromMs, toMs, nodeId, limit } = query
    const { currentMinutes } = running.loop
    const current = currentMinutes.filter(
      (one) =>
        one.minuteMs >= fromMs && one.minuteMs < toMs && (nodeId === undefined || one.nodeId === nodeId),
    )
    // The minute under way is on disk too, some seconds old.
    const beforeMs = currentMinutes[0]?.minuteMs ?? toMs
    const kept = await this.#options.store.energy.minutes({
      siteId,
      ...query,
      toMs: Math.min(toMs, beforeMs),
    })
    return [...kept, ...current].slice(0, limit)
  }

  /** What a station holds, as far as we know and as it last said; undefined where the site has no such station. */
  heldProfiles(siteId: string, stationId: string) {
    const loop = this.#loops.get(siteId)?.loop
    if (!loop?.live.has(stationId)) return undefined
    const visit = loop.visit(stationId)
    return {
      believed: believedSlots(loop.live, stationId),
      trust: loop.live.trust(stationId),
      readBack: visit
        ? {
            at: visit.at,
            result: visit.result,
            findings: [...visit.findings],
            profiles: visit.profiles.map(({ evseId, profile }) => ({ evseId, profile: { ...profile } })),
            computed: visit.computed.map(({ evseKey, ...computed }) => ({
              evseId: loop.live.site.evseByKey.get(evseKey)?.evseId ?? 0,
              ...computed,
            })),
          }
        : null,
    }
  }

  /** What sessions that ended in the span have cost; undefined where there is no such site. */
  async costs(
    siteId: string,
    query: { fromMs: number; toMs: number; limit: number },
  ): Promise<readonly SessionCost[] | undefined> {
    if (!this.#loops.has(siteId)) return undefined
    return this.#options.store.energy.costs({ siteId, ...query })
  }

  /** A decision of the past, decided again from what it came from; undefined where nothing is kept from then. */
  async replay(
    siteId: string,
    atMs: number,
  ): Promise<
    { at: string; same: boolean; differs: DecisionPart[]; policy: PolicyName; status: SiteStatus } | undefined
  > {
    const played = await replay(this.#options.store, siteId, atMs)
    if (!played) return undefined
    const { at, differs, snapshot } = played
    const same = differs.length === 0
    return { at, same, differs: [...differs], policy: snapshot.policy, status: replayStatus(played) }
  }

  /** The hours ahead; undefined where there is no such site, or no decision of it yet. */
  async outlook(siteId: string): Promise<SiteOutlook | undefined> {
    const running = this.#loops.get(siteId)
    const found = running && (await this.#plans.outlook(running.loop))
    return running && found && siteOutlook(running.site, found.input, found.outlook)
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

  async #limitsChanged(siteId: string): Promise<void> {
    await this.#loops.get(siteId)?.loop.limits.reloadOperator()
    this.#announceLimits(siteId)
  }

  #announceLimits(siteId: string): void {
    this.#loops.get(siteId)?.loop.poke()
    this.#options.hub.publish({ kind: 'limit.changed', siteId, at: this.#now() })
  }

  #refusedNode(siteId: string, nodeId: string): Refusable<never> | undefined {
    const site = this.#loops.get(siteId)?.site
    if (site?.nodeById.has(nodeId) || site?.evseByKey.has(nodeId)) return undefined
    return {
      ok: false,
      issues: [{ path: 'body/nodeId', message: `The site ${siteId} has no node ${nodeId}` }],
    }
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
