/** G01: the state of a connector, in the order in which the station tells it. */

import type { Handler } from '../router.ts'
import { isoTime } from './record-event.ts'

export const statusNotification: Handler<'StatusNotification'> = async (context, request) => {
  const { stationId, store, hub } = context
  const { evseId, connectorId, connectorStatus: status } = request
  const receivedAt = isoTime(context)
  await store.stations.recordConnector({
    stationId,
    evseId,
    connectorId,
    status,
    reportedAt: request.timestamp,
    receivedAt,
  })
  hub.publish({ kind: 'connector.status', stationId, evseId, connectorId, status, at: receivedAt })
  return {}
}
