/** N07, N08, G05: monitoring events and what else a component of the station has to say. */

import type { Handler, StationContext } from '../router.ts'
import type { EventDataType } from './messages.generated.ts'
import { isoTime, recordEvent } from './record-event.ts'

const CONNECTOR_STATUS: ReadonlySet<string> = new Set([
  'Available',
  'Occupied',
  'Reserved',
  'Unavailable',
  'Faulted',
])

export const notifyEvent: Handler<'NotifyEvent'> = async (context, request) => {
  const { generatedAt, seqNo } = request
  // Events of one message are stored together: the store commits what is queued at once.
  await Promise.all(
    request.eventData.map((event) =>
      recordEvent(context, {
        kind: 'monitoring',
        type: `${event.component.name}.${event.variable.name}`,
        at: event.timestamp,
        critical: event.trigger === 'Alerting' && event.cleared !== true,
        detail: { ...event, generatedAt, seqNo },
      }),
    ),
  )
  await Promise.all(request.eventData.map((event) => recordAvailability(context, event)))
  return {}
}

/** A connector's availability may come as a StatusNotification or, the newer way, as an event (G01). */
async function recordAvailability(context: StationContext, event: EventDataType): Promise<void> {
  const { component, variable, actualValue: status } = event
  const { id: evseId, connectorId } = component.evse ?? {}
  if (component.name !== 'Connector' || variable.name !== 'AvailabilityState') return
  if (evseId === undefined || connectorId === undefined || !CONNECTOR_STATUS.has(status)) return
  const { stationId, store, hub } = context
  const receivedAt = isoTime(context)
  await store.stations.recordConnector({
    stationId,
    evseId,
    connectorId,
    status,
    reportedAt: event.timestamp,
    receivedAt,
  })
  hub.publish({ kind: 'connector.status', stationId, evseId, connectorId, status, at: receivedAt })
}
