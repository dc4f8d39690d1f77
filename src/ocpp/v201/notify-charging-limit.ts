/** K11, K12: someone other than us limits the station. */

import type { Handler } from '../router.ts'
import { isoTime, recordEvent } from './record-event.ts'

export const notifyChargingLimit: Handler<'NotifyChargingLimit'> = async (context, request) => {
  const { chargingLimit } = request
  await recordEvent(context, {
    kind: 'NotifyChargingLimit',
    type: chargingLimit.chargingLimitSource,
    critical: chargingLimit.isGridCritical === true,
    detail: request,
  })
  const evseId = request.evseId ?? null
  context.hub.publish({
    kind: 'charging-limit.reported',
    stationId: context.stationId,
    evseId,
    at: isoTime(context),
  })
  return {}
}
