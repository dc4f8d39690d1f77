/**
 * e-mobility account identifiers (ISO 15118-2 Annex H, also IEC 63119-2): two letters of the country, three
 * characters of the provider, nine of the account, and an optional check digit. Hyphens may separate the parts in
 * texts for people and in common names; on the wire there are 14 or 15 characters.
 */
export interface Emaid {
  /** Upper case, no hyphens; with the check digit when the text had one. */
  readonly text: string
  readonly country: string
  readonly provider: string
  readonly instance: string
  readonly checkDigit: string | undefined
}

/** Before letters become capitals: that would make an ASCII letter of some others (long s, dotless i). */
const PATTERN = /^([A-Za-z]{2})(-?)([A-Za-z0-9]{3})\2([A-Za-z0-9]{9})(?:\2([A-Za-z0-9]))?$/

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'

/**
 * Reads an eMAID in any of its spellings. Letter case does not matter; hyphens stand between all parts or nowhere.
 * The check digit is not verified here: see `hasValidCheckDigit`.
 */
export function parseEmaid(text: string): Emaid | undefined {
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const [country = '', provider = '', instance = '', checkDigit] = [
    match[1],
    match[3],
    match[4],
    match[5],
  ].map((part) => part?.toUpperCase())
  return {
    text: `${country}${provider}${instance}${checkDigit ?? ''}`,
    country,
    provider,
    instance,
    checkDigit,
  }
}

/**
 * The check digit for the first 14 characters: the one that brings both sums over all characters to zero. Each
 * character gives two bits (its index divided by 9) and two base-3 digits (the remainder); position i multiplies
 * them by the i-th power of a matrix.
 */
export function emaidCheckDigit(fourteen: string): string {
  for (const candidate of ALPHABET) if (sumsToZero(fourteen + candidate)) return candidate
  // The matrices are invertible, so that exactly one character completes any fourteen.
  throw new RangeError(`'${fourteen}' has characters that an eMAID cannot have`)
}

/** Whether the check digit fits; true when there is none, because it is optional. */
export function hasValidCheckDigit(emaid: Emaid): boolean {
  return emaid.checkDigit === undefined || sumsToZero(emaid.text)
}

/** Whether two spellings name the same account. The check digit adds nothing to the identity. */
export function isSameEmaid(a: string, b: string): boolean {
  const first = parseEmaid(a)
  const second = parseEmaid(b)
  return first !== undefined && second !== undefined && first.text.slice(0, 14) === second.text.slice(0, 14)
}

type Row = readonly [number, number]

const BITS: readonly [Row, Row] = [
  [0, 1],
  [1, 1],
]
const TRITS: readonly [Row, Row] = [
  [0, 1],
  [1, 2],
]

function sumsToZero(text: string): boolean {
  let bits: Row = [0, 0]
  let trits: Row = [0, 0]
  // Horner's rule from the last character: one multiplication per position instead of powers.
  for (const character of Array.from(text).reverse()) {
    const index = ALPHABET.indexOf(character)
    if (index < 0) return false
    const high = Math.floor(index / 9)
    const low = index % 9
    bits = plus(times(bits, BITS, 2), [high >> 1, high & 1], 2)
    trits = plus(times(trits, TRITS, 3), [Math.floor(low / 3), low % 3], 3)
  }
  return [...bits, ...trits].every((sum) => sum === 0)
}

function times(row: Row, [top, bottom]: readonly [Row, Row], modulus: number): Row {
  return [(row[0] * top[0] + row[1] * bottom[0]) % modulus, (row[0] * top[1] + row[1] * bottom[1]) % modulus]
}

function plus(a: Row, b: Row, modulus: number): Row {
  return [(a[0] + b[0]) % modulus, (a[1] + b[1]) % modulus]
}
