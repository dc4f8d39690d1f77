import {
  type Certificate,
  type Crl,
  certificateProfile,
  lintCertificate,
  PublicKey,
  signCrl,
} from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import type { Store } from '../../store/ports.ts'
import { type Authorities, type SigningAuthority, withKey } from '../authorities.ts'
import { AuthorityRefusal } from '../authority-refusal.ts'
import { toReason } from '../certificate-statuses.ts'
import { planOf } from '../hierarchy.ts'
import type { Issuance } from '../issuance.ts'
import { delegateProfile } from '../ocsp-delegates.ts'
import { type CeremonyAnswer, type CeremonyRequest, writeAnswer } from './documents.ts'

/** An offline authority signs rarely: what it signs has to last until the next ceremony. */
const DELEGATE_DAYS = 90
const CRL_LIFE_MS = 180 * 86_400_000

export interface OfflineOptions {
  readonly store: Store
  readonly clock: Clock
  readonly authorities: Authorities
  readonly issuance: Issuance
}

/** What the person at the offline machine reads before agreeing. */
export function describeRequest(request: CeremonyRequest, authorities: Authorities): readonly string[] {
  const issuer = [...authorities.values()].find((one) => one.certificate.fingerprint === request.issuer)
  const what = {
    authority: `sign the sub-CA "${request.commonName}" (${request.subject}) of ${request.organisation}`,
    'ocsp-responder': `sign an OCSP responder for ${request.subject}`,
    crl: `sign a CRL of ${request.subject} with ${request.revoked.length} revoked certificates`,
  }[request.kind]
  return [
    `request ${request.id} of ${request.createdAt}`,
    what,
    `by ${issuer?.certificate.subjectText ?? `an authority that is not here (${request.issuer})`}`,
  ]
}

/** Signs a request that was read by `readRequest`, with the authority that it names and this machine holds. */
export async function signRequest(
  options: OfflineOptions,
  request: CeremonyRequest,
): Promise<CeremonyAnswer> {
  const { authorities, store, clock } = options
  const found = [...authorities.values()].find((one) => one.certificate.fingerprint === request.issuer)
  if (!found?.issuer)
    throw new AuthorityRefusal('authority.unknown', `The authority ${request.issuer} is not on this machine`)
  const issuer = withKey(found)
  const made =
    request.kind === 'crl'
      ? { crl: await makeCrl(options, issuer, request) }
      : { certificate: await makeCertificate(options, issuer, request) }
  await store.audit.append({
    at: new Date(clock.now()).toISOString(),
    actor: 'cli',
    action: `ceremony.${request.kind}`,
    subject: request.subject,
    detail: { request: request.id, fingerprint: 'certificate' in made ? made.certificate.fingerprint : null },
  })
  return writeAnswer(request.id, made)
}

async function makeCertificate(
  { issuance }: OfflineOptions,
  authority: SigningAuthority,
  request: CeremonyRequest,
): Promise<Certificate> {
  const publicKey = PublicKey.parse(Buffer.from(request.publicKey, 'base64'))
  const subject = { commonName: request.commonName, organization: request.organisation }
  if (request.kind === 'ocsp-responder')
    return issuance.issue({
      authority,
      publicKey,
      subject,
      profile: { ...delegateProfile(authority), validityDays: DELEGATE_DAYS },
    })
  const plan = planOf(request.subject)
  if (plan?.issuerLine !== authority.record.line)
    throw new AuthorityRefusal(
      'authority.conflict',
      `${authority.record.line} does not sign ${request.subject}`,
    )
  return issuance.issue({
    authority,
    publicKey,
    subject,
    profile: certificateProfile(plan.kind, plan.variant),
  })
}

async function makeCrl(
  { store, clock }: OfflineOptions,
  { record, issuer }: SigningAuthority,
  request: CeremonyRequest,
): Promise<Crl> {
  const known = await store.certificates.crl(record.id, 'full')
  const number = Math.max(known?.number ?? 0, request.number) + 1
  const nowMs = clock.now()
  const crl = await signCrl({
    issuer,
    thisUpdateMs: nowMs,
    nextUpdateMs: nowMs + CRL_LIFE_MS,
    number: BigInt(number),
    entries: request.revoked.map(({ serial, at, reason }) => ({
      serialHex: serial,
      atMs: Date.parse(at),
      reason: toReason(reason),
    })),
  })
  await store.certificates.putCrls([crlRecord(record.id, number, crl)])
  return crl
}

export function crlRecord(authorityId: string, number: number, crl: Crl) {
  return {
    authorityId,
    kind: 'full' as const,
    number,
    thisUpdate: new Date(crl.thisUpdateMs).toISOString(),
    nextUpdate: new Date(crl.nextUpdateMs ?? crl.thisUpdateMs).toISOString(),
    der: crl.der,
  }
}

/** Rules that a certificate from a ceremony breaks, as text; empty where it is clean. */
export function lintAnswer(certificate: Certificate): readonly string[] {
  return lintCertificate(certificate)
    .filter(({ severity }) => severity === 'error')
    .map(({ rule, message }) => `${rule}: ${message}`)
}
