/** What may be sent to stations as a root, and in which form. Pure. */

import {
  Certificate,
  certificateHashData,
  isRoot,
  PkiError,
  type RootUse,
  sameHashData,
} from '../../../pki/index.ts'
import type { InstalledCertificate, TrustAnchor } from '../../store/fleet.ts'

/** OCPP 2.0.1 InstallCertificateRequest.certificate. */
const MAX_CHARACTERS = 5500
const ALLOWED_USES: readonly RootUse[] = [
  'V2GRootCertificate',
  'MORootCertificate',
  'CSMSRootCertificate',
  'ManufacturerRootCertificate',
]

export type AnchorRefusal =
  | 'malformed'
  | 'wrong-use'
  | 'not-a-root'
  | 'bad-signature'
  | 'expired'
  | 'not-yet-valid'
  | 'too-large'
  | 'weak-usage'

export type AnchorVerdict =
  | { readonly ok: true; readonly certificate: Certificate; readonly pem: string }
  | { readonly ok: false; readonly reason: AnchorRefusal; readonly message: string }

/**
 * Stations in the field install whatever they are sent and cannot list or delete it afterwards where it was no root:
 * what is sent is judged here.
 */
export function inspectAnchor(input: string | Uint8Array, use: string, atMs: number): AnchorVerdict {
  const refuse = (reason: AnchorRefusal, message: string): AnchorVerdict => ({ ok: false, reason, message })
  if (!ALLOWED_USES.some((allowed) => allowed === use))
    return refuse(
      'wrong-use',
      `${use} is not installed with InstallCertificate; use one of ${ALLOWED_USES.join(', ')}`,
    )
  let certificate: Certificate
  try {
    certificate = Certificate.parse(input)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return refuse('malformed', `This is not one certificate in PEM or DER: ${error.message}`)
  }
  const name = certificate.subjectText
  if (!certificate.isCa || !certificate.isSelfSigned)
    return refuse(
      'not-a-root',
      `${name} is not a self-signed CA: only roots are installed, sub-CAs come with leaves`,
    )
  if (!certificate.isSignedBy(certificate))
    return refuse('bad-signature', `${name} names itself as its issuer, but did not sign itself`)
  if (certificate.keyUsage?.has('keyCertSign') === false)
    return refuse('weak-usage', `${name} may not sign certificates (key usage)`)
  if (certificate.notAfterMs <= atMs)
    return refuse('expired', `${name} expired ${new Date(certificate.notAfterMs).toISOString()}`)
  if (certificate.notBeforeMs > atMs)
    return refuse(
      'not-yet-valid',
      `${name} is valid from ${new Date(certificate.notBeforeMs).toISOString()} on; stations would refuse it`,
    )
  const pem = certificate.toPem().trim()
  if (pem.length > MAX_CHARACTERS)
    return refuse(
      'too-large',
      `${name} has ${pem.length} characters, InstallCertificate takes ${MAX_CHARACTERS}`,
    )
  return { ok: true, certificate, pem }
}

export function toAnchor(certificate: Certificate, use: RootUse, atMs: number): TrustAnchor {
  return {
    fingerprint: certificate.fingerprint,
    use,
    subject: certificate.subjectText,
    notBefore: new Date(certificate.notBeforeMs).toISOString(),
    notAfter: new Date(certificate.notAfterMs).toISOString(),
    der: certificate.der,
    createdAt: new Date(atMs).toISOString(),
  }
}

/** Whether the row names the root, or the same root as its predecessor signed it (M05.FR.10). */
export function namesRoot(
  row: InstalledCertificate,
  root: Certificate,
  vouched: readonly { readonly cross: Certificate; readonly issuer: Certificate }[] = [],
): boolean {
  if (isRoot(row, root)) return true
  return vouched.some(
    ({ cross, issuer }) => cross.subjectKey === root.subjectKey && isNamed(row, cross, issuer),
  )
}

function isNamed(row: InstalledCertificate, cross: Certificate, issuer: Certificate): boolean {
  return sameHashData(row, certificateHashData(cross, issuer, row.hashAlgorithm))
}
