import { isPrivateAddress } from '../../private-address.ts'

export interface AllowListOptions {
  /** `host`, `host:port` or `*.domain`; an entry without a port allows the usual one of the scheme. */
  readonly hosts: readonly string[]
  /** Of these, the hosts that may have a private or loopback address. */
  readonly privateHosts: readonly string[]
}

const MAX_URL_CHARACTERS = 1000

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
