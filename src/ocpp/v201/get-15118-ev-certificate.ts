/** M01, M02: a car asks for its contract certificate; the pool answers while the car waits. */

import type { Handler } from '../router.ts'
import { statusInfo } from './status-info.ts'

export const get15118EvCertificate: Handler<'Get15118EVCertificate'> = async (context, request) => {
  const { contracts } = context.certificates
  if (!contracts)
    return {
      status: 'Failed',
      statusInfo: statusInfo('NoContractPool', 'This CSMS is not connected to a contract certificate pool.'),
      exiResponse: '',
    }
  const { status, exiResponse, reasonCode, detail } = await contracts.provide(context.stationId, request)
  return {
    status,
    ...(reasonCode === undefined ? {} : { statusInfo: statusInfo(reasonCode, detail ?? '') }),
    exiResponse,
  }
}
