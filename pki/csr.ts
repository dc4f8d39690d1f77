import { verifySignature } from './algorithms.ts'
import { type CertificateProfile, profileAllowsKey } from './certificate-profile.ts'
import { constructed, type DerReader, readSingle, TAG } from './der.ts'
import { PkiError, wrapMalformed } from './errors.ts'
import { keyHash } from './hash-data.ts'
import { nameText, nameValues, parseName, type RelativeName } from './name.ts'
import { OID } from './oids.ts'
import { singleDer } from './pem.ts'
import { isStrongEnough, PublicKey } from './public-key.ts'

/** OCPP SignCertificateRequest.csr. */
export const MAX_CSR_CHARACTERS = 5500
const LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'] as const

/** A PKCS#10 request (RFC 2986), read but not believed. */
export interface Csr {
  readonly der: Uint8Array
  readonly subject: readonly RelativeName[]
  readonly subjectText: string
  readonly commonNames: readonly string[]
  readonly organizations: readonly string[]
  readonly publicKey: PublicKey
  /** SHA-256 of the SPKI in hex: one order per key, whatever else the CSR says. */
  readonly keyHash: string
  readonly info: Uint8Array
  readonly signatureAlgorithm: Uint8Array
  readonly signature: Uint8Array
}

function readAttributes(info: DerReader): void {
  // Attributes ask for extensions. They are read to know that they are well formed and then ignored on purpose.
  const attributes = info.enterOptional(constructed(0))
  while (attributes !== undefined && !attributes.done) {
    const attribute = attributes.enter(TAG.sequence)
    attribute.oid()
    attribute.raw(TAG.set)
    attribute.finish()
  }
}

function readCsr(der: Uint8Array): Csr {
  const outer = readSingle(der, TAG.sequence)
  const infoDer = outer.raw(TAG.sequence)
  const signatureAlgorithm = outer.raw(TAG.sequence)
  const signature = outer.octetAlignedBits()
  outer.finish()
  const info = readSingle(infoDer, TAG.sequence)
  if (info.smallInteger() !== 0) throw new PkiError('der-malformed', 'unknown request version')
  const subject = parseName(info.raw(TAG.sequence))
  const publicKey = PublicKey.parse(info.raw(TAG.sequence))
  readAttributes(info)
  info.finish()
  return {
    der,
    subject,
    subjectText: nameText(subject),
    commonNames: nameValues(subject, OID.commonName),
    organizations: nameValues(subject, OID.organization),
    publicKey,
    keyHash: keyHash(publicKey.spki),
    info: infoDer,
    signatureAlgorithm,
    signature,
  }
}

/** Reads a CSR from PEM or DER of at most 5,500 characters. Throws `csr-malformed`, `key-unsupported` or `key-malformed`. */
export function parseCsr(input: string | Uint8Array): Csr {
  return wrapMalformed('csr-malformed', 'certificate request', () => {
    if (input.length > MAX_CSR_CHARACTERS)
      throw new PkiError('der-malformed', `longer than ${MAX_CSR_CHARACTERS} characters`)
    return readCsr(singleDer(input, ...LABELS))
  })
}

/** Proof of possession: the request is signed by the key it names. */
export const hasProofOfPossession = (csr: Csr): boolean =>
  verifySignature({
    identifier: csr.signatureAlgorithm,
    key: csr.publicKey,
    data: csr.info,
    signature: csr.signature,
  })

export type CsrRefusal =
  | 'csr-too-large'
  | 'csr-malformed'
  | 'key-unsupported'
  | 'key-weak'
  | 'signature-invalid'
  | 'organization-mismatch'
  | 'common-name-missing'
  | 'common-name-mismatch'
  | 'common-name-is-address'

export interface CsrPolicy {
  /** Accepted values of O; leave out to accept any (then the certificate's O still comes from the caller). */
  readonly organization?: string | readonly string[]
  /** Accepted values of CN: the station's serial number, or the SECC ids of its EVSEs. */
  readonly commonName?: string | readonly string[]
  /** A request without a common name is taken: the caller knows the one name that the certificate will carry. */
  readonly commonNameOptional?: boolean
  /** Profile the certificate will be issued from: refuses a key it does not allow now, not after Accepted. */
  readonly profile?: CertificateProfile
}

export type CsrVerdict =
  | { readonly ok: true; readonly csr: Csr }
  | {
      readonly ok: false
      readonly reason: CsrRefusal
      readonly message: string
      readonly csr: Csr | undefined
    }

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}(:\d+)?$/
const IPV6 = /^\[?[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}(%\w+)?(\]|\]:\d+)?$/i
const URL_LIKE =
  /^[a-z][a-z0-9+.-]*:\/\/|^www\.|^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?\/|^[a-z0-9-]+(\.[a-z0-9-]+){2,}\.?$|^[a-z0-9-]+(\.[a-z0-9-]+)+:\d+$/i

/** OCPP 2.0.1 A00.FR.511: a common name must not be a URL or an IP address. */
export const isAddressShaped = (name: string): boolean => {
  const trimmed = name.trim()
  return IPV4.test(trimmed) || IPV6.test(trimmed) || URL_LIKE.test(trimmed)
}

const accepted = (values: string | readonly string[]): readonly string[] =>
  typeof values === 'string' ? [values] : values

type Refusal = { readonly reason: CsrRefusal; readonly message: string } | undefined

const refuseIdentity = (csr: Csr, policy: CsrPolicy): Refusal =>
  refuseCommonName(csr, policy) ?? refuseOrganization(csr, policy)

function refuseCommonName(csr: Csr, policy: CsrPolicy): Refusal {
  const [commonName, ...moreNames] = csr.commonNames
  if (commonName === undefined && policy.commonNameOptional === true) return undefined
  if (commonName === undefined || commonName.length === 0 || moreNames.length > 0) {
    return { reason: 'common-name-missing', message: 'The request must carry exactly one common name' }
  }
  if (isAddressShaped(commonName)) {
    return {
      reason: 'common-name-is-address',
      message: `The common name "${commonName}" is an address; use the serial number`,
    }
  }
  if (policy.commonName !== undefined && !accepted(policy.commonName).includes(commonName)) {
    return {
      reason: 'common-name-mismatch',
      message: `The common name "${commonName}" is not the one registered for this station`,
    }
  }
  return undefined
}

function refuseOrganization(csr: Csr, policy: CsrPolicy): Refusal {
  const [organization, ...moreOrganizations] = csr.organizations
  if (policy.organization === undefined) return undefined
  if (
    organization === undefined ||
    moreOrganizations.length > 0 ||
    !accepted(policy.organization).includes(organization)
  ) {
    return {
      reason: 'organization-mismatch',
      message: `The organisation "${organization ?? ''}" is not the configured one`,
    }
  }
  return undefined
}

function refuseKey(csr: Csr, policy: CsrPolicy): Refusal {
  const key = csr.publicKey
  if (key.kind === 'dsa' || key.kind === 'other') {
    return { reason: 'key-unsupported', message: 'The key is neither RSA nor elliptic curve' }
  }
  if (!key.isUncompressed) {
    return {
      reason: 'key-unsupported',
      message: 'The EC point is compressed; cars and stations read uncompressed points only',
    }
  }
  if (!isStrongEnough(key)) {
    return { reason: 'key-weak', message: 'The key is too weak: RSA needs 2048 bits, elliptic curves 224' }
  }
  if (policy.profile !== undefined && !profileAllowsKey(policy.profile, key)) {
    const allowed = policy.profile.keys.join(' or ')
    return { reason: 'key-unsupported', message: `The key must be ${allowed}, not ${key.curve ?? key.kind}` }
  }
  return undefined
}

/**
 * The synchronous check before SignCertificate is answered (OCPP 2.0.1 A02.FR.02, A00.FR.502/503/511): size, form,
 * named curve and strength, proof of possession, O and CN. Cheap checks come first, the signature last.
 */
export function inspectCsr(input: string | Uint8Array, policy: CsrPolicy = {}): CsrVerdict {
  const refuse = (reason: CsrRefusal, message: string, csr?: Csr): CsrVerdict => ({
    ok: false,
    reason,
    message,
    csr,
  })
  if (input.length > MAX_CSR_CHARACTERS)
    return refuse('csr-too-large', `The request is longer than ${MAX_CSR_CHARACTERS} characters`)
  try {
    const csr = parseCsr(input)
    const key = refuseKey(csr, policy)
    if (key !== undefined) return refuse(key.reason, key.message, csr)
    const identity = refuseIdentity(csr, policy)
    if (identity !== undefined) return refuse(identity.reason, identity.message, csr)
    if (!hasProofOfPossession(csr))
      return refuse('signature-invalid', 'The request is not signed by its own key', csr)
    return { ok: true, csr }
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    const unsupported = error.code === 'key-unsupported' || error.code === 'algorithm-unsupported'
    return refuse(unsupported ? 'key-unsupported' : 'csr-malformed', error.message)
  }
}
