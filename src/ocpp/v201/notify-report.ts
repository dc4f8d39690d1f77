/** B07, B08: the device model arrives in parts, each is kept as it comes. */

import { reportedAttributes } from '../../stations/device-model.ts'
import type { Handler } from '../router.ts'
import { isoTime } from './record-event.ts'

export const notifyReport: Handler<'NotifyReport'> = async (context, request) => {
  const attributes = (request.reportData ?? []).flatMap(reportedAttributes)
  if (attributes.length > 0)
    await context.store.stations.recordVariables(context.stationId, attributes, isoTime(context))
  return {}
}
