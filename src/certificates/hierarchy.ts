import { type CertificateKind, certificateProfile, type ProfileVariant } from '../../pki/index.ts'
import { type KeyKind, type KeyStore, openOrCreate } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { AuthorityRecord } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import { Authorities, type Authority, openAuthority, type SigningAuthority, withKey } from './authorities.ts'
import type { Issuance } from './issuance.ts'

export interface AuthorityPlan {
  readonly line: string
  readonly kind: CertificateKind
  readonly issuerLine: string | null
  readonly commonName: string
  /** ISO 15118-2 unless said otherwise. */
  readonly variant?: ProfileVariant
}

/**
 * What a first start creates. The chain of the stations' own certificates, the chain of our TLS server and the
 * V2G chain have different roots, so that each can be rolled over without the others.
 */
export const HIERARCHY: readonly AuthorityPlan[] = [
  { line: 'v2g-root', kind: 'v2g-root', issuerLine: null, commonName: 'V2G Root CA' },
  { line: 'cpo-sub1', kind: 'cpo-sub1', issuerLine: 'v2g-root', commonName: 'CPO Sub-CA 1' },
  { line: 'cpo-sub2', kind: 'cpo-sub2', issuerLine: 'cpo-sub1', commonName: 'CPO Sub-CA 2' },
  { line: 'cps-sub1', kind: 'cps-sub1', issuerLine: 'v2g-root', commonName: 'CPS Sub-CA 1' },
  { line: 'cps-sub2', kind: 'cps-sub2', issuerLine: 'cps-sub1', commonName: 'CPS Sub-CA 2' },
  { line: 'mo-root', kind: 'mo-root', issuerLine: null, commonName: 'MO Root CA' },
  { line: 'mo-sub1', kind: 'mo-sub1', issuerLine: 'mo-root', commonName: 'MO Sub-CA 1' },
  { line: 'mo-sub2', kind: 'mo-sub2', issuerLine: 'mo-sub1', commonName: 'MO Sub-CA 2' },
  { line: 'station-root', kind: 'cso-root', issuerLine: null, commonName: 'Station Root CA' },
  { line: 'station-ca', kind: 'cso-sub', issuerLine: 'station-root', commonName: 'Station CA' },
  { line: 'csms-root', kind: 'cso-root', issuerLine: null, commonName: 'CSMS Root CA' },
  { line: 'csms-ca', kind: 'cso-sub', issuerLine: 'csms-root', commonName: 'CSMS CA' },
  // ISO 15118-20 has other keys (P-521), so another hierarchy: what cars of that protocol get contracts from.
  plan20('v2g20-root', 'v2g-root', null, 'V2G-20 Root CA'),
  plan20('cps20-sub1', 'cps-sub1', 'v2g20-root', 'CPS-20 Sub-CA 1'),
  plan20('cps20-sub2', 'cps-sub2', 'cps20-sub1', 'CPS-20 Sub-CA 2'),
  plan20('mo20-root', 'mo-root', null, 'MO-20 Root CA'),
  plan20('mo20-sub1', 'mo-sub1', 'mo20-root', 'MO-20 Sub-CA 1'),
  plan20('mo20-sub2', 'mo-sub2', 'mo20-sub1', 'MO-20 Sub-CA 2'),
]

function plan20(
  line: string,
  kind: CertificateKind,
  issuerLine: string | null,
  commonName: string,
): AuthorityPlan {
  return { line, kind, issuerLine, commonName, variant: 'iso15118-20' }
}

/** -2 has P-256 keys, -20 P-521. */
export function keyKindOf({ variant }: AuthorityPlan): KeyKind {
  return variant === 'iso15118-20' ? 'P-521' : 'P-256'
}

export function planOf(line: string): AuthorityPlan | undefined {
  return HIERARCHY.find((plan) => plan.line === line)
}

export interface HierarchyOptions {
  readonly store: Store
  readonly keys: KeyStore
  readonly clock: Clock
  readonly issuance: Issuance
  /** O of every authority. */
  readonly organisation: string
  /** Where the PKI listener is reached from outside; written into certificates. */
  readonly publicUrl?: string | undefined
  /** Lines whose keys are never made here: their certificates come by ceremony or import. */
  readonly offlineLines?: readonly string[]
}

/**
 * Loads the authorities, creating those of the hierarchy that are missing. Each step is recorded before the next, so
 * a start that was killed half way goes on where it stopped.
 */
export async function openHierarchy(options: HierarchyOptions): Promise<Authorities> {
  const authorities = new Authorities()
  for (const record of await options.store.certificates.authorities())
    authorities.put(await openAuthority(options, record))
  await completeHierarchy(options, authorities)
  return authorities
}

/** Creates what is missing and can be made here; what hangs below an offline authority waits for its ceremony. */
export async function completeHierarchy(options: HierarchyOptions, authorities: Authorities): Promise<void> {
  for (const plan of HIERARCHY) {
    if (authorities.current(plan.line) || options.offlineLines?.includes(plan.line)) continue
    const parent = plan.issuerLine === null ? undefined : authorities.current(plan.issuerLine)
    if (plan.issuerLine !== null && parent?.issuer === undefined) continue
    await createGeneration(options, authorities, {
      plan,
      parent: parent && withKey(parent),
      actor: 'system',
    })
  }
}

export interface GenerationOrder {
  readonly plan: AuthorityPlan
  /** Undefined for a root. */
  readonly parent: SigningAuthority | undefined
  /** Who wanted it, for the audit trail. */
  readonly actor: string
}

/** Makes the next generation of a line, under a key and a name of its own. It issues from then on. */
export async function createGeneration(
  options: HierarchyOptions,
  authorities: Authorities,
  { plan, parent, actor }: GenerationOrder,
): Promise<Authority> {
  const { store, keys, issuance, organisation } = options
  const { id, generation, commonName } = nextGeneration(authorities, plan)
  const keyName = `authority/${id}/${generation}`
  const signer = await openOrCreate(keys, keyName, keyKindOf(plan))
  const wanted = {
    profile: certificateProfile(plan.kind, plan.variant),
    subject: { commonName: `${organisation} ${commonName}`, organization: organisation },
  }
  const certificate = await (parent
    ? issuance.issue({ ...wanted, authority: parent, publicKey: signer.publicKeySpki })
    : issuance.issueRoot({ ...wanted, signer, authorityId: id }))
  const at = new Date(options.clock.now()).toISOString()
  const record: AuthorityRecord = {
    id,
    line: plan.line,
    state: 'active',
    origin: 'created',
    profile: wanted.profile.id,
    generation,
    issuerId: parent?.record.id ?? null,
    certificateDer: certificate.der,
    keyName,
    createdAt: at,
  }
  await store.certificates.putAuthority(record)
  await store.audit.append({
    at,
    actor,
    action: 'authority.created',
    subject: id,
    detail: { fingerprint: certificate.fingerprint, generation },
  })
  const authority = await openAuthority(options, record)
  authorities.put(authority)
  return authority
}

/** Names of the generation after the newest one. */
export function nextGeneration(
  authorities: Authorities,
  plan: AuthorityPlan,
): { readonly id: string; readonly generation: number; readonly commonName: string } {
  const generation = (authorities.generations(plan.line)[0]?.record.generation ?? 0) + 1
  return generation === 1
    ? { id: plan.line, generation, commonName: plan.commonName }
    : { id: `${plan.line}-g${generation}`, generation, commonName: `${plan.commonName} G${generation}` }
}
