import type { TransactionEventRequest, TransactionEventResponse } from '../ocpp/v201/messages.generated.ts'
import type { Counters } from './context.ts'
import { CallFailure } from './outgoing-calls.ts'
import type { Cancel, Scheduler } from './scheduler.ts'

const CAPACITY = 2000

export interface OutboxServices {
  readonly scheduler: Scheduler
  readonly counters: Counters
  online(): boolean
  /** Rejects with CallFailure. */
  send(event: TransactionEventRequest): Promise<TransactionEventResponse>
  /** MessageAttempts and MessageAttemptInterval of the device model. */
  attempts(): number
  attemptIntervalS(): number
  answered(request: TransactionEventRequest, response: TransactionEventResponse): void
  problem(where: string, error: unknown): void
}

/**
 * Transaction events in the order they happened, kept until the CSMS has answered: what happens offline is
 * replayed after the next connection. It survives reboots of the simulated station as its flash would.
 */
export class TransactionOutbox {
  readonly #services: OutboxServices
  #events: TransactionEventRequest[] = []
  #sending = false
  #attempts = 0
  #cancelRetry: Cancel = () => {}

  constructor(services: OutboxServices) {
    this.#services = services
  }

  get size(): number {
    return this.#events.length
  }

  holds(transactionId: string | undefined): boolean {
    if (transactionId === undefined) return this.#events.length > 0
    return this.#events.some((event) => event.transactionInfo.transactionId === transactionId)
  }

  push(event: TransactionEventRequest): void {
    if (this.#events.length >= CAPACITY) this.#makeRoom()
    this.#events.push(event)
    this.flush()
  }

  /** Sends what waits; called after each registration and reconnect as well. */
  flush(): void {
    if (this.#sending) return
    this.#cancelRetry()
    void this.#drain()
  }

  async #drain(): Promise<void> {
    this.#sending = true
    try {
      while (this.#services.online()) {
        const event = this.#events[0]
        if (event === undefined) return
        if (!(await this.#deliver(event))) return
      }
    } finally {
      this.#sending = false
    }
  }

  /** False when the queue has to wait: for the link, or for the next attempt. */
  async #deliver(event: TransactionEventRequest): Promise<boolean> {
    try {
      const response = await this.#services.send(event)
      this.#remove(event)
      this.#services.answered(event, response)
      return true
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error
      if (error.code === 'offline' || error.code === 'closed') return false
      return this.#failed(event, error)
    }
  }

  /** The CSMS did not take it: try again as often as MessageAttempts says, then give it up (E13). */
  #failed(event: TransactionEventRequest, error: CallFailure): boolean {
    this.#attempts++
    if (this.#attempts >= this.#services.attempts()) {
      this.#remove(event)
      this.#services.counters.transactionEventsLost++
      this.#services.problem('TransactionEvent given up', error)
      return true
    }
    const waitMs = this.#services.attemptIntervalS() * 1000 * this.#attempts
    this.#cancelRetry = this.#services.scheduler.after(waitMs, () => this.flush())
    return false
  }

  #remove(event: TransactionEventRequest): void {
    this.#attempts = 0
    if (this.#events[0] === event) this.#events.shift()
  }

  /** Thins out periodic readings first: they may be lost, begin and end may not (E04.FR.07). */
  #makeRoom(): void {
    const before = this.#events.length
    let periodic = 0
    this.#events = this.#events.filter((event, index) => {
      if (index === 0 || event.triggerReason !== 'MeterValuePeriodic') return true
      return periodic++ % 2 === 0
    })
    if (this.#events.length === before) this.#events.splice(1, 1)
    this.#services.counters.transactionEventsLost += before - this.#events.length
  }
}
