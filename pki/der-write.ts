import { TAG } from './der.ts'
import { PkiError } from './errors.ts'

function lengthOctets(length: number): number {
  if (length < 0x80) return 1
  if (length < 0x100) return 2
  if (length < 0x10000) return 3
  return length < 0x1000000 ? 4 : 5
}

function writeHeader(target: Uint8Array, tag: number, length: number): number {
  target[0] = tag
  const octets = lengthOctets(length)
  if (octets === 1) {
    target[1] = length
    return 2
  }
  target[1] = 0x80 | (octets - 1)
  for (let i = octets - 1, rest = length; i >= 1; i--, rest = Math.floor(rest / 256))
    target[1 + i] = rest & 0xff
  return 1 + octets
}

/** One element from a tag and its content octets, given in pieces so that callers splice without copying twice. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  // allocUnsafe is safe here: every octet is overwritten below.
  const out = Buffer.allocUnsafe(1 + lengthOctets(length) + length)
  let at = writeHeader(out, tag, length)
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => tlv(TAG.sequence, ...parts)

/** SET OF: DER wants the elements in ascending order of their encodings. */
export const setOf = (...parts: readonly Uint8Array[]): Uint8Array =>
  tlv(TAG.set, ...[...parts].sort((a, b) => Buffer.compare(a, b)))

export const octetString = (...parts: readonly Uint8Array[]): Uint8Array => tlv(TAG.octetString, ...parts)
export const NULL = Uint8Array.of(TAG.null, 0)
export const TRUE = Uint8Array.of(TAG.boolean, 1, 0xff)

const NO_UNUSED_BITS = Uint8Array.of(0)
export const bitString = (bytes: Uint8Array): Uint8Array => tlv(TAG.bitString, NO_UNUSED_BITS, bytes)

/** A NamedBitList: trailing zero bits are removed, as DER demands. */
export function namedBits(bits: readonly number[]): Uint8Array {
  const highest = Math.max(-1, ...bits)
  if (highest < 0) return tlv(TAG.bitString, NO_UNUSED_BITS)
  const bytes = new Uint8Array((highest >> 3) + 1)
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return tlv(TAG.bitString, Uint8Array.of(7 - (highest & 7)), bytes)
}

const ZERO = Uint8Array.of(0)

/** INTEGER from an unsigned big-endian magnitude of any length. */
export function unsignedInteger(magnitude: Uint8Array): Uint8Array {
  let start = 0
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++
  const trimmed = magnitude.subarray(start)
  if (trimmed.length === 0) return tlv(TAG.integer, ZERO)
  return (trimmed[0] ?? 0) >= 0x80 ? tlv(TAG.integer, ZERO, trimmed) : tlv(TAG.integer, trimmed)
}

export function smallInteger(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff)
  return unsignedInteger(Uint8Array.from(bytes))
}

export function oid(dotted: string): Uint8Array {
  const arcs = dotted.split('.').map((arc) => {
    if (!/^\d{1,39}$/.test(arc))
      throw new PkiError('argument-invalid', `"${dotted}" is not an object identifier`)
    return BigInt(arc)
  })
  const [first, second, ...others] = arcs
  if (first === undefined || second === undefined || first > 2n || (first < 2n && second > 39n)) {
    throw new PkiError('argument-invalid', `"${dotted}" is not an object identifier`)
  }
  const bytes: number[] = []
  for (const arc of [first * 40n + second, ...others]) {
    const digits = [Number(arc & 0x7fn)]
    for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) digits.unshift(Number(rest & 0x7fn) | 0x80)
    bytes.push(...digits)
  }
  return tlv(TAG.oid, Uint8Array.from(bytes))
}

export const utf8String = (text: string): Uint8Array => tlv(TAG.utf8String, Buffer.from(text, 'utf8'))
export const printableString = (text: string): Uint8Array =>
  tlv(TAG.printableString, Buffer.from(text, 'latin1'))
export const ia5String = (text: string, tag: number = TAG.ia5String): Uint8Array =>
  tlv(tag, Buffer.from(text, 'latin1'))

const pad = (value: number, digits: number): string => value.toString().padStart(digits, '0')

function clockDigits(date: Date): string {
  const fields = [
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ]
  return `${fields.map((field) => pad(field, 2)).join('')}Z`
}

export function generalizedTime(atMs: number): Uint8Array {
  const date = new Date(atMs)
  return ia5String(`${pad(date.getUTCFullYear(), 4)}${clockDigits(date)}`, TAG.generalizedTime)
}

/** A certificate or CRL time: UTCTime through 2049, GeneralizedTime after (RFC 5280 4.1.2.5). Seconds are cut. */
export function time(atMs: number): Uint8Array {
  const date = new Date(atMs)
  const year = date.getUTCFullYear()
  if (year < 1950 || year > 2049) return generalizedTime(atMs)
  return ia5String(`${pad(year % 100, 2)}${clockDigits(date)}`, TAG.utcTime)
}
