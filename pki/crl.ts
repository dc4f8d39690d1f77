import { verifySignature } from './algorithms.ts'
import { sameBytes, serialToHex } from './bytes.ts'
import { type BitString, constructed, DerReader, primitive, readSingle, TAG } from './der.ts'
import { PkiError, wrapMalformed } from './errors.ts'
import {
  type DistributionPoint,
  type Extension,
  readDistributionPointName,
  readExtensions,
  readGeneralNames,
} from './extensions.ts'
import { nameKey, nameText, parseName } from './name.ts'
import { REVOCATION_REASONS, type RevocationReason } from './ocsp.ts'
import { OID } from './oids.ts'
import { encodePem, singleDer } from './pem.ts'
import type { PublicKey } from './public-key.ts'

/** A CRL of a large public CA has a few megabytes; this bounds memory, not use. */
export const MAX_CRL_BYTES = 32 * 1024 * 1024
const MAX_ENTRIES = 1_000_000
const LABELS = ['X509 CRL'] as const

export interface RevokedEntry {
  readonly serialHex: string
  readonly atMs: number
  readonly reason: RevocationReason
  /** Name key of the certificate's issuer, where an indirect CRL says it is not the CRL's issuer. */
  readonly issuerKey: string
}

/** IssuingDistributionPoint (RFC 5280 5.2.5): what part of an issuer's certificates the CRL speaks about. */
export interface CrlScope {
  readonly name: Pick<DistributionPoint, 'fullName' | 'relativeName'>
  readonly onlyUsers: boolean
  readonly onlyCas: boolean
  readonly onlyAttributes: boolean
  readonly indirect: boolean
  readonly reasons: BitString | undefined
}

const KNOWN_ENTRY_EXTENSIONS: ReadonlySet<string> = new Set([
  OID.crlReason,
  OID.invalidityDate,
  OID.certificateIssuer,
])
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  OID.authorityKeyIdentifier,
  OID.issuerAltName,
  OID.crlNumber,
  OID.deltaCrlIndicator,
  OID.issuingDistributionPoint,
  OID.freshestCrl,
])

const REASON_NAMES = new Map(
  (Object.keys(REVOCATION_REASONS) as RevocationReason[]).map((name) => [
    REVOCATION_REASONS[name] as number,
    name,
  ]),
)

function readReason(extension: Extension | undefined): RevocationReason {
  if (extension === undefined) return 'unspecified'
  const reader = new DerReader(extension.value)
  const reason = REASON_NAMES.get(reader.smallInteger(TAG.enumerated))
  reader.finish()
  if (reason === undefined) throw new PkiError('der-malformed', 'unknown revocation reason')
  return reason
}

function readScope(der: Uint8Array): CrlScope {
  const reader = readSingle(der, TAG.sequence)
  const name = readDistributionPointName(reader.enterOptional(constructed(0)))
  const flag = (n: number): boolean => {
    if (reader.peek() !== primitive(n)) return false
    if (!reader.boolean(primitive(n))) throw new PkiError('der-malformed', 'a default value is encoded')
    return true
  }
  const onlyUsers = flag(1)
  const onlyCas = flag(2)
  const reasons = reader.peek() === primitive(3) ? reader.bitString(primitive(3)) : undefined
  const indirect = flag(4)
  const onlyAttributes = flag(5)
  reader.finish()
  return { name, onlyUsers, onlyCas, onlyAttributes, indirect, reasons }
}

const readNumber = (extension: Extension | undefined): bigint | undefined => {
  if (extension === undefined) return undefined
  const reader = new DerReader(extension.value)
  const value = reader.integer()
  reader.finish()
  if ((value[0] ?? 0) >= 0x80 || value.length > 20)
    throw new PkiError('der-malformed', 'a CRL number has at most 20 octets')
  return BigInt(`0x${Buffer.from(value).toString('hex')}`)
}

function readEntry(
  reader: DerReader,
  previousIssuer: string,
): RevokedEntry & { readonly unknownCritical: boolean } {
  const serialHex = serialToHex(reader.integer())
  const atMs = reader.time()
  if (reader.done)
    return { serialHex, atMs, reason: 'unspecified', issuerKey: previousIssuer, unknownCritical: false }
  const extensions = readExtensions(reader)
  reader.finish()
  const issuer = extensions.get(OID.certificateIssuer)
  let issuerKey = previousIssuer
  if (issuer !== undefined) {
    const directory = readGeneralNames(readSingle(issuer.value, TAG.sequence)).find(
      (name) => name.kind === 'directory',
    )
    if (directory?.kind !== 'directory')
      throw new PkiError('der-malformed', 'a certificate issuer is not a directory name')
    issuerKey = nameKey(directory.value)
  }
  const unknownCritical = [...extensions.values()].some(
    ({ oid, critical }) => critical && !KNOWN_ENTRY_EXTENSIONS.has(oid),
  )
  return { serialHex, atMs, reason: readReason(extensions.get(OID.crlReason)), issuerKey, unknownCritical }
}

/** A certificate revocation list over its own DER (RFC 5280 section 5). Read, not believed: see `crl-check.ts`. */
export class Crl {
  readonly der: Uint8Array
  readonly tbs: Uint8Array
  readonly signatureAlgorithm: Uint8Array
  readonly signature: Uint8Array
  readonly issuerDer: Uint8Array
  readonly issuerKey: string
  readonly issuerText: string
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number | undefined
  readonly extensions: ReadonlyMap<string, Extension>
  readonly number: bigint | undefined
  /** Number of the complete CRL that a delta builds on; undefined for a complete CRL. */
  readonly baseNumber: bigint | undefined
  readonly scope: CrlScope | undefined
  readonly authorityKeyIdentifier: Uint8Array | undefined
  /** Something in it is critical and not understood: it must not be used (RFC 5280 5.2, 5.3). */
  readonly isUnusable: boolean
  readonly #entries = new Map<string, RevokedEntry>()

  private constructor(der: Uint8Array) {
    const outer = readSingle(der, TAG.sequence)
    this.der = der
    this.tbs = outer.raw(TAG.sequence)
    this.signatureAlgorithm = outer.raw(TAG.sequence)
    this.signature = outer.octetAlignedBits()
    outer.finish()
    const tbs = readSingle(this.tbs, TAG.sequence)
    if (tbs.peek() === TAG.integer && tbs.smallInteger() !== 1)
      throw new PkiError('der-malformed', 'unknown CRL version')
    if (!sameBytes(tbs.raw(TAG.sequence), this.signatureAlgorithm)) {
      throw new PkiError('der-malformed', 'the signature algorithm differs inside and outside')
    }
    this.issuerDer = tbs.raw(TAG.sequence)
    const issuer = parseName(this.issuerDer)
    this.issuerKey = nameKey(issuer)
    this.issuerText = nameText(issuer)
    this.thisUpdateMs = tbs.time()
    const isTime = tbs.peek() === TAG.utcTime || tbs.peek() === TAG.generalizedTime
    this.nextUpdateMs = isTime ? tbs.time() : undefined
    const unknownEntry = this.#readEntries(tbs.enterOptional(TAG.sequence))
    const field = tbs.enterOptional(constructed(0))
    tbs.finish()
    this.extensions = field === undefined ? new Map() : readExtensions(field)
    field?.finish()
    this.number = readNumber(this.extensions.get(OID.crlNumber))
    this.baseNumber = readNumber(this.extensions.get(OID.deltaCrlIndicator))
    const scope = this.extensions.get(OID.issuingDistributionPoint)
    this.scope = scope === undefined ? undefined : readScope(scope.value)
    this.authorityKeyIdentifier = readKeyIdentifier(this.extensions.get(OID.authorityKeyIdentifier))
    const unknown = [...this.extensions.values()].some(
      ({ oid, critical }) => critical && !KNOWN_EXTENSIONS.has(oid),
    )
    // 5.3.3: only an indirect CRL speaks about certificates of others; an entry that claims to would hide what it lists.
    const strayIssuer =
      this.scope?.indirect !== true && [...this.entries()].some((entry) => entry.issuerKey !== this.issuerKey)
    // 5.2.3: conforming CRLs carry a number and never mark it critical; without one its age cannot be compared.
    const badNumber = this.number === undefined || this.extensions.get(OID.crlNumber)?.critical === true
    this.isUnusable = unknown || unknownEntry || strayIssuer || badNumber
  }

  static parse(input: string | Uint8Array): Crl {
    return wrapMalformed('crl-malformed', 'CRL', () => {
      if (input.length > MAX_CRL_BYTES * 1.4) throw new PkiError('der-malformed', 'larger than 32 MiB')
      return new Crl(singleDer(input, ...LABELS))
    })
  }

  #readEntries(list: DerReader | undefined): boolean {
    let unknown = false
    let issuerKey = this.issuerKey
    while (list !== undefined && !list.done) {
      if (this.#entries.size >= MAX_ENTRIES)
        throw new PkiError('der-malformed', `more than ${MAX_ENTRIES} entries`)
      const { unknownCritical, ...entry } = readEntry(list.enter(TAG.sequence), issuerKey)
      issuerKey = entry.issuerKey
      unknown ||= unknownCritical
      this.#entries.set(`${entry.issuerKey}#${entry.serialHex}`, entry)
    }
    return unknown
  }

  get entryCount(): number {
    return this.#entries.size
  }
  entries(): IterableIterator<RevokedEntry> {
    return this.#entries.values()
  }
  /** The entry about a certificate of `issuerKey` (the CRL's own issuer unless said otherwise). */
  find(serialHex: string, issuerKey: string = this.issuerKey): RevokedEntry | undefined {
    return this.#entries.get(`${issuerKey}#${serialHex}`)
  }
  isSignedByKey(key: PublicKey): boolean {
    return verifySignature({
      identifier: this.signatureAlgorithm,
      key,
      data: this.tbs,
      signature: this.signature,
    })
  }
  /** RFC 5280 6.3.3: within its period. A CRL that does not say when the next one comes is never fresh. */
  isFreshAt(atMs: number): boolean {
    return this.nextUpdateMs !== undefined && atMs >= this.thisUpdateMs && atMs <= this.nextUpdateMs
  }
  toPem(): string {
    return encodePem('X509 CRL', this.der)
  }
}

function readKeyIdentifier(extension: Extension | undefined): Uint8Array | undefined {
  if (extension === undefined) return undefined
  const reader = readSingle(extension.value, TAG.sequence)
  return reader.peek() === primitive(0) ? reader.value(primitive(0)) : undefined
}
