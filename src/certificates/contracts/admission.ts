import type { ContractPolicy } from './policy.ts'

/** New times count for a tenth: one slow answer does not shut the door. */
const WEIGHT = 0.1
const FIRST_GUESS_MS = 2
/** Longer gaps are waits for somebody else (a responder, a provider), during which the processor is free. */
const LONGEST_SAMPLE_MS = 20
/** Begun per turn of the event loop: enough for their writes to share a commit, few enough for others to get a turn. */
const PER_TURN = 16

/**
 * A door that knows how long the queue behind it is. Answering a car is computation, so what comes in while the
 * processor is busy waits its turn; whoever would wait too long is turned away at once, while his car can still ask
 * again. Work begins a few pieces per turn of the event loop, so that other stations' messages get theirs.
 */
export class Admission {
  readonly #policy: Pick<ContractPolicy, 'maxInFlight' | 'maxWaitMs'>
  readonly #waiting: (() => void)[] = []
  #inFlight = 0
  /** Between one piece of work done and the next, while there is any: what the one behind has to wait for each. */
  #intervalMs = FIRST_GUESS_MS
  #doneMs: number | undefined
  #scheduled = false

  constructor(policy: Pick<ContractPolicy, 'maxInFlight' | 'maxWaitMs'>) {
    this.#policy = policy
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Undefined where there is no room; otherwise resolves with the outcome of the work. */
  run<T>(work: () => Promise<T>): Promise<T> | undefined {
    const { maxInFlight, maxWaitMs } = this.#policy
    if (this.#inFlight >= maxInFlight || this.#inFlight * this.#intervalMs > maxWaitMs) return undefined
    this.#inFlight += 1
    return this.#work(work)
  }

  async #work<T>(work: () => Promise<T>): Promise<T> {
    try {
      await new Promise<void>((begin) => {
        this.#waiting.push(begin)
        this.#schedule()
      })
      return await work()
    } finally {
      this.#inFlight -= 1
      this.#done()
    }
  }

  #done(): void {
    const nowMs = performance.now()
    if (this.#doneMs !== undefined) {
      const sampleMs = Math.min(nowMs - this.#doneMs, LONGEST_SAMPLE_MS)
      this.#intervalMs += (sampleMs - this.#intervalMs) * WEIGHT
    }
    // What comes after a pause says nothing about how fast the work is.
    this.#doneMs = this.#inFlight > 0 ? nowMs : undefined
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      for (const begin of this.#waiting.splice(0, PER_TURN)) begin()
      if (this.#waiting.length > 0) this.#schedule()
    })
  }
}
