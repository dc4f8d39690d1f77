/** Sends security events to sinks, in order, at least once, from where each sink stopped. */

import type { Logger } from 'pino'
import type { StationEventStore } from '../store/events.ts'
import type { FleetStore } from '../store/fleet.ts'
import { SECURITY_KINDS, type SecurityMessage, toMessage } from './message.ts'

export interface Sink {
  readonly name: string
  /** Resolves when the other side has them; rejects where it may not. */
  send(messages: readonly SecurityMessage[]): Promise<void>
  close(): Promise<void>
}

const BATCH = 100
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 300_000

export interface ExporterOptions {
  readonly events: StationEventStore
  /** Where the places are kept. */
  readonly fleet: Pick<FleetStore, 'setting' | 'putSetting'>
  readonly sinks: readonly Sink[]
  readonly log: Logger
  readonly sweepMs: number
}

export class Exporter {
  readonly #options: ExporterOptions
  readonly #waits = new Map<string, { failures: number; untilMs: number }>()
  readonly #running = new Map<string, Promise<void>>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: ExporterOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#options.sinks.length === 0) return
    this.#timer = setInterval(() => void this.advance(), this.#options.sweepMs)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#running.values())
    for (const sink of this.#options.sinks) await sink.close()
  }

  /** One round for every sink that is not under way. Never rejects. */
  async advance(nowMs: number = performance.now()): Promise<void> {
    await Promise.all(
      this.#options.sinks.map((sink) => {
        const wait = this.#waits.get(sink.name)
        if (wait !== undefined && wait.untilMs > nowMs) return undefined
        const known = this.#running.get(sink.name)
        if (known !== undefined) return known
        const round = this.#round(sink, nowMs).finally(() => this.#running.delete(sink.name))
        this.#running.set(sink.name, round)
        return round
      }),
    )
  }

  async #round(sink: Sink, nowMs: number): Promise<void> {
    const { events, fleet, log } = this.#options
    const place = `export/${sink.name}`
    try {
      for (;;) {
        const after = Number((await fleet.setting(place)) ?? 0)
        const batch = await events.list({ after, limit: BATCH })
        const last = batch.at(-1)
        if (last === undefined) break
        const messages = batch.filter(({ kind }) => SECURITY_KINDS.has(kind)).map(toMessage)
        if (messages.length > 0) await sink.send(messages)
        await fleet.putSetting(place, String(last.id))
        if (batch.length < BATCH) break
      }
      this.#waits.delete(sink.name)
    } catch (error) {
      const failures = (this.#waits.get(sink.name)?.failures ?? 0) + 1
      const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1))
      this.#waits.set(sink.name, { failures, untilMs: nowMs + waitMs })
      log.error(
        { err: error, sink: sink.name, waitMs },
        'Security events could not be exported; they are sent again',
      )
    }
  }
}
