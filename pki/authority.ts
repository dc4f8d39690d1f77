import { createHash } from 'node:crypto'
import { SIGNATURE_ALGORITHMS, verifySignature } from './algorithms.ts'
import { sameBytes } from './bytes.ts'
import { Certificate } from './certificate.ts'
import { type CertificateProfile, profileAllowsKey } from './certificate-profile.ts'
import { bitString, sequence, time, tlv } from './der-write.ts'
import { PkiError } from './errors.ts'
import {
  authorityKeyIdentifier,
  fixedExtensions,
  type IssuerAddresses,
  subjectAltNames,
  subjectKeyIdentifier,
} from './extension-write.ts'
import {
  type IssuedValidity,
  longestSignature,
  type Order,
  serialFrom,
  subjectDer,
  validityOf,
} from './issuing-rules.ts'
import { PublicKey } from './public-key.ts'
import { isPromise, type Signer } from './signer.ts'

export type { Subject } from './issuing-rules.ts'

/** A CA that can sign: build once with `createIssuer`, use for every certificate. */
export interface Issuer {
  readonly certificate: Certificate
  readonly signer: Signer
  readonly addresses: IssuerAddresses
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
  if (!parsed.isUncompressed) {
    throw new PkiError('key-unsupported', 'The EC point must be uncompressed; export the key again')
  }
  if (!parsed.isProven) parsed.import()
  return parsed
}

function draft(
  order: Order,
  from: Prepared,
  key: PublicKey,
  validity: IssuedValidity,
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
