/** O03, O04: the messages that a station's display holds, in parts. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

export const notifyDisplayMessages: Handler<'NotifyDisplayMessages'> = async (context, request) => {
  await recordEvent(context, {
    kind: 'NotifyDisplayMessages',
    type: String(request.requestId),
    detail: request,
  })
  return {}
}
