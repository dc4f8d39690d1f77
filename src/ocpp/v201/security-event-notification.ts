/** A04. */

import { isCriticalSecurityEvent } from '../../stations/security-events.ts'
import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

export const securityEventNotification: Handler<'SecurityEventNotification'> = async (context, request) => {
  await recordEvent(context, {
    kind: 'security',
    type: request.type,
    at: request.timestamp,
    critical: isCriticalSecurityEvent(request.type),
    detail: request,
  })
  return {}
}
