/** N01: how far a log upload is. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

export const logStatusNotification: Handler<'LogStatusNotification'> = async (context, request) => {
  await recordEvent(context, { kind: 'LogStatusNotification', type: request.status, detail: request })
  return {}
}
