/** K13: the limit that someone else had set is gone. */

import type { Handler } from '../router.ts'
import { isoTime, recordEvent } from './record-event.ts'

export const clearedChargingLimit: Handler<'ClearedChargingLimit'> = async (context, request) => {
  await recordEvent(context, {
    kind: 'ClearedChargingLimit',
    type: request.chargingLimitSource,
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
