/** K15, K17: what the car wants; the energy side says whether a schedule will follow. */

import type { Handler } from '../router.ts'
import { isoTime, recordEvent } from './record-event.ts'

export const notifyEvChargingNeeds: Handler<'NotifyEVChargingNeeds'> = async (context, request) => {
  const { stationId, hub, plans } = context
  const { evseId, chargingNeeds: needs, maxScheduleTuples } = request
  await recordEvent(context, {
    kind: 'NotifyEVChargingNeeds',
    type: needs.requestedEnergyTransfer,
    detail: request,
  })
  const status = await plans.judgeNeeds(stationId, request)
  hub.publish({
    kind: 'charging-needs.reported',
    stationId,
    evseId,
    at: isoTime(context),
    needs,
    maxScheduleTuples: maxScheduleTuples ?? null,
  })
  return { status }
}
