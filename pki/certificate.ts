import { createHash, X509Certificate } from 'node:crypto'
import { algorithmName, type SignatureAlgorithmName, verifySignature } from './algorithms.ts'
import { sameBytes, serialToHex } from './bytes.ts'
import { constructed, type DerReader, primitive, readSingle, TAG } from './der.ts'
import { PkiError, wrapMalformed } from './errors.ts'
import * as ext from './extensions.ts'
import { nameKey, nameText, nameValues, parseName, type RelativeName } from './name.ts'
import { OID } from './oids.ts'
import { encodePem, pemToDer, singleDer } from './pem.ts'
import { PublicKey } from './public-key.ts'

/** Far above any certificate in use; a parser has to stop somewhere. */
export const MAX_CERTIFICATE_BYTES = 64 * 1024
const LABELS = ['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'] as const

/** Remembers the result of a parser, so that a certificate asked twice answers once. */
class Lazy<T> {
  readonly #compute: () => T
  #value: { readonly it: T } | undefined
  constructor(compute: () => T) {
    this.#compute = compute
  }
  get(): T {
    this.#value ??= { it: this.#compute() }
    return this.#value.it
  }
}

/** Extensions parsed so far: an absent one is looked up again, which costs a map lookup. */
interface ExtensionMemo {
  basicConstraints?: ext.BasicConstraints | undefined
  keyUsage?: ReadonlySet<ext.KeyUsageName> | undefined
  extendedKeyUsage?: readonly string[] | undefined
  subjectAltNames?: readonly ext.GeneralName[] | undefined
  subjectKeyIdentifier?: Uint8Array | undefined
  authorityKeyIdentifier?: ext.AuthorityKeyIdentifier | undefined
  nameConstraints?: ext.NameConstraints | undefined
  certificatePolicies?: readonly ext.PolicyInformation[] | undefined
  policyMappings?: readonly ext.PolicyMapping[] | undefined
  policyConstraints?: ext.PolicyConstraints | undefined
  inhibitAnyPolicy?: number | undefined
  crlDistributionPoints?: readonly ext.DistributionPoint[] | undefined
  authorityInfoAccess?: readonly ext.AccessDescription[] | undefined
}

/**
 * An X.509 certificate over its own DER. Parsing checks structure only (strict DER, no trailing data, no
 * repeated extension); whether the certificate may be used is for `path.ts`, whether it is well made for
 * `lint.ts`. Extension getters parse on first use and throw `certificate-malformed`.
 */
export class Certificate {
  readonly der: Uint8Array
  readonly tbs: Uint8Array
  /** 1, 2 or 3. */
  readonly version: number
  /** Content octets of the serial INTEGER. */
  readonly serial: Uint8Array
  readonly issuerDer: Uint8Array
  readonly subjectDer: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly spki: Uint8Array
  /** DER AlgorithmIdentifier; equal inside and outside the signed part. */
  readonly signatureAlgorithm: Uint8Array
  readonly signature: Uint8Array
  readonly hasUniqueIds: boolean
  readonly extensions: ReadonlyMap<string, ext.Extension>

  readonly #issuer: Lazy<RelativeName[]>
  readonly #subject: Lazy<RelativeName[]>
  readonly #publicKey: Lazy<PublicKey>
  readonly #memo: ExtensionMemo = {}
  #fingerprint: string | undefined
  #signedBy: WeakSet<Certificate> | undefined
  #issuerKey: string | undefined
  #subjectKey: string | undefined

  private constructor(der: Uint8Array) {
    const outer = readSingle(der, TAG.sequence)
    this.der = der
    this.tbs = outer.raw(TAG.sequence)
    this.signatureAlgorithm = outer.raw(TAG.sequence)
    this.signature = outer.octetAlignedBits()
    outer.finish()

    const tbs = readSingle(this.tbs, TAG.sequence)
    this.version = readVersion(tbs)
    this.serial = tbs.integer()
    if (!sameBytes(tbs.raw(TAG.sequence), this.signatureAlgorithm)) {
      throw new PkiError('der-malformed', 'the signature algorithm differs inside and outside')
    }
    this.issuerDer = tbs.raw(TAG.sequence)
    const validity = tbs.enter(TAG.sequence)
    this.notBeforeMs = validity.time()
    this.notAfterMs = validity.time()
    validity.finish()
    this.subjectDer = tbs.raw(TAG.sequence)
    this.spki = tbs.raw(TAG.sequence)
    this.hasUniqueIds = skipUniqueIds(tbs)
    this.extensions = readExtensionField(tbs)
    tbs.finish()

    this.#issuer = new Lazy(() => readNamed('issuer', this.issuerDer))
    this.#subject = new Lazy(() => readNamed('subject', this.subjectDer))
    this.#publicKey = new Lazy(() => PublicKey.parse(this.spki))
  }

  /** Reads one certificate from DER, PEM bytes or PEM text. */
  static parse(input: string | Uint8Array): Certificate {
    return wrapMalformed('certificate-malformed', 'certificate', () => {
      const der = singleDer(input, ...LABELS)
      if (der.length > MAX_CERTIFICATE_BYTES) throw new PkiError('der-malformed', 'larger than 64 KiB')
      return new Certificate(der)
    })
  }

  /** Reads every certificate of a PEM text, in order. */
  static parseChain(pem: string): Certificate[] {
    return pemToDer(pem, ...LABELS).map((der) => Certificate.parse(der))
  }

  get issuer(): readonly RelativeName[] {
    return this.#issuer.get()
  }
  get subject(): readonly RelativeName[] {
    return this.#subject.get()
  }
  get issuerText(): string {
    return nameText(this.issuer)
  }
  get subjectText(): string {
    return nameText(this.subject)
  }
  /** Comparable forms of the names, RFC 5280 section 7.1. */
  get issuerKey(): string {
    this.#issuerKey ??= nameKey(this.issuer)
    return this.#issuerKey
  }
  get subjectKey(): string {
    this.#subjectKey ??= nameKey(this.subject)
    return this.#subjectKey
  }
  get commonName(): string | undefined {
    return nameValues(this.subject, OID.commonName).at(-1)
  }
  get organization(): string | undefined {
    return nameValues(this.subject, OID.organization).at(-1)
  }
  get domainComponents(): string[] {
    return nameValues(this.subject, OID.domainComponent)
  }
  get serialHex(): string {
    return serialToHex(this.serial)
  }
  get publicKey(): PublicKey {
    return this.#publicKey.get()
  }
  get algorithm(): SignatureAlgorithmName | undefined {
    return algorithmName(this.signatureAlgorithm)
  }
  /** SHA-256 over the DER, lower-case hex. */
  get fingerprint(): string {
    this.#fingerprint ??= createHash('sha256').update(this.der).digest('hex')
    return this.#fingerprint
  }
  get isSelfIssued(): boolean {
    return this.issuerKey === this.subjectKey
  }
  /** Self-issued and signed by its own key. */
  get isSelfSigned(): boolean {
    return this.isSelfIssued && this.isSignedBy(this)
  }

  #extension<T>(oid: string, parse: (value: Uint8Array) => T): T | undefined {
    const extension = this.extensions.get(oid)
    if (extension === undefined) return undefined
    return wrapMalformed('certificate-malformed', `extension ${oid}`, () => parse(extension.value))
  }

  get basicConstraints(): ext.BasicConstraints | undefined {
    this.#memo.basicConstraints ??= this.#extension(OID.basicConstraints, ext.readBasicConstraints)
    return this.#memo.basicConstraints
  }
  get isCa(): boolean {
    return this.basicConstraints?.ca ?? false
  }
  get keyUsage(): ReadonlySet<ext.KeyUsageName> | undefined {
    this.#memo.keyUsage ??= this.#extension(OID.keyUsage, ext.readKeyUsage)
    return this.#memo.keyUsage
  }
  get extendedKeyUsage(): readonly string[] | undefined {
    this.#memo.extendedKeyUsage ??= this.#extension(OID.extendedKeyUsage, ext.readExtendedKeyUsage)
    return this.#memo.extendedKeyUsage
  }
  get subjectAltNames(): readonly ext.GeneralName[] | undefined {
    this.#memo.subjectAltNames ??= this.#extension(OID.subjectAltName, ext.readAltNames)
    return this.#memo.subjectAltNames
  }
  get subjectKeyIdentifier(): Uint8Array | undefined {
    this.#memo.subjectKeyIdentifier ??= this.#extension(
      OID.subjectKeyIdentifier,
      ext.readSubjectKeyIdentifier,
    )
    return this.#memo.subjectKeyIdentifier
  }
  get authorityKeyIdentifier(): ext.AuthorityKeyIdentifier | undefined {
    this.#memo.authorityKeyIdentifier ??= this.#extension(
      OID.authorityKeyIdentifier,
      ext.readAuthorityKeyIdentifier,
    )
    return this.#memo.authorityKeyIdentifier
  }
  get nameConstraints(): ext.NameConstraints | undefined {
    this.#memo.nameConstraints ??= this.#extension(OID.nameConstraints, ext.readNameConstraints)
    return this.#memo.nameConstraints
  }
  get certificatePolicies(): readonly ext.PolicyInformation[] | undefined {
    this.#memo.certificatePolicies ??= this.#extension(OID.certificatePolicies, ext.readCertificatePolicies)
    return this.#memo.certificatePolicies
  }
  get policyMappings(): readonly ext.PolicyMapping[] | undefined {
    this.#memo.policyMappings ??= this.#extension(OID.policyMappings, ext.readPolicyMappings)
    return this.#memo.policyMappings
  }
  get policyConstraints(): ext.PolicyConstraints | undefined {
    this.#memo.policyConstraints ??= this.#extension(OID.policyConstraints, ext.readPolicyConstraints)
    return this.#memo.policyConstraints
  }
  get inhibitAnyPolicy(): number | undefined {
    this.#memo.inhibitAnyPolicy ??= this.#extension(OID.inhibitAnyPolicy, ext.readInhibitAnyPolicy)
    return this.#memo.inhibitAnyPolicy
  }
  get crlDistributionPoints(): readonly ext.DistributionPoint[] | undefined {
    this.#memo.crlDistributionPoints ??= this.#extension(
      OID.crlDistributionPoints,
      ext.readDistributionPoints,
    )
    return this.#memo.crlDistributionPoints
  }
  get authorityInfoAccess(): readonly ext.AccessDescription[] | undefined {
    this.#memo.authorityInfoAccess ??= this.#extension(OID.authorityInfoAccess, ext.readAccessDescriptions)
    return this.#memo.authorityInfoAccess
  }
  /** OCSP responder addresses, in the order the issuer prefers. */
  get ocspUrls(): string[] {
    return this.#accessUrls(OID.ocsp)
  }
  get caIssuerUrls(): string[] {
    return this.#accessUrls(OID.caIssuers)
  }
  get crlUrls(): string[] {
    const points = this.crlDistributionPoints ?? []
    return points.flatMap((point) =>
      point.fullName.flatMap((name) => (name.kind === 'uri' ? [name.value] : [])),
    )
  }
  get hasOcspNoCheck(): boolean {
    return this.extensions.has(OID.ocspNoCheck)
  }

  #accessUrls(method: string): string[] {
    const wanted = (this.authorityInfoAccess ?? []).filter((description) => description.method === method)
    return wanted.flatMap(({ location }) => (location.kind === 'uri' ? [location.value] : []))
  }

  /** Whether `issuer`'s key made this signature. Says nothing about whether it was allowed to. */
  isSignedBy(issuer: Certificate): boolean {
    if (this.#signedBy?.has(issuer) === true) return true
    const isSigned = this.isSignedByKey(issuer.publicKey)
    // Between two certificates this never changes: sub-CAs of a trust store are verified once, not per request.
    if (isSigned) {
      this.#signedBy ??= new WeakSet()
      this.#signedBy.add(issuer)
    }
    return isSigned
  }
  isSignedByKey(key: PublicKey): boolean {
    return verifySignature({
      identifier: this.signatureAlgorithm,
      key,
      data: this.tbs,
      signature: this.signature,
    })
  }

  /** Whether names and key identifiers fit, without checking a signature. */
  mayBeIssuedBy(issuer: Certificate): boolean {
    if (this.issuerKey !== issuer.subjectKey) return false
    const wanted = this.authorityKeyIdentifier?.keyIdentifier
    const offered = issuer.subjectKeyIdentifier
    return wanted === undefined || offered === undefined || isSameKeyIdentifier(wanted, offered)
  }

  toPem(): string {
    return encodePem('CERTIFICATE', this.der)
  }
  /** Node's view of the same certificate, for TLS and for people. */
  toNode(): X509Certificate {
    return new X509Certificate(this.der)
  }
  /** The certificate is public, but a log line wants a name, not a dump. */
  toJSON(): { subject: string; issuer: string; serial: string; fingerprint: string } {
    return {
      subject: this.subjectText,
      issuer: this.issuerText,
      serial: this.serialHex,
      fingerprint: this.fingerprint,
    }
  }
}

/**
 * Equal, or one the RFC 5280 4.2.1.2 method 2 form (0100 and the last 60 bits) of the other: in deployed ISO 15118-20
 * hierarchies subjects carry the short form and authority key identifiers the long one.
 */
function isSameKeyIdentifier(a: Uint8Array, b: Uint8Array): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a]
  if (short.length !== 8 || long.length !== 20) return sameBytes(a, b)
  const first = 0x40 | ((long[12] ?? 0) & 0x0f)
  return short[0] === first && sameBytes(short.subarray(1), long.subarray(13))
}

const readNamed = (which: string, der: Uint8Array): RelativeName[] =>
  wrapMalformed('certificate-malformed', which, () => parseName(der))

function readVersion(tbs: DerReader): number {
  const field = tbs.enterOptional(constructed(0))
  if (field === undefined) return 1
  const version = field.smallInteger()
  field.finish()
  // DER leaves the default v1 out, so an encoded version is v2 or v3.
  if (version !== 1 && version !== 2) throw new PkiError('der-malformed', 'unknown certificate version')
  return version + 1
}

function skipUniqueIds(tbs: DerReader): boolean {
  let found = false
  for (const tag of [primitive(1), primitive(2)]) {
    if (tbs.peek() !== tag) continue
    tbs.bitString(tag)
    found = true
  }
  return found
}

function readExtensionField(tbs: DerReader): Map<string, ext.Extension> {
  const field = tbs.enterOptional(constructed(3))
  if (field === undefined) return new Map()
  const extensions = ext.readExtensions(field)
  field.finish()
  return extensions
}
