/** The event stream: one connection for all screens, as long as somebody is signed in. */

import { createSignal } from './signal.ts'

export interface LiveEvent {
  readonly kind: string
  readonly at: string
  readonly stationId?: string
  readonly siteId?: string
  readonly transactionId?: string
  readonly evseId?: number | null
  readonly connectorId?: number
  readonly status?: unknown
  readonly [more: string]: unknown
}

/** What screens react to. `meter.read` is left out: at thousands of stations it would be most of the traffic. */
const KINDS = [
  'station.connected',
  'station.disconnected',
  'station.booted',
  'station.event',
  'connector.status',
  'session.updated',
  'order.updated',
  'certificate.requested',
  'certificate.issued',
  'charging-limit.reported',
  'charging-needs.reported',
  'site.updated',
  'limit.changed',
] as const

const REMEMBERED = 500

export type Connection = 'connecting' | 'live' | 'lost'

export const connection = createSignal<Connection>('connecting')
/** Grows whenever events may have been missed: what is shown must be read again. */
export const generation = createSignal(0)
/** The latest events but the routine ones, newest first. */
export const recentEvents = createSignal<readonly LiveEvent[]>([])

type Listener = (event: LiveEvent) => void
const listeners = new Set<Listener>()
let source: EventSource | undefined

export function onLive(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function openLive(): void {
  closeLive()
  const opened = new EventSource(`/api/v1/events?kinds=${KINDS.join(',')}`)
  source = opened
  opened.onopen = () => {
    // The first connection and a new one after an outage without a known last event both start from what is read then.
    if (connection.get() === 'lost') generation.set(generation.get() + 1)
    connection.set('live')
  }
  opened.onerror = () => connection.set('lost')
  opened.addEventListener('reset', () => generation.set(generation.get() + 1))
  for (const kind of KINDS) opened.addEventListener(kind, (message) => receive(JSON.parse(message.data)))
}

export function closeLive(): void {
  source?.close()
  source = undefined
  connection.set('connecting')
  recentEvents.set([])
}

function receive(event: LiveEvent): void {
  if (!isRoutine(event)) recentEvents.set([event, ...recentEvents.get().slice(0, REMEMBERED - 1)])
  for (const listener of [...listeners]) listener(event)
}

/** What comes every second from everything that is well would push out what is worth reading. */
function isRoutine(event: LiveEvent): boolean {
  return event.kind === 'site.updated' || (event.kind === 'session.updated' && event.eventType === 'Updated')
}
