import type { ContractPolicy } from './policy.ts'

/** New times count for a tenth: one slow answer does not shut the door. */
const WEIGHT = 0.1
const FIRST_GUESS_MS = 2
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
  #averageMs = FIRST_GUESS_MS
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
    if (this.#inFlight >= maxInFlight || this.#waiting.length * this.#averageMs > maxWaitMs) return undefined
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
    }
  }

  /** What one piece of work took of the processor. */
  took(ms: number): void {
    this.#averageMs += (ms - this.#averageMs) * WEIGHT
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
