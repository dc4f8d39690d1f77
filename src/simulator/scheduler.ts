/**
 * Time for the simulator: one heap of due callbacks per scheduler, so that ten thousand idle stations
 * cost one operating-system timer. The real driver follows the wall clock (optionally faster), the
 * manual driver stands still until a test moves it.
 */
export type Cancel = () => void

export interface Scheduler {
  /** Milliseconds since the epoch, in simulated time. */
  now(): number
  /** Runs `task` once, `delayMs` of simulated time from now. */
  after(delayMs: number, task: () => void): Cancel
  /** Runs `task` every `periodMs` of simulated time until cancelled. */
  every(periodMs: number, task: () => void): Cancel
}

export interface RealSchedulerOptions {
  /** Simulated milliseconds per real millisecond; 1 is real time. */
  readonly acceleration?: number
}

export interface RunningScheduler extends Scheduler {
  /** Forgets everything that is due; nothing runs afterwards. */
  stop(): void
}

export interface ManualScheduler extends Scheduler {
  /** Moves time forward and runs what became due, in order; lets promises settle between callbacks. */
  advance(byMs: number): Promise<void>
  /** Number of callbacks that wait. */
  pending(): number
}

interface Entry {
  dueMs: number
  order: number
  task: (() => void) | null
}

/** A binary heap on (due time, order of arrival). Cancelled entries stay until they surface. */
class DueHeap {
  readonly #entries: Entry[] = []
  #order = 0
  #live = 0

  get live(): number {
    return this.#live
  }

  push(dueMs: number, task: () => void): Cancel {
    const entry: Entry = { dueMs, order: this.#order++, task }
    this.#entries.push(entry)
    this.#live++
    this.#siftUp(this.#entries.length - 1)
    return () => {
      if (entry.task === null) return
      entry.task = null
      this.#live--
    }
  }

  nextDueMs(): number | undefined {
    this.#dropCancelled()
    return this.#entries[0]?.dueMs
  }

  /** Takes the first callback that is due at `nowMs`, if there is one. */
  take(nowMs: number): (() => void) | undefined {
    this.#dropCancelled()
    const first = this.#entries[0]
    if (first === undefined || first.dueMs > nowMs) return undefined
    this.#pop()
    const task = first.task
    first.task = null
    this.#live--
    return task ?? undefined
  }

  clear(): void {
    for (const entry of this.#entries) entry.task = null
    this.#entries.length = 0
    this.#live = 0
  }

  #dropCancelled(): void {
    while (this.#entries[0] !== undefined && this.#entries[0].task === null) this.#pop()
  }

  #pop(): void {
    const last = this.#entries.pop()
    if (last === undefined || this.#entries.length === 0) return
    this.#entries[0] = last
    this.#siftDown(0)
  }

  #siftUp(start: number): void {
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#before(index, parent)) return
      this.#swap(index, parent)
      index = parent
    }
  }

  #siftDown(start: number): void {
    let index = start
    for (;;) {
      const left = 2 * index + 1
      let least = index
      if (left < this.#entries.length && this.#before(left, least)) least = left
      if (left + 1 < this.#entries.length && this.#before(left + 1, least)) least = left + 1
      if (least === index) return
      this.#swap(index, least)
      index = least
    }
  }

  #before(a: number, b: number): boolean {
    const first = this.#entries[a]
    const second = this.#entries[b]
    if (first === undefined || second === undefined) return false
    return first.dueMs < second.dueMs || (first.dueMs === second.dueMs && first.order < second.order)
  }

  #swap(a: number, b: number): void {
    const first = this.#entries[a]
    const second = this.#entries[b]
    if (first === undefined || second === undefined) return
    this.#entries[a] = second
    this.#entries[b] = first
  }
}

function repeat(scheduler: Scheduler, periodMs: number, task: () => void): Cancel {
  if (!(periodMs > 0)) throw new RangeError(`A repeating task needs a period above 0 ms, got ${periodMs}.`)
  let cancelNext: Cancel = () => {}
  let dueMs = scheduler.now() + periodMs
  const arm = () => {
    cancelNext = scheduler.after(Math.max(0, dueMs - scheduler.now()), () => {
      // A process that slept does not replay every period it missed.
      dueMs = Math.max(dueMs + periodMs, scheduler.now())
      arm()
      task()
    })
  }
  arm()
  return () => cancelNext()
}

const MAX_SLEEP_MS = 2 ** 31 - 1

/** The wall clock, or a multiple of it, with a single timer underneath. */
export function createRealScheduler(options: RealSchedulerOptions = {}): RunningScheduler {
  const acceleration = options.acceleration ?? 1
  if (!(acceleration > 0)) throw new RangeError(`acceleration must be above 0, got ${acceleration}.`)
  const heap = new DueHeap()
  const originMs = Date.now()
  const originTicks = performance.now()
  let timer: NodeJS.Timeout | undefined
  let armedForMs = Number.POSITIVE_INFINITY
  const now = () => originMs + (performance.now() - originTicks) * acceleration

  const arm = () => {
    const dueMs = heap.nextDueMs()
    if (dueMs === undefined || (timer !== undefined && armedForMs <= dueMs)) return
    if (timer !== undefined) clearTimeout(timer)
    armedForMs = dueMs
    timer = setTimeout(run, Math.min(MAX_SLEEP_MS, Math.max(0, Math.ceil((dueMs - now()) / acceleration))))
  }
  const run = () => {
    timer = undefined
    armedForMs = Number.POSITIVE_INFINITY
    const untilMs = now()
    for (let task = heap.take(untilMs); task !== undefined; task = heap.take(untilMs)) task()
    arm()
  }
  const scheduler: RunningScheduler = {
    now,
    after: (delayMs, task) => {
      const cancel = heap.push(now() + delayMs, task)
      arm()
      return cancel
    },
    every: (periodMs, task) => repeat(scheduler, periodMs, task),
    stop: () => {
      heap.clear()
      if (timer !== undefined) clearTimeout(timer)
      timer = undefined
    },
  }
  return scheduler
}

/** Time that moves only when a test says so. */
export function createManualScheduler(startMs: number): ManualScheduler {
  const heap = new DueHeap()
  let nowMs = startMs
  const scheduler: ManualScheduler = {
    now: () => nowMs,
    after: (delayMs, task) => heap.push(nowMs + Math.max(0, delayMs), task),
    every: (periodMs, task) => repeat(scheduler, periodMs, task),
    pending: () => heap.live,
    advance: async (byMs) => {
      const untilMs = nowMs + byMs
      for (;;) {
        const dueMs = heap.nextDueMs()
        if (dueMs === undefined || dueMs > untilMs) break
        nowMs = Math.max(nowMs, dueMs)
        heap.take(nowMs)?.()
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      nowMs = untilMs
      await new Promise<void>((resolve) => setImmediate(resolve))
    },
  }
  return scheduler
}
