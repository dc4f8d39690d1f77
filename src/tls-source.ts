/** Where the wss listener's certificate comes from: files of the operator, or our own authority. */

import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { CertificateService } from './certificates/service.ts'
import type { Config } from './config.ts'
import { ConfigError } from './config.ts'
import type { TlsIdentity, TlsMaterial } from './ocpp/tls.ts'

export interface TlsSource {
  /** What to present now. */
  read(): Promise<TlsMaterial>
}

/** Authorities that issue station certificates: hinted to stations, judged elsewhere. */
const CLIENT_AUTHORITIES = ['station-ca', 'station-root', 'cpo-sub2', 'v2g-root']

interface PinnedChain {
  readonly authorityId: string
  readonly bridges: readonly string[]
}

/** Which generation of our own authority is shown, and what bridges to it, now and before the last rollover. */
export interface PinnedChains {
  current(): Promise<PinnedChain | undefined>
  former(): Promise<PinnedChain | undefined>
}

const NOTHING_PINNED: PinnedChains = { current: async () => undefined, former: async () => undefined }

export function createTlsSource(
  config: Config,
  certificates: CertificateService,
  chains: PinnedChains = NOTHING_PINNED,
): TlsSource {
  return {
    async read() {
      // Read each time: a new generation is hinted to stations before the first certificate by it.
      const clientAuthoritiesPem = CLIENT_AUTHORITIES.flatMap((line) =>
        certificates.authorities.generations(line).map(({ certificate }) => certificate.toPem()),
      )
      const { certFile, keyFile, rsaCertFile, rsaKeyFile, formerPort, formerNames } = config.ocpp.wss
      const identities =
        certFile === null
          ? await ownIdentities(config, certificates, await chains.current())
          : [await fromFiles(certFile, keyFile, 'ocpp.wss.certFile')]
      const rsa =
        rsaCertFile === null ? undefined : await fromFiles(rsaCertFile, rsaKeyFile, 'ocpp.wss.rsaCertFile')
      const hasFormer = certFile === null && (formerPort !== null || formerNames.length > 0)
      const former = hasFormer
        ? { names: formerNames, identities: await ownIdentities(config, certificates, await chains.former()) }
        : undefined
      return {
        // The operator's own RSA chain takes the place of ours.
        identities: rsa === undefined ? identities : [...identities.slice(0, 1), rsa],
        clientAuthoritiesPem,
        ...(former === undefined ? {} : { former }),
      }
    },
  }
}

/** One for the ECDSA suites and one for the RSA suites: a station may know only the latter (A00.FR.318). */
async function ownIdentities(
  config: Config,
  certificates: CertificateService,
  chain: PinnedChain | undefined,
): Promise<TlsIdentity[]> {
  const dialled = [...new Set([...config.pki.serverNames, ...config.ocpp.wss.formerNames])]
  const names = dialled.filter((name) => isIP(name) === 0)
  const addresses = dialled.filter((name) => isIP(name) !== 0).map(addressBytes)
  const identities = []
  for (const algorithm of ['ecdsa', 'rsa'] as const) {
    const identity = await certificates.serverIdentity(names, addresses, chain, algorithm)
    identities.push({ certificateChainPem: identity.chainPem, privateKeyPem: identity.keyPem })
  }
  return identities
}

async function fromFiles(certFile: string, keyFile: string | null, setting: string): Promise<TlsIdentity> {
  if (keyFile === null) throw settingError(setting, 'needs its private key beside it')
  const read = (file: string) =>
    readFile(file, 'utf8').catch((error: unknown) => {
      throw settingError(
        setting,
        `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      )
    })
  return { certificateChainPem: await read(certFile), privateKeyPem: await read(keyFile) }
}

/** The operator API's own certificate; undefined where it speaks plain HTTP. */
export async function readHttpTls(config: Config): Promise<{ key: string; cert: string } | undefined> {
  const { tlsCertFile, tlsKeyFile } = config.http
  if (tlsCertFile === null) return undefined
  const identity = await fromFiles(tlsCertFile, tlsKeyFile, 'http.tlsCertFile')
  return { key: identity.privateKeyPem, cert: identity.certificateChainPem }
}

function settingError(setting: string, message: string): ConfigError {
  return new ConfigError([{ path: setting, message, origin: 'configuration' }])
}

/** An IP address as a certificate holds it: 4 or 16 octets. */
export function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':').flatMap(groupBytes))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  return Uint8Array.from([...left, ...new Array<number>(16 - left.length - right.length).fill(0), ...right])
}

function groupBytes(group: string): number[] {
  if (group.includes('.')) return group.split('.').map(Number)
  const value = Number.parseInt(group, 16)
  return [value >> 8, value & 0xff]
}
