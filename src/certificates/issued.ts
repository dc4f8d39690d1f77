import type { Certificate, CertificateProfile } from '../../pki/index.ts'
import type { IssuedCertificate } from '../store/certificates.ts'

/** The store's row for a certificate that was just signed. */
export function toIssuedRecord(
  certificate: Certificate,
  of: {
    readonly authorityId: string | null
    readonly profile: Pick<CertificateProfile, 'id'>
    readonly stationId: string | null
    readonly keyName?: string
  },
): IssuedCertificate {
  return {
    fingerprint: certificate.fingerprint,
    authorityId: of.authorityId,
    profile: of.profile.id,
    serialNumber: certificate.serialHex,
    subject: certificate.subjectText,
    stationId: of.stationId,
    notBefore: new Date(certificate.notBeforeMs).toISOString(),
    notAfter: new Date(certificate.notAfterMs).toISOString(),
    der: certificate.der,
    keyName: of.keyName ?? null,
    revokedAt: null,
    revocationReason: null,
  }
}
