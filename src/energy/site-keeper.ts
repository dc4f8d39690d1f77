import type { Logger } from 'pino'
import type { Decision, Memory, Site, SiteSpec } from '../../profiles/index.ts'
import type { EventHub } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { ComplianceMinute } from '../store/energy.ts'
import type { Store } from '../store/ports.ts'
import { AlarmBook, type LoopAlarm } from './alarm-book.ts'
import { Compliance, minuteOf } from './compliance.ts'
import type { DemandBook } from './demand-book.ts'
import { type PriceSlot, priceAt } from './prices.ts'
import { SessionCosts } from './session-costs.ts'
import { type RecordedSnapshot, SnapshotRecorder } from './snapshots.ts'

export interface SiteKeeperOptions {
  readonly site: Site
  readonly spec: SiteSpec
  readonly store: Store
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  readonly demands: DemandBook
}

/** What decisions remember is written this often: what a crash takes is measured again. */
const REMEMBER_GAP_MS = 2_000
/** Rows that wait while the disk does not take them. */
const KEPT_UNWRITTEN = 10_000
/** The minute under way is written this often. */
const RECORD_GAP_MS = 10_000
const KEEP_MINUTES_MS = 400 * 86_400_000

/**
 * What a site's loop leaves behind: what the next decision builds on, snapshots for replays, the minutes of the
 * compliance record, what sessions cost, alarms that are new. Written beside the loop, which never waits for it.
 */
export class SiteKeeper {
  readonly #options: SiteKeeperOptions
  readonly #recorder: SnapshotRecorder
  readonly #compliance: Compliance
  readonly #costs: SessionCosts
  readonly #alarmBook: AlarmBook
  #keeping: Promise<void> | undefined
  #minutes: ComplianceMinute[] = []
  #rememberedMs = Number.NEGATIVE_INFINITY
  #recordedMs = Number.NEGATIVE_INFINITY
  #remembered = ''

  constructor(options: SiteKeeperOptions) {
    this.#options = options
    this.#recorder = new SnapshotRecorder(options)
    this.#compliance = new Compliance(options.site)
    this.#costs = new SessionCosts(options)
    this.#alarmBook = new AlarmBook(options)
  }

  /** What the loop before this one remembered; sessions that ended without it are settled. */
  async restore(prices: readonly PriceSlot[]): Promise<Memory | undefined> {
    const { store, site, clock } = this.#options
    const key = `memory/${site.id}`
    const memory = (await store.energy.list(key)).get(key) as Memory | undefined
    await this.#costs.restore()
    await this.#costs.catchUp(memory, prices)
    const nowMs = clock.now()
    const span = { fromMs: minuteOf(nowMs), toMs: nowMs + 1, limit: KEPT_UNWRITTEN }
    this.#compliance.resume(await store.energy.minutes({ siteId: site.id, ...span }), nowMs)
    return memory
  }

  ended(stationId: string, transactionId: string, prices: readonly PriceSlot[]): void {
    this.#costs.ended(stationId, transactionId, prices)
  }

  /** The prices that held until now make room for others. */
  pricesChange(leaving: readonly PriceSlot[]): Promise<void> {
    return this.#costs.pricesChange(leaving)
  }

  /** Counts what was measured until this decision. */
  account(
    decision: Decision,
    evseA: readonly (readonly [number, number, number])[],
    prices: readonly PriceSlot[],
  ): void {
    this.#costs.observe(decision.memory)
    const price = priceAt(prices, decision.atMs)
    const done = this.#compliance.observe({
      decision,
      evseA,
      ...(price === undefined ? {} : { pricePerKwh: price }),
    })
    this.#minutes = [...this.#minutes, ...done].slice(-KEPT_UNWRITTEN)
  }

  /** Writes what is due, unless that is under way already: what is left out now comes with a later decision. */
  keep(snapshot: RecordedSnapshot, decision: Decision, alarms: readonly LoopAlarm[]): void {
    const { log, site } = this.#options
    this.#keeping ??= this.#write(snapshot, decision, alarms)
      .catch((error: unknown) =>
        log.error({ err: error, site: site.id }, 'What a site loop leaves behind could not be kept'),
      )
      .finally(() => {
        this.#keeping = undefined
      })
  }

  get busy(): boolean {
    return this.#keeping !== undefined
  }

  /** Resolves when all that was begun is on disk. */
  async idle(): Promise<void> {
    await this.#keeping
    await this.#costs.idle()
  }

  async stop(): Promise<void> {
    await this.#keeping
    await this.#keepMinutes(this.#options.clock.now())
    await this.#costs.idle()
  }

  /** The minute that is not yet on disk. */
  get currentMinutes(): readonly ComplianceMinute[] {
    return this.#compliance.current()
  }

  async #write(snapshot: RecordedSnapshot, decision: Decision, alarms: readonly LoopAlarm[]): Promise<void> {
    const { store, site } = this.#options
    const { nowMs } = snapshot
    if (nowMs - this.#rememberedMs >= REMEMBER_GAP_MS) {
      this.#rememberedMs = nowMs
      const text = JSON.stringify(decision.memory)
      if (text !== this.#remembered) await store.energy.put(`memory/${site.id}`, decision.memory)
      this.#remembered = text
    }
    if (this.#minutes.length > 0 || nowMs - this.#recordedMs >= RECORD_GAP_MS) await this.#keepMinutes(nowMs)
    await this.#alarmBook.observe(alarms, nowMs)
    await this.#recorder.observe(snapshot, decision)
  }

  /** With the minute under way: a process that dies takes seconds of the record with it, not the minute. */
  async #keepMinutes(nowMs: number): Promise<void> {
    this.#recordedMs = nowMs
    const done = this.#minutes
    const minutes = [...done, ...this.#compliance.current()]
    if (minutes.length > 0) await this.#options.store.energy.keepMinutes(minutes, nowMs - KEEP_MINUTES_MS)
    this.#minutes = this.#minutes.filter((minute) => !done.includes(minute))
  }
}
