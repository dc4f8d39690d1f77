/** N02: the monitors that a station has, in parts. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

export const notifyMonitoringReport: Handler<'NotifyMonitoringReport'> = async (context, request) => {
  await recordEvent(context, {
    kind: 'NotifyMonitoringReport',
    type: String(request.requestId),
    at: request.generatedAt,
    detail: request,
  })
  return {}
}
