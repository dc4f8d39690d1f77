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

const PATTERN = /^[A-Z0-9]{17,18}$/

/** Reads a PCID; letter case, spaces and hyphens do not matter. */
export function parsePcid(text: string): Pcid | undefined {
  const compact = text.toUpperCase().replace(/[\s-]/g, '')
  return PATTERN.test(compact) ? { text: compact, manufacturer: compact.slice(0, 3) } : undefined
}

export function isSamePcid(a: string, b: string): boolean {
  const first = parsePcid(a)
  return first !== undefined && first.text === parsePcid(b)?.text
}
