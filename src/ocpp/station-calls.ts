/** A station's calls, handled one after the other: each is checked, run, answered, and remembered for a repetition. */

import type { Logger } from 'pino'
import { isAction, stationMaySend } from './actions.ts'
import type { BootGate } from './boot-gate.ts'
import { RpcError, type RpcErrorCode } from './errors.ts'
import { type CallFrame, encodeError, encodeResult } from './frame.ts'
import type { MessageLog } from './message-log.ts'
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
  readonly messageLog: MessageLog
  /** Monotonic milliseconds. */
  readonly monotonic: () => number
  readonly securityEvent: (stationId: string, type: string, detail: object) => void
  readonly answered: (stationId: string) => void
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
  /** Whether its answer belongs in the message log, as the call did. */
  readonly isLogged: boolean
}

/** What a station's calls need of its socket. */
export interface Line {
  readonly isClosing: boolean
  send(text: string): void
  fail(id: string, code: RpcErrorCode, description: string): void
  close(code: number, reason: string): void
  pause(): void
  resume(): void
  /** Our calls wait until the next answer has left. */
  holdCalls(): void
  /** An answer has left. */
  answered(): void
}

/** Above this the socket is not read any more until the handler has caught up. */
const PAUSE_BACKLOG = 16

export class StationCalls {
  context: StationContext | undefined
  private readonly stationId: string
  private readonly gate: BootGate
  private readonly environment: ConnectionEnvironment
  private readonly line: Line
  private recent: RecentAnswers | undefined
  private backlog: Waiting[] | undefined
  private handling = false
  private idleWaiters: (() => void)[] | undefined

  constructor(options: {
    readonly stationId: string
    readonly gate: BootGate
    readonly environment: ConnectionEnvironment
    readonly line: Line
  }) {
    this.stationId = options.stationId
    this.gate = options.gate
    this.environment = options.environment
    this.line = options.line
  }

  /** The socket is gone: nobody would read the answers to what still waits. */
  forget(): void {
    this.backlog = undefined
  }

  /** Resolves when no call is being handled. */
  async idle(): Promise<void> {
    if (!this.handling) return
    await new Promise<void>((resolve) => {
      this.idleWaiters ??= []
      this.idleWaiters.push(resolve)
    })
  }

  accept(frame: CallFrame, text: string, receivedAt: number): void {
    const { messageLog } = this.environment
    const isLogged = messageLog.wants(frame.action, frame.payload)
    if (isLogged)
      messageLog.record({
        stationId: this.stationId,
        direction: 'from-station',
        kind: 'call',
        messageId: frame.id,
        action: frame.action,
        payload: frame.payload,
      })
    const waiting: Waiting = { frame, text, receivedAt, isLogged }
    if (!this.handling) {
      this.handle(waiting)
      return
    }
    this.backlog ??= []
    this.backlog.push(waiting)
    if (this.backlog.length === PAUSE_BACKLOG) this.line.pause()
    if (this.backlog.length <= this.environment.policy.maxBacklog) return
    this.environment.securityEvent(this.stationId, 'BacklogExceeded', { calls: this.backlog.length })
    this.line.close(1008, 'too many calls without waiting for answers')
  }

  private handle(waiting: Waiting): void {
    const { frame, text } = waiting
    const recalled = this.recent?.recall(frame.id, text)
    if (recalled?.kind === 'repeated') {
      this.environment.metrics.repeatedCalls++
      this.line.send(recalled.answer)
      return
    }
    if (recalled?.kind === 'reused') {
      this.environment.securityEvent(this.stationId, 'MessageIdReused', { messageId: frame.id })
      this.line.fail(
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
    if (action === 'BootNotification') this.line.holdCalls()
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
    while (!this.handling && this.backlog !== undefined && !this.line.isClosing) {
      const next = this.backlog.shift()
      if (next === undefined) break
      if (this.backlog.length === 0) this.line.resume()
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
    if (waiting.isLogged) this.record(waiting, 'result', payload)
    this.line.answered()
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
    this.record(waiting, 'error', { description, details }, code)
    // A call that failed inside may succeed when it is repeated: only refusals are remembered.
    if (code === 'InternalError') this.line.send(text)
    else this.transmitAnswer(waiting, text)
    this.line.answered()
  }

  private transmitAnswer(waiting: Waiting, text: string): void {
    this.recent ??= new RecentAnswers()
    this.recent.remember(waiting.frame.id, waiting.text, text)
    this.line.send(text)
    this.environment.answered(this.stationId)
  }

  private record(
    waiting: Waiting,
    kind: 'result' | 'error',
    payload: unknown,
    errorCode?: RpcErrorCode,
  ): void {
    const { id, action } = waiting.frame
    this.environment.messageLog.record({
      stationId: this.stationId,
      direction: 'to-station',
      kind,
      messageId: id,
      action,
      ...(errorCode !== undefined && { errorCode }),
      payload,
    })
  }
}
