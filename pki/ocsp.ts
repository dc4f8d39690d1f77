import { createHash } from 'node:crypto'
import { sameBytes } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import { constructed, primitive, TAG } from './der.ts'
import { bitString, generalizedTime, octetString, oid, sequence, tlv } from './der-write.ts'
import { PkiError } from './errors.ts'
import { extension } from './extension-write.ts'
import type { CertId } from './ocsp-request.ts'
import { OID } from './oids.ts'
import { isPromise, type Signer } from './signer.ts'

/** CRLReason numbers of RFC 5280 5.3.1, as CRLs and OCSP carry them. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const
export type RevocationReason = keyof typeof REVOCATION_REASONS

export type CertificateStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly atMs: number; readonly reason?: RevocationReason }
  | { readonly kind: 'unknown' }

export interface StatusEntry {
  readonly certId: CertId
  readonly status: CertificateStatus
  readonly thisUpdateMs: number
  readonly nextUpdateMs?: number
}

export interface OcspResponder {
  readonly certificate: Certificate
  /** Signs one response. With a software signer it is there at once, without a promise. */
  respond(answer: OcspAnswer): Uint8Array | Promise<Uint8Array>
}

export interface OcspAnswer {
  readonly entries: readonly StatusEntry[]
  readonly producedAtMs: number
  /** `OcspRequest.nonce`, echoed as it came. */
  readonly nonce?: Uint8Array | undefined
}

const GOOD = tlv(primitive(0))
const UNKNOWN = tlv(primitive(2))
const BASIC = oid(OID.ocspBasic)
const SUCCESSFUL = Uint8Array.of(TAG.enumerated, 1, 0)

function statusDer(status: CertificateStatus): Uint8Array {
  if (status.kind === 'good') return GOOD
  if (status.kind === 'unknown') return UNKNOWN
  const at = generalizedTime(status.atMs)
  // RFC 5280 5.3.1: "unspecified" is said by leaving the reason out.
  if (status.reason === undefined || status.reason === 'unspecified') return tlv(constructed(1), at)
  const reason = Uint8Array.of(TAG.enumerated, 1, REVOCATION_REASONS[status.reason])
  return tlv(constructed(1), at, tlv(constructed(0), reason))
}

function entryDer(entry: StatusEntry): Uint8Array {
  const parts = [entry.certId.der, statusDer(entry.status), generalizedTime(entry.thisUpdateMs)]
  if (entry.nextUpdateMs !== undefined) parts.push(tlv(constructed(0), generalizedTime(entry.nextUpdateMs)))
  return sequence(...parts)
}

function checkDelegate(delegate: Certificate, issuer: Certificate): void {
  if (!delegate.isSignedBy(issuer) || delegate.issuerKey !== issuer.subjectKey) {
    throw new PkiError(
      'issuer-unfit',
      'The OCSP delegate must be issued directly by the CA it answers for (RFC 6960 4.2.2.2)',
    )
  }
  if (delegate.extendedKeyUsage?.includes(OID.ocspSigning) !== true) {
    throw new PkiError('issuer-unfit', 'The OCSP delegate needs the extended key usage OCSPSigning')
  }
}

/**
 * A responder for the certificates of `issuer`: signing with the CA's own key, or, better, with a delegate that
 * the CA issued (profile `ocsp-responder`), whose certificate then travels in every response.
 */
export function createOcspResponder(options: {
  readonly issuer: Certificate
  readonly signer: Signer
  readonly delegate?: Certificate
}): OcspResponder {
  const { issuer, signer, delegate } = options
  if (delegate !== undefined) checkDelegate(delegate, issuer)
  const certificate = delegate ?? issuer
  if (!sameBytes(certificate.spki, signer.publicKeySpki)) {
    throw new PkiError('key-mismatch', 'The OCSP signing key does not belong to the responder certificate')
  }
  const keyHash = createHash('sha1').update(certificate.publicKey.keyBits).digest()
  const responderId = tlv(constructed(2), octetString(keyHash))
  const algorithm = signer.algorithm.identifier
  const certificates = delegate === undefined ? [] : [tlv(constructed(0), sequence(delegate.der))]
  const assemble = (data: Uint8Array, signature: Uint8Array): Uint8Array => {
    const basic = sequence(data, algorithm, bitString(signature), ...certificates)
    return sequence(SUCCESSFUL, tlv(constructed(0), sequence(BASIC, octetString(basic))))
  }
  return {
    certificate,
    respond: ({ entries, producedAtMs, nonce }) => {
      const extensions =
        nonce === undefined ? [] : [tlv(constructed(1), sequence(extension(OID.ocspNonce, false, nonce)))]
      const data = sequence(
        responderId,
        generalizedTime(producedAtMs),
        sequence(...entries.map(entryDer)),
        ...extensions,
      )
      const signature = signer.sign(data)
      return isPromise(signature)
        ? signature.then((value) => assemble(data, value))
        : assemble(data, signature)
    },
  }
}

/** Unsigned error answers (RFC 6960 4.2.1). */
export const OCSP_ERRORS = {
  malformedRequest: 1,
  internalError: 2,
  tryLater: 3,
  sigRequired: 5,
  unauthorized: 6,
} as const
export type OcspError = keyof typeof OCSP_ERRORS
export const ocspErrorResponse = (error: OcspError): Uint8Array =>
  sequence(Uint8Array.of(TAG.enumerated, 1, OCSP_ERRORS[error]))
