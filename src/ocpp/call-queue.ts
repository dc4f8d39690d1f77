/**
 * Calls to one station: one outstanding at a time (part 4, 4.1.1), the others wait in order and in bounds, those of an
 * operator before those of our own. Time is an argument (monotonic milliseconds); the owner calls `expire` regularly.
 */

export interface PendingCall {
  readonly id: string
  readonly action: string
  readonly payload: unknown
  /** An operator or a site's limit waits for it. */
  readonly urgent: boolean
  /** Monotonic time after which nobody waits for the answer any more. */
  deadlineAt: number
  sentAt: number
  readonly settle: (end: CallEnd) => void
}

export type CallEnd =
  | { readonly kind: 'result'; readonly payload: unknown }
  | { readonly kind: 'error'; readonly code: string; readonly description: string; readonly details: object }
  | { readonly kind: 'expired' }
  /** The deadline passed, or the socket closed, while the call still waited for its turn. */
  | { readonly kind: 'unsent' }
  | { readonly kind: 'disconnected' }

/** How long an own call may take while an urgent one waits behind it. */
const YIELD_MS = 5_000
/** Ids of expired calls that are remembered, to tell a late answer from one to nothing. */
const REMEMBERED_EXPIRED = 8

export type Match =
  | { readonly kind: 'matched'; readonly call: PendingCall }
  | { readonly kind: 'late' | 'unmatched' }

export class CallQueue {
  private outstanding: PendingCall | undefined
  private readonly waiting: PendingCall[] = []
  private readonly expired: string[] = []
  private readonly send: (call: PendingCall) => void
  private readonly heldUntil: (call: PendingCall) => number
  private readonly maxWaiting: number

  /** `heldUntil`: before that time a call waits; for an urgent one it is never later than for another. */
  constructor(options: {
    send: (call: PendingCall) => void
    heldUntil: (call: PendingCall) => number
    maxWaiting: number
  }) {
    this.send = options.send
    this.heldUntil = options.heldUntil
    this.maxWaiting = options.maxWaiting
  }

  get isIdle(): boolean {
    return this.outstanding === undefined && this.waiting.length === 0
  }

  /** False where the queue is full: the call was not taken. */
  push(call: PendingCall, now: number): boolean {
    const { outstanding, waiting } = this
    if (outstanding === undefined && now >= this.heldUntil(call)) {
      this.transmit(call, now)
      return true
    }
    if (waiting.length >= this.maxWaiting) return false
    const firstOwn = call.urgent ? waiting.findIndex(({ urgent }) => !urgent) : -1
    waiting.splice(firstOwn < 0 ? waiting.length : firstOwn, 0, call)
    if (call.urgent && outstanding?.urgent === false)
      outstanding.deadlineAt = Math.min(outstanding.deadlineAt, outstanding.sentAt + YIELD_MS)
    return true
  }

  /** Takes the outstanding call that an answer belongs to. The next call is sent by `advance`. */
  take(id: string): Match {
    const call = this.outstanding
    if (call !== undefined && call.id === id) {
      this.outstanding = undefined
      return { kind: 'matched', call }
    }
    const at = this.expired.indexOf(id)
    if (at < 0) return { kind: 'unmatched' }
    this.expired.splice(at, 1)
    return { kind: 'late' }
  }

  advance(now: number): void {
    while (this.outstanding === undefined) {
      const [next] = this.waiting
      if (next === undefined || now < this.heldUntil(next)) return
      this.waiting.shift()
      if (next.deadlineAt <= now) next.settle({ kind: 'unsent' })
      else this.transmit(next, now)
    }
  }

  expire(now: number): void {
    const call = this.outstanding
    if (call !== undefined && call.deadlineAt <= now) {
      this.outstanding = undefined
      this.expired.push(call.id)
      if (this.expired.length > REMEMBERED_EXPIRED) this.expired.shift()
      call.settle({ kind: 'expired' })
    }
    for (let i = this.waiting.length - 1; i >= 0; i--) {
      const waiting = this.waiting[i]
      if (waiting === undefined || waiting.deadlineAt > now) continue
      this.waiting.splice(i, 1)
      waiting.settle({ kind: 'unsent' })
    }
    this.advance(now)
  }

  /** The socket is gone: everyone learns it. */
  close(): void {
    const call = this.outstanding
    this.outstanding = undefined
    call?.settle({ kind: 'disconnected' })
    for (const waiting of this.waiting.splice(0)) waiting.settle({ kind: 'unsent' })
  }

  private transmit(call: PendingCall, now: number): void {
    call.sentAt = now
    this.outstanding = call
    this.send(call)
  }
}
