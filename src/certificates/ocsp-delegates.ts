import { Certificate, type CertificateProfile, certificateProfile, type Signer } from '../../pki/index.ts'
import type { KeyStore } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { Authority, SigningAuthority } from './authorities.ts'
import type { Issuance } from './issuance.ts'

/** Short, because nobody asks whether a responder's certificate is revoked (id-pkix-ocsp-nocheck). */
const LIFE_DAYS = 14

export interface OcspDelegate {
  readonly certificate: Certificate
  readonly signer: Signer
  /** Half of its life: from then on a new one is wanted, with as much time again to get it. */
  readonly renewAtMs: number
}

export interface OcspDelegateOptions {
  readonly store: Store
  /** Always in this process: an OCSP answer must never wait for a token. */
  readonly keys: KeyStore
  readonly clock: Clock
  readonly newId: () => string
  readonly issuance: Issuance
}

/** The newest usable delegate of an authority from the records: issued here, or brought by a ceremony. */
export async function findDelegate(
  options: OcspDelegateOptions,
  authority: Authority,
): Promise<OcspDelegate | undefined> {
  const nowMs = options.clock.now()
  const records = await options.store.certificates.list({
    authorityId: authority.record.id,
    profile: delegateProfile(authority).id,
    revoked: false,
    limit: 10_000,
  })
  const usable = records
    .filter(({ keyName, notAfter }) => keyName !== null && Date.parse(notAfter) > nowMs)
    .sort((a, b) => Date.parse(b.notAfter) - Date.parse(a.notAfter))
  for (const { der, keyName } of usable) {
    const signer = await options.keys.open(keyName ?? '')
    if (signer) return toDelegate(Certificate.parse(der), signer)
  }
  return undefined
}

export async function issueDelegate(
  options: OcspDelegateOptions,
  authority: SigningAuthority,
): Promise<OcspDelegate> {
  const { id } = authority.record
  const keyName = `ocsp/${id}/${options.newId()}`
  const signer = await options.keys.create(keyName, 'P-256')
  const certificate = await options.issuance.issue({
    authority,
    profile: delegateProfile(authority),
    subject: { commonName: `OCSP ${id}`, organization: authority.certificate.organization ?? 'Gridkeep' },
    publicKey: signer.publicKeySpki,
    keyName,
  })
  return toDelegate(certificate, signer)
}

/** The responder profile, signed with whatever this authority signs with; no car ever stores it, so no size limit. */
export function delegateProfile(authority: Authority): CertificateProfile {
  const base = certificateProfile('ocsp-responder')
  const algorithm = authority.issuer?.signer.algorithm.name
  return {
    ...base,
    validityDays: LIFE_DAYS,
    maxDerBytes: undefined,
    ...(algorithm === undefined ? {} : { signatures: [algorithm] }),
  }
}

function toDelegate(certificate: Certificate, signer: Signer): OcspDelegate {
  const { notBeforeMs, notAfterMs } = certificate
  return { certificate, signer, renewAtMs: notBeforeMs + (notAfterMs - notBeforeMs) / 2 }
}
