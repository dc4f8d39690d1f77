import { PkiError } from './errors.ts'

/** Universal tags that X.509 uses, with the constructed bit where DER demands it. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** `[n]` implicitly tagging a primitive value. */
export const primitive = (n: number): number => 0x80 | n
/** `[n]` explicitly tagging, or implicitly tagging a constructed value. */
export const constructed = (n: number): number => 0xa0 | n

/** Nesting that no structure of X.509, OCSP or CMS reaches; deeper input is an attack on the stack. */
const MAX_DEPTH = 24
const MAX_OID_BYTES = 64

const malformed = (message: string): PkiError => new PkiError('der-malformed', message)

/**
 * A strict, forward-only DER reader (X.690 clause 10). It refuses indefinite and non-minimal lengths, high tag
 * numbers, non-minimal integers and booleans that are neither 00 nor FF. Slices are views on the input: nothing
 * is copied, so memory is bounded by the input itself.
 */
export class DerReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #depth: number
  #position: number
  #bodyStart = 0
  #bodyEnd = 0

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, depth = 0) {
    if (depth > MAX_DEPTH) throw malformed(`nested deeper than ${MAX_DEPTH} levels`)
    this.#bytes = bytes
    this.#position = start
    this.#end = end
    this.#depth = depth
  }

  get done(): boolean {
    return this.#position >= this.#end
  }

  /** The next tag, or -1 at the end. */
  peek(): number {
    return this.#position < this.#end ? (this.#bytes[this.#position] ?? -1) : -1
  }

  #header(expected: number): void {
    const bytes = this.#bytes
    let at = this.#position
    if (at + 2 > this.#end) throw malformed('data ends inside a tag or length')
    const tag = bytes[at++] ?? 0
    if ((tag & 0x1f) === 0x1f) throw malformed('high tag numbers are not used here')
    if (expected >= 0 && tag !== expected) {
      throw malformed(`expected tag 0x${expected.toString(16)}, found 0x${tag.toString(16)}`)
    }
    let length = bytes[at++] ?? 0
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count === 0) throw malformed('indefinite length is not DER')
      if (count > 4) throw malformed('length of more than four octets')
      if (at + count > this.#end) throw malformed('data ends inside a length')
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[at++] ?? 0)
      if (length < 0x80 || length < 256 ** (count - 1)) throw malformed('length is not minimal')
    }
    if (length > this.#end - at) throw malformed('value is longer than the data')
    this.#bodyStart = at
    this.#bodyEnd = at + length
  }

  /** Opens the next element, which must carry `tag`, and moves past it. */
  enter(tag: number): DerReader {
    this.#header(tag)
    this.#position = this.#bodyEnd
    return new DerReader(this.#bytes, this.#bodyStart, this.#bodyEnd, this.#depth + 1)
  }

  enterOptional(tag: number): DerReader | undefined {
    return this.peek() === tag ? this.enter(tag) : undefined
  }

  /** The content octets of the next element. */
  value(tag: number): Uint8Array {
    this.#header(tag)
    this.#position = this.#bodyEnd
    return this.#bytes.subarray(this.#bodyStart, this.#bodyEnd)
  }

  /** The next element whole, tag and length included. */
  raw(tag = -1): Uint8Array {
    const start = this.#position
    this.#header(tag)
    this.#position = this.#bodyEnd
    return this.#bytes.subarray(start, this.#bodyEnd)
  }

  /** What is left, whole, without reading it. */
  rest(): Uint8Array {
    const rest = this.#bytes.subarray(this.#position, this.#end)
    this.#position = this.#end
    return rest
  }

  /** Fails unless everything was consumed: trailing octets are where attackers hide things. */
  finish(): void {
    if (!this.done) throw malformed('unexpected data after the last element')
  }

  oid(tag: number = TAG.oid): string {
    return decodeOid(this.value(tag))
  }

  /** Two's-complement content of an INTEGER, minimal as DER demands. */
  integer(tag: number = TAG.integer): Uint8Array {
    const value = this.value(tag)
    const [first, second] = value
    if (first === undefined) throw malformed('empty integer')
    if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
      throw malformed('integer is not minimal')
    }
    return value
  }

  /** A non-negative INTEGER that fits 31 bits. */
  smallInteger(tag: number = TAG.integer): number {
    const value = this.integer(tag)
    if ((value[0] ?? 0) >= 0x80 || value.length > 4) throw malformed('integer is out of range')
    let result = 0
    for (const byte of value) result = result * 256 + byte
    return result
  }

  boolean(tag: number = TAG.boolean): boolean {
    const value = this.value(tag)
    if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff)) throw malformed('boolean is not DER')
    return value[0] === 0xff
  }

  bitString(tag: number = TAG.bitString): BitString {
    const value = this.value(tag)
    const unusedBits = value[0]
    if (unusedBits === undefined || unusedBits > 7) throw malformed('bit string without a valid bit count')
    const bytes = value.subarray(1)
    const last = bytes.at(-1)
    if (unusedBits > 0 && (last === undefined || (last & ((1 << unusedBits) - 1)) !== 0)) {
      throw malformed('unused bits of a bit string are set')
    }
    return { unusedBits, bytes }
  }

  /** BIT STRING that holds octets: keys and signatures. */
  octetAlignedBits(tag: number = TAG.bitString): Uint8Array {
    const { unusedBits, bytes } = this.bitString(tag)
    if (unusedBits !== 0) throw malformed('bit string is not a whole number of octets')
    return bytes
  }

  /** UTCTime or GeneralizedTime in the only forms RFC 5280 4.1.2.5 allows; milliseconds since 1970. */
  time(): number {
    const tag = this.peek()
    if (tag !== TAG.utcTime && tag !== TAG.generalizedTime) throw malformed('expected a time')
    return decodeTime(tag, this.value(tag))
  }

  generalizedTime(): number {
    return decodeTime(TAG.generalizedTime, this.value(TAG.generalizedTime))
  }
}

export interface BitString {
  readonly unusedBits: number
  readonly bytes: Uint8Array
}

/** Bit n of a named bit list, counted from the most significant bit of the first octet. */
export const hasBit = (bits: BitString, n: number): boolean =>
  ((bits.bytes[n >> 3] ?? 0) & (0x80 >> (n & 7))) !== 0

/** Arcs of up to five octets stay within 2^35, so they are exact as numbers; longer ones (UUIDs) take the slow way. */
const MAX_FAST_ARC_BYTES = 5

function bigArc(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = value * 128n + BigInt(byte & 0x7f)
  return value
}

function decodeOid(bytes: Uint8Array): string {
  if (bytes.length === 0 || bytes.length > MAX_OID_BYTES)
    throw malformed('object identifier has a bad length')
  if ((bytes.at(-1) ?? 0) >= 0x80) throw malformed('object identifier ends inside an arc')
  let text = ''
  let start = 0
  let value = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (at === start && byte === 0x80) throw malformed('object identifier arc is not minimal')
    value = value * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    if (start === 0) {
      const isLong = at >= MAX_FAST_ARC_BYTES
      const root = !isLong && value < 80 ? Math.floor(value / 40) : 2
      text = isLong ? `2.${bigArc(bytes.subarray(0, at + 1)) - 80n}` : `${root}.${value - root * 40}`
    } else text += `.${at - start >= MAX_FAST_ARC_BYTES ? bigArc(bytes.subarray(start, at + 1)) : value}`
    start = at + 1
    value = 0
  }
  return text
}

function decodeTime(tag: number, bytes: Uint8Array): number {
  const yearDigits = tag === TAG.utcTime ? 2 : 4
  if (bytes.length !== yearDigits + 11 || bytes.at(-1) !== 0x5a)
    throw malformed('time is not in the Z form with seconds')
  let at = 0
  const number = (digits: number): number => {
    let result = 0
    for (const end = at + digits; at < end; at++) {
      const digit = (bytes[at] ?? 0) - 0x30
      if (digit < 0 || digit > 9) throw malformed('time contains something other than digits')
      result = result * 10 + digit
    }
    return result
  }
  const rawYear = number(yearDigits)
  const year = yearDigits === 4 ? rawYear : rawYear < 50 ? 2000 + rawYear : 1900 + rawYear
  const [month, day, hour, minute, second] = [number(2), number(2), number(2), number(2), number(2)]
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second))
  // Date.UTC reads years 0..99 as 19xx, so the year is set apart.
  date.setUTCFullYear(year, month - 1, day)
  const fits = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (!fits || month < 1 || hour > 23 || minute > 59 || second > 59) throw malformed('time does not exist')
  return date.getTime()
}

/** Opens `bytes` as exactly one element carrying `tag`, nothing after it. */
export function readSingle(bytes: Uint8Array, tag: number): DerReader {
  const outer = new DerReader(bytes)
  const inner = outer.enter(tag)
  outer.finish()
  return inner
}
