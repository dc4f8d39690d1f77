import { type Certificate, certificateProfile } from '../../pki/index.ts'
import { type Authorities, type Authority, withKey } from './authorities.ts'
import { AuthorityRefusal } from './authority-refusal.ts'
import { createGeneration, type HierarchyOptions, planOf } from './hierarchy.ts'

/**
 * The next generation of an authority, under a new key. A new root and the old one sign each other, so that those who
 * trust only one of them reach what the other issued.
 */
export async function newGeneration(
  options: HierarchyOptions,
  authorities: Authorities,
  { line, actor }: { readonly line: string; readonly actor: string },
): Promise<{ readonly authority: Authority; readonly crosses: readonly Certificate[] }> {
  const plan = planOf(line)
  if (!plan) throw new AuthorityRefusal('authority.unknown', `There is no line ${line} in the hierarchy`)
  if (options.offlineLines?.includes(line))
    throw new AuthorityRefusal('authority.offline', `${line} is kept offline: request it by ceremony`)
  const before = authorities.current(line)
  const parent = plan.issuerLine === null ? undefined : authorities.current(plan.issuerLine)
  if (plan.issuerLine !== null && !parent?.issuer)
    throw new AuthorityRefusal(
      'authority.offline',
      `The key of ${plan.issuerLine}, which signs ${line}, is not here: request it by ceremony`,
    )
  const authority = await createGeneration(options, authorities, {
    plan,
    parent: parent && withKey(parent),
    actor,
  })
  if (plan.issuerLine !== null || !before?.issuer) return { authority, crosses: [] }
  const crosses = [
    await crossSign(options, authorities, {
      subjectId: authority.record.id,
      issuerId: before.record.id,
      actor,
    }),
    await crossSign(options, authorities, {
      subjectId: before.record.id,
      issuerId: authority.record.id,
      actor,
    }),
  ]
  return { authority, crosses }
}

/** A certificate by one authority for the name and key of another. */
export async function crossSign(
  options: HierarchyOptions,
  authorities: Authorities,
  {
    subjectId,
    issuerId,
    actor,
  }: { readonly subjectId: string; readonly issuerId: string; readonly actor: string },
): Promise<Certificate> {
  const subject = authorities.get(subjectId)
  const issuer = authorities.get(issuerId)
  if (!subject || !issuer)
    throw new AuthorityRefusal('authority.unknown', `There is no authority ${subject ? issuerId : subjectId}`)
  if (subject === issuer)
    throw new AuthorityRefusal('authority.conflict', 'An authority does not cross-sign itself')
  if (!issuer.issuer) throw new AuthorityRefusal('authority.offline', `The key of ${issuerId} is not here`)
  const base = certificateProfile('cross-certificate')
  const { certificate: of } = subject
  const certificate = await options.issuance.issue({
    authority: withKey(issuer),
    profile: {
      ...base,
      ca: { pathLength: of.basicConstraints?.pathLength },
      keys: [...base.keys, 'P-384', 'P-521', 'rsa'],
      signatures: [issuer.issuer.signer.algorithm.name],
      maxDerBytes: undefined,
    },
    subject: { der: of.subjectDer },
    publicKey: of.spki,
    notAfterMs: of.notAfterMs,
  })
  await options.store.audit.append({
    at: new Date(options.clock.now()).toISOString(),
    actor,
    action: 'authority.cross-signed',
    subject: subjectId,
    detail: { issuer: issuerId, fingerprint: certificate.fingerprint },
  })
  return certificate
}

/** From now on the authority issues nothing; it still answers for what it issued. */
export async function retire(
  options: Pick<HierarchyOptions, 'store' | 'clock'>,
  authorities: Authorities,
  { authorityId, actor }: { readonly authorityId: string; readonly actor: string },
): Promise<Authority> {
  const authority = authorities.get(authorityId)
  if (!authority) throw new AuthorityRefusal('authority.unknown', `There is no authority ${authorityId}`)
  const { record } = authority
  const others = authorities
    .generations(record.line)
    .filter((one) => one !== authority && one.record.state === 'active')
  if (record.state === 'retired')
    throw new AuthorityRefusal('authority.conflict', `${authorityId} is retired already`)
  if (others.length === 0)
    throw new AuthorityRefusal(
      'authority.conflict',
      `${authorityId} is the only active generation of ${record.line}: make the next one first`,
    )
  const retired: Authority = { ...authority, record: { ...record, state: 'retired' } }
  await options.store.certificates.putAuthority(retired.record)
  await options.store.audit.append({
    at: new Date(options.clock.now()).toISOString(),
    actor,
    action: 'authority.retired',
    subject: authorityId,
    detail: { generation: record.generation },
  })
  authorities.put(retired)
  return retired
}
