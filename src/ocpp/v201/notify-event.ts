/** N07, N08, G05: monitoring events and what else a component of the station has to say. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

export const notifyEvent: Handler<'NotifyEvent'> = async (context, request) => {
  const { generatedAt, seqNo } = request
  // Events of one message are stored together: the store commits what is queued at once.
  await Promise.all(
    request.eventData.map((event) =>
      recordEvent(context, {
        kind: 'monitoring',
        type: `${event.component.name}.${event.variable.name}`,
        at: event.timestamp,
        critical: event.trigger === 'Alerting' && event.cleared !== true,
        detail: { ...event, generatedAt, seqNo },
      }),
    ),
  )
  return {}
}
