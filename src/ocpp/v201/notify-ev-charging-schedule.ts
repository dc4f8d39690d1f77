/** K15-K17: the schedule that the car has chosen, judged against what it was allowed. */

import type { Handler } from '../router.ts'
import { isoTime, recordEvent } from './record-event.ts'

export const notifyEvChargingSchedule: Handler<'NotifyEVChargingSchedule'> = async (context, request) => {
  const { stationId, hub, plans } = context
  const { evseId, timeBase, chargingSchedule: schedule } = request
  await recordEvent(context, {
    kind: 'NotifyEVChargingSchedule',
    type: schedule.chargingRateUnit,
    at: timeBase,
    detail: request,
  })
  hub.publish({ kind: 'ev-schedule.reported', stationId, evseId, at: isoTime(context), timeBase, schedule })
  return { status: await plans.judgeSchedule(stationId, request) }
}
