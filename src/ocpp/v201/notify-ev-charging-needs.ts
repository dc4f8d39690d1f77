/** K15, K17: what the car wants. The site loop takes it into account at its next decision. */

import type { Handler } from '../router.ts'
import { isoTime, recordEvent } from './record-event.ts'

export const notifyEvChargingNeeds: Handler<'NotifyEVChargingNeeds'> = async (context, request) => {
  const { stationId, hub } = context
  const { evseId, chargingNeeds: needs, maxScheduleTuples } = request
  await recordEvent(context, {
    kind: 'NotifyEVChargingNeeds',
    type: needs.requestedEnergyTransfer,
    detail: request,
  })
  hub.publish({
    kind: 'charging-needs.reported',
    stationId,
    evseId,
    at: isoTime(context),
    needs,
    maxScheduleTuples: maxScheduleTuples ?? null,
  })
  return { status: 'Processing' }
}
