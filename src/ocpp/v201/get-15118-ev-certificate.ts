/** M01, M02: there is no contract pool to ask yet, which the car learns at once instead of by a timeout. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'
import { statusInfo } from './status-info.ts'

export const get15118EvCertificate: Handler<'Get15118EVCertificate'> = async (context, request) => {
  await recordEvent(context, {
    kind: 'Get15118EVCertificate',
    type: request.action,
    detail: { iso15118SchemaVersion: request.iso15118SchemaVersion, exiRequest: request.exiRequest },
  })
  return {
    status: 'Failed',
    statusInfo: statusInfo('NoContractPool', 'This CSMS is not connected to a contract certificate pool.'),
    exiResponse: '',
  }
}
