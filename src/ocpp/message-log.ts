/**
 * OCPP messages for operators who look for what went wrong. Off the hot path: collected in memory, written in
 * batches, dropped and counted where there are more than can be written. A station never waits for it.
 */

import type { Logger } from 'pino'
import type { Clock } from '../observe/clock.ts'
import type { MessageDirection, MessageKind, MessageStore, NewMessage } from '../store/messages.ts'
import { keepable } from './message-redaction.ts'
import type { OcppMetrics } from './metrics.ts'

/** `notable`: all but heartbeats and periodic meter values, with their answers. */
export type MessageLogMode = 'all' | 'notable' | 'off'

export interface MessageLogPolicy {
  readonly mode: MessageLogMode
  /** The oldest go where there are more. */
  readonly keep: number
}

export interface WireMessage {
  readonly stationId: string
  readonly direction: MessageDirection
  readonly kind: MessageKind
  readonly messageId: string
  readonly action: string | null
  readonly errorCode?: string
  readonly payload: unknown
}

export interface MessageLog {
  /** Whether a call, and with it its answer, is to be recorded. */
  wants(action: string, payload: unknown): boolean
  record(message: WireMessage): void
  /** Writes what is left. */
  stop(): Promise<void>
}

const FLUSH_MS = 250
const BATCH = 500
const MAX_WAITING = 5_000
/** Larger payloads are logged without their content. */
const MAX_PAYLOAD_CHARACTERS = 64 * 1024

export function createMessageLog(options: {
  policy: MessageLogPolicy
  messages: MessageStore
  metrics: OcppMetrics
  clock: Clock
  log: Logger
}): MessageLog {
  const { policy, messages, metrics, clock, log } = options
  if (policy.mode === 'off')
    return { wants: () => false, record: () => undefined, stop: async () => undefined }
  let waiting: (WireMessage & { readonly atMs: number })[] = []
  let writing: Promise<void> | undefined

  async function flush(): Promise<void> {
    const batch = waiting.slice(0, BATCH)
    if (batch.length === 0) return
    waiting = waiting.slice(BATCH)
    try {
      await messages.append(batch.map(toRow), policy.keep)
    } catch (error) {
      metrics.messagesUnlogged += batch.length
      log.warn({ err: error }, 'OCPP messages could not be logged')
    }
  }

  function tick(): void {
    writing ??= flush().finally(() => {
      writing = undefined
    })
  }

  const timer = setInterval(tick, FLUSH_MS)
  timer.unref()
  return {
    wants: policy.mode === 'all' ? () => true : (action, payload) => !isRoutine(action, payload),
    record(message) {
      if (waiting.length < MAX_WAITING) waiting.push({ ...message, atMs: clock.now() })
      else metrics.messagesUnlogged++
    },
    async stop() {
      clearInterval(timer)
      await writing
      while (waiting.length > 0) await flush()
    },
  }
}

/** What every station sends all the time, and what is kept elsewhere anyway. */
function isRoutine(action: string, payload: unknown): boolean {
  if (action === 'Heartbeat' || action === 'MeterValues') return true
  if (action !== 'TransactionEvent' || typeof payload !== 'object' || payload === null) return false
  const { eventType, triggerReason } = payload as { eventType?: unknown; triggerReason?: unknown }
  return (
    eventType === 'Updated' && (triggerReason === 'MeterValuePeriodic' || triggerReason === 'MeterValueClock')
  )
}

function toRow(message: WireMessage & { readonly atMs: number }): NewMessage {
  const text = JSON.stringify(keepable(message.payload) ?? {})
  const { stationId, atMs, direction, kind, messageId, action, errorCode = null } = message
  const payload = text.length > MAX_PAYLOAD_CHARACTERS ? null : text
  return { stationId, atMs, direction, kind, messageId, action, errorCode, payload }
}
