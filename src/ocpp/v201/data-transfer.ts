/** P02: nobody has taught us a vendor's messages (P02.FR.06), but what was said is kept. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

export const dataTransfer: Handler<'DataTransfer'> = async (context, request) => {
  await recordEvent(context, { kind: 'DataTransfer', type: request.vendorId, detail: request })
  return { status: 'UnknownVendorId' }
}
