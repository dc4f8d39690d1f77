import { type Certificate, certificateProfile, sameBytes } from '../../../pki/index.ts'
import type { AuthorityOperation } from '../../store/certificates.ts'
import { adoptAuthority } from '../adopting.ts'
import { type Authorities, type Authority, openAuthority } from '../authorities.ts'
import { AuthorityRefusal } from '../authority-refusal.ts'
import { type HierarchyOptions, keyKindOf, nextGeneration, planOf } from '../hierarchy.ts'
import { toIssuedRecord } from '../issued.ts'
import { delegateProfile } from '../ocsp-delegates.ts'
import {
  type CeremonyKind,
  type CeremonyRequest,
  proven,
  REQUEST_FORMAT,
  type ReadAnswer,
  readAnswer,
  readRequest,
} from './documents.ts'
import { crlRecord, lintAnswer } from './signing.ts'

export interface CeremonyOptions extends HierarchyOptions {
  readonly newId: () => string
}

/** The online half of a ceremony: makes the request with a key of its own, and takes the answer in. */
export class Ceremonies {
  readonly #options: CeremonyOptions
  readonly #authorities: Authorities

  constructor(options: CeremonyOptions, authorities: Authorities) {
    this.#options = options
    this.#authorities = authorities
  }

  /** `subject`: the line of the sub-CA that is wanted, or the id of the authority for a delegate or a CRL. */
  async request(kind: CeremonyKind, subject: string): Promise<CeremonyRequest> {
    const { clock, newId, organisation } = this.#options
    const base = {
      id: newId(),
      kind,
      organisation,
      createdAt: new Date(clock.now()).toISOString(),
      revoked: [],
      number: 0,
    }
    if (kind === 'authority') return this.#requestAuthority(base, subject)
    const authority = this.#authorities.get(subject)
    if (!authority) throw new AuthorityRefusal('authority.unknown', `There is no authority ${subject}`)
    const named = {
      ...base,
      subject,
      issuer: authority.certificate.fingerprint,
      commonName: `OCSP ${subject}`,
    }
    if (kind === 'crl') return this.#requestCrl(named, authority)
    const signer = await this.#options.keys.create(`ocsp/${subject}/${base.id}`, 'P-256')
    return proven(named, signer)
  }

  async #requestAuthority(
    base: Pick<CeremonyRequest, 'id' | 'kind' | 'organisation' | 'createdAt' | 'revoked' | 'number'>,
    line: string,
  ): Promise<CeremonyRequest> {
    const plan = planOf(line)
    if (!plan || plan.issuerLine === null)
      throw new AuthorityRefusal('authority.unknown', `There is no line ${line} that another authority signs`)
    const issuer = this.#authorities.current(plan.issuerLine)
    if (!issuer)
      throw new AuthorityRefusal(
        'authority.unknown',
        `${plan.issuerLine} is not known here: import its certificate first (gridkeep ca import)`,
      )
    const { commonName } = nextGeneration(this.#authorities, plan)
    const signer = await this.#options.keys.create(`authority/${line}/${base.id}`, keyKindOf(plan))
    return proven(
      {
        ...base,
        subject: line,
        issuer: issuer.certificate.fingerprint,
        commonName: `${base.organisation} ${commonName}`,
      },
      signer,
      certificateProfile(plan.kind, plan.variant).domainComponent,
    )
  }

  async #requestCrl(
    named: Omit<CeremonyRequest, 'format' | 'version' | 'publicKey' | 'algorithm' | 'proof' | 'csr'>,
    authority: Authority,
  ): Promise<CeremonyRequest> {
    const { store } = this.#options
    const { id } = authority.record
    const revoked = await store.certificates.revocations(id, named.createdAt, 100_000)
    const last = await store.certificates.crl(id, 'full')
    return {
      ...named,
      format: REQUEST_FORMAT,
      version: 1,
      commonName: id,
      number: last?.number ?? 0,
      revoked: revoked.map(({ serialNumber, revokedAt, revocationReason }) => ({
        serial: serialNumber,
        at: revokedAt,
        reason: revocationReason ?? 'unspecified',
      })),
      publicKey: '',
      algorithm: '',
      proof: '',
      csr: '',
    }
  }

  /** Checks the answer against the request it belongs to, and puts what it brings to use. */
  async accept(
    operation: AuthorityOperation,
    answerText: string,
    actor: string,
  ): Promise<{ readonly authorityId: string }> {
    const request = requestOf(operation)
    const answer = readAnswer(answerText)
    const unfit = (message: string) => new AuthorityRefusal('operation.invalid', message)
    if (answer.id !== undefined && answer.id !== request.id)
      throw unfit(`The answer is for the request ${answer.id}, not for ${request.id}`)
    if (request.kind === 'crl') return this.#acceptCrl(request, answer.crl)
    const key = Buffer.from(request.publicKey, 'base64')
    const certificate = answer.certificates.find(({ spki }) => sameBytes(spki, key))
    if (!certificate) throw unfit('The answer holds no certificate for the key of the request')
    if (certificate.commonName !== request.commonName)
      throw unfit(`The certificate is for "${certificate.commonName ?? ''}", not for "${request.commonName}"`)
    const problems = lintAnswer(certificate)
    if (problems.length > 0) throw unfit(`The certificate breaks rules: ${problems.join('; ')}`)
    if (request.kind === 'ocsp-responder') return this.#acceptDelegate(request, certificate)
    const { authority } = await adoptAuthority(this.#options, this.#authorities, {
      line: request.subject,
      certificate,
      origin: 'ceremony',
      actor,
      keyName: `authority/${request.subject}/${request.id}`,
    })
    return { authorityId: authority.record.id }
  }

  async #acceptDelegate(
    request: CeremonyRequest,
    certificate: Certificate,
  ): Promise<{ readonly authorityId: string }> {
    const authority = this.#authorityOf(request)
    const { id } = authority.record
    if (!certificate.isSignedBy(authority.certificate) || !certificate.hasOcspNoCheck)
      throw new AuthorityRefusal('operation.invalid', `The certificate is no OCSP responder by ${id}`)
    await this.#options.store.certificates.recordIssued(
      toIssuedRecord(certificate, {
        authorityId: id,
        profile: delegateProfile(authority),
        stationId: null,
        keyName: `ocsp/${id}/${request.id}`,
      }),
    )
    // Whoever watches the authorities looks for the delegate anew.
    this.#authorities.put(await openAuthority(this.#options, authority.record))
    return { authorityId: id }
  }

  async #acceptCrl(
    request: CeremonyRequest,
    crl: ReadAnswer['crl'],
  ): Promise<{ readonly authorityId: string }> {
    const { certificate, record } = this.#authorityOf(request)
    const number = Number(crl?.number ?? 0)
    if (!crl?.isSignedByKey(certificate.publicKey) || number <= request.number)
      throw new AuthorityRefusal('operation.invalid', `The answer holds no newer CRL signed by ${record.id}`)
    if (!crl.isFreshAt(this.#options.clock.now()))
      throw new AuthorityRefusal(
        'operation.invalid',
        'The CRL is not valid now: check the clock of both machines',
      )
    await this.#options.store.certificates.putCrls([crlRecord(record.id, number, crl)])
    return { authorityId: record.id }
  }

  #authorityOf(request: CeremonyRequest): Authority {
    const authority = this.#authorities.get(request.subject)
    if (!authority)
      throw new AuthorityRefusal('authority.unknown', `There is no authority ${request.subject}`)
    return authority
  }
}

/** What this service put into the operation when it made the request. */
function requestOf(operation: AuthorityOperation): CeremonyRequest {
  const result: unknown = operation.result
  const request =
    typeof result === 'object' && result !== null && 'request' in result ? result.request : undefined
  if (request === undefined)
    throw new AuthorityRefusal('operation.invalid', `The operation ${operation.id} is no ceremony`)
  return readRequest(JSON.stringify(request))
}
