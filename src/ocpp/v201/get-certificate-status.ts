/** M06: OCSP on behalf of the station. */

import type { Handler } from '../router.ts'
import { statusInfo } from './status-info.ts'

export const getCertificateStatus: Handler<'GetCertificateStatus'> = async (context, request) => {
  const verdict = await context.certificates.certificateStatus(request.ocspRequestData)
  if (verdict.status === 'Accepted') return verdict
  return { status: 'Failed', statusInfo: statusInfo(verdict.reasonCode, verdict.detail) }
}
