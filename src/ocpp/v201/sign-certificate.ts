/** A02, A03: the CSR is checked at once (and a refusal recorded) by the certificate side; the certificate follows. */

import type { Handler } from '../router.ts'
import { statusInfo } from './status-info.ts'

export const signCertificate: Handler<'SignCertificate'> = async (context, request) => {
  const verdict = await context.certificates.requestSigning(context.station, request)
  if (verdict.status === 'Accepted') return { status: 'Accepted' }
  return { status: 'Rejected', statusInfo: statusInfo(verdict.reasonCode, verdict.detail) }
}
