import type { KeyObject } from 'node:crypto'
import { Certificate, certificateProfile } from '../../pki/index.ts'
import type { KeyStore } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import { type Authorities, withKey } from './authorities.ts'
import type { Issuance } from './issuance.ts'

const LINE = 'csms-ca'

export interface ServerIdentity {
  readonly keyPem: string
  /** Leaf first, without the root. */
  readonly chainPem: string
  readonly fingerprint: string
  /** Two thirds of the certificate's life: from then on `serverIdentity` makes a new one. */
  readonly renewAtMs: number
}

export interface ServerIdentityOptions {
  readonly store: Store
  readonly keys: KeyStore
  readonly clock: Clock
  readonly newId: () => string
  readonly authorities: Authorities
  readonly issuance: Issuance
  readonly organisation: string
  /** Host names and IP addresses that stations dial; the first is the common name (A00.FR.307: the FQDN). */
  readonly names: readonly string[]
  readonly addresses: readonly Uint8Array[]
  /** The authority to be shown, and what follows its chain: during a rollover, the new root as the old one signed it. */
  readonly chain?: { readonly authorityId: string; readonly bridges: readonly string[] }
  readonly algorithm: ServerAlgorithm
}

/** Stations may know the ECDSA suites of A00.FR.318, the RSA ones, or both. */
export type ServerAlgorithm = 'ecdsa' | 'rsa'

const KEYS = { ecdsa: 'P-256', rsa: 'rsa-3072' } as const

/** The certificate that our TLS listener presents: the newest one that covers the names, or a fresh one. */
export async function serverIdentity(options: ServerIdentityOptions): Promise<ServerIdentity> {
  const profile = certificateProfile(`csms-server-${options.algorithm}`)
  const known = await options.store.certificates.list({ profile: profile.id, limit: 1000 })
  const usable = known
    .filter((record) => record.revokedAt === null && record.keyName !== null)
    .filter(({ authorityId }) => options.chain === undefined || authorityId === options.chain.authorityId)
    .map((record) => ({ record, certificate: Certificate.parse(record.der) }))
    .filter(
      ({ certificate }) => options.clock.now() < renewalTime(certificate) && covers(certificate, options),
    )
    .sort((a, b) => b.certificate.notBeforeMs - a.certificate.notBeforeMs)
  for (const { record, certificate } of usable) {
    const key = await options.keys.exportForTls(record.keyName ?? '')
    if (key) return toIdentity(options, certificate, record.authorityId ?? LINE, key)
  }
  return issueIdentity(options)
}

async function issueIdentity(options: ServerIdentityOptions): Promise<ServerIdentity> {
  const { store, keys, clock, issuance, authorities, organisation, names, addresses, algorithm } = options
  const pinned = options.chain && authorities.get(options.chain.authorityId)
  const authority = pinned ? withKey(pinned) : authorities.signing(LINE)
  const commonName = names[0]
  if (commonName === undefined) throw new Error('pki.serverNames is empty: name the host that stations dial')
  const keyName = `tls/csms-server/${options.newId()}`
  const signer = await keys.create(keyName, KEYS[algorithm])
  const certificate = await issuance.issue({
    authority,
    profile: certificateProfile(`csms-server-${algorithm}`),
    subject: { commonName, organization: organisation },
    altNames: { dns: names, ip: addresses },
    publicKey: signer.publicKeySpki,
    keyName,
  })
  const at = new Date(clock.now()).toISOString()
  await store.audit.append({
    at,
    actor: 'system',
    action: 'certificate.issued',
    subject: 'csms-server',
    detail: { fingerprint: certificate.fingerprint, names },
  })
  const key = await keys.exportForTls(keyName)
  if (!key) throw new Error(`The key ${keyName} was created but cannot be opened`)
  return toIdentity(options, certificate, authority.record.id, key)
}

function toIdentity(
  options: ServerIdentityOptions,
  certificate: Certificate,
  authorityId: string,
  key: KeyObject,
): ServerIdentity {
  return {
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    chainPem: [
      options.authorities.chainPem(certificate, authorityId),
      ...(options.chain?.bridges ?? []),
    ].join(''),
    fingerprint: certificate.fingerprint,
    renewAtMs: renewalTime(certificate),
  }
}

function renewalTime(certificate: Certificate): number {
  return certificate.notBeforeMs + ((certificate.notAfterMs - certificate.notBeforeMs) * 2) / 3
}

function covers(certificate: Certificate, options: ServerIdentityOptions): boolean {
  const x509 = certificate.toNode()
  return (
    options.names.every((name) => x509.checkHost(name) !== undefined) &&
    options.addresses.every((address) => x509.checkIP(textOf(address)) !== undefined)
  )
}

function textOf(address: Uint8Array): string {
  if (address.length === 4) return address.join('.')
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((address[2 * index] ?? 0) << 8) | (address[2 * index + 1] ?? 0)).toString(16),
  )
  return groups.join(':')
}
