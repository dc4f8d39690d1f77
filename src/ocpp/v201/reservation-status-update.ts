/** H04: a reservation ended without being used. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

export const reservationStatusUpdate: Handler<'ReservationStatusUpdate'> = async (context, request) => {
  await recordEvent(context, {
    kind: 'ReservationStatusUpdate',
    type: request.reservationUpdateStatus,
    detail: request,
  })
  return {}
}
