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
  return {}
}
