import { createHash } from 'node:crypto'
import { SIGNATURE_ALGORITHMS, verifySignature } from './algorithms.ts'
import { Certificate, sameBytes } from './certificate.ts'
import { type CertificateProfile, profileAllowsKey } from './certificate-profile.ts'
import { bitString, sequence, time, tlv } from './der-write.ts'
import { PkiError } from './errors.ts'
import {
  type AltNames,
  authorityKeyIdentifier,
  fixedExtensions,
  type IssuerAddresses,
  subjectAltNames,
  subjectKeyIdentifier,
} from './extension-write.ts'
import { encodeName, nameValues, parseName, type SubjectFields } from './name.ts'
import { OID } from './oids.ts'
import { PublicKey } from './public-key.ts'
import { isPromise, type Signer } from './signer.ts'

/** A CA that can sign: build once with `createIssuer`, use for every certificate. */
export interface Issuer {
  readonly certificate: Certificate
  readonly signer: Signer
  readonly addresses: IssuerAddresses
}

/** A name to put into a certificate: fields, or the exact DER of an existing name for a cross-certificate. */
export type Subject = SubjectFields | { readonly der: Uint8Array }

interface Order {
  readonly profile: CertificateProfile
  readonly subject: Subject
  /** Time of issue, milliseconds since 1970. */
  readonly atMs: number
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  /** 9 to 20 fresh random octets for the serial number; 16 is a good choice. */
  readonly random: Uint8Array
  readonly altNames?: AltNames
}

export interface CertificateOrder extends Order {
  readonly issuer: Issuer
  readonly publicKey: PublicKey | Uint8Array
}

export interface RootOrder extends Order {
  readonly signer: Signer
}

/** A certificate before its signature. The serial is known here, so that it can be recorded before signing. */
export interface CertificateDraft {
  readonly tbs: Uint8Array
  readonly serialHex: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** The issuer ends before the requested end, so the certificate ends with it. */
  readonly clamped: boolean
  readonly profile: CertificateProfile
  readonly signer: Signer
}

/** DER that is the same for every certificate of one issuer. */
interface Prepared {
  readonly signer: Signer
  readonly nameDer: Uint8Array
  readonly keyIdentifier: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** The issuer's own path length; what it signs must fit below. */
  readonly pathLength: number | undefined
  readonly longestSignature: number
  readonly addresses: IssuerAddresses
  readonly extensions: WeakMap<CertificateProfile, Uint8Array>
}

const prepared = new WeakMap<Issuer, Prepared>()

/** RFC 5280 4.2.1.2: method 1 is SHA-1 over the key bits, method 2 its last 60 bits after 0100 (ISO 15118-20). */
export function keyIdentifierOf(key: PublicKey, method: CertificateProfile['keyIdentifier']): Uint8Array {
  const digest = createHash('sha1').update(key.keyBits).digest()
  if (method === 'sha1') return digest
  const short = digest.subarray(12)
  short[0] = 0x40 | ((short[0] ?? 0) & 0x0f)
  return short
}

/**
 * Joins a CA certificate with the signer of its key. Fails with `issuer-unfit` when the certificate may not sign
 * certificates and with `key-mismatch` when the signer holds another key.
 */
export function createIssuer(options: {
  readonly certificate: Certificate
  readonly signer: Signer
  readonly addresses?: IssuerAddresses
}): Issuer {
  const { certificate, signer, addresses = {} } = options
  if (!certificate.isCa || certificate.keyUsage?.has('keyCertSign') === false) {
    throw new PkiError(
      'issuer-unfit',
      `${certificate.subjectText} is not a CA certificate that may sign certificates`,
    )
  }
  if (!sameBytes(certificate.spki, signer.publicKeySpki)) {
    throw new PkiError(
      'key-mismatch',
      `The key does not belong to ${certificate.subjectText}; choose the key it was issued for`,
    )
  }
  const issuer: Issuer = { certificate, signer, addresses }
  prepared.set(issuer, {
    signer,
    nameDer: certificate.subjectDer,
    keyIdentifier: certificate.subjectKeyIdentifier ?? keyIdentifierOf(certificate.publicKey, 'sha1'),
    notBeforeMs: certificate.notBeforeMs,
    notAfterMs: certificate.notAfterMs,
    pathLength: certificate.basicConstraints?.pathLength,
    longestSignature: longestSignature(certificate.publicKey),
    addresses,
    extensions: new WeakMap(),
  })
  return issuer
}

const VERSION_3 = Uint8Array.of(0xa0, 0x03, 0x02, 0x01, 0x02)
const DAY_MS = 86_400_000
/** GeneralizedTime has four digits for the year. */
const END_OF_TIME_MS = Date.UTC(10_000, 0, 1)

/** At least 64 random bits: the top bit is cleared and the next set, so the number is positive and never short. */
function serialFrom(random: Uint8Array): Uint8Array {
  if (random.length < 9 || random.length > 20) {
    throw new PkiError('randomness-short', 'A serial number needs 9 to 20 fresh random octets; pass 16')
  }
  const serial = Uint8Array.from(random)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  return serial
}

function subjectDer(profile: CertificateProfile, subject: Subject): Uint8Array {
  if ('der' in subject) {
    const name = parseName(subject.der)
    if (name.length === 0) throw new PkiError('name-invalid', 'A certificate needs a subject name')
    const components = nameValues(name, OID.domainComponent)
    if (profile.domainComponent !== undefined && !components.includes(profile.domainComponent)) {
      throw new PkiError(
        'profile-mismatch',
        `${profile.id} needs the domain component ${profile.domainComponent} in its subject`,
      )
    }
    return subject.der
  }
  for (const field of profile.requiredSubject) {
    if (subject[field] === undefined)
      throw new PkiError('name-invalid', `${profile.id} needs a ${field} in its subject`)
  }
  const domainComponent = profile.domainComponent ?? subject.domainComponent
  return encodeName(domainComponent === undefined ? subject : { ...subject, domainComponent })
}

interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly clamped: boolean
}

const wholeSecond = (atMs: number): number => Math.floor(atMs / 1000) * 1000

function validityOf(
  order: Order,
  from: { readonly notBeforeMs: number; readonly notAfterMs: number } | undefined,
): Validity {
  const { profile, atMs } = order
  const requestedStart = order.notBeforeMs ?? atMs - profile.backdateSeconds * 1000
  if (requestedStart > atMs) {
    throw new PkiError(
      'validity-invalid',
      'notBefore must not lie in the future (OCPP 2.0.1 erratum 2.9); leave it out',
    )
  }
  if (from !== undefined && (atMs > from.notAfterMs || atMs < from.notBeforeMs)) {
    throw new PkiError(
      'issuer-expired',
      'The issuing certificate is not valid at this time; renew the CA first',
    )
  }
  const requestedEnd = order.notAfterMs ?? atMs + profile.validityDays * DAY_MS
  if (![atMs, requestedStart, requestedEnd].every((at) => at >= 0 && at < END_OF_TIME_MS)) {
    throw new PkiError('validity-invalid', 'Times are milliseconds since 1970 and end before the year 10000')
  }
  const notBeforeMs = wholeSecond(Math.max(requestedStart, from?.notBeforeMs ?? requestedStart))
  const notAfterMs = wholeSecond(Math.min(requestedEnd, from?.notAfterMs ?? requestedEnd))
  if (!(notAfterMs > atMs))
    throw new PkiError('validity-invalid', 'The certificate would end before it is issued')
  return { notBeforeMs, notAfterMs, clamped: notAfterMs < wholeSecond(requestedEnd) }
}

function checkIssuer(profile: CertificateProfile, from: Prepared): void {
  if (!profile.signatures.includes(from.signer.algorithm.name)) {
    throw new PkiError(
      'issuer-unfit',
      `${profile.id} must be signed with ${profile.signatures.join(' or ')}, this issuer signs with ${from.signer.algorithm.name}`,
    )
  }
  if (profile.ca === undefined || from.pathLength === undefined) return
  const below = profile.ca.pathLength ?? Number.POSITIVE_INFINITY
  if (from.pathLength === 0 || below >= from.pathLength) {
    throw new PkiError(
      'issuer-unfit',
      `${profile.id} does not fit below an issuer with path length ${from.pathLength}`,
    )
  }
}

/** Longest DER signature of a key: r and s with a sign octet each, RSA as long as its modulus, EdDSA fixed. */
function longestSignature(key: PublicKey): number {
  if (key.kind === 'rsa') return (key.bits + 7) >> 3
  if (key.kind !== 'ec') return key.kind === 'ed448' ? 114 : 64
  const integers = 2 * (2 + ((key.bits + 8) >> 3))
  return integers + (integers < 0x80 ? 2 : 3)
}

/** Header of the certificate, and of the BIT STRING with its unused-bits octet. */
const WRAPPING_BYTES = 4 + 4

/**
 * Refuses before the CA's key is used, and by the longest signature there could be: a certificate that fits only
 * when its signature happens to be short would make issuing a matter of luck.
 */
function checkSize(profile: CertificateProfile, tbs: Uint8Array, from: Prepared): void {
  const limit = profile.maxDerBytes
  if (limit === undefined) return
  const bytes = tbs.length + from.signer.algorithm.identifier.length + from.longestSignature + WRAPPING_BYTES
  if (bytes > limit) {
    throw new PkiError(
      'certificate-too-large',
      `${profile.id} allows ${limit} octets, this certificate may need ${bytes}; shorten names and addresses`,
    )
  }
}

function importedKey(key: PublicKey | Uint8Array): PublicKey {
  const parsed = key instanceof PublicKey ? key : PublicKey.parse(key)
  if (!parsed.isProven) parsed.import()
  return parsed
}

function draft(
  order: Order,
  from: Prepared,
  key: PublicKey,
  validity: Validity,
  nameDer: Uint8Array,
): CertificateDraft {
  const { profile } = order
  if (!profileAllowsKey(profile, key)) {
    throw new PkiError(
      'profile-mismatch',
      `${profile.id} needs a key of ${profile.keys.join(' or ')}, not ${key.curve ?? key.kind}`,
    )
  }
  const hasAltNames = order.altNames !== undefined
  if (hasAltNames ? profile.subjectAltNames === 'forbidden' : profile.subjectAltNames === 'required') {
    throw new PkiError(
      'profile-mismatch',
      `${profile.id}: subject alternative names are ${profile.subjectAltNames}`,
    )
  }
  let fixed = from.extensions.get(profile)
  if (fixed === undefined) {
    fixed = fixedExtensions(profile, from.addresses)
    from.extensions.set(profile, fixed)
  }
  const serial = serialFrom(order.random)
  const algorithm = from.signer.algorithm.identifier
  const extensions = sequence(
    subjectKeyIdentifier(keyIdentifierOf(key, profile.keyIdentifier)),
    ...(profile.selfSigned ? [] : [authorityKeyIdentifier(from.keyIdentifier)]),
    ...(order.altNames === undefined ? [] : [subjectAltNames(order.altNames)]),
    fixed,
  )
  const tbs = sequence(
    VERSION_3,
    tlv(0x02, serial),
    algorithm,
    from.nameDer,
    sequence(time(validity.notBeforeMs), time(validity.notAfterMs)),
    nameDer,
    key.spki,
    tlv(0xa3, extensions),
  )
  checkSize(profile, tbs, from)
  return { tbs, serialHex: Buffer.from(serial).toString('hex'), ...validity, profile, signer: from.signer }
}

/**
 * Everything about a certificate except its signature. Nothing is taken from a CSR but the public key: subject,
 * usage, constraints and addresses come from the caller's policy, the profile and the issuer.
 */
export function draftCertificate(order: CertificateOrder): CertificateDraft {
  const from = prepared.get(order.issuer)
  if (from === undefined) throw new PkiError('argument-invalid', 'Pass an issuer made by createIssuer')
  if (order.profile.selfSigned)
    throw new PkiError('profile-mismatch', `${order.profile.id} is self-signed; use draftRoot`)
  checkIssuer(order.profile, from)
  const nameDer = subjectDer(order.profile, order.subject)
  return draft(order, from, importedKey(order.publicKey), validityOf(order, from), nameDer)
}

/** A self-signed root for the signer's own key. */
export function draftRoot(order: RootOrder): CertificateDraft {
  const { profile, signer } = order
  if (!profile.selfSigned)
    throw new PkiError('profile-mismatch', `${profile.id} is not a root profile; use draftCertificate`)
  const key = importedKey(signer.publicKeySpki)
  const validity = validityOf(order, undefined)
  const nameDer = subjectDer(profile, order.subject)
  const from: Prepared = {
    signer,
    nameDer,
    keyIdentifier: keyIdentifierOf(key, profile.keyIdentifier),
    ...validity,
    pathLength: undefined,
    longestSignature: longestSignature(key),
    addresses: {},
    extensions: new WeakMap(),
  }
  checkIssuer(profile, from)
  return draft(order, from, key, validity, nameDer)
}

/** Joins a draft with a signature made elsewhere and checks the size limit of the profile. */
export function finishCertificate(made: CertificateDraft, signature: Uint8Array): Certificate {
  const der = sequence(made.tbs, made.signer.algorithm.identifier, bitString(signature))
  const limit = made.profile.maxDerBytes
  if (limit !== undefined && der.length > limit) {
    throw new PkiError(
      'certificate-too-large',
      `${made.profile.id} allows ${limit} octets, this certificate has ${der.length}; shorten names and addresses`,
    )
  }
  return Certificate.parse(der)
}

/**
 * Signs a draft. A signature that came from outside the process (a token, a command) is verified before it is
 * believed; the software signer answers at once and is trusted.
 */
export function signDraft(made: CertificateDraft): Certificate | Promise<Certificate> {
  const signature = made.signer.sign(made.tbs)
  if (!isPromise(signature)) return finishCertificate(made, signature)
  return signature.then((value) => {
    const identifier = SIGNATURE_ALGORITHMS[made.signer.algorithm.name].identifier
    const key = PublicKey.parse(made.signer.publicKeySpki)
    if (!verifySignature({ identifier, key, data: made.tbs, signature: value })) {
      throw new PkiError(
        'key-mismatch',
        'The signer returned a signature that its own public key refuses; check the token',
      )
    }
    return finishCertificate(made, value)
  })
}

/** Drafts and signs in one step. With a software signer the result is there at once, without a promise. */
export const issueCertificate = (order: CertificateOrder): Certificate | Promise<Certificate> =>
  signDraft(draftCertificate(order))
export const issueRoot = (order: RootOrder): Certificate | Promise<Certificate> => signDraft(draftRoot(order))
