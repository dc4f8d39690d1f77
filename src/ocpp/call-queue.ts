/**
 * Calls to one station: one outstanding at a time (part 4, 4.1.1), the others wait in order and in bounds.
 * Time is an argument (monotonic milliseconds); the owner calls `expire` regularly.
 */

export interface PendingCall {
  readonly id: string
  readonly action: string
  readonly payload: unknown
  /** Monotonic time after which nobody waits for the answer any more. */
  readonly deadlineAt: number
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
  private readonly maxWaiting: number

  constructor(send: (call: PendingCall) => void, maxWaiting: number) {
    this.send = send
    this.maxWaiting = maxWaiting
  }

  get isIdle(): boolean {
    return this.outstanding === undefined && this.waiting.length === 0
  }

  /** False where the queue is full: the call was not taken. Before `heldUntil` it waits. */
  push(call: PendingCall, now: number, heldUntil = 0): boolean {
    if (this.outstanding !== undefined || now < heldUntil) {
      if (this.waiting.length >= this.maxWaiting) return false
      this.waiting.push(call)
      return true
    }
    this.transmit(call, now)
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

  advance(now: number, heldUntil = 0): void {
    if (now < heldUntil) return
    while (this.outstanding === undefined) {
      const next = this.waiting.shift()
      if (next === undefined) return
      if (next.deadlineAt <= now) next.settle({ kind: 'unsent' })
      else this.transmit(next, now)
    }
  }

  expire(now: number, heldUntil = 0): void {
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
    this.advance(now, heldUntil)
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
