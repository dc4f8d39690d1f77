import type { Logger } from 'pino'
import {
  type Decision,
  type DecisionSettings,
  decide,
  type Memory,
  type PolicyName,
  type Push,
  type Site,
  type SiteSpec,
} from '../../profiles/index.ts'
import type { DomainEvent, EventHub, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { ComplianceMinute } from '../store/energy.ts'
import type { Store } from '../store/ports.ts'
import type { LoopAlarm } from './alarm-book.ts'
import { BaseLoads, type MeterConfig } from './base-load.ts'
import { CarPlans } from './car-plans.ts'
import type { DemandBook } from './demand-book.ts'
import { DeviceReader } from './device-reader.ts'
import { LimitSources } from './limit-sources.ts'
import { LiveSite } from './live-site.ts'
import { Patrol, type Visit } from './patrol.ts'
import type { Advice } from './planner.ts'
import { type PriceSlot, priceAt } from './prices.ts'
import { PushDesk } from './push-desk.ts'
import { SiteKeeper } from './site-keeper.ts'
import type { RecordedSnapshot } from './snapshots.ts'
import { nodeStatuses } from './status.ts'

export interface SiteLoopOptions {
  readonly site: Site
  readonly spec: SiteSpec
  readonly store: Store
  readonly bus: StationBus
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  readonly settings: DecisionSettings
  readonly pushDeadlineMs: number
  readonly demands: DemandBook
  readonly meters?: readonly MeterConfig[]
  /** Least time between the beginnings of two turns. */
  readonly turnGapMs?: number
  /** How often every station is asked what it holds; 0 never. */
  readonly readBackEveryMs?: number
}

/** How a site is steered, beside its configuration and its limits. */
export interface Steering {
  readonly policy: PolicyName
  readonly prices: PriceSlot[]
}
const DEFAULT_STEERING: Steering = { policy: 'fair', prices: [] }

/** Twenty turns a second: what comes closer together is decided together. */
const TURN_GAP_MS = 50
/** A large site, or a busy machine, is decided less often: turns take a quarter of the time, answers get the rest. */
const TURN_SHARE = 1 / 4
const LONGEST_GAP_MS = 250
const PUBLISH_GAP_MS = 250

/**
 * The loop of one site; README.md writes its steps down. Events mark what changed and ask for a turn; a turn takes a
 * snapshot, decides, and sends what may go now. Only one turn runs at a time, and pushes never hold it up.
 */
export class SiteLoop {
  readonly live: LiveSite
  readonly baseLoads: BaseLoads
  readonly limits: LimitSources
  readonly cars: CarPlans
  readonly #options: SiteLoopOptions
  readonly #desk: PushDesk
  readonly #keeper: SiteKeeper
  readonly #patrol: Patrol
  readonly #devices: DeviceReader
  #steering: Steering = DEFAULT_STEERING
  #plan: { readonly untilMs: number; readonly advice: Advice } | undefined
  #memory: Memory | undefined
  #decision: Decision | undefined
  #alarms: readonly LoopAlarm[] = []
  #turn: Promise<void> | undefined
  #again = false
  #stopped = false
  #startedTurnMs = Number.NEGATIVE_INFINITY
  #turnMs = 0
  #publishedMs = Number.NEGATIVE_INFINITY

  constructor(options: SiteLoopOptions) {
    this.#options = options
    this.live = new LiveSite(options)
    this.baseLoads = new BaseLoads(options.site, options.meters ?? [])
    this.limits = new LimitSources(options)
    this.cars = new CarPlans({ ...options, live: this.live, prices: () => this.#steering.prices })
    this.#desk = new PushDesk({
      ...options,
      live: this.live,
      reactionMs: options.settings.reactionMs,
      isPromised: (push) => this.cars.isPromised(push),
      dress: (push) => this.cars.dress(push),
      // Others may wait for this one: decide again with what was learned.
      onSettled: (push, accepted) => {
        this.cars.settled(push, accepted)
        this.poke()
      },
    })
    this.#devices = new DeviceReader({
      bus: options.bus,
      live: this.live,
      desk: this.#desk,
      deadlineMs: options.pushDeadlineMs,
      onRead: () => this.poke(),
    })
    this.#keeper = new SiteKeeper(options)
    this.#patrol = new Patrol({
      ...options,
      live: this.live,
      desk: this.#desk,
      everyMs: options.readBackEveryMs ?? 900_000,
      deadlineMs: options.pushDeadlineMs,
      onFinding: () => this.poke(),
    })
  }

  async start(): Promise<void> {
    const { store, clock, site } = this.#options
    await this.live.restore(clock.now())
    await this.limits.restore()
    const key = `steering/${site.id}`
    this.#steering = ((await store.energy.list(key)).get(key) as Steering | undefined) ?? DEFAULT_STEERING
    this.#memory = await this.#keeper.restore(this.#steering.prices)
    this.poke()
  }

  /** Ends the loop: no further turn, and what is under way gets its answer or its deadline. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#turn
    await this.#patrol.stop()
    await this.#desk.idle()
    await this.#keeper.stop()
  }

  observe(event: DomainEvent): void {
    this.#patrol.observe(event)
    if (event.kind === 'session.updated' && event.eventType === 'Ended' && this.live.has(event.stationId))
      this.#keeper.ended(event.stationId, event.transactionId, this.#steering.prices)
    if (event.kind === 'charging-limit.reported' && this.live.has(event.stationId)) {
      void this.#readExternal(event.stationId)
      return
    }
    if (this.live.observe(event, this.#options.clock.now())) this.poke()
  }

  async #readExternal(stationId: string): Promise<void> {
    try {
      if (await this.limits.external.update(stationId)) this.poke()
    } catch (error) {
      this.#options.log.error({ err: error, stationId }, 'A limit reported by a station could not be read')
    }
  }

  /** A reading of a meter; false where the node has none. What matters of it is decided in the next turn. */
  readMeter(nodeId: string, currentA: readonly [number, number, number]): boolean {
    if (!this.baseLoads.has(nodeId)) return false
    const nowMs = this.#options.clock.now()
    const unmeasured = this.live.unmeasured()
    this.baseLoads.read(nodeId, { currentA, evseA: this.#knownDraw(nowMs), unmeasured, nowMs })
    this.poke()
    return true
  }

  /** What EVSEs are known to draw of what a meter shows. One out of reach may draw less than it last said: no more than is kept for it. */
  #knownDraw(nowMs: number): (readonly [number, number, number])[] {
    const { site } = this.#options
    return this.#measuredA(nowMs).map((drawn, index) => {
      const evse = site.evses[index]
      if (!evse || this.live.isOnline(evse.stationId)) return drawn
      const keptA = this.#decision?.grants[index]?.worstA ?? 0
      return [Math.min(drawn[0], keptA), Math.min(drawn[1], keptA), Math.min(drawn[2], keptA)]
    })
  }

  #measuredA(nowMs: number): (readonly [number, number, number])[] {
    return this.live.measuredPhases(nowMs - this.#options.settings.meterMaxAgeMs)
  }

  async steer(steering: Steering): Promise<void> {
    await this.#keeper.pricesChange(this.#steering.prices)
    await this.#options.store.energy.put(`steering/${this.#options.site.id}`, steering)
    this.#steering = steering
    // Advice was made for another policy.
    this.#plan = undefined
    this.poke()
  }

  /** Advice of the planner; it is forgotten by itself. */
  advise(advice: Advice | undefined, untilMs: number): void {
    this.#plan = advice && { untilMs, advice }
    this.poke()
  }

  /** Asks for a turn as soon as the running one is over. */
  poke(): void {
    if (this.#stopped) return
    if (this.#turn) {
      this.#again = true
      return
    }
    this.#turn = this.#run().finally(() => {
      this.#turn = undefined
      if (!this.#again) return
      this.#again = false
      this.poke()
    })
  }

  /** Resolves when no turn runs or is asked for, nothing is under way and all is kept. */
  async idle(): Promise<void> {
    while (this.#turn || this.#desk.busy || this.#keeper.busy) {
      await this.#turn
      await this.#desk.idle()
      await this.#keeper.idle()
    }
    await this.#keeper.idle()
  }

  get decision(): Decision | undefined {
    return this.#decision
  }

  get steering(): Steering {
    return this.#steering
  }

  get alarms(): readonly LoopAlarm[] {
    return this.#alarms
  }

  /** Asks a station in the next turn what it holds; what it says is its latest visit then. */
  askProfiles(stationId: string): void {
    this.#patrol.askSoon(stationId)
    this.poke()
  }

  /** What a station was last found to hold; undefined where it has not been asked yet. */
  visit(stationId: string): Visit | undefined {
    return this.#patrol.latest(stationId)
  }

  /** The minute that is not yet on disk. */
  get currentMinutes(): readonly ComplianceMinute[] {
    return this.#keeper.currentMinutes
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    try {
      await this.#gap()
      this.cars.beginTurn()
      await this.live.refresh(clock.now())
      await this.cars.applyPending()
      const begunMs = performance.now()
      const snapshot = this.snapshot(clock.now())
      const decision = decide({ ...snapshot, site: this.#options.site })
      this.#decision = decision
      this.#memory = decision.memory
      this.#devices.ask(snapshot.nowMs)
      this.#send(decision.pushes)
      this.#alarms = [...decision.alarms, ...this.#patrol.alarms, ...this.cars.alarms(snapshot.nowMs)]
      this.#keeper.account(decision, this.#measuredA(decision.atMs), this.#steering.prices)
      this.#publish(decision)
      this.#patrol.walk(snapshot.nowMs)
      this.#turnMs = performance.now() - begunMs
      this.#keeper.keep(snapshot, decision, this.#alarms)
    } catch (error) {
      // The stations keep what they hold, which expires into their safe defaults: failing here is safe, silence is not.
      log.error(
        { err: error, site: this.#options.site.id },
        'A decision of the site loop failed; the next turn tries again',
      )
    }
  }

  async #gap(): Promise<void> {
    const gapMs =
      this.#options.turnGapMs ?? Math.min(LONGEST_GAP_MS, Math.max(TURN_GAP_MS, this.#turnMs / TURN_SHARE))
    const waitMs = this.#startedTurnMs + gapMs - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    this.#startedTurnMs = performance.now()
    // What was asked for until now is answered by this turn.
    this.#again = false
  }

  snapshot(nowMs: number): RecordedSnapshot {
    const { settings } = this.#options
    const plan = this.#plan
    const pricePerKwh = priceAt(this.#steering.prices, nowMs)
    return {
      nowMs,
      limits: this.limits.inputs(nowMs),
      baseLoads: this.baseLoads.inputs(),
      ...this.live.states(),
      policy: this.#steering.policy,
      ...(pricePerKwh === undefined ? {} : { pricePerKwh }),
      settings,
      ...(plan === undefined || nowMs >= plan.untilMs ? {} : { plan }),
      ...(this.#memory === undefined ? {} : { memory: this.#memory }),
    }
  }

  #send(pushes: readonly Push[]): void {
    for (const push of pushes) if (push.wave === 1) this.#desk.offer(push)
    this.#desk.flush()
  }

  #publish(decision: Decision): void {
    if (decision.atMs - this.#publishedMs < PUBLISH_GAP_MS) return
    this.#publishedMs = decision.atMs
    const { hub, site } = this.#options
    const at = new Date(decision.atMs).toISOString()
    // EVSEs are read when they are wanted: a thousand of them with every event would cost more than deciding.
    const status = { nodes: nodeStatuses(site, this), alarms: this.#alarms }
    hub.publish({ kind: 'site.updated', siteId: site.id, at, status })
  }
}
