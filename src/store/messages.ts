/** Port: OCPP messages as they went over the wire, without what is secret. Bounded, and lossy on purpose. */

export const MESSAGE_DIRECTIONS = ['from-station', 'to-station'] as const
export type MessageDirection = (typeof MESSAGE_DIRECTIONS)[number]
export const MESSAGE_KINDS = ['call', 'result', 'error', 'unreadable'] as const
export type MessageKind = (typeof MESSAGE_KINDS)[number]

export interface StationMessage {
  readonly id: number
  readonly stationId: string
  readonly at: string
  readonly direction: MessageDirection
  readonly kind: MessageKind
  readonly messageId: string
  /** Of the call, also where this is its answer; null where nobody knows. */
  readonly action: string | null
  readonly errorCode: string | null
  /** Null where it was too large. */
  readonly payload: object | null
}

export interface NewMessage extends Omit<StationMessage, 'id' | 'at' | 'payload'> {
  readonly atMs: number
  /** JSON text, or null where it was too large. */
  readonly payload: string | null
}

export interface MessageQuery {
  readonly stationId?: string
  readonly action?: string
  readonly direction?: MessageDirection
  readonly kind?: MessageKind
  readonly messageId?: string
  /** Contained in the JSON text of the payload, in upper or lower case. */
  readonly text?: string
  /** Only payloads of these actions are searched for `text`: nobody may find what he may not see. */
  readonly textActions?: readonly string[]
  readonly from?: string
  readonly to?: string
  /** Only messages with a smaller id. */
  readonly before?: number
  readonly limit?: number
}

export interface MessagePage {
  /** Newest first. Fewer than asked for where the part of the log that one call looks at holds no more. */
  readonly items: readonly StationMessage[]
  /** `before` of the next page; null at the end of the log. */
  readonly next: number | null
}

export interface MessageStore {
  /** Adds messages in their order, and removes the oldest where more than `keep` are there. */
  append(messages: readonly NewMessage[], keep: number): Promise<void>
  list(query?: MessageQuery): Promise<MessagePage>
}
