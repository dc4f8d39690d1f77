/** How handlers keep what a station reported where an operator looks for it: the event store, and those who follow. */

import type { StationContext } from '../router.ts'

export interface ReportedEvent {
  /** `security`, `monitoring`, or the name of the message. */
  readonly kind: string
  readonly type: string
  /** The station's own time of the event; the time of arrival where it gives none. */
  readonly at?: string
  readonly critical?: boolean
  readonly detail: object
}

let lastMs = Number.NaN
let lastText = ''

/** The time of the clock as text. Busy servers ask many times per millisecond: the latest text is kept. */
export function isoTime(context: StationContext): string {
  const now = context.clock.now()
  if (now !== lastMs) {
    lastMs = now
    lastText = new Date(now).toISOString()
  }
  return lastText
}

export async function recordEvent(context: StationContext, event: ReportedEvent): Promise<void> {
  const { stationId, store, hub } = context
  const receivedAt = isoTime(context)
  const { kind, type, detail, critical = false, at = receivedAt } = event
  await store.events.record({ stationId, kind, type, at, receivedAt, critical, detail })
  hub.publish({ kind: 'station.event', stationId, at: receivedAt, type: `${kind}/${type}`, critical })
}
