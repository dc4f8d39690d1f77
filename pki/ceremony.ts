import { createHash } from 'node:crypto'
import { draftCertificate, type Issuer } from './authority.ts'
import { Certificate, sameBytes } from './certificate.ts'
import {
  CERTIFICATE_KINDS,
  type CertificateKind,
  type CertificateProfile,
  certificateProfile,
  type ProfileVariant,
} from './certificate-profile.ts'
import { type Csr, hasProofOfPossession, parseCsr } from './csr.ts'
import { PkiError } from './errors.ts'
import { lintCertificate, signLinted } from './lint.ts'
import type { SubjectFields } from './name.ts'
import { validatePath } from './path.ts'
import type { SyncSigner } from './signer.ts'

/**
 * A ceremony by file: the online service writes a request for a sub-CA certificate, people carry it to the machine
 * with the root's key, the answer comes back, and the service checks it as if it came from a stranger. The digest
 * of the request is short enough to be read aloud and compared on both sides.
 */
export interface CeremonyRequest {
  readonly format: 'gridkeep-ceremony-request/1'
  readonly kind: CertificateKind
  readonly variant: ProfileVariant
  readonly subject: SubjectFields
  readonly csr: string
  readonly notAfterMs: number | undefined
}

export interface CeremonyAnswer {
  readonly format: 'gridkeep-ceremony-answer/1'
  readonly requestDigest: string
  /** PEM of the new certificate. */
  readonly certificate: string
}

const MAX_FILE_CHARACTERS = 64 * 1024
const SUBJECT_FIELDS = [
  'commonName',
  'organization',
  'organizationalUnit',
  'country',
  'domainComponent',
] as const

const refuse = (message: string): PkiError => new PkiError('argument-invalid', message)

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readObject(text: string, format: string): Record<string, unknown> {
  if (text.length > MAX_FILE_CHARACTERS) throw refuse('The ceremony file is larger than 64 KiB')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new PkiError('argument-invalid', 'The ceremony file is not JSON', { cause })
  }
  if (!isObject(value) || value.format !== format) throw refuse(`The ceremony file is not a ${format}`)
  return value
}

function readSubject(value: unknown): SubjectFields {
  if (!isObject(value)) throw refuse('The ceremony request has no subject')
  const subject: { -readonly [Field in keyof SubjectFields]: string } = {}
  for (const [field, text] of Object.entries(value)) {
    const known = SUBJECT_FIELDS.find((name) => name === field)
    if (known === undefined || typeof text !== 'string')
      throw refuse(`The subject field "${field}" is not known`)
    subject[known] = text
  }
  return subject
}

function subCaProfile(kind: CertificateKind, variant: ProfileVariant): CertificateProfile {
  const profile = certificateProfile(kind, variant)
  if (profile.ca === undefined || profile.selfSigned)
    throw refuse(`A ceremony is for sub-CAs, not for ${kind}`)
  return profile
}

function provenCsr(text: string): Csr {
  const csr = parseCsr(text)
  if (!hasProofOfPossession(csr))
    throw new PkiError('csr-malformed', 'The CSR of the ceremony request is not signed by its own key')
  return csr
}

export const formatCeremonyRequest = (request: Omit<CeremonyRequest, 'format'>): string => {
  subCaProfile(request.kind, request.variant)
  provenCsr(request.csr)
  return `${JSON.stringify({ format: 'gridkeep-ceremony-request/1', ...request }, null, 2)}\n`
}

/** Reads a request file of at most 64 KiB and checks all that can be checked without the root's key. */
export function parseCeremonyRequest(text: string): CeremonyRequest {
  const value = readObject(text, 'gridkeep-ceremony-request/1')
  const kind = CERTIFICATE_KINDS.find((name) => name === value.kind)
  const variant = (['iso15118-2', 'iso15118-20'] as const).find((name) => name === value.variant)
  if (kind === undefined || variant === undefined)
    throw refuse('The ceremony request names no known kind and variant')
  subCaProfile(kind, variant)
  if (typeof value.csr !== 'string') throw refuse('The ceremony request has no CSR')
  provenCsr(value.csr)
  const notAfterMs = value.notAfterMs
  if (notAfterMs !== undefined && (typeof notAfterMs !== 'number' || !Number.isSafeInteger(notAfterMs))) {
    throw refuse('notAfterMs of the ceremony request is not a time in milliseconds')
  }
  return {
    format: 'gridkeep-ceremony-request/1',
    kind,
    variant,
    subject: readSubject(value.subject),
    csr: value.csr,
    notAfterMs,
  }
}

/** Eight groups of four hex digits over what is asked for, independent of spaces and field order in the file. */
export function ceremonyDigest(request: CeremonyRequest): string {
  const subject = SUBJECT_FIELDS.map((field) => request.subject[field] ?? null)
  const spki = Buffer.from(parseCsr(request.csr).publicKey.spki).toString('hex')
  const canonical = JSON.stringify([request.kind, request.variant, subject, spki, request.notAfterMs ?? null])
  const hex = createHash('sha256').update(canonical).digest('hex').slice(0, 32)
  return (hex.match(/.{4}/g) ?? []).join('-')
}

/**
 * The offline side: issues what the request asks for. `confirmedDigest` is what the other side read aloud;
 * `throwAway` signs the draft for lint before the root's key does.
 */
export async function performCeremony(options: {
  readonly request: CeremonyRequest
  readonly confirmedDigest: string
  readonly issuer: Issuer
  readonly throwAway: SyncSigner
  readonly atMs: number
  readonly random: Uint8Array
}): Promise<CeremonyAnswer> {
  const { request, confirmedDigest, issuer, throwAway, atMs, random } = options
  const digest = ceremonyDigest(request)
  if (confirmedDigest !== digest)
    throw refuse(`The digest is ${digest}; it was confirmed as ${confirmedDigest}. Do not sign.`)
  const draft = draftCertificate({
    issuer,
    profile: subCaProfile(request.kind, request.variant),
    subject: request.subject,
    publicKey: provenCsr(request.csr).publicKey,
    atMs,
    random,
    ...(request.notAfterMs === undefined ? {} : { notAfterMs: request.notAfterMs }),
  })
  const certificate = await signLinted(draft, throwAway, issuer.certificate)
  return { format: 'gridkeep-ceremony-answer/1', requestDigest: digest, certificate: certificate.toPem() }
}

export const formatCeremonyAnswer = (answer: CeremonyAnswer): string => `${JSON.stringify(answer, null, 2)}\n`

/** The online side: the certificate of an answer, after checking that it is what was asked for and by whom. */
export function acceptCeremonyAnswer(options: {
  readonly text: string
  readonly request: CeremonyRequest
  readonly issuer: Certificate
  readonly anchors: readonly Certificate[]
  readonly atMs: number
}): Certificate {
  const { text, request, issuer, anchors, atMs } = options
  const value = readObject(text, 'gridkeep-ceremony-answer/1')
  if (value.requestDigest !== ceremonyDigest(request)) throw refuse('The answer belongs to another request')
  if (typeof value.certificate !== 'string') throw refuse('The answer holds no certificate')
  const certificate = Certificate.parse(value.certificate)
  if (!sameBytes(certificate.spki, parseCsr(request.csr).publicKey.spki)) {
    throw new PkiError('key-mismatch', 'The certificate of the answer is for another key')
  }
  const profile = subCaProfile(request.kind, request.variant)
  const errors = lintCertificate(certificate, { profile, issuer }).filter(
    (finding) => finding.severity === 'error',
  )
  if (errors.length > 0)
    throw new PkiError('lint-failed', errors.map(({ rule, message }) => `${rule}: ${message}`).join('; '))
  const path = validatePath({
    leaf: certificate,
    intermediates: [issuer],
    anchors,
    atMs,
    strictness: 'profile',
  })
  if (!path.ok)
    throw new PkiError('issuer-unfit', `The certificate does not lead to the root: ${path.message}`)
  return certificate
}
