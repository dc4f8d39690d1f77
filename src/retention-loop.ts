/** Makes quarters of meter values, and applies the retention policy: in small steps, a bounded number of them per turn. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Clock } from './observe/clock.ts'
import type { Prunable, RetentionStore } from './store/retention.ts'

const DAY_MS = 86_400_000
/** Rows per transaction: a few milliseconds of the event loop. */
const BATCH = 250
/** Transactions per turn: half a million values an hour is more than the largest fleet sends. */
const MAX_BATCHES = 2_000
/** The event loop and the disk belong to the stations in between. */
const PAUSE_MS = 10
/** What became too old may stay so much longer. */
const PRUNING_MS = 3_600_000

export interface RetentionPolicy {
  readonly meterDetailDays: number
  readonly transactionEventsDays: number
  readonly meterValuesDays: number
  readonly stationEventsDays: number
  readonly messagesDays: number
}

export interface RetentionLoopOptions {
  readonly store: RetentionStore
  readonly policy: RetentionPolicy
  readonly clock: Clock
  readonly log: Logger
  readonly intervalMs: number
  /** Between two transactions. */
  readonly pause?: () => Promise<unknown>
  readonly batch?: number
  readonly maxBatches?: number
}

export class RetentionLoop {
  readonly #options: RetentionLoopOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isStopped = false
  #nextPruningMs = Number.NEGATIVE_INFINITY

  constructor(options: RetentionLoopOptions) {
    this.#options = options
  }

  /** The first turn begins at once. */
  start(): void {
    this.#timer = setInterval(() => void this.turn(), this.#options.intervalMs)
    this.#timer.unref()
    void this.turn()
  }

  /** Resolves when the transaction under way is over; nothing follows it. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    await this.#running
  }

  /** One turn, or the one under way. Never rejects: what could not be done is tried again by the next. */
  turn(): Promise<void> {
    this.#running ??= this.#work()
      .catch((error: unknown) =>
        this.#options.log.error({ err: error }, 'Old records could not be removed; it is tried again'),
      )
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  async #work(): Promise<void> {
    const { policy, log } = this.#options
    // Nothing goes before it is in quarters: there is one way out of the table.
    const values = await this.#rollUp()
    if (this.#options.clock.now() < this.#nextPruningMs) return
    this.#nextPruningMs = this.#options.clock.now() + PRUNING_MS
    const removed = {
      details: await this.#prune('meter-details', Math.min(policy.meterDetailDays, policy.meterValuesDays)),
      transactionEvents: await this.#prune('transaction-events', policy.transactionEventsDays),
      quarters: await this.#prune('meter-quarters', policy.meterValuesDays),
      events: await this.#prune('station-events', policy.stationEventsDays),
      messages: await this.#prune('station-messages', policy.messagesDays),
    }
    if (Object.values(removed).some((count) => count > 0))
      log.info({ values, ...removed }, 'Old records were removed')
  }

  async #rollUp(): Promise<number> {
    const { store, batch = BATCH } = this.#options
    let total = 0
    await this.#inSteps(async () => {
      const count = await store.rollUp(batch)
      total += count
      return count === batch
    })
    return total
  }

  async #prune(what: Prunable, days: number): Promise<number> {
    const { store, batch = BATCH } = this.#options
    const before = this.#before(days)
    let total = 0
    await this.#inSteps(async () => {
      const removed = await store.prune(what, before, batch)
      total += removed
      return removed === batch
    })
    return total
  }

  async #inSteps(step: () => Promise<boolean>): Promise<void> {
    const { maxBatches = MAX_BATCHES, pause = () => sleep(PAUSE_MS) } = this.#options
    for (let count = 0; count < maxBatches && !this.#isStopped; count++) {
      if (!(await step())) return
      await pause()
    }
  }

  #before(days: number): string {
    return new Date(this.#options.clock.now() - days * DAY_MS).toISOString()
  }
}
