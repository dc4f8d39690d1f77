/** L03: how far a local controller is with publishing a firmware. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

const FAILURES: ReadonlySet<string> = new Set(['DownloadFailed', 'InvalidChecksum', 'PublishFailed'])

export const publishFirmwareStatusNotification: Handler<'PublishFirmwareStatusNotification'> = async (
  context,
  request,
) => {
  await recordEvent(context, {
    kind: 'PublishFirmwareStatusNotification',
    type: request.status,
    critical: FAILURES.has(request.status),
    detail: request,
  })
  return {}
}
