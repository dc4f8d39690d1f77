import type { Logger } from 'pino'
import {
  constantEnvelope,
  type Decision,
  type DecisionSettings,
  decide,
  type LimitInput,
  type Memory,
  type Push,
  type Site,
  type Snapshot,
} from '../../profiles/index.ts'
import type { DomainEvent, EventHub, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { LimitRecord } from '../store/sites.ts'
import { BaseLoads, type MeterConfig } from './base-load.ts'
import { LiveSite } from './live-site.ts'
import { sendPush } from './push.ts'

export interface SiteLoopOptions {
  readonly site: Site
  readonly store: Store
  readonly bus: StationBus
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  readonly settings: DecisionSettings
  readonly pushDeadlineMs: number
  readonly meters?: readonly MeterConfig[]
}

/** Everything a decision came from, but for the site itself, which is the same for all. */
export type RecordedSnapshot = Omit<Snapshot, 'site'>

/** Decisions kept for replay: five minutes at one a second. */
const KEPT_SNAPSHOTS = 300

/**
 * The loop of one site; README.md writes its steps down. Events mark what changed and ask for a turn; a turn takes a
 * snapshot, decides, and sends what may go now. Only one turn runs at a time, and pushes never hold it up.
 */
export class SiteLoop {
  readonly live: LiveSite
  readonly baseLoads: BaseLoads
  readonly #options: SiteLoopOptions
  readonly #sending = new Map<string, Promise<void>>()
  readonly #recorded: RecordedSnapshot[] = []
  #limits: readonly LimitRecord[] = []
  #memory: Memory | undefined
  #decision: Decision | undefined
  #turn: Promise<void> | undefined
  #again = false
  #stopped = false

  constructor(options: SiteLoopOptions) {
    this.#options = options
    this.live = new LiveSite(options)
    this.baseLoads = new BaseLoads(options.site, options.meters ?? [])
  }

  async start(): Promise<void> {
    const { store, clock, site } = this.#options
    await this.live.restore(clock.now())
    this.#memory = (await store.energy.list(`memory/${site.id}`)).get(`memory/${site.id}`) as
      | Memory
      | undefined
    await this.reloadLimits()
  }

  /** Ends the loop: no further turn, and what is under way gets its answer or its deadline. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#turn
    await Promise.all(this.#sending.values())
  }

  async reloadLimits(): Promise<void> {
    this.#limits = await this.#options.store.sites.limits(this.#options.site.id)
    this.poke()
  }

  observe(event: DomainEvent): void {
    if (this.live.observe(event, this.#options.clock.now())) this.poke()
  }

  /** A reading of a meter; false where the node has none. What matters of it is decided in the next turn. */
  readMeter(nodeId: string, currentA: readonly [number, number, number]): boolean {
    if (!this.baseLoads.has(nodeId)) return false
    const nowMs = this.#options.clock.now()
    this.baseLoads.read(nodeId, { currentA, evseA: this.live.measuredPhases(), nowMs })
    this.poke()
    return true
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
      if (this.#again) {
        this.#again = false
        this.poke()
      }
    })
  }

  /** Resolves when no turn runs or is asked for. */
  async idle(): Promise<void> {
    while (this.#turn || this.#sending.size > 0) {
      await this.#turn
      await Promise.all(this.#sending.values())
    }
  }

  get decision(): Decision | undefined {
    return this.#decision
  }

  get limits(): readonly LimitRecord[] {
    return this.#limits
  }

  get recorded(): readonly RecordedSnapshot[] {
    return this.#recorded
  }

  async #run(): Promise<void> {
    const { clock, log, store, site } = this.#options
    try {
      await this.live.refresh(clock.now())
      const snapshot = this.#snapshot(clock.now())
      const decision = decide(snapshot)
      this.#record(snapshot)
      this.#decision = decision
      const changed = JSON.stringify(decision.memory) !== JSON.stringify(this.#memory)
      this.#memory = decision.memory
      for (const push of decision.pushes) if (push.wave === 1) this.#send(push)
      this.#publish(decision)
      if (changed) await store.energy.put(`memory/${site.id}`, decision.memory)
    } catch (error) {
      // The stations keep what they hold, which expires into their safe defaults: failing here is safe, silence is not.
      log.error(
        { err: error, site: site.id },
        'A decision of the site loop failed; the next turn tries again',
      )
    }
  }

  #snapshot(nowMs: number): Snapshot {
    const { site, settings } = this.#options
    return {
      nowMs,
      site,
      limits: this.#limits.map(toLimitInput),
      baseLoads: this.baseLoads.inputs(),
      ...this.live.states(),
      policy: 'fair',
      settings,
      ...(this.#memory === undefined ? {} : { memory: this.#memory }),
    }
  }

  #send(push: Push): void {
    const { bus, clock, settings, pushDeadlineMs, log } = this.#options
    if (this.#sending.has(push.id)) return
    const sending = sendPush(
      { live: this.live, bus, clock, reactionMs: settings.reactionMs, deadlineMs: pushDeadlineMs },
      push,
    )
      .then((result) => {
        if (result === 'accepted') return
        log.warn({ push: push.id, direction: push.direction, result }, 'A charging profile was not accepted')
      })
      .catch((error: unknown) =>
        log.error({ err: error, push: push.id }, 'Sending a charging profile failed'),
      )
      .finally(() => {
        this.#sending.delete(push.id)
        // Others may wait for this one: decide again with what was learned.
        this.poke()
      })
    this.#sending.set(push.id, sending)
  }

  #record(snapshot: Snapshot): void {
    const { site: _site, ...rest } = snapshot
    this.#recorded.push(rest)
    if (this.#recorded.length > KEPT_SNAPSHOTS) this.#recorded.shift()
  }

  #publish(decision: Decision): void {
    const { hub, site } = this.#options
    const at = new Date(decision.atMs).toISOString()
    hub.publish({
      kind: 'site.updated',
      siteId: site.id,
      at,
      status: { nodes: decision.nodes, alarms: decision.alarms },
    })
  }
}

function toLimitInput(record: LimitRecord): LimitInput {
  return {
    sourceId: record.id,
    origin: 'operator',
    target: record.nodeId,
    unit: record.unit,
    envelope: constantEnvelope(record.value),
    ...(record.validFrom === null ? {} : { validFromMs: Date.parse(record.validFrom) }),
    ...(record.validTo === null ? {} : { validToMs: Date.parse(record.validTo) }),
  }
}
