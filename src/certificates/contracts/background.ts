import type { Logger } from 'pino'

/** Work that nobody waits for: its failures are logged, and the end waits for what has begun. */
export class Background {
  readonly #log: Logger
  readonly #running = new Set<Promise<unknown>>()
  readonly #timers: NodeJS.Timeout[] = []

  constructor(log: Logger) {
    this.#log = log
  }

  run(work: Promise<unknown>, failure: string): void {
    const task = work
      .catch((error: unknown) => this.#log.error({ err: error }, failure))
      .finally(() => this.#running.delete(task))
    this.#running.add(task)
  }

  every(intervalMs: number, work: () => Promise<unknown>, failure: string): void {
    this.#timers.push(setInterval(() => this.run(work(), failure), intervalMs).unref())
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    await Promise.all(this.#running)
  }
}
