/** A02, A03: the CSR is checked at once, the certificate follows by CertificateSigned. */

import type { Handler } from '../router.ts'
import { recordEvent } from './record-event.ts'
import { statusInfo } from './status-info.ts'

export const signCertificate: Handler<'SignCertificate'> = async (context, request) => {
  const verdict = await context.certificates.requestSigning(context.station, request)
  if (verdict.status === 'Accepted') return { status: 'Accepted' }
  const { reasonCode, detail } = verdict
  await recordEvent(context, {
    kind: 'csms-security',
    type: 'CsrRejected',
    critical: true,
    detail: { reasonCode, detail, certificateType: request.certificateType ?? null },
  })
  return { status: 'Rejected', statusInfo: statusInfo(reasonCode, detail) }
}
