/**
 * Provisioning certificate identifiers, the common name of an OEM provisioning certificate: a world manufacturer
 * identifier (3 characters), 14 more, and an optional check character. Its algorithm is the manufacturer's, so it is
 * not verified. The syntax is the one that certificate pools check (17 or 18 characters).
 */
export interface Pcid {
  /** Upper case, no separators. */
  readonly text: string
  /** World manufacturer identifier. */
  readonly manufacturer: string
}

/** Before letters become capitals: that would make an ASCII letter of some others (long s, dotless i). */
const PATTERN = /^[A-Za-z0-9]{17,18}$/

/** Reads a PCID; letter case, spaces and hyphens do not matter. */
export function parsePcid(text: string): Pcid | undefined {
  const compact = text.replace(/[\s-]/g, '')
  if (!PATTERN.test(compact)) return undefined
  const upper = compact.toUpperCase()
  return { text: upper, manufacturer: upper.slice(0, 3) }
}

export function isSamePcid(a: string, b: string): boolean {
  const first = parsePcid(a)
  return first !== undefined && first.text === parsePcid(b)?.text
}
