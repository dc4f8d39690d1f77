import type { Action, Requests, Responses } from '../ocpp/v201/messages.generated.ts'
import type { AnswerDesk } from './answer-desk.ts'
import type { BackOff, ClientHooks, NO_ANSWER } from './client.ts'
import type { StationContext } from './context.ts'
import type { Conversation } from './conversation.ts'
import type { Endpoint } from './endpoint.ts'
import { endpointNow } from './factory.ts'
import type { Parts } from './parts.ts'
import type { Registration } from './registration.ts'

export interface UplinkOptions {
  readonly parts: Parts
  readonly registration: Registration
  readonly desk: AnswerDesk
  readonly talk: Conversation
  /** From the device model unless said otherwise. */
  readonly backOff: BackOff | undefined
  readonly pinnedPems: readonly string[]
}

/** Where a station calls, how patiently, and what it makes of its connection's ups and downs. */
export class Uplink implements ClientHooks {
  readonly #context: StationContext
  readonly #options: UplinkOptions
  #attempts = 0
  #offlineSinceMs: number | undefined

  constructor(context: StationContext, options: UplinkOptions) {
    this.#context = context
    this.#options = options
  }

  /** Whether the absence that ends now was longer than OfflineThreshold. */
  wasLongAway(): boolean {
    const nowMs = this.#context.scheduler.now()
    const offlineMs = nowMs - (this.#offlineSinceMs ?? nowMs)
    this.#offlineSinceMs = undefined
    return offlineMs > this.#context.device.number('OCPPCommCtrlr.OfflineThreshold') * 1000
  }

  endpoint(): Endpoint {
    const { parts, pinnedPems } = this.#options
    return endpointNow(parts.network.endpoint, this.#context.device, parts.certificates, pinnedPems)
  }

  backOff(): BackOff {
    const { device } = this.#context
    return (
      this.#options.backOff ?? {
        minimumMs: device.number('OCPPCommCtrlr.RetryBackOffWaitMinimum') * 1000,
        randomRangeMs: device.number('OCPPCommCtrlr.RetryBackOffRandomRange') * 1000,
        repeatTimes: device.number('OCPPCommCtrlr.RetryBackOffRepeatTimes'),
      }
    )
  }

  answer<A extends Action>(action: A, request: Requests[A]): Promise<Responses[A] | typeof NO_ANSWER> {
    return this.#options.desk.answer(action, request)
  }

  answered(): void {
    this.#options.desk.answered()
  }

  opened(): void {
    this.#context.counters.connects++
    this.#options.parts.network.connected()
    this.#context.events.emit('connected', { attempt: ++this.#attempts })
    this.#options.registration.connected()
  }

  closed(code: number, reason: string): void {
    this.#context.counters.disconnects++
    this.#offlineSinceMs = this.#context.scheduler.now()
    this.#context.events.emit('disconnected', { code, reason })
  }

  failed(error: Error): void {
    this.#context.counters.connectFailures++
    this.#options.parts.network.failed()
    this.#context.events.emit('connectionFailed', { error })
  }

  sent(action: string): void {
    this.#context.counters.callsSent++
    this.#context.events.emit('sent', { action })
  }

  received(action: string): void {
    this.#context.counters.callsReceived++
    this.#context.events.emit('received', { action })
  }

  protocolError(error: Error): void {
    this.#options.talk.problem('protocol', error)
  }
}
