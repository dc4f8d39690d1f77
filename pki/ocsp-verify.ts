import { createHash } from 'node:crypto'
import { verifySignature } from './algorithms.ts'
import { sameBytes } from './bytes.ts'
import { Certificate } from './certificate.ts'
import { constructed, type DerReader, primitive, readSingle, TAG } from './der.ts'
import { PkiError, wrapMalformed } from './errors.ts'
import { type Extension, readExtensions } from './extensions.ts'
import { nameKey, parseName } from './name.ts'
import {
  type CertificateStatus,
  OCSP_ERRORS,
  type OcspError,
  REVOCATION_REASONS,
  type RevocationReason,
} from './ocsp.ts'
import { type CertId, readCertId, sameCertId, wrapNonce } from './ocsp-request.ts'
import { OID } from './oids.ts'

export interface OcspSingle {
  readonly certId: CertId
  readonly status: CertificateStatus
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number | undefined
}

export interface BasicOcspResponse {
  readonly data: Uint8Array
  readonly responder: { readonly keyHash: Uint8Array } | { readonly nameKey: string }
  readonly producedAtMs: number
  readonly singles: readonly OcspSingle[]
  /** The nonce extension's octets. */
  readonly nonce: Uint8Array | undefined
  readonly signatureAlgorithm: Uint8Array
  readonly signature: Uint8Array
  readonly certificates: readonly Certificate[]
}

export type OcspResponse =
  | { readonly kind: 'error'; readonly error: OcspError }
  | { readonly kind: 'basic'; readonly basic: BasicOcspResponse }

const MAX_RESPONSE_BYTES = 256 * 1024
const MAX_SINGLES = 256
const MAX_CERTIFICATES = 8

function readReason(reader: DerReader | undefined): RevocationReason | undefined {
  if (reader === undefined) return undefined
  const number = reader.smallInteger(TAG.enumerated)
  reader.finish()
  const names = Object.keys(REVOCATION_REASONS) as RevocationReason[]
  const reason = names.find((name) => REVOCATION_REASONS[name] === number)
  if (reason === undefined) throw new PkiError('der-malformed', 'unknown revocation reason')
  return reason
}

function readStatus(reader: DerReader): CertificateStatus {
  const tag = reader.peek()
  if (tag === constructed(1)) {
    const revoked = reader.enter(tag)
    const atMs = revoked.generalizedTime()
    const reason = readReason(revoked.enterOptional(constructed(0)))
    revoked.finish()
    return reason === undefined ? { kind: 'revoked', atMs } : { kind: 'revoked', atMs, reason }
  }
  if (tag !== primitive(0) && tag !== primitive(2))
    throw new PkiError('der-malformed', 'unknown certificate status')
  if (reader.value(tag).length > 0) throw new PkiError('der-malformed', 'a status that must be empty is not')
  return { kind: tag === primitive(0) ? 'good' : 'unknown' }
}

function refuseCritical(extensions: ReadonlyMap<string, Extension>): void {
  for (const { oid, critical } of extensions.values()) {
    if (critical && oid !== OID.ocspNonce)
      throw new PkiError('der-malformed', `critical extension ${oid} is not understood`)
  }
}

function readOptionalExtensions(reader: DerReader | undefined): ReadonlyMap<string, Extension> {
  if (reader === undefined) return new Map()
  const extensions = readExtensions(reader)
  reader.finish()
  refuseCritical(extensions)
  return extensions
}

function readSingleResponse(item: DerReader): OcspSingle {
  const certId = readCertId(item)
  const status = readStatus(item)
  const thisUpdateMs = item.generalizedTime()
  const next = item.enterOptional(constructed(0))
  const nextUpdateMs = next?.generalizedTime()
  next?.finish()
  readOptionalExtensions(item.enterOptional(constructed(1)))
  item.finish()
  return { certId, status, thisUpdateMs, nextUpdateMs }
}

function readResponder(reader: DerReader): BasicOcspResponse['responder'] {
  const byName = reader.enterOptional(constructed(1))
  if (byName !== undefined) {
    const name = byName.raw(TAG.sequence)
    byName.finish()
    return { nameKey: nameKey(parseName(name)) }
  }
  const byKey = reader.enter(constructed(2))
  const keyHash = byKey.value(TAG.octetString)
  byKey.finish()
  return { keyHash }
}

function readCertificates(field: DerReader | undefined): Certificate[] {
  if (field === undefined) return []
  const list = field.enter(TAG.sequence)
  field.finish()
  const certificates: Certificate[] = []
  while (!list.done) {
    if (certificates.length >= MAX_CERTIFICATES) throw new PkiError('der-malformed', 'too many certificates')
    certificates.push(Certificate.parse(list.raw(TAG.sequence)))
  }
  return certificates
}

function readBasic(der: Uint8Array): BasicOcspResponse {
  const outer = readSingle(der, TAG.sequence)
  const data = outer.raw(TAG.sequence)
  const signatureAlgorithm = outer.raw(TAG.sequence)
  const signature = outer.octetAlignedBits()
  const certificates = readCertificates(outer.enterOptional(constructed(0)))
  outer.finish()
  const reader = readSingle(data, TAG.sequence)
  const version = reader.enterOptional(constructed(0))
  if (version !== undefined && version.smallInteger() !== 0)
    throw new PkiError('der-malformed', 'unknown response version')
  const responder = readResponder(reader)
  const producedAtMs = reader.generalizedTime()
  const list = reader.enter(TAG.sequence)
  const singles: OcspSingle[] = []
  while (!list.done) {
    if (singles.length >= MAX_SINGLES) throw new PkiError('der-malformed', 'too many answers')
    singles.push(readSingleResponse(list.enter(TAG.sequence)))
  }
  const extensions = readOptionalExtensions(reader.enterOptional(constructed(1)))
  reader.finish()
  const nonce = extensions.get(OID.ocspNonce)?.value
  return { data, responder, producedAtMs, singles, nonce, signatureAlgorithm, signature, certificates }
}

/** Reads an OCSP response of at most 256 KiB. Nothing in it is believed until `verifyOcspResponse` says so. */
export function parseOcspResponse(der: Uint8Array): OcspResponse {
  return wrapMalformed('ocsp-malformed', 'OCSP response', () => {
    if (der.length > MAX_RESPONSE_BYTES) throw new PkiError('der-malformed', 'larger than 256 KiB')
    const outer = readSingle(der, TAG.sequence)
    const code = outer.smallInteger(TAG.enumerated)
    if (code !== 0) {
      outer.finish()
      const error = (Object.keys(OCSP_ERRORS) as OcspError[]).find((name) => OCSP_ERRORS[name] === code)
      if (error === undefined) throw new PkiError('der-malformed', 'unknown response status')
      return { kind: 'error', error }
    }
    const field = outer.enter(constructed(0))
    outer.finish()
    const bytes = field.enter(TAG.sequence)
    field.finish()
    if (bytes.oid() !== OID.ocspBasic) throw new PkiError('der-malformed', 'not a basic response')
    const basic = bytes.value(TAG.octetString)
    bytes.finish()
    return { kind: 'basic', basic: readBasic(basic) }
  })
}

export type OcspRefusal =
  | 'malformed'
  | 'responder-error'
  | 'signer-untrusted'
  | 'signature-invalid'
  | 'certificate-not-answered'
  | 'nonce-mismatch'
  | 'not-yet-valid'
  | 'stale'

export type OcspVerdict =
  | {
      readonly ok: true
      readonly status: CertificateStatus
      readonly single: OcspSingle
      readonly producedAtMs: number
    }
  | { readonly ok: false; readonly reason: OcspRefusal; readonly message: string }

export interface OcspVerification {
  readonly response: Uint8Array
  readonly certId: CertId
  /** The CA that issued the certificate asked about. */
  readonly issuer: Certificate
  readonly atMs: number
  /** The nonce that was sent. A response without one is then accepted only with `nonceOptional` (RFC 5019). */
  readonly nonce?: Uint8Array
  readonly nonceOptional?: boolean
  /** Difference of clocks that is forgiven; 5 minutes unless said otherwise. */
  readonly skewMs?: number
  /** Age at which an answer without nextUpdate is stale; 24 hours unless said otherwise. */
  readonly maxAgeMs?: number
}

const MINUTE_MS = 60_000

const identifies = (responder: BasicOcspResponse['responder'], certificate: Certificate): boolean =>
  'nameKey' in responder
    ? responder.nameKey === certificate.subjectKey
    : sameBytes(responder.keyHash, createHash('sha1').update(certificate.publicKey.keyBits).digest())

/** RFC 6960 4.2.2.2: issued by the CA itself, OCSPSigning, valid now, and nocheck, as nobody checks it further. */
function isDelegate(candidate: Certificate, issuer: Certificate, atMs: number, skewMs: number): boolean {
  if (candidate.extendedKeyUsage?.includes(OID.ocspSigning) !== true || !candidate.hasOcspNoCheck)
    return false
  if (candidate.keyUsage?.has('digitalSignature') === false) return false
  if (atMs < candidate.notBeforeMs - skewMs || atMs > candidate.notAfterMs + skewMs) return false
  return candidate.issuerKey === issuer.subjectKey && candidate.isSignedBy(issuer)
}

function findSigner(
  basic: BasicOcspResponse,
  issuer: Certificate,
  atMs: number,
  skewMs: number,
): Certificate | undefined {
  if (identifies(basic.responder, issuer)) return issuer
  return basic.certificates.find(
    (candidate) => identifies(basic.responder, candidate) && isDelegate(candidate, issuer, atMs, skewMs),
  )
}

const refuse = (reason: OcspRefusal, message: string): OcspVerdict => ({ ok: false, reason, message })

function checkFreshness(
  single: OcspSingle,
  options: OcspVerification,
  skewMs: number,
): OcspVerdict | undefined {
  const { atMs, maxAgeMs = 24 * 60 * MINUTE_MS } = options
  if (single.thisUpdateMs > atMs + skewMs)
    return refuse('not-yet-valid', 'The answer is from the future; check the clocks')
  const endMs = single.nextUpdateMs ?? single.thisUpdateMs + maxAgeMs
  if (atMs > endMs + skewMs || endMs < single.thisUpdateMs)
    return refuse('stale', 'The answer is no longer fresh; ask again')
  return undefined
}

function judge(basic: BasicOcspResponse, options: OcspVerification): OcspVerdict {
  const skewMs = options.skewMs ?? 5 * MINUTE_MS
  const signer = findSigner(basic, options.issuer, options.atMs, skewMs)
  if (signer === undefined)
    return refuse('signer-untrusted', 'The answer is signed neither by the CA nor by a delegate of it')
  const { signatureAlgorithm: identifier, data, signature } = basic
  if (!verifySignature({ identifier, key: signer.publicKey, data, signature })) {
    return refuse('signature-invalid', 'The signature of the answer is wrong')
  }
  if (options.nonce !== undefined) {
    const missing = basic.nonce === undefined && options.nonceOptional === true
    const equal = basic.nonce !== undefined && sameBytes(basic.nonce, wrapNonce(options.nonce))
    if (!missing && !equal) return refuse('nonce-mismatch', 'The answer does not repeat our nonce')
  }
  const single = basic.singles.find((candidate) => sameCertId(candidate.certId, options.certId))
  if (single === undefined)
    return refuse('certificate-not-answered', 'The answer is about other certificates')
  return (
    checkFreshness(single, options, skewMs) ?? {
      ok: true,
      status: single.status,
      single,
      producedAtMs: basic.producedAtMs,
    }
  )
}

/** Verifies signer, delegation, signature, nonce, CertID and freshness of a response; every doubt is a refusal. */
export function verifyOcspResponse(options: OcspVerification): OcspVerdict {
  try {
    const parsed = parseOcspResponse(options.response)
    if (parsed.kind === 'error') return refuse('responder-error', `The responder answered ${parsed.error}`)
    return judge(parsed.basic, options)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return refuse('malformed', error.message)
  }
}
