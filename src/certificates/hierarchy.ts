import {
  Certificate,
  type CertificateKind,
  certificateProfile,
  createIssuer,
  type Issuer,
  issueCertificate,
  issueRoot,
} from '../../pki/index.ts'
import { type KeyStore, openOrCreate } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { AuthorityRecord } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import { toIssuedRecord } from './issued.ts'

/** An authority that can sign: its record, its parsed certificate and its key. */
export interface Authority {
  readonly record: AuthorityRecord
  readonly certificate: Certificate
  readonly issuer: Issuer
}

interface AuthorityPlan {
  readonly id: string
  readonly kind: CertificateKind
  readonly issuerId: string | null
  readonly commonName: string
}

/**
 * What a first start creates. The chain of the stations' own certificates, the chain of our TLS server and the
 * V2G chain have different roots, so that each can be rolled over without the others.
 */
const DEVELOPMENT_HIERARCHY: readonly AuthorityPlan[] = [
  { id: 'v2g-root', kind: 'v2g-root', issuerId: null, commonName: 'V2G Root CA' },
  { id: 'cpo-sub1', kind: 'cpo-sub1', issuerId: 'v2g-root', commonName: 'CPO Sub-CA 1' },
  { id: 'cpo-sub2', kind: 'cpo-sub2', issuerId: 'cpo-sub1', commonName: 'CPO Sub-CA 2' },
  { id: 'cps-sub1', kind: 'cps-sub1', issuerId: 'v2g-root', commonName: 'CPS Sub-CA 1' },
  { id: 'cps-sub2', kind: 'cps-sub2', issuerId: 'cps-sub1', commonName: 'CPS Sub-CA 2' },
  { id: 'mo-root', kind: 'mo-root', issuerId: null, commonName: 'MO Root CA' },
  { id: 'mo-sub1', kind: 'mo-sub1', issuerId: 'mo-root', commonName: 'MO Sub-CA 1' },
  { id: 'mo-sub2', kind: 'mo-sub2', issuerId: 'mo-sub1', commonName: 'MO Sub-CA 2' },
  { id: 'station-root', kind: 'cso-root', issuerId: null, commonName: 'Station Root CA' },
  { id: 'station-ca', kind: 'cso-sub', issuerId: 'station-root', commonName: 'Station CA' },
  { id: 'csms-root', kind: 'cso-root', issuerId: null, commonName: 'CSMS Root CA' },
  { id: 'csms-ca', kind: 'cso-sub', issuerId: 'csms-root', commonName: 'CSMS CA' },
]

export interface HierarchyOptions {
  readonly store: Store
  readonly keys: KeyStore
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  /** O of every authority. */
  readonly organisation: string
  /** Written into certificates as the OCSP responder's address; left out where it is undefined. */
  readonly ocspUrl?: string
}

/**
 * Loads the authorities, creating those of the development hierarchy that are missing. Each step is recorded
 * before the next, so a start that was killed half way goes on where it stopped.
 */
export async function openHierarchy(options: HierarchyOptions): Promise<ReadonlyMap<string, Authority>> {
  const known = new Map((await options.store.certificates.authorities()).map((record) => [record.id, record]))
  const authorities = new Map<string, Authority>()
  for (const plan of DEVELOPMENT_HIERARCHY) {
    const issuer = plan.issuerId === null ? undefined : authorities.get(plan.issuerId)
    const record = known.get(plan.id) ?? (await createAuthority(options, plan, issuer))
    authorities.set(plan.id, await openAuthority(options, record))
  }
  return authorities
}

async function openAuthority(options: HierarchyOptions, record: AuthorityRecord): Promise<Authority> {
  const signer = await options.keys.open(record.keyName)
  if (!signer) {
    throw new Error(
      `The key ${record.keyName} of the authority ${record.id} is missing from the key store: restore it from the backup`,
    )
  }
  const certificate = Certificate.parse(record.certificateDer)
  const addresses = options.ocspUrl === undefined ? {} : { ocspUrl: options.ocspUrl }
  return { record, certificate, issuer: createIssuer({ certificate, signer, addresses }) }
}

async function createAuthority(
  options: HierarchyOptions,
  plan: AuthorityPlan,
  parent: Authority | undefined,
): Promise<AuthorityRecord> {
  const { store, keys, clock, random, organisation } = options
  const generation = 1
  const keyName = `authority/${plan.id}/${generation}`
  const signer = await openOrCreate(keys, keyName, 'P-256')
  const order = {
    profile: certificateProfile(plan.kind),
    subject: { commonName: `${organisation} ${plan.commonName}`, organization: organisation },
    atMs: clock.now(),
    random: random(16),
  }
  const certificate = await (parent
    ? issueCertificate({ ...order, issuer: parent.issuer, publicKey: signer.publicKeySpki })
    : issueRoot({ ...order, signer }))
  const at = new Date(clock.now()).toISOString()
  const authorityId = parent?.record.id ?? plan.id
  await store.certificates.recordIssued(
    toIssuedRecord(certificate, { authorityId, profile: order.profile, stationId: null }),
  )
  const record: AuthorityRecord = {
    id: plan.id,
    profile: order.profile.id,
    generation,
    issuerId: plan.issuerId,
    certificateDer: certificate.der,
    keyName,
    createdAt: at,
  }
  await store.certificates.putAuthority(record)
  await store.audit.append({
    at,
    actor: 'system',
    action: 'authority.created',
    subject: plan.id,
    detail: { fingerprint: certificate.fingerprint },
  })
  return record
}

/** The authority and those above it, nearest first, root last. */
export function chainOf(authorities: ReadonlyMap<string, Authority>, id: string): readonly Authority[] {
  const chain: Authority[] = []
  let next: string | null = id
  // The hierarchy is a tree; the bound is for a database that is not.
  while (next !== null && chain.length < 10) {
    const authority = authorities.get(next)
    if (!authority)
      throw new Error(`The authority ${next} is missing from the database: restore it from the backup`)
    chain.push(authority)
    next = authority.record.issuerId
  }
  return chain
}
