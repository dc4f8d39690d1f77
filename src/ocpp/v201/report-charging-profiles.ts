/** K09: the profiles that a station holds, for one EVSE and source per message. */

import type { Handler } from '../router.ts'
import { isoTime, recordEvent } from './record-event.ts'

export const reportChargingProfiles: Handler<'ReportChargingProfiles'> = async (context, request) => {
  const { evseId } = request
  await recordEvent(context, {
    kind: 'ReportChargingProfiles',
    type: request.chargingLimitSource,
    detail: request,
  })
  context.hub.publish({
    kind: 'profile.reported',
    stationId: context.stationId,
    evseId,
    at: isoTime(context),
  })
  return {}
}
