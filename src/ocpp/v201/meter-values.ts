/** J01: clock-aligned values that belong to no transaction. */

import type { Handler } from '../router.ts'
import { isoTime } from './record-event.ts'

export const meterValues: Handler<'MeterValues'> = async (context, request) => {
  const { stationId, store, hub } = context
  const { evseId, meterValue: values } = request
  const at = isoTime(context)
  await store.sessions.recordMeterValues(stationId, evseId, values, at)
  hub.publish({ kind: 'meter.read', stationId, evseId, transactionId: null, at, values })
  return {}
}
