/**
 * One station's socket: frames in and out, its calls handled one after the other, our calls through the queue.
 * Thousands of these idle in one process: no timers of their own, nothing allocated before it is needed.
 */

import type { Logger } from 'pino'
import type { WebSocket } from 'ws'
import { isAction, stationMaySend } from './actions.ts'
import type { BootGate } from './boot-gate.ts'
import { CallQueue, type PendingCall } from './call-queue.ts'
import { RpcError, type RpcErrorCode } from './errors.ts'
import { type CallFrame, encodeError, encodeResult, parseFrame, UNREADABLE_ID } from './frame.ts'
import { increment, type OcppMetrics, observeLatency } from './metrics.ts'
import type { OcppPolicy } from './policy.ts'
import { RecentAnswers } from './recent-answers.ts'
import { dispatch, type Handlers, type StationContext } from './router.ts'
import type { Schemas } from './schemas.ts'
import type { Action } from './v201/messages.generated.ts'

/** Shared by all connections of a server. */
export interface ConnectionEnvironment {
  readonly handlers: Handlers
  readonly schemas: Schemas
  readonly policy: OcppPolicy
  readonly metrics: OcppMetrics
  readonly log: Logger
  /** Monotonic milliseconds. */
  readonly monotonic: () => number
  readonly securityEvent: (stationId: string, type: string, detail: object) => void
  readonly answered: (connection: Connection) => void
  /** Orders that wait for messages of their stations. */
  readonly followers: MessageFollowers
}

export interface MessageFollowers {
  follows(stationId: string): boolean
  observe(stationId: string, message: { action: Action; payload: unknown }): Promise<void>
}

interface Waiting {
  readonly frame: CallFrame
  readonly text: string
  readonly receivedAt: number
}

/** A close frame has room for 123 bytes of reason. */
const MAX_REASON_BYTES = 120
/** A station that comes to boot says so at once: until then it is not spoken to. */
const QUIET_AFTER_CONNECT_MS = 300
/** Above this the socket is not read any more until the handler has caught up. */
const PAUSE_BACKLOG = 16

export class Connection {
  readonly stationId: string
  readonly gate: BootGate
  readonly socket: WebSocket
  /** Monotonic time of the last sign of life. */
  heardAt: number
  /** Monotonic time of the ping that still waits for a sign of life, or 0. */
  pingedAt = 0
  context: StationContext | undefined
  private readonly environment: ConnectionEnvironment
  private queue: CallQueue | undefined
  private recent: RecentAnswers | undefined
  private backlog: Waiting[] | undefined
  private handling = false
  /** Monotonic time before which our calls wait: a station that boots takes none before its answer (B01). */
  private callsHeldUntil: number
  private closing = false
  private after: (() => void)[] | undefined
  private idleWaiters: (() => void)[] | undefined

  constructor(stationId: string, socket: WebSocket, gate: BootGate, environment: ConnectionEnvironment) {
    this.stationId = stationId
    this.socket = socket
    this.gate = gate
    this.environment = environment
    this.heardAt = environment.monotonic()
    this.callsHeldUntil = this.heardAt + QUIET_AFTER_CONNECT_MS
  }

  /** Whether a call of the station is being handled right now. */
  get isHandling(): boolean {
    return this.handling
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
    if (frame.kind === 'call') this.accept({ frame, text, receivedAt: now })
    else if (frame.kind === 'broken') this.refuseBroken(frame)
    else this.settle(frame.id, frame)
  }

  /** Our call to the station. False where the queue is full. */
  call(call: PendingCall, maxQueued: number): boolean {
    this.queue ??= new CallQueue((text) => this.send(text), maxQueued)
    return this.queue.push(call, this.environment.monotonic(), this.callsHeldUntil)
  }

  expireCalls(now: number): void {
    this.queue?.expire(now, this.callsHeldUntil)
  }

  /** The socket is closed: whoever waits for an answer learns it. */
  closed(): void {
    this.closing = true
    this.backlog = undefined
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
  async idle(): Promise<void> {
    if (!this.handling) return
    await new Promise<void>((resolve) => {
      this.idleWaiters ??= []
      this.idleWaiters.push(resolve)
    })
  }

  private accept(waiting: Waiting): void {
    if (!this.handling) {
      this.handle(waiting)
      return
    }
    this.backlog ??= []
    this.backlog.push(waiting)
    if (this.backlog.length === PAUSE_BACKLOG) this.socket.pause()
    if (this.backlog.length <= this.environment.policy.maxBacklog) return
    this.environment.securityEvent(this.stationId, 'BacklogExceeded', { calls: this.backlog.length })
    this.close(1008, 'too many calls without waiting for answers')
  }

  private handle(waiting: Waiting): void {
    const { frame, text } = waiting
    const recalled = this.recent?.recall(frame.id, text)
    if (recalled?.kind === 'repeated') {
      this.environment.metrics.repeatedCalls++
      this.send(recalled.answer)
      return
    }
    if (recalled?.kind === 'reused') {
      this.environment.securityEvent(this.stationId, 'MessageIdReused', { messageId: frame.id })
      this.fail(
        frame.id,
        'RpcFrameworkError',
        'This message id was used before for another message: use a new one.',
      )
      return
    }
    const refusal = this.refusalOf(frame)
    if (refusal !== undefined) {
      this.answerError(waiting, refusal.code, refusal.message, refusal.details)
      return
    }
    this.run(waiting)
  }

  /** What is wrong with a call before anyone handles it. */
  private refusalOf(frame: CallFrame): RpcError | undefined {
    const { action } = frame
    const { schemas, handlers, monotonic } = this.environment
    if (!isAction(action)) return new RpcError('NotImplemented', `${action} is not a message of OCPP 2.0.1.`)
    if (!stationMaySend(action))
      return new RpcError('NotSupported', `${action} is sent by the CSMS, not by a station.`)
    if (!this.gate.permits(action, monotonic())) {
      this.environment.securityEvent(this.stationId, 'NotAccepted', {
        action,
        registration: this.gate.registration,
      })
      return new RpcError(
        'SecurityError',
        `This station is ${this.gate.registration}: it may only send BootNotification and what it was asked for.`,
      )
    }
    if (handlers[action] === undefined)
      return new RpcError('NotSupported', `${action} is not supported here.`)
    const violation = schemas.check(action, 'req', frame.payload)
    if (violation === undefined) return undefined
    return new RpcError(violation.code, violation.issues[0] ?? 'The payload breaks the schema.', {
      issues: violation.issues,
    })
  }

  private run(waiting: Waiting): void {
    const { handlers, metrics } = this.environment
    // Checked in refusalOf.
    const action = waiting.frame.action as Action
    increment(metrics.callsIn, action)
    if (action === 'BootNotification') this.callsHeldUntil = Number.POSITIVE_INFINITY
    const { context } = this
    if (context === undefined) throw new Error('A connection receives only after its context is set.')
    let outcome: unknown
    try {
      outcome = dispatch(handlers, action, context, waiting.frame.payload)
    } catch (error) {
      this.answerFailure(waiting, error)
      return
    }
    if (this.environment.followers.follows(this.stationId)) outcome = this.followed(waiting, action, outcome)
    if (!(outcome instanceof Promise)) {
      this.answer(waiting, outcome)
      return
    }
    this.handling = true
    outcome.then(
      (payload) => {
        this.answer(waiting, payload)
        this.handled()
      },
      (error) => {
        this.answerFailure(waiting, error)
        this.handled()
      },
    )
  }

  /** Orders that wait for this message learn of it once it is stored, and before the station knows that it is. */
  private async followed(waiting: Waiting, action: Action, outcome: unknown): Promise<unknown> {
    const answer = await outcome
    await this.environment.followers.observe(this.stationId, { action, payload: waiting.frame.payload })
    return answer
  }

  private handled(): void {
    this.handling = false
    while (!this.handling && this.backlog !== undefined && !this.closing) {
      const next = this.backlog.shift()
      if (next === undefined) break
      if (this.backlog.length === 0 && this.socket.isPaused) this.socket.resume()
      this.handle(next)
    }
    if (this.handling) return
    for (const resolve of this.idleWaiters?.splice(0) ?? []) resolve()
  }

  private answer(waiting: Waiting, payload: unknown): void {
    const { schemas, log, metrics, monotonic } = this.environment
    const { frame } = waiting
    const violation = schemas.check(frame.action as Action, 'conf', payload)
    if (violation !== undefined) {
      log.error(
        { stationId: this.stationId, action: frame.action, issues: violation.issues },
        'our answer breaks the schema',
      )
      this.answerError(waiting, 'InternalError', 'The answer could not be built.')
      return
    }
    this.transmitAnswer(waiting, encodeResult(frame.id, payload))
    this.runAfter()
    observeLatency(metrics.handling, monotonic() - waiting.receivedAt)
  }

  private answerFailure(waiting: Waiting, error: unknown): void {
    if (error instanceof RpcError) {
      this.answerError(waiting, error.code, error.message, error.details)
      return
    }
    this.environment.log.error(
      { stationId: this.stationId, action: waiting.frame.action, err: error },
      'a handler failed',
    )
    this.answerError(waiting, 'InternalError', 'The call could not be processed: try again later.')
  }

  private answerError(waiting: Waiting, code: RpcErrorCode, description: string, details: object = {}): void {
    increment(this.environment.metrics.errorsOut, code)
    const text = encodeError(waiting.frame.id, code, description, details)
    // A call that failed inside may succeed when it is repeated: only refusals are remembered.
    if (code === 'InternalError') this.send(text)
    else this.transmitAnswer(waiting, text)
    this.runAfter()
  }

  /** The answer has left: what waited for it goes on. */
  private runAfter(): void {
    if (this.callsHeldUntil > 0) {
      this.callsHeldUntil = 0
      this.queue?.advance(this.environment.monotonic())
    }
    for (const work of this.after?.splice(0) ?? []) work()
  }

  private transmitAnswer(waiting: Waiting, text: string): void {
    this.recent ??= new RecentAnswers()
    this.recent.remember(waiting.frame.id, waiting.text, text)
    this.send(text)
    this.environment.answered(this)
  }

  private fail(id: string, code: RpcErrorCode, description: string): void {
    increment(this.environment.metrics.errorsOut, code)
    this.send(encodeError(id, code, description))
  }

  private refuseBroken(frame: {
    id: string
    code: RpcErrorCode
    description: string
    answerable: boolean
  }): void {
    const { log } = this.environment
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

  private settle(id: string, end: Parameters<PendingCall['settle']>[0]): void {
    const { log, metrics, monotonic } = this.environment
    const match = this.queue?.take(id) ?? { kind: 'unmatched' as const }
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

  private send(text: string): void {
    if (this.socket.readyState !== 1) return
    this.environment.metrics.messagesOut++
    this.socket.send(text)
    if (this.socket.bufferedAmount <= this.environment.policy.maxUnreadBytes) return
    this.environment.securityEvent(this.stationId, 'SlowReader', { unreadBytes: this.socket.bufferedAmount })
    this.terminate('slow reader')
  }
}
