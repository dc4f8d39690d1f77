import { Certificate, PkiError } from '../../../pki/index.ts'
import type { TrustedCertificate, TrustUsage } from '../../store/contracts.ts'

const MAX_PEM_CERTIFICATES = 50
const CURVES: readonly (string | undefined)[] = ['P-256', 'P-384', 'P-521', 'ed25519', 'ed448']
const MIN_RSA_BITS = 2048

/** What an operator hands in: roots and sub-CAs in PEM, all of them or none. */
export function readTrusted(
  usage: TrustUsage,
  pem: string,
  nowMs: number,
):
  | { readonly ok: true; readonly records: readonly TrustedCertificate[] }
  | { readonly ok: false; readonly message: string } {
  let certificates: readonly Certificate[]
  try {
    certificates = Certificate.parseChain(pem)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return { ok: false, message: `Not certificates in PEM: ${error.message}` }
  }
  if (certificates.length === 0 || certificates.length > MAX_PEM_CERTIFICATES)
    return { ok: false, message: `Give 1 to ${MAX_PEM_CERTIFICATES} certificates in PEM` }
  for (const certificate of certificates) {
    const fault = faultOfAuthority(certificate, nowMs)
    if (fault !== undefined) return { ok: false, message: `${certificate.subjectText} ${fault}` }
  }
  return { ok: true, records: certificates.map((certificate) => toTrusted(usage, certificate, nowMs)) }
}

/** Why this can vouch for nobody; undefined where it can. */
export function faultOfAuthority(certificate: Certificate, nowMs: number): string | undefined {
  if (!certificate.isCa) return 'is no CA certificate: only roots and sub-CAs vouch for others'
  if (certificate.keyUsage?.has('keyCertSign') === false) return 'may not sign certificates'
  if (certificate.notAfterMs <= nowMs) return 'has expired'
  if (certificate.isSelfIssued && !certificate.isSelfSigned)
    return 'names itself as its issuer but did not sign itself'
  const { kind, curve, bits } = certificate.publicKey
  const isStrong = kind === 'rsa' ? bits >= MIN_RSA_BITS : CURVES.includes(curve ?? kind)
  return isStrong ? undefined : `has a key (${curve ?? kind} of ${bits} bits) that nobody should trust`
}

export function toTrusted(usage: TrustUsage, certificate: Certificate, nowMs: number): TrustedCertificate {
  return {
    fingerprint: certificate.fingerprint,
    usage,
    subject: certificate.subjectText,
    isRoot: certificate.isSelfSigned,
    notAfter: new Date(certificate.notAfterMs).toISOString(),
    der: certificate.der,
    createdAt: new Date(nowMs).toISOString(),
  }
}
