import { DerReader, readSingle, TAG } from './der.ts'
import { ia5String, oid, printableString, sequence, setOf, utf8String } from './der-write.ts'
import { PkiError } from './errors.ts'
import { OID } from './oids.ts'

/** One attribute of a distinguished name; `text` is absent when the value is not a string type. */
export interface NameAttribute {
  readonly type: string
  readonly tag: number
  readonly value: Uint8Array
  readonly text: string | undefined
}
export type RelativeName = readonly NameAttribute[]

/** What an issued name may carry. Encoded in this order, which is how deployed ISO 15118 hierarchies write it. */
export interface SubjectFields {
  readonly commonName?: string
  readonly organization?: string
  readonly organizationalUnit?: string
  readonly country?: string
  readonly domainComponent?: string
}

const MAX_ATTRIBUTES = 128

function decodeText(tag: number, value: Uint8Array): string | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  switch (tag) {
    case TAG.utf8String: {
      const text = bytes.toString('utf8')
      return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined
    }
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.numericString:
    case TAG.visibleString:
    case TAG.teletexString:
      return bytes.toString('latin1')
    case TAG.bmpString:
      return bytes.length % 2 === 0 ? Buffer.from(bytes).swap16().toString('utf16le') : undefined
    case TAG.universalString: {
      if (bytes.length % 4 !== 0) return undefined
      const points: number[] = []
      for (let at = 0; at < bytes.length; at += 4) points.push(bytes.readUInt32BE(at))
      return points.every((point) => point <= 0x10ffff)
        ? points.map((point) => String.fromCodePoint(point)).join('')
        : undefined
    }
    default:
      return undefined
  }
}

/** Reads a DER `Name` (an RDNSequence). */
export function parseName(der: Uint8Array): RelativeName[] {
  const names = readSingle(der, TAG.sequence)
  const result: RelativeName[] = []
  let count = 0
  while (!names.done) {
    const set = names.enter(TAG.set)
    const rdn: NameAttribute[] = []
    do {
      if (++count > MAX_ATTRIBUTES) throw new PkiError('der-malformed', 'name has too many attributes')
      rdn.push(parseAttribute(set.enter(TAG.sequence)))
    } while (!set.done)
    result.push(rdn)
  }
  return result
}

/** Reads the content of a RelativeDistinguishedName, the SET's tag and length left off (RFC 5280 DistributionPointName). */
export function parseRelativeName(content: Uint8Array): RelativeName {
  const reader = new DerReader(content)
  const attributes: NameAttribute[] = []
  while (!reader.done) {
    if (attributes.length >= MAX_ATTRIBUTES)
      throw new PkiError('der-malformed', 'name has too many attributes')
    attributes.push(parseAttribute(reader.enter(TAG.sequence)))
  }
  return attributes
}

function parseAttribute(reader: DerReader): NameAttribute {
  const type = reader.oid()
  const tag = reader.peek()
  const value = reader.value(tag)
  reader.finish()
  return { type, tag, value, text: decodeText(tag, value) }
}

/** All values of one attribute type, first to last. */
export const nameValues = (name: readonly RelativeName[], type: string): string[] =>
  name.flatMap((rdn) =>
    rdn.filter((attribute) => attribute.type === type).flatMap((attribute) => attribute.text ?? []),
  )

/** Matching form of a string value: RFC 5280 7.1 asks for case folding and insignificant spaces (RFC 4518). */
const foldText = (text: string): string => text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')

const attributeKey = (attribute: NameAttribute): string =>
  attribute.text === undefined
    ? `${attribute.type}#${attribute.tag}:${Buffer.from(attribute.value).toString('hex')}`
    : `${attribute.type}=${foldText(attribute.text)}`

/** Equal keys mean equal relative names, whatever string types and letter case they were written in. */
export const relativeNameKey = (rdn: RelativeName): string => JSON.stringify(rdn.map(attributeKey).sort())

/** Equal keys mean equal names under RFC 5280 section 7.1. */
export const nameKey = (name: readonly RelativeName[]): string => name.map(relativeNameKey).join('/')

const LABELS: Readonly<Record<string, string>> = {
  [OID.commonName]: 'CN',
  [OID.organization]: 'O',
  [OID.organizationalUnit]: 'OU',
  [OID.country]: 'C',
  [OID.domainComponent]: 'DC',
  [OID.locality]: 'L',
  [OID.state]: 'ST',
  [OID.street]: 'STREET',
  [OID.userId]: 'UID',
  [OID.serialNumber]: 'serialNumber',
  [OID.emailAddress]: 'emailAddress',
}

const escapeText = (text: string): string =>
  text
    .replace(/([,+"\\<>;=])/g, '\\$1')
    .replace(/^([ #])/, '\\$1')
    .replace(/ $/, '\\ ')

const attributeText = (attribute: NameAttribute): string =>
  `${LABELS[attribute.type] ?? attribute.type}=${
    attribute.text === undefined
      ? `#${Buffer.from(attribute.value).toString('hex')}`
      : escapeText(attribute.text)
  }`

/** RFC 4514 text: last relative name first. */
export const nameText = (name: readonly RelativeName[]): string =>
  [...name]
    .reverse()
    .map((rdn) => rdn.map(attributeText).join('+'))
    .join(',')

/** Upper bounds of X.520, as RFC 5280 appendix A lists them. */
const FIELDS = [
  { field: 'commonName', type: OID.commonName, max: 64, encode: utf8String },
  { field: 'organization', type: OID.organization, max: 64, encode: utf8String },
  { field: 'organizationalUnit', type: OID.organizationalUnit, max: 64, encode: utf8String },
  { field: 'country', type: OID.country, max: 2, encode: printableString },
  { field: 'domainComponent', type: OID.domainComponent, max: 63, encode: (text: string) => ia5String(text) },
] as const

const ENCODED_TYPES = new Map(FIELDS.map(({ type }) => [type, oid(type)]))

function checkField(field: string, value: string, max: number): void {
  // Control characters in a name have no honest use and have confused log readers and parsers before.
  const clean = [...value].every((character) => character >= ' ' && character !== '\x7f')
  if (value.length === 0 || [...value].length > max || !clean) {
    throw new PkiError(
      'name-invalid',
      `The ${field} must have 1 to ${max} characters and no control characters`,
    )
  }
  if (field === 'country' && !/^[A-Z]{2}$/.test(value)) {
    throw new PkiError('name-invalid', 'The country must be two upper-case letters')
  }
  if (field === 'domainComponent' && !/^[A-Za-z0-9.-]+$/.test(value)) {
    throw new PkiError('name-invalid', 'The domain component may hold letters, digits, dots and hyphens only')
  }
}

/** DER `Name` of a subject, one relative name per field. */
export function encodeName(subject: SubjectFields): Uint8Array {
  const rdns: Uint8Array[] = []
  for (const { field, type, max, encode } of FIELDS) {
    const value = subject[field]
    if (value === undefined) continue
    checkField(field, value, max)
    rdns.push(setOf(sequence(ENCODED_TYPES.get(type) ?? oid(type), encode(value))))
  }
  return sequence(...rdns)
}
