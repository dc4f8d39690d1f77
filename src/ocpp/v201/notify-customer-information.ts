/** N09, N10: what a station knows about a customer, in parts. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

export const notifyCustomerInformation: Handler<'NotifyCustomerInformation'> = async (context, request) => {
  await recordEvent(context, {
    kind: 'NotifyCustomerInformation',
    type: String(request.requestId),
    at: request.generatedAt,
    detail: request,
  })
  const { stationId, hub } = context
  const { requestId, tbc, generatedAt } = request
  if (tbc !== true)
    context.afterAnswer(() =>
      hub.publish({ kind: 'customer.reported', stationId, requestId, at: generatedAt }),
    )
  return {}
}
