import { WebSocket } from 'ws'
import type { Action, Requests, Responses } from '../ocpp/v201/messages.generated.ts'
import { type Endpoint, MAX_FRAME_BYTES, openSocket } from './endpoint.ts'
import { CallFailure, OutgoingCalls } from './outgoing-calls.ts'
import type { Random } from './random.ts'
import type { Cancel, Scheduler } from './scheduler.ts'
import {
  assertRequest,
  assertResponse,
  errorFrame,
  type Frame,
  isAction,
  parseFrame,
  resultFrame,
  WireError,
} from './wire.ts'

export interface BackOff {
  readonly minimumMs: number
  readonly randomRangeMs: number
  /** How often the waiting time doubles before it stays where it is. */
  readonly repeatTimes: number
}

/** What the answering side may return besides a payload: silence, as a faulty station would. */
export const NO_ANSWER = Symbol('no answer')

export interface ClientHooks {
  endpoint(): Endpoint
  backOff(): BackOff
  /** Answers a CALL of the CSMS; a thrown WireError becomes the CALLERROR. */
  answer<A extends Action>(action: A, payload: Requests[A]): Promise<Responses[A] | typeof NO_ANSWER>
  /** After the answer has been handed to the socket. */
  answered(action: Action): void
  opened(): void
  closed(code: number, reason: string): void
  /** The connection attempt failed before it was open. */
  failed(error: Error): void
  sent(action: string): void
  received(action: string): void
  protocolError(error: Error): void
}

export interface ClientOptions {
  readonly stationId: string
  readonly scheduler: Scheduler
  readonly random: Random
  readonly hooks: ClientHooks
  readonly callTimeoutMs: number
  readonly pingIntervalMs: () => number
  /** Payloads are checked against the schemas in both directions unless a benchmark says otherwise. */
  readonly checkPayloads: boolean
}

const MAX_WAITING_CSMS_CALLS = 64
const CLOSE_TIMEOUT_MS = 2000

/** An OCPP-J 2.0.1 client: one outstanding CALL per direction, deadlines, reconnect with back-off. */
export class OcppClient {
  readonly #options: ClientOptions
  #socket: WebSocket | undefined
  #running = false
  #attempts = 0
  /** The next reconnect is our own wish and needs no back-off. */
  #inHurry = false
  #cancelReconnect: Cancel = () => {}
  #cancelPing: Cancel = () => {}
  readonly #calls: OutgoingCalls
  #csmsCalls: Extract<Frame, { kind: 'call' }>[] = []
  #answering = false

  constructor(options: ClientOptions) {
    this.#options = options
    this.#calls = new OutgoingCalls({
      ...options,
      socket: () => (this.connected ? this.#socket : undefined),
    })
  }

  get connected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#connect()
  }

  /** Closes for good; `start` connects again. */
  async stop(): Promise<void> {
    this.#running = false
    this.#cancelReconnect()
    const socket = this.#socket
    if (socket === undefined) return
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    // A peer that never finishes the closing handshake must not keep the process alive. Wall-clock time,
    // because a test's manual clock stands still by now.
    const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS)
    if (socket.readyState === WebSocket.OPEN) socket.close(1000, 'station stops')
    else socket.terminate()
    await closed
    clearTimeout(timer)
  }

  /** Closes in good order, what was written still leaves, and stays away until `start`. */
  hangUp(): void {
    this.#running = false
    this.#cancelReconnect()
    this.#socket?.close(1000, 'station restarts')
  }

  /** Cuts the connection without a word and stays away until `start`. */
  cut(): void {
    this.#running = false
    this.#cancelReconnect()
    this.#socket?.terminate()
  }

  /** Cuts the connection without a closing handshake, as a lost link would; reconnects by itself. */
  drop(): void {
    this.#socket?.terminate()
  }

  /** Closes in good order and connects again at once, for new credentials or a new address. */
  reconnect(): void {
    this.#attempts = 0
    this.#inHurry = true
    this.#socket?.close(1000, 'reconnecting')
  }

  /** Throws CallFailure. Never queued while offline: keeping what must not be lost is the caller's part. */
  call<A extends Action>(
    action: A,
    payload: Requests[A],
    timeoutMs = this.#options.callTimeoutMs,
  ): Promise<Responses[A]> {
    return this.#calls.call(action, payload, timeoutMs)
  }

  #failAll(failure: CallFailure): void {
    this.#csmsCalls = []
    this.#calls.failAll(failure)
  }

  #connect(): void {
    this.#abandon()
    const endpoint = this.#options.hooks.endpoint()
    let socket: WebSocket
    try {
      socket = openSocket(endpoint, this.#options.stationId)
    } catch (error) {
      this.#options.hooks.failed(error instanceof Error ? error : new Error(String(error)))
      this.#scheduleReconnect()
      return
    }
    this.#socket = socket
    let wasOpen = false
    socket.on('open', () => {
      wasOpen = true
      this.#attempts = 0
      this.#startPings(socket)
      this.#options.hooks.opened()
    })
    socket.on('message', (data) => {
      if (this.#socket === socket) this.#receive(data.toString())
    })
    socket.on('error', (error) => {
      if (!wasOpen) this.#options.hooks.failed(error)
    })
    socket.on('close', (code, reason) => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#cancelPing()
      this.#failAll(new CallFailure('closed', 'The connection closed.'))
      if (wasOpen) this.#options.hooks.closed(code, reason.toString())
      this.#scheduleReconnect()
    })
  }

  /** A connection that is still closing must not hold up the next one. */
  #abandon(): void {
    const stale = this.#socket
    if (stale === undefined) return
    this.#socket = undefined
    stale.terminate()
    this.#cancelPing()
    this.#failAll(new CallFailure('closed', 'The connection was replaced.'))
  }

  #scheduleReconnect(): void {
    this.#cancelReconnect()
    if (!this.#running) return
    const { minimumMs, randomRangeMs, repeatTimes } = this.#options.hooks.backOff()
    const doublings = Math.min(this.#attempts++, repeatTimes)
    const backOffMs = minimumMs * 2 ** doublings + this.#options.random.between(0, randomRangeMs)
    const waitMs = this.#inHurry ? 0 : backOffMs
    this.#inHurry = false
    this.#cancelReconnect = this.#options.scheduler.after(waitMs, () => {
      if (this.#running) this.#connect()
    })
  }

  #startPings(socket: WebSocket): void {
    const periodMs = this.#options.pingIntervalMs()
    if (periodMs <= 0) return
    let answered = true
    socket.on('pong', () => {
      answered = true
    })
    this.#cancelPing = this.#options.scheduler.every(periodMs, () => {
      if (!answered) return socket.terminate()
      answered = false
      socket.ping()
    })
  }

  #receive(text: string): void {
    let frame: Frame
    try {
      if (text.length > MAX_FRAME_BYTES) throw new WireError('RpcFrameworkError', 'The frame is too large.')
      frame = parseFrame(text)
    } catch (error) {
      const wireError = error instanceof WireError ? error : new WireError('InternalError', String(error))
      this.#options.hooks.protocolError(wireError)
      this.#socket?.send(errorFrame(wireError.messageId, wireError.code, wireError.message))
      return
    }
    if (frame.kind === 'call') {
      if (this.#csmsCalls.length >= MAX_WAITING_CSMS_CALLS) {
        this.#socket?.send(errorFrame(frame.id, 'GenericError', 'The station is busy; call again later.'))
        return
      }
      this.#csmsCalls.push(frame)
      void this.#answerInOrder()
    } else this.#calls.answered(frame)
  }

  async #answerInOrder(): Promise<void> {
    if (this.#answering) return
    this.#answering = true
    for (let call = this.#csmsCalls.shift(); call !== undefined; call = this.#csmsCalls.shift()) {
      const socket = this.#socket
      const text = await this.#answerText(call)
      if (text === undefined || this.#socket !== socket) continue
      socket?.send(text)
      if (isAction(call.action)) this.#options.hooks.answered(call.action)
    }
    this.#answering = false
  }

  async #answerText(call: Extract<Frame, { kind: 'call' }>): Promise<string | undefined> {
    const { hooks, checkPayloads } = this.#options
    const { action } = call
    try {
      if (!isAction(action)) throw new WireError('NotImplemented', `${action} is not an OCPP 2.0.1 action.`)
      hooks.received(action)
      const payload: unknown = call.payload
      assertRequest(action, payload)
      const answer = await hooks.answer(action, payload)
      if (answer === NO_ANSWER) return undefined
      if (checkPayloads) assertResponse(action, answer)
      return resultFrame(call.id, answer)
    } catch (error) {
      hooks.protocolError(error instanceof Error ? error : new Error(String(error)))
      if (error instanceof WireError) return errorFrame(call.id, error.code, error.message)
      return errorFrame(call.id, 'InternalError', error instanceof Error ? error.message : String(error))
    }
  }
}
