import type { BitReader, BitWriter } from './bits.ts'
import { ExiError } from './errors.ts'

/**
 * How one XML Schema simple type is written in EXI, and as what it appears in TypeScript.
 * `toLexical`/`fromLexical` translate to the text an XML document would hold.
 */
export interface ValueType<V> {
  readonly kind: 'value'
  readonly xsd: string
  read(reader: BitReader): V
  /** Checks the value before writing: the encoder may be handed anything. */
  write(writer: BitWriter, value: unknown): void
  toLexical(value: unknown): string
  fromLexical(text: string): V
}

const LAST_CODE_POINT = 0x10ffff

/** The two smallest string lengths are the codes of string-table hits, which ISO 15118 switches off ([V2G2-099]). */
const STRING_LENGTH_OFFSET = 2

function refuse(xsd: string, bitOffset: number, what: string): ExiError {
  return new ExiError('exi-value', `${xsd}: ${what}`, { bitOffset })
}

function isSurrogate(codePoint: number): boolean {
  return codePoint >= 0xd800 && codePoint <= 0xdfff
}

function readText(reader: BitReader, xsd: string, maxLength: number): string {
  const start = reader.bitOffset
  const coded = reader.length()
  if (coded < STRING_LENGTH_OFFSET)
    throw refuse(xsd, start, 'a string-table hit, but ISO 15118 has no string table')
  const length = coded - STRING_LENGTH_OFFSET
  if (length > maxLength) throw refuse(xsd, start, `${length} characters, at most ${maxLength} are allowed`)
  if (length > reader.bytesLeft) {
    throw new ExiError('exi-truncated', `${xsd} of ${length} characters, ${reader.bytesLeft} bytes left`, {
      bitOffset: start,
    })
  }
  const ascii = reader.ascii(length)
  if (ascii !== undefined) return ascii
  let text = ''
  for (let i = 0; i < length; i++) {
    const at = reader.bitOffset
    const codePoint = reader.length()
    if (codePoint > LAST_CODE_POINT || isSurrogate(codePoint)) {
      throw refuse(xsd, at, `${codePoint} is not a Unicode character`)
    }
    text += String.fromCodePoint(codePoint)
  }
  return text
}

function writeText(writer: BitWriter, xsd: string, maxLength: number, value: unknown): void {
  if (typeof value !== 'string') throw refuse(xsd, writer.bitOffset, 'a string is needed')
  const octets = Buffer.from(value, 'utf8')
  if (octets.length === value.length && value.length <= maxLength) {
    // As many octets as UTF-16 units: all ASCII, where a code point is its own one-octet integer.
    writer.length(octets.length + STRING_LENGTH_OFFSET)
    writer.octets(octets)
    return
  }
  const codePoints = Array.from(value, (character) => character.codePointAt(0) ?? 0)
  if (codePoints.length > maxLength) {
    throw refuse(xsd, writer.bitOffset, `${codePoints.length} characters, at most ${maxLength} are allowed`)
  }
  if (codePoints.some(isSurrogate))
    throw refuse(xsd, writer.bitOffset, 'the string holds half a surrogate pair')
  writer.length(codePoints.length + STRING_LENGTH_OFFSET)
  for (const codePoint of codePoints) writer.length(codePoint)
}

/** `xs:string` and what derives from it (ID, anyURI). Lower length bounds are left to the meaning of the message. */
export function text(maxLength = Number.POSITIVE_INFINITY, xsd = 'xs:string'): ValueType<string> {
  return {
    kind: 'value',
    xsd,
    read: (reader) => readText(reader, xsd, maxLength),
    write: (writer, value) => writeText(writer, xsd, maxLength, value),
    toLexical: String,
    fromLexical: (lexical) => lexical,
  }
}

function binary(encoding: 'base64' | 'hex', maxLength: number): ValueType<Uint8Array> {
  const xsd = encoding === 'hex' ? 'xs:hexBinary' : 'xs:base64Binary'
  return {
    kind: 'value',
    xsd,
    read(reader) {
      const start = reader.bitOffset
      const length = reader.length()
      if (length > maxLength) throw refuse(xsd, start, `${length} octets, at most ${maxLength} are allowed`)
      return reader.octets(length)
    },
    write(writer, value) {
      if (!(value instanceof Uint8Array)) throw refuse(xsd, writer.bitOffset, 'a Uint8Array is needed')
      if (value.length > maxLength) {
        throw refuse(xsd, writer.bitOffset, `${value.length} octets, at most ${maxLength} are allowed`)
      }
      writer.length(value.length)
      writer.octets(value)
    },
    toLexical(value) {
      if (!(value instanceof Uint8Array)) throw refuse(xsd, 0, 'a Uint8Array is needed')
      const lexical = Buffer.from(value).toString(encoding)
      return encoding === 'hex' ? lexical.toUpperCase() : lexical
    },
    fromLexical: (lexical) => new Uint8Array(Buffer.from(lexical, encoding)),
  }
}

/** `xs:base64Binary` of at most `maxLength` octets. */
export function base64(maxLength = Number.POSITIVE_INFINITY): ValueType<Uint8Array> {
  return binary('base64', maxLength)
}

/** `xs:hexBinary` of at most `maxLength` octets. */
export function hex(maxLength: number): ValueType<Uint8Array> {
  return binary('hex', maxLength)
}

/** `xs:integer`: a sign bit, then the magnitude; negative numbers store one less than theirs. */
export const integer: ValueType<bigint> = {
  kind: 'value',
  xsd: 'xs:integer',
  read(reader) {
    const negative = reader.bits(1) === 1
    const magnitude = reader.unsigned()
    return negative ? -magnitude - 1n : magnitude
  },
  write(writer, value) {
    if (typeof value !== 'bigint') throw refuse('xs:integer', writer.bitOffset, 'a bigint is needed')
    writer.bits(1, value < 0n ? 1 : 0)
    writer.unsigned(value < 0n ? -value - 1n : value)
  },
  toLexical: String,
  fromLexical: BigInt,
}

/** `xs:short`: coded as an integer because its range is wider than EXI's 4,096 for n-bit numbers. */
export const short: ValueType<number> = {
  kind: 'value',
  xsd: 'xs:short',
  read(reader) {
    const start = reader.bitOffset
    const value = integer.read(reader)
    if (value < -0x8000n || value > 0x7fffn) throw refuse('xs:short', start, `${value} is out of range`)
    return Number(value)
  },
  write(writer, value) {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < -0x8000 || value > 0x7fff) {
      throw refuse('xs:short', writer.bitOffset, 'a whole number from -32768 to 32767 is needed')
    }
    integer.write(writer, BigInt(value))
  },
  toLexical: String,
  fromLexical: Number,
}

/** `xs:unsignedLong`. */
export const unsignedLong: ValueType<bigint> = {
  kind: 'value',
  xsd: 'xs:unsignedLong',
  read(reader) {
    const start = reader.bitOffset
    const value = reader.unsigned()
    if (value >= 1n << 64n) throw refuse('xs:unsignedLong', start, 'more than 64 bits')
    return value
  },
  write(writer, value) {
    if (typeof value !== 'bigint' || value < 0n || value >= 1n << 64n) {
      throw refuse('xs:unsignedLong', writer.bitOffset, 'a bigint from 0 to 2^64-1 is needed')
    }
    writer.unsigned(value)
  },
  toLexical: String,
  fromLexical: BigInt,
}

/** `xs:unsignedByte`: an n-bit number, here eight bits. */
export const unsignedByte: ValueType<number> = {
  kind: 'value',
  xsd: 'xs:unsignedByte',
  read: (reader) => reader.bits(8),
  write(writer, value) {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 255) {
      throw refuse('xs:unsignedByte', writer.bitOffset, 'a whole number from 0 to 255 is needed')
    }
    writer.bits(8, value)
  },
  toLexical: String,
  fromLexical: Number,
}

/** An enumerated string: its index in schema order, in as many bits as the number of values needs. */
export function enumeration<const N extends readonly string[]>(...names: N): ValueType<N[number]> {
  const width = Math.ceil(Math.log2(names.length))
  return {
    kind: 'value',
    xsd: 'enumeration',
    read(reader) {
      const start = reader.bitOffset
      const index = reader.bits(width)
      const name = names[index]
      if (name === undefined) throw refuse('enumeration', start, `${index} is not below ${names.length}`)
      return name
    },
    write(writer, value) {
      const index = typeof value === 'string' ? names.indexOf(value) : -1
      if (index < 0)
        throw refuse('enumeration', writer.bitOffset, `'${String(value)}' is none of ${names.join(', ')}`)
      writer.bits(width, index)
    },
    toLexical: String,
    fromLexical(lexical) {
      const name = names.find((candidate) => candidate === lexical)
      if (name === undefined) throw refuse('enumeration', 0, `'${lexical}' is none of ${names.join(', ')}`)
      return name
    },
  }
}
