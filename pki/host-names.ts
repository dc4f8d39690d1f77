const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** Whether `name` is a host name in preferred syntax (RFC 1034 3.5, RFC 1123 2.1), without trailing dot. */
export function isHostName(name: string): boolean {
  if (name.length === 0 || name.length > 253) return false
  const labels = name.toLowerCase().split('.')
  // A last label of digits only would make the name read as an IPv4 address (RFC 1123 2.1).
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '')
}

/** A host name, or one with `*` as its whole leftmost label and at least two labels behind it (RFC 9525 6.3). */
export function isPresentedHost(name: string): boolean {
  if (!name.startsWith('*.')) return isHostName(name)
  const rest = name.slice(2)
  return isHostName(rest) && rest.includes('.')
}

/** Whether a certificate's dNSName covers the wanted host. A wildcard stands for exactly one label. */
export function hostMatches(presented: string, wanted: string): boolean {
  const [a, b] = [presented.toLowerCase(), wanted.toLowerCase()]
  if (!isPresentedHost(a) || !isHostName(b)) return false
  if (!a.startsWith('*.')) return a === b
  const dot = b.indexOf('.')
  return dot > 0 && b.slice(dot + 1) === a.slice(2)
}

export interface Mailbox {
  readonly local: string
  readonly host: string
}

/** `local@host` with one @; the local part keeps its case, the host is folded. */
export function parseMailbox(text: string): Mailbox | undefined {
  const parts = text.split('@')
  const [local, host] = parts
  if (parts.length !== 2 || local === undefined || host === undefined || !isHostName(host)) return undefined
  return /^[\x21-\x7e]{1,64}$/.test(local) ? { local, host: host.toLowerCase() } : undefined
}

/** Host of a URI for name constraints: RFC 5280 wants an authority with a fully qualified host. */
export function uriHost(uri: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(uri)?.[1]
  if (authority === undefined) return undefined
  const host = authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, '')
  return isHostName(host) ? host.toLowerCase() : undefined
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return undefined
  const bytes = parts.map(Number)
  return bytes.every((byte) => byte <= 255) ? bytes : undefined
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [at, group] of groups.entries()) {
    const v4 = at === groups.length - 1 ? parseIpv4(group) : undefined
    if (v4 !== undefined) bytes.push(...v4)
    else if (/^[0-9a-f]{1,4}$/i.test(group))
      bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff)
    else return undefined
  }
  return bytes
}

/** 4 or 16 octets of an address in text, or `undefined`. */
export function parseIp(text: string): Uint8Array | undefined {
  const v4 = parseIpv4(text)
  if (v4 !== undefined) return Uint8Array.from(v4)
  const halves = text.split('::')
  const [head, tail] = [parseGroups(halves[0] ?? ''), parseGroups(halves[1] ?? '')]
  if (halves.length > 2 || head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  const fits = halves.length === 2 ? missing >= 2 : missing === 0 && text !== ''
  return fits ? Uint8Array.from([...head, ...Array<number>(missing).fill(0), ...tail]) : undefined
}
