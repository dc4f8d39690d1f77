import type {
  DisplayMessageStatusEnumType,
  GetDisplayMessagesRequest,
  MessageInfoType,
} from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Evse } from '../evse.ts'

const REPORT_SIZE = 8

/** O01-O06: messages on the station's screen. */
export class Display {
  readonly #context: StationContext
  readonly #evses: () => readonly Evse[]
  readonly #messages = new Map<number, MessageInfoType>()

  constructor(context: StationContext, evses: () => readonly Evse[]) {
    this.#context = context
    this.#evses = evses
  }

  get count(): number {
    return this.#messages.size
  }

  /** What a driver would read now. */
  get messages(): readonly MessageInfoType[] {
    return [...this.#messages.values()]
  }

  /** Messages of a transaction vanish with it (O02.FR). */
  transactionEnded(transactionId: string): void {
    for (const message of this.#messages.values()) {
      if (message.transactionId === transactionId) this.#messages.delete(message.id)
    }
  }

  readonly handlers: Handlers = {
    SetDisplayMessage: ({ message }) => ({ answer: { status: this.#set(message) } }),
    ClearDisplayMessage: ({ id }) => ({
      answer: { status: this.#messages.delete(id) ? 'Accepted' : 'Unknown' },
    }),
    GetDisplayMessages: (request) => {
      const found = this.#find(request)
      if (found.length === 0) return { answer: { status: 'Unknown' } }
      return { answer: { status: 'Accepted' }, after: () => this.#report(request.requestId, found) }
    },
  }

  #set(message: MessageInfoType): DisplayMessageStatusEnumType {
    const { device } = this.#context
    if (!device.list('DisplayMessageCtrlr.SupportedFormats').includes(message.message.format)) {
      return 'NotSupportedMessageFormat'
    }
    if (!device.list('DisplayMessageCtrlr.SupportedPriorities').includes(message.priority)) {
      return 'NotSupportedPriority'
    }
    const { transactionId } = message
    const running = this.#evses().some((evse) => evse.transaction?.id === transactionId)
    if (transactionId !== undefined && !running) return 'UnknownTransaction'
    const isNew = !this.#messages.has(message.id)
    if (isNew && this.count >= device.limit('DisplayMessageCtrlr.DisplayMessages')) return 'Rejected'
    // Only one message can always be in front: the newer one takes the place (O01.FR).
    if (message.priority === 'AlwaysFront') this.#dropFront()
    this.#messages.set(message.id, message)
    return 'Accepted'
  }

  #dropFront(): void {
    for (const other of this.#messages.values()) {
      if (other.priority === 'AlwaysFront') this.#messages.delete(other.id)
    }
  }

  #find(request: GetDisplayMessagesRequest): MessageInfoType[] {
    return this.messages.filter(
      (message) =>
        (request.id === undefined || request.id.includes(message.id)) &&
        (request.priority === undefined || request.priority === message.priority) &&
        (request.state === undefined || request.state === message.state),
    )
  }

  #report(requestId: number, messages: readonly MessageInfoType[]): void {
    for (let from = 0; from < messages.length; from += REPORT_SIZE) {
      const messageInfo = messages.slice(from, from + REPORT_SIZE)
      const tbc = from + REPORT_SIZE < messages.length
      this.#context.send('NotifyDisplayMessages', { requestId, tbc, messageInfo }, { solicited: true })
    }
  }
}
