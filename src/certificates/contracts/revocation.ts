import {
  type CertId,
  type Certificate,
  certIdFor,
  certIdFromHashData,
  type RevocationVerdict,
} from '../../../pki/index.ts'
import type { OCSPRequestDataType } from '../../ocpp/v201/messages.generated.ts'
import type { CertificateStore } from '../../store/certificates.ts'
import type { Authorities } from '../authorities.ts'
import type { ContractPolicy } from './policy.ts'
import type { TrustPool } from './trust.ts'

/**
 * Port: asks the OCSP responder of somebody else. The adapter decides which addresses may be asked at all (stations
 * name them), verifies the answer and keeps it until it ends. No answer in time is `unknown`.
 */
export interface ExternalRevocation {
  status(question: {
    readonly certId: CertId
    readonly issuer: Certificate
    readonly urls: readonly string[]
    /** CRLs, for where no responder answers. */
    readonly crlUrls?: readonly string[]
    readonly deadlineMs: number
  }): Promise<RevocationVerdict>
}

/** Nobody to ask: every certificate of others is `unknown`. */
export const noExternalRevocation: ExternalRevocation = { status: async () => ({ kind: 'unknown' }) }

/** Where a verdict comes from; `policy` means that nobody vouched for it. */
export type RevocationBasis = 'own' | 'responder' | 'configured' | 'policy'

export interface RevocationFinding {
  readonly verdict: RevocationVerdict
  readonly basis: RevocationBasis
}

export interface RevocationsOptions {
  readonly store: { readonly certificates: Pick<CertificateStore, 'revocation'> }
  readonly authorities: Authorities
  readonly trust: TrustPool
  readonly external: ExternalRevocation
  readonly policy: ContractPolicy
}

/** One verdict for all, whoever issued: our own records first, then the responder that is named, then policy. */
export class Revocations {
  readonly #options: RevocationsOptions
  /** Ids of our authorities by fingerprint. */
  readonly #own = new Map<string, string>()

  constructor(options: RevocationsOptions) {
    this.#options = options
    const add = (record: { readonly id: string }, certificate: Certificate): void => {
      this.#own.set(certificate.fingerprint, record.id)
    }
    for (const { record, certificate } of options.authorities.values()) add(record, certificate)
    options.authorities.onPut(({ record, certificate }) => add(record, certificate))
  }

  ownAuthorityOf(issuer: Certificate): string | undefined {
    return this.#own.get(issuer.fingerprint)
  }

  /** `withoutResponder`: what a certificate that names no responder is taken for. */
  async ofCertificate(
    certificate: Certificate,
    issuer: Certificate,
    withoutResponder: 'accept' | 'reject',
  ): Promise<RevocationFinding> {
    const authorityId = this.ownAuthorityOf(issuer)
    if (authorityId !== undefined) return this.#ofOwn(authorityId, certificate.serialHex)
    const { trust } = this.#options
    const urls = certificate.ocspUrls
    const { crlUrls } = certificate
    if (urls.length > 0 || crlUrls.length > 0) {
      const certId = certIdFor({ issuer, serial: certificate.serial, hash: 'SHA256' })
      return this.#ofOthers({ certId, issuer, urls, crlUrls })
    }
    // A sub-CA without a responder that the operator put in himself: he takes it out when it goes bad.
    if (trust.isConfigured(certificate)) return { verdict: GOOD, basis: 'configured' }
    return { verdict: withoutResponder === 'accept' ? GOOD : UNKNOWN, basis: 'policy' }
  }

  /** By what a station says about a certificate; `issuer` is what the hashes name. */
  async ofHashData(data: OCSPRequestDataType, issuer: Certificate): Promise<RevocationFinding> {
    const certId = certIdFromHashData(data)
    const authorityId = this.ownAuthorityOf(issuer)
    if (authorityId !== undefined) return this.#ofOwn(authorityId, certId.serialHex)
    return this.#ofOthers({
      certId,
      issuer,
      urls: data.responderURL === '' ? [] : [data.responderURL],
      crlUrls: [],
    })
  }

  async #ofOwn(authorityId: string, serialHex: string): Promise<RevocationFinding> {
    const serialNumber = serialHex.replace(/^0+(?=.)/, '')
    const found = await this.#options.store.certificates.revocation(authorityId, serialNumber)
    // What our authority never issued was not issued by it, whatever the signature says.
    if (found === undefined) return { verdict: UNKNOWN, basis: 'own' }
    if (found === null) return { verdict: GOOD, basis: 'own' }
    const { revokedAt, revocationReason } = found
    const verdict: RevocationVerdict = {
      kind: 'revoked',
      atMs: Date.parse(revokedAt),
      ...(revocationReason === null ? {} : { reason: revocationReason }),
    }
    return { verdict, basis: 'own' }
  }

  async #ofOthers(question: {
    readonly certId: CertId
    readonly issuer: Certificate
    readonly urls: readonly string[]
    readonly crlUrls: readonly string[]
  }): Promise<RevocationFinding> {
    const { external, policy } = this.#options
    if (question.urls.length + question.crlUrls.length === 0) return { verdict: UNKNOWN, basis: 'policy' }
    const verdict = await external.status({ ...question, deadlineMs: policy.responderDeadlineMs })
    return { verdict, basis: 'responder' }
  }
}

const GOOD: RevocationVerdict = { kind: 'good' }
const UNKNOWN: RevocationVerdict = { kind: 'unknown' }
