import { randomUUID } from 'node:crypto'
import type { WebSocket } from 'ws'
import type { Action, Requests, Responses } from '../ocpp/v201/messages.generated.ts'
import type { Cancel, Scheduler } from './scheduler.ts'
import { assertRequest, assertResponse, callFrame, type Frame } from './wire.ts'

export type CallFailureCode = 'offline' | 'closed' | 'deadline' | 'queue-full' | 'call-error' | 'bad-answer'

/** Why a CALL of the station has no usable answer. */
export class CallFailure extends Error {
  readonly code: CallFailureCode
  readonly ocppCode: string | undefined

  constructor(code: CallFailureCode, message: string, ocppCode?: string) {
    super(message)
    this.name = 'CallFailure'
    this.code = code
    this.ocppCode = ocppCode
  }
}

interface PendingCall {
  readonly id: string
  readonly action: Action
  readonly text: string
  readonly timeoutMs: number
  readonly settle: (frame: Frame | CallFailure) => void
}

export interface OutgoingCallsOptions {
  readonly scheduler: Scheduler
  readonly hooks: { sent(action: string): void; protocolError(error: Error): void }
  readonly checkPayloads: boolean
  /** The open connection, if there is one. */
  readonly socket: () => WebSocket | undefined
}

const MAX_QUEUED_CALLS = 512

/** The station's own calls: one under way, the others in line, each with a deadline. */
export class OutgoingCalls {
  readonly #options: OutgoingCallsOptions
  #cancelDeadline: Cancel = () => {}
  #outstanding: PendingCall | undefined
  #queue: PendingCall[] = []

  constructor(options: OutgoingCallsOptions) {
    this.#options = options
  }

  /** Throws CallFailure. Never queued while offline: keeping what must not be lost is the caller's part. */
  call<A extends Action>(action: A, payload: Requests[A], timeoutMs: number): Promise<Responses[A]> {
    if (this.#options.checkPayloads) assertRequest(action, payload)
    if (this.#options.socket() === undefined)
      return Promise.reject(new CallFailure('offline', `${action}: not connected.`))
    if (this.#queue.length >= MAX_QUEUED_CALLS) {
      return Promise.reject(new CallFailure('queue-full', `${action}: too many calls wait.`))
    }
    return new Promise<Responses[A]>((resolve, reject) => {
      const id = randomUUID()
      const settle = (outcome: Frame | CallFailure) => {
        try {
          resolve(this.#readAnswer(action, outcome))
        } catch (error) {
          reject(error)
        }
      }
      this.#queue.push({ id, action, text: callFrame(id, action, payload), timeoutMs, settle })
      this.#sendNext()
    })
  }

  #readAnswer<A extends Action>(action: A, outcome: Frame | CallFailure): Responses[A] {
    if (outcome instanceof CallFailure) throw outcome
    if (outcome.kind === 'error') {
      throw new CallFailure('call-error', `${action}: ${outcome.code} ${outcome.description}`, outcome.code)
    }
    const payload: unknown = outcome.payload
    try {
      assertResponse(action, payload)
    } catch (error) {
      const failure = new CallFailure('bad-answer', error instanceof Error ? error.message : String(error))
      this.#options.hooks.protocolError(failure)
      throw failure
    }
    return payload
  }

  #sendNext(): void {
    const socket = this.#options.socket()
    if (this.#outstanding !== undefined || socket === undefined) return
    const next = this.#queue.shift()
    if (next === undefined) return
    this.#outstanding = next
    this.#cancelDeadline = this.#options.scheduler.after(next.timeoutMs, () => {
      const message = `${next.action}: no answer in ${next.timeoutMs} ms.`
      this.#settleOutstanding(new CallFailure('deadline', message))
    })
    socket.send(next.text)
    this.#options.hooks.sent(next.action)
  }

  #settleOutstanding(outcome: Frame | CallFailure): void {
    const call = this.#outstanding
    if (call === undefined) return
    this.#outstanding = undefined
    this.#cancelDeadline()
    call.settle(outcome)
    this.#sendNext()
  }

  /** Anything but the answer to the call under way answers one that has met its deadline: real stations ignore it too. */
  answered(frame: Exclude<Frame, { kind: 'call' }>): void {
    if (frame.id === this.#outstanding?.id) this.#settleOutstanding(frame)
  }

  failAll(failure: CallFailure): void {
    const calls = this.#queue
    this.#queue = []
    this.#settleOutstanding(failure)
    for (const call of calls) call.settle(failure)
  }
}
