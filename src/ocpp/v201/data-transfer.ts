/** P02: what a vendor's station says is kept; the answer tells whether somebody here knows the vendor and the message. */

import type { Handler } from '../router.ts'
import type { DataTransferStatusEnumType } from './messages.generated.ts'
import { recordEvent } from './record-event.ts'

export const dataTransfer: Handler<'DataTransfer'> = async (context, request) => {
  const { vendorId, messageId } = request
  await recordEvent(context, { kind: 'DataTransfer', type: vendorId, detail: request })
  return { status: statusOf(context.policy.knownVendorMessages, vendorId, messageId) }
}

/** `known`: `vendorId` for all messages of a vendor, `vendorId/messageId` for one. */
function statusOf(
  known: readonly string[],
  vendorId: string,
  messageId: string | undefined,
): DataTransferStatusEnumType {
  if (known.includes(vendorId)) return 'Accepted'
  if (!known.some((one) => one.startsWith(`${vendorId}/`))) return 'UnknownVendorId'
  return messageId !== undefined && known.includes(`${vendorId}/${messageId}`)
    ? 'Accepted'
    : 'UnknownMessageId'
}
