/**
 * One station's socket: frames in and out, its calls handled one after the other, our calls through the queue.
 * Thousands of these idle in one process: no timers of their own, nothing allocated before it is needed.
 */

import type { WebSocket } from 'ws'
import type { BootGate } from './boot-gate.ts'
import { type CallEnd, CallQueue, type PendingCall } from './call-queue.ts'
import type { RpcErrorCode } from './errors.ts'
import { type BrokenFrame, encodeCall, encodeError, parseFrame, UNREADABLE_ID } from './frame.ts'
import { increment, observeLatency } from './metrics.ts'
import type { StationContext } from './router.ts'
import { type ConnectionEnvironment, type Line, StationCalls } from './station-calls.ts'

/** A close frame has room for 123 bytes of reason. */
const MAX_REASON_BYTES = 120
/** A station that comes to boot says so at once: until then it is not spoken to. */
const QUIET_AFTER_CONNECT_MS = 300
/** What nobody waits for gives a slow station more time to boot; one that never did comes to boot for certain. */
const OWN_QUIET_MS = 3_000
const OWN_QUIET_BEFORE_FIRST_BOOT_MS = 60_000

type Answer = Extract<CallEnd, { kind: 'result' | 'error' }>

export class Connection implements Line {
  readonly stationId: string
  readonly gate: BootGate
  readonly socket: WebSocket
  /** Monotonic time of the last sign of life. */
  heardAt: number
  /** Monotonic time of the ping that still waits for a sign of life, or 0. */
  pingedAt = 0
  private readonly environment: ConnectionEnvironment
  private queue: CallQueue | undefined
  private readonly calls: StationCalls
  /** Monotonic time before which our calls wait: a station that boots takes none before its answer (B01). */
  private callsHeldUntil: number
  private ownCallsHeldUntil: number
  private closing = false
  private after: (() => void)[] | undefined

  constructor(options: {
    stationId: string
    socket: WebSocket
    gate: BootGate
    environment: ConnectionEnvironment
    /** Whether the station has booted at any time before. */
    hasBooted: boolean
  }) {
    const { stationId, gate, environment } = options
    this.stationId = stationId
    this.socket = options.socket
    this.gate = gate
    this.environment = environment
    this.heardAt = environment.monotonic()
    this.callsHeldUntil = this.heardAt + QUIET_AFTER_CONNECT_MS
    this.ownCallsHeldUntil =
      this.heardAt + (options.hasBooted ? OWN_QUIET_MS : OWN_QUIET_BEFORE_FIRST_BOOT_MS)
    this.calls = new StationCalls({ stationId, gate, environment, line: this })
  }

  set context(context: StationContext) {
    this.calls.context = context
  }

  get isClosing(): boolean {
    return this.closing
  }

  get hasCalls(): boolean {
    return this.queue !== undefined && !this.queue.isIdle
  }

  receive(data: Buffer, isBinary: boolean): void {
    const { monotonic, metrics } = this.environment
    const now = monotonic()
    this.heardAt = now
    this.pingedAt = 0
    metrics.messagesIn++
    if (this.closing) return
    if (isBinary) {
      this.fail(UNREADABLE_ID, 'RpcFrameworkError', 'OCPP-J messages are text frames, this one was binary.')
      return
    }
    const text = data.toString()
    const frame = parseFrame(text)
    if (frame.kind === 'call') this.calls.accept(frame, text, now)
    else if (frame.kind === 'broken') this.refuseBroken(frame)
    else this.settle(frame.id, frame)
  }

  /** Our call to the station. False where the queue is full. */
  call(call: PendingCall, maxQueued: number): boolean {
    this.queue ??= new CallQueue({
      send: (next) => this.transmit(next),
      heldUntil: ({ urgent }) => (urgent ? this.callsHeldUntil : this.ownCallsHeldUntil),
      maxWaiting: maxQueued,
    })
    return this.queue.push(call, this.environment.monotonic())
  }

  expireCalls(now: number): void {
    this.queue?.expire(now)
  }

  /** The socket is closed: whoever waits for an answer learns it. */
  closed(): void {
    this.closing = true
    this.calls.forget()
    this.queue?.close()
  }

  /** Closes politely, and hard where the peer does not play along within a second. */
  close(code: number, reason: string): void {
    if (this.closing) return
    this.closing = true
    // Reasons may be an operator's words: only codes are counted.
    increment(this.environment.metrics.closed, String(code))
    this.socket.close(code, Buffer.from(reason).subarray(0, MAX_REASON_BYTES))
    const kill = setTimeout(() => this.socket.terminate(), 1000)
    kill.unref()
    this.socket.once('close', () => clearTimeout(kill))
  }

  terminate(reason: string): void {
    if (!this.closing) increment(this.environment.metrics.closed, reason)
    this.closing = true
    this.socket.terminate()
  }

  /** Runs once the answer to the call being handled has left. */
  afterAnswer(work: () => void): void {
    this.after ??= []
    this.after.push(work)
  }

  /** Resolves when no call of the station is being handled. */
  idle(): Promise<void> {
    return this.calls.idle()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    if (this.socket.isPaused) this.socket.resume()
  }

  holdCalls(): void {
    this.callsHeldUntil = Number.POSITIVE_INFINITY
    this.ownCallsHeldUntil = Number.POSITIVE_INFINITY
  }

  /** The answer has left: what waited for it goes on. */
  answered(): void {
    if (this.ownCallsHeldUntil > 0) {
      this.callsHeldUntil = 0
      this.ownCallsHeldUntil = 0
      this.queue?.advance(this.environment.monotonic())
    }
    for (const work of this.after?.splice(0) ?? []) work()
  }

  fail(id: string, code: RpcErrorCode, description: string): void {
    increment(this.environment.metrics.errorsOut, code)
    this.send(encodeError(id, code, description))
  }

  private refuseBroken(frame: BrokenFrame): void {
    const { log, messageLog } = this.environment
    messageLog.record({
      stationId: this.stationId,
      direction: 'from-station',
      kind: 'unreadable',
      messageId: frame.id,
      action: null,
      errorCode: frame.code,
      payload: { description: frame.description },
    })
    log.warn(
      { stationId: this.stationId, code: frame.code, detail: frame.description },
      'a frame cannot be read',
    )
    if (frame.answerable) this.fail(frame.id, frame.code, frame.description)
    else if (frame.id !== UNREADABLE_ID) {
      // A broken answer still ends the wait of the call that it belongs to.
      this.settle(frame.id, { kind: 'error', code: frame.code, description: frame.description, details: {} })
    }
  }

  private settle(id: string, end: Answer): void {
    const { log, metrics, monotonic } = this.environment
    const match = this.queue?.take(id) ?? { kind: 'unmatched' as const }
    this.recordAnswer(id, end, match.kind === 'matched' ? match.call.action : null)
    if (match.kind === 'matched') {
      const now = monotonic()
      observeLatency(metrics.answering, now - match.call.sentAt)
      match.call.settle(end)
      this.queue?.advance(now)
      return
    }
    if (match.kind === 'late') metrics.lateAnswers++
    else metrics.unmatchedAnswers++
    log.info(
      { stationId: this.stationId, messageId: id, match: match.kind },
      'an answer that nobody waits for was ignored',
    )
  }

  private transmit({ id, action, payload }: PendingCall): void {
    const { stationId, environment } = this
    environment.messageLog.record({
      stationId,
      direction: 'to-station',
      kind: 'call',
      messageId: id,
      action,
      payload,
    })
    this.send(encodeCall(id, action, payload))
  }

  private recordAnswer(messageId: string, end: Answer, action: string | null): void {
    const kind = end.kind
    this.environment.messageLog.record({
      stationId: this.stationId,
      direction: 'from-station',
      kind,
      messageId,
      action,
      ...(kind === 'error' && { errorCode: end.code }),
      payload: kind === 'error' ? { description: end.description, details: end.details } : end.payload,
    })
  }

  send(text: string): void {
    if (this.socket.readyState !== 1) return
    this.environment.metrics.messagesOut++
    this.socket.send(text)
    if (this.socket.bufferedAmount <= this.environment.policy.maxUnreadBytes) return
    this.environment.securityEvent(this.stationId, 'SlowReader', { unreadBytes: this.socket.bufferedAmount })
    this.terminate('slow reader')
  }
}
