import { tlv } from './der-write.ts'
import { PkiError } from './errors.ts'

const MAX_DEPTH = 24

interface Element {
  readonly der: Uint8Array
  readonly end: number
}

const malformed = (message: string): PkiError => new PkiError('der-malformed', message)

function readLength(bytes: Uint8Array, at: number): { length: number | undefined; start: number } {
  const first = bytes[at]
  if (first === undefined) throw malformed('data ends inside a length')
  if (first < 0x80) return { length: first, start: at + 1 }
  const count = first & 0x7f
  if (count === 0) return { length: undefined, start: at + 1 }
  if (count > 4 || at + count >= bytes.length) throw malformed('bad length')
  let length = 0
  for (let i = 1; i <= count; i++) length = length * 256 + (bytes[at + i] ?? 0)
  return { length, start: at + 1 + count }
}

/** Octet strings split into pieces become one, as DER has them. */
function joinPieces(
  tag: number,
  parts: readonly Uint8Array[],
  convert: (part: Uint8Array) => Uint8Array,
): Uint8Array {
  return tlv(tag & ~0x20, Buffer.concat(parts.map(convert)))
}

function contentOf(der: Uint8Array): Uint8Array {
  const { start } = readLength(der, 1)
  return der.subarray(start)
}

function convert(bytes: Uint8Array, at: number, depth: number): Element {
  if (depth > MAX_DEPTH) throw malformed(`nested deeper than ${MAX_DEPTH} levels`)
  const tag = bytes[at]
  if (tag === undefined || (tag & 0x1f) === 0x1f) throw malformed('bad tag')
  const { length, start } = readLength(bytes, at + 1)
  if (length !== undefined && length > bytes.length - start) throw malformed('value is longer than the data')
  const isConstructed = (tag & 0x20) !== 0
  if (!isConstructed) {
    if (length === undefined) throw malformed('a primitive value of indefinite length')
    return { der: tlv(tag, bytes.subarray(start, start + length)), end: start + length }
  }
  const parts: Uint8Array[] = []
  const limit = length === undefined ? bytes.length : start + length
  let position = start
  while (length === undefined ? !(bytes[position] === 0 && bytes[position + 1] === 0) : position < limit) {
    if (position >= limit) throw malformed('data ends inside an indefinite length')
    const element = convert(bytes.subarray(0, limit), position, depth + 1)
    parts.push(element.der)
    position = element.end
  }
  const der = tag === 0x24 ? joinPieces(tag, parts, contentOf) : tlv(tag, Buffer.concat(parts))
  return { der, end: length === undefined ? position + 2 : limit }
}

/**
 * Rewrites BER lengths (indefinite, not minimal) and split octet strings as DER has them. Only for containers whose
 * senders are known to stream: CMS and PKCS#12. Certificates inside are read strictly afterwards.
 */
export function definiteLengths(bytes: Uint8Array): Uint8Array {
  const { der, end } = convert(bytes, 0, 0)
  if (end !== bytes.length) throw malformed('unexpected data after the last element')
  return der
}
