import { BlockList, isIP } from 'node:net'

export interface AllowListOptions {
  /** `host`, `host:port` or `*.domain`; an entry without a port allows the usual one of the scheme. */
  readonly hosts: readonly string[]
  /** Of these, the hosts that may have a private or loopback address. */
  readonly privateHosts: readonly string[]
}

const MAX_URL_CHARACTERS = 1000

/** Addresses that belong to nobody on the internet: what a request must not be led to (SSRF). */
const PRIVATE = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::', 96],
  ['64:ff9b::', 32],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv6')

export function isPrivateAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 0) return true
  // An IPv4 address in IPv6 clothes is judged as what it is.
  return PRIVATE.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

export interface AllowedUrl {
  readonly url: URL
  readonly refuseAddress: (address: string) => string | undefined
}

/** Which addresses may be asked about certificates at all: those named by certificates and stations are not trusted. */
export class AllowList {
  readonly #options: AllowListOptions

  constructor(options: AllowListOptions) {
    this.#options = options
  }

  /** Undefined where nobody allowed it. */
  check(text: string): AllowedUrl | undefined {
    if (text.length > MAX_URL_CHARACTERS || !URL.canParse(text)) return undefined
    const url = new URL(text)
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
    if (url.username !== '' || url.password !== '') return undefined
    if (!this.#options.hosts.some((entry) => matches(entry, url))) return undefined
    const mayBePrivate = this.#options.privateHosts.some((entry) => matches(entry, url))
    return {
      url,
      refuseAddress: (address) =>
        !mayBePrivate && isPrivateAddress(address)
          ? `the address ${address} is private; list the host in pki.foreignOcsp.allowPrivateHosts if it is meant`
          : undefined,
    }
  }
}

function matches(entry: string, url: URL): boolean {
  const [, name = '', port] = /^(.*?)(?::(\d{1,5}))?$/.exec(entry.toLowerCase()) ?? []
  if (port === undefined ? url.port !== '' : effectivePort(url) !== port) return false
  const host = url.hostname.toLowerCase()
  return name.startsWith('*.') ? host.endsWith(name.slice(1)) && host.length > name.length - 1 : host === name
}

function effectivePort({ port, protocol }: URL): string {
  return port !== '' ? port : protocol === 'https:' ? '443' : '80'
}
