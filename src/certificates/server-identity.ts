import { Certificate, certificateProfile, issueCertificate } from '../../pki/index.ts'
import type { KeyStore } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import { type Authority, chainOf } from './hierarchy.ts'
import { toIssuedRecord } from './issued.ts'

const AUTHORITY_ID = 'csms-ca'

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
  readonly random: (bytes: number) => Uint8Array
  readonly newId: () => string
  readonly authorities: ReadonlyMap<string, Authority>
  readonly organisation: string
  /** Host names and IP addresses that stations dial; the first is the common name (A00.FR.307: the FQDN). */
  readonly names: readonly string[]
  readonly addresses: readonly Uint8Array[]
}

/** The certificate that our TLS listener presents: the newest one that covers the names, or a fresh one. */
export async function serverIdentity(options: ServerIdentityOptions): Promise<ServerIdentity> {
  const profile = certificateProfile('csms-server-ecdsa')
  const known = await options.store.certificates.list({ profile: profile.id, limit: 1000 })
  const usable = known
    .filter((record) => record.revokedAt === null && record.keyName !== null)
    .map((record) => ({ record, certificate: Certificate.parse(record.der) }))
    .filter(
      ({ certificate }) => options.clock.now() < renewalTime(certificate) && covers(certificate, options),
    )
    .sort((a, b) => b.certificate.notBeforeMs - a.certificate.notBeforeMs)
  for (const { record, certificate } of usable) {
    const key = await options.keys.exportForTls(record.keyName ?? '')
    if (key) return toIdentity(options, certificate, key.export({ type: 'pkcs8', format: 'pem' }).toString())
  }
  return issueIdentity(options)
}

async function issueIdentity(options: ServerIdentityOptions): Promise<ServerIdentity> {
  const { store, keys, clock, random, authorities, organisation, names, addresses } = options
  const authority = authorities.get(AUTHORITY_ID)
  const commonName = names[0]
  if (!authority) throw new Error(`The authority ${AUTHORITY_ID} is not loaded`)
  if (commonName === undefined) throw new Error('pki.serverNames is empty: name the host that stations dial')
  const profile = certificateProfile('csms-server-ecdsa')
  const keyName = `tls/csms-server/${options.newId()}`
  const signer = await keys.create(keyName, 'P-256')
  const certificate = await issueCertificate({
    profile,
    issuer: authority.issuer,
    subject: { commonName, organization: organisation },
    altNames: { dns: names, ip: addresses },
    publicKey: signer.publicKeySpki,
    atMs: clock.now(),
    random: random(16),
  })
  await store.certificates.recordIssued(
    toIssuedRecord(certificate, { authorityId: AUTHORITY_ID, profile, stationId: null, keyName }),
  )
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
  return toIdentity(options, certificate, key.export({ type: 'pkcs8', format: 'pem' }).toString())
}

function toIdentity(
  options: ServerIdentityOptions,
  certificate: Certificate,
  keyPem: string,
): ServerIdentity {
  const above = chainOf(options.authorities, AUTHORITY_ID).map((authority) => authority.certificate)
  const chain = [certificate, ...above.filter((one) => !one.isSelfSigned)]
  return {
    keyPem,
    chainPem: chain.map((one) => one.toPem()).join(''),
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
