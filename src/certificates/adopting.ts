import type { KeyObject } from 'node:crypto'
import {
  type Certificate,
  certificateProfile,
  createIssuer,
  type LintFinding,
  lintCertificate,
} from '../../pki/index.ts'
import type { AuthorityRecord } from '../store/certificates.ts'
import { type Authorities, type Authority, openAuthority } from './authorities.ts'
import { AuthorityRefusal } from './authority-refusal.ts'
import { type AuthorityPlan, type HierarchyOptions, nextGeneration, planOf } from './hierarchy.ts'
import { toIssuedRecord } from './issued.ts'

export interface AdoptionOrder {
  readonly line: string
  readonly certificate: Certificate
  readonly origin: 'imported' | 'ceremony'
  readonly actor: string
  /** In the clear, to be taken into the key store; absent where the key stays elsewhere or is in the store already. */
  readonly privateKey?: KeyObject
  /** Name of a key that is in the store already. */
  readonly keyName?: string
}

export interface Adopted {
  readonly authority: Authority
  /** What the lint says about it. Errors do not stop an adoption: an existing hierarchy is as it is. */
  readonly findings: readonly LintFinding[]
}

/**
 * Takes in an authority whose certificate was made elsewhere: imported, or signed in a ceremony. Its issuer must be
 * known here first, so a root comes before what is below it, and is trusted by being imported.
 */
export async function adoptAuthority(
  options: HierarchyOptions,
  authorities: Authorities,
  order: AdoptionOrder,
): Promise<Adopted> {
  const { certificate, line, origin, actor } = order
  const plan = planOf(line)
  if (!plan) throw new AuthorityRefusal('authority.unknown', `There is no line ${line} in the hierarchy`)
  const { issuerId, nowMs } = checkFit(options, authorities, plan, certificate)
  const { id, generation } = nextGeneration(authorities, plan)
  const keyName = await keepKey(options, order, `authority/${id}/${generation}`)
  const at = new Date(nowMs).toISOString()
  const profile = certificateProfile(plan.kind, plan.variant)
  const record: AuthorityRecord = {
    id,
    line,
    state: 'active',
    origin,
    profile: profile.id,
    generation,
    issuerId,
    certificateDer: certificate.der,
    keyName,
    createdAt: at,
  }
  const known = await options.store.certificates.byFingerprint(certificate.fingerprint)
  if (!known)
    await options.store.certificates.recordIssued(
      toIssuedRecord(certificate, { authorityId: issuerId ?? id, profile, stationId: null }),
    )
  await options.store.certificates.putAuthority(record)
  const findings = lintCertificate(certificate, { profile })
  await options.store.audit.append({
    at,
    actor,
    action: `authority.${origin}`,
    subject: id,
    detail: { fingerprint: certificate.fingerprint, generation, findings: findings.map(({ rule }) => rule) },
  })
  const authority = await openAuthority(options, record)
  authorities.put(authority)
  return { authority, findings }
}

function checkFit(
  { clock }: HierarchyOptions,
  authorities: Authorities,
  plan: AuthorityPlan,
  certificate: Certificate,
): { readonly issuerId: string | null; readonly nowMs: number } {
  const unfit = (message: string) => new AuthorityRefusal('authority.unfit', message)
  const nowMs = clock.now()
  if (!certificate.isCa) throw unfit(`${certificate.subjectText} is no CA certificate`)
  if (nowMs > certificate.notAfterMs || nowMs < certificate.notBeforeMs)
    throw unfit(`${certificate.subjectText} is not valid now`)
  const twin = [...authorities.values()].find(
    (one) => one.certificate.fingerprint === certificate.fingerprint,
  )
  if (twin) throw new AuthorityRefusal('authority.conflict', `This certificate is ${twin.record.id} already`)
  if (plan.issuerLine === null) {
    if (!certificate.isSelfSigned || !certificate.isSignedBy(certificate))
      throw unfit(`${plan.line} is a root, and ${certificate.subjectText} is not signed by itself`)
    return { issuerId: null, nowMs }
  }
  const issuer = authorities
    .generations(plan.issuerLine)
    .find((one) => certificate.mayBeIssuedBy(one.certificate) && certificate.isSignedBy(one.certificate))
  if (!issuer)
    throw unfit(
      `${certificate.subjectText} is not signed by any ${plan.issuerLine} known here: import that one first`,
    )
  return { issuerId: issuer.record.id, nowMs }
}

/** The name under which the key is, checked against the certificate before anything is recorded. */
async function keepKey(
  { keys }: HierarchyOptions,
  { certificate, privateKey, keyName }: AdoptionOrder,
  name: string,
): Promise<string | null> {
  if (keyName !== undefined) {
    const signer = await keys.open(keyName)
    if (!signer) throw new AuthorityRefusal('authority.unfit', `There is no key ${keyName} in the key store`)
    createIssuer({ certificate, signer })
    return keyName
  }
  if (privateKey === undefined) return null
  const signer = await keys.adopt(name, privateKey)
  createIssuer({ certificate, signer })
  return name
}
