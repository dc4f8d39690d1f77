/** L01, L02: how far a firmware update is. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'

const FAILURES: ReadonlySet<string> = new Set([
  'DownloadFailed',
  'InstallationFailed',
  'InstallVerificationFailed',
  'InvalidSignature',
])

export const firmwareStatusNotification: Handler<'FirmwareStatusNotification'> = async (context, request) => {
  await recordEvent(context, {
    kind: 'FirmwareStatusNotification',
    type: request.status,
    critical: FAILURES.has(request.status),
    detail: request,
  })
  return {}
}
