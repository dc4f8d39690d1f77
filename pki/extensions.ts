import { type BitString, constructed, DerReader, hasBit, primitive, readSingle, TAG } from './der.ts'
import { PkiError } from './errors.ts'
import { parseName, type RelativeName } from './name.ts'

/** Elements one extension may list before it is taken for an attack. */
const MAX_ITEMS = 4096

/** KeyUsage bits by their RFC 5280 4.2.1.3 numbers. */
export const KEY_USAGE = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
  encipherOnly: 7,
  decipherOnly: 8,
} as const
export type KeyUsageName = keyof typeof KEY_USAGE
export const KEY_USAGE_NAMES: readonly KeyUsageName[] = Object.keys(KEY_USAGE) as KeyUsageName[]

export interface BasicConstraints {
  readonly ca: boolean
  readonly pathLength: number | undefined
  /** FALSE is written out, which DER forbids for a default. Issuers in the field do it; lint says so. */
  readonly encodesDefault: boolean
}

export type GeneralName =
  | { readonly kind: 'dns'; readonly value: string }
  | { readonly kind: 'email'; readonly value: string }
  | { readonly kind: 'uri'; readonly value: string }
  | { readonly kind: 'ip'; readonly value: Uint8Array }
  | { readonly kind: 'directory'; readonly value: readonly RelativeName[]; readonly der: Uint8Array }
  | { readonly kind: 'other'; readonly tag: number; readonly value: Uint8Array }

export interface NameConstraints {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}

export interface DistributionPoint {
  readonly fullName: readonly GeneralName[]
  /** Raw nameRelativeToCRLIssuer content, when that form is used. */
  readonly relativeName: Uint8Array | undefined
  readonly reasons: BitString | undefined
  readonly crlIssuer: readonly GeneralName[]
}

function list<T>(reader: DerReader, read: (reader: DerReader) => T): T[] {
  const items: T[] = []
  while (!reader.done) {
    if (items.length >= MAX_ITEMS)
      throw new PkiError('der-malformed', `more than ${MAX_ITEMS} entries in an extension`)
    items.push(read(reader))
  }
  return items
}

function nonEmpty<T>(items: T[]): T[] {
  if (items.length === 0)
    throw new PkiError('der-malformed', 'an extension that must list something is empty')
  return items
}

function ia5(bytes: Uint8Array): string {
  for (const byte of bytes) if (byte >= 0x80) throw new PkiError('der-malformed', 'a name is not IA5')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export function readGeneralName(reader: DerReader): GeneralName {
  const tag = reader.peek()
  switch (tag) {
    case primitive(1):
      return { kind: 'email', value: ia5(reader.value(tag)) }
    case primitive(2):
      return { kind: 'dns', value: ia5(reader.value(tag)) }
    case constructed(4): {
      const outer = reader.enter(tag)
      const der = outer.raw(TAG.sequence)
      outer.finish()
      return { kind: 'directory', value: parseName(der), der }
    }
    case primitive(6):
      return { kind: 'uri', value: ia5(reader.value(tag)) }
    case primitive(7):
      return { kind: 'ip', value: reader.value(tag) }
    case constructed(0):
    case constructed(3):
    case constructed(5):
    case primitive(8):
      return { kind: 'other', tag, value: reader.value(tag) }
    default:
      throw new PkiError('der-malformed', `0x${tag.toString(16)} is not a general name`)
  }
}

export const readGeneralNames = (reader: DerReader): GeneralName[] => nonEmpty(list(reader, readGeneralName))

export function readBasicConstraints(der: Uint8Array): BasicConstraints {
  const reader = readSingle(der, TAG.sequence)
  const explicit = reader.peek() === TAG.boolean
  const ca = explicit && reader.boolean()
  const pathLength = reader.done ? undefined : reader.smallInteger()
  reader.finish()
  return { ca, pathLength, encodesDefault: explicit && !ca }
}

export function readKeyUsage(der: Uint8Array): ReadonlySet<KeyUsageName> {
  const reader = new DerReader(der)
  const bits = reader.bitString()
  reader.finish()
  const names = KEY_USAGE_NAMES.filter((name) => hasBit(bits, KEY_USAGE[name]))
  return new Set(names)
}

export const readExtendedKeyUsage = (der: Uint8Array): string[] =>
  nonEmpty(list(readSingle(der, TAG.sequence), (reader) => reader.oid()))

export const readAltNames = (der: Uint8Array): GeneralName[] =>
  readGeneralNames(readSingle(der, TAG.sequence))

export function readSubjectKeyIdentifier(der: Uint8Array): Uint8Array {
  const reader = new DerReader(der)
  const value = reader.value(TAG.octetString)
  reader.finish()
  return value
}

export interface AuthorityKeyIdentifier {
  readonly keyIdentifier: Uint8Array | undefined
  readonly issuer: readonly GeneralName[]
  readonly serial: Uint8Array | undefined
}

export function readAuthorityKeyIdentifier(der: Uint8Array): AuthorityKeyIdentifier {
  const reader = readSingle(der, TAG.sequence)
  const keyIdentifier = reader.peek() === primitive(0) ? reader.value(primitive(0)) : undefined
  const issuerReader = reader.enterOptional(constructed(1))
  const issuer = issuerReader === undefined ? [] : readGeneralNames(issuerReader)
  const serial = reader.peek() === primitive(2) ? reader.integer(primitive(2)) : undefined
  reader.finish()
  return { keyIdentifier, issuer, serial }
}

function readSubtrees(reader: DerReader | undefined): GeneralName[] {
  if (reader === undefined) return []
  return nonEmpty(
    list(reader, (item) => {
      const subtree = item.enter(TAG.sequence)
      const base = readGeneralName(subtree)
      // minimum must be 0 (so absent in DER) and maximum absent: RFC 5280 4.2.1.10.
      subtree.finish()
      return base
    }),
  )
}

export function readNameConstraints(der: Uint8Array): NameConstraints {
  const reader = readSingle(der, TAG.sequence)
  const permitted = readSubtrees(reader.enterOptional(constructed(0)))
  const excluded = readSubtrees(reader.enterOptional(constructed(1)))
  reader.finish()
  if (permitted.length + excluded.length === 0)
    throw new PkiError('der-malformed', 'name constraints are empty')
  return { permitted, excluded }
}

export interface PolicyInformation {
  readonly policy: string
  readonly hasQualifiers: boolean
}

export function readCertificatePolicies(der: Uint8Array): PolicyInformation[] {
  const policies = nonEmpty(
    list(readSingle(der, TAG.sequence), (reader) => {
      const information = reader.enter(TAG.sequence)
      const policy = information.oid()
      const hasQualifiers = !information.done
      if (hasQualifiers) information.raw(TAG.sequence)
      information.finish()
      return { policy, hasQualifiers }
    }),
  )
  if (new Set(policies.map(({ policy }) => policy)).size !== policies.length) {
    throw new PkiError('der-malformed', 'a certificate policy is listed twice')
  }
  return policies
}

export interface PolicyMapping {
  readonly issuerDomain: string
  readonly subjectDomain: string
}

export const readPolicyMappings = (der: Uint8Array): PolicyMapping[] =>
  nonEmpty(
    list(readSingle(der, TAG.sequence), (reader) => {
      const mapping = reader.enter(TAG.sequence)
      const result = { issuerDomain: mapping.oid(), subjectDomain: mapping.oid() }
      mapping.finish()
      return result
    }),
  )

export interface PolicyConstraints {
  readonly requireExplicitPolicy: number | undefined
  readonly inhibitPolicyMapping: number | undefined
}

export function readPolicyConstraints(der: Uint8Array): PolicyConstraints {
  const reader = readSingle(der, TAG.sequence)
  const optional = (tag: number): number | undefined =>
    reader.peek() === tag ? reader.smallInteger(tag) : undefined
  const result = {
    requireExplicitPolicy: optional(primitive(0)),
    inhibitPolicyMapping: optional(primitive(1)),
  }
  reader.finish()
  return result
}

export function readInhibitAnyPolicy(der: Uint8Array): number {
  const reader = new DerReader(der)
  const value = reader.smallInteger()
  reader.finish()
  return value
}

export interface AccessDescription {
  readonly method: string
  readonly location: GeneralName
}

export const readAccessDescriptions = (der: Uint8Array): AccessDescription[] =>
  nonEmpty(
    list(readSingle(der, TAG.sequence), (reader) => {
      const description = reader.enter(TAG.sequence)
      const result = { method: description.oid(), location: readGeneralName(description) }
      description.finish()
      return result
    }),
  )

/** DistributionPointName, which both the CRL DP and the issuing distribution point carry. */
export function readDistributionPointName(
  reader: DerReader | undefined,
): Pick<DistributionPoint, 'fullName' | 'relativeName'> {
  if (reader === undefined) return { fullName: [], relativeName: undefined }
  const full = reader.enterOptional(constructed(0))
  if (full !== undefined) {
    reader.finish()
    return { fullName: readGeneralNames(full), relativeName: undefined }
  }
  const relativeName = reader.value(constructed(1))
  reader.finish()
  return { fullName: [], relativeName }
}

function readDistributionPoint(reader: DerReader): DistributionPoint {
  const point = reader.enter(TAG.sequence)
  const name = readDistributionPointName(point.enterOptional(constructed(0)))
  const reasons = point.peek() === primitive(1) ? point.bitString(primitive(1)) : undefined
  const issuer = point.enterOptional(constructed(2))
  const crlIssuer = issuer === undefined ? [] : readGeneralNames(issuer)
  point.finish()
  return { ...name, reasons, crlIssuer }
}

export const readDistributionPoints = (der: Uint8Array): DistributionPoint[] =>
  nonEmpty(list(readSingle(der, TAG.sequence), readDistributionPoint))

export interface Extension {
  readonly oid: string
  readonly critical: boolean
  /** The extnValue's octets. */
  readonly value: Uint8Array
  /** `critical FALSE` is written out, which DER forbids for a default. Harmless to read; lint says so. */
  readonly encodesDefault: boolean
}

const MAX_EXTENSIONS = 64

/** Reads an Extensions sequence; each extension at most once (RFC 5280 4.2). */
export function readExtensions(reader: DerReader): Map<string, Extension> {
  const extensions = new Map<string, Extension>()
  const items = reader.enter(TAG.sequence)
  while (!items.done) {
    const item = items.enter(TAG.sequence)
    const id = item.oid()
    const explicit = item.peek() === TAG.boolean
    const critical = explicit && item.boolean()
    const value = item.value(TAG.octetString)
    item.finish()
    if (extensions.has(id)) throw new PkiError('der-malformed', `extension ${id} appears twice`)
    if (extensions.size >= MAX_EXTENSIONS)
      throw new PkiError('der-malformed', `more than ${MAX_EXTENSIONS} extensions`)
    extensions.set(id, { oid: id, critical, value, encodesDefault: explicit && !critical })
  }
  if (extensions.size === 0) throw new PkiError('der-malformed', 'an extension list is empty')
  return extensions
}
