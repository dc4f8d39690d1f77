import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import {
  buildOcspRequest,
  type CertId,
  certIdFor,
  certIdFromHashData,
  certIdIssuerKey,
  createOcspResponder,
  issuerLookupKeys,
  type OcspError,
  type OcspResponder,
  ocspErrorResponse,
  PkiError,
  parseOcspRequest,
  type StatusEntry,
} from '../../pki/index.ts'
import type { OCSPRequestDataType } from '../ocpp/v201/messages.generated.ts'
import { type Authorities, type Authority, withKey } from './authorities.ts'
import { CertificateStatuses, UNKNOWN } from './certificate-statuses.ts'
import { OcspCache, type OcspHttpAnswer } from './ocsp-cache.ts'
import { findDelegate, issueDelegate, type OcspDelegate, type OcspDelegateOptions } from './ocsp-delegates.ts'

/** How long an answer may be believed: stations refresh at least weekly (M06.FR.10), revocation should show within a day. */
const ANSWER_LIFE_MS = 24 * 3_600_000
/** Answers about certificates kept signed, ahead of the first who asks. */
const MAX_PRESIGNED = 20_000
const MAX_CACHED = 50_000
/** Beyond it a request is unusual (signed, or with extensions) and not worth a place in the cache. */
const MAX_CACHED_REQUEST_BYTES = 512
/** Presigning pauses after this many, so that requests are answered in between. */
const PRESIGN_BATCH = 50

/** Largest ocspResult of OCPP 2.0.1 GetCertificateStatusResponse. */
const MAX_OCSP_RESULT_CHARACTERS = 5500

export interface OcspStatusOptions extends OcspDelegateOptions {
  readonly log: Logger
  readonly authorities: Authorities
}

interface OwnIssuer {
  readonly authority: Authority
  delegate: OcspDelegate | undefined
  responder: OcspResponder | undefined
}

export interface OcspResponderState {
  readonly authorityId: string
  /** Undefined where there is none: requests about this authority are refused. */
  readonly delegate:
    | { readonly fingerprint: string; readonly notAfterMs: number; readonly renewAtMs: number }
    | undefined
}

/**
 * Signed OCSP answers for the certificates of our own authorities (RFC 6960, RFC 5019). Each authority has a
 * delegated responder, so its own key signs certificates and CRLs only and may be slow, paused or absent.
 */
export class OcspStatus {
  readonly #options: OcspStatusOptions
  readonly #cache = new OcspCache(MAX_CACHED)
  readonly #statuses: CertificateStatuses
  readonly #issuers = new Map<string, OwnIssuer>()
  /** By hash of issuer name and key, for every hash algorithm a request may use. */
  readonly #byCertId = new Map<string, OwnIssuer>()
  #presignedAtMs = Number.NEGATIVE_INFINITY
  #nextTurn: Promise<void> | undefined

  constructor(options: OcspStatusOptions) {
    this.#options = options
    this.#statuses = new CertificateStatuses(options)
    for (const authority of options.authorities.values()) this.#add(authority)
    options.authorities.onPut((authority) => this.#add(authority))
  }

  #add(authority: Authority): void {
    const known = this.#issuers.get(authority.record.id)
    const issuer: OwnIssuer = { authority, delegate: known?.delegate, responder: known?.responder }
    this.#issuers.set(authority.record.id, issuer)
    for (const key of issuerLookupKeys(authority.certificate)) this.#byCertId.set(key, issuer)
  }

  /** Renews the delegates that are due. One that cannot be renewed keeps answering until it expires. */
  async refreshDelegates(): Promise<void> {
    for (const issuer of this.#issuers.values()) {
      const nowMs = this.#options.clock.now()
      if (issuer.delegate && nowMs < issuer.delegate.renewAtMs) continue
      try {
        await this.#refreshDelegate(issuer, nowMs)
      } catch (error) {
        this.#options.log.error(
          { err: error, authority: issuer.authority.record.id },
          'The OCSP responder certificate could not be renewed; it is tried again',
        )
      }
      if (issuer.delegate && issuer.delegate.certificate.notAfterMs <= nowMs) {
        issuer.delegate = undefined
        issuer.responder = undefined
      }
    }
  }

  async #refreshDelegate(issuer: OwnIssuer, nowMs: number): Promise<void> {
    const { authority } = issuer
    // An expired authority issues nothing; nobody needs its answers any more.
    if (authority.certificate.notAfterMs <= nowMs) return
    const found = await findDelegate(this.#options, authority)
    const fresh = found !== undefined && nowMs < found.renewAtMs
    const canIssue = authority.issuer !== undefined
    const delegate = fresh || !canIssue ? found : await issueDelegate(this.#options, withKey(authority))
    if (!delegate || delegate.certificate.fingerprint === issuer.delegate?.certificate.fingerprint) return
    issuer.responder = createOcspResponder({
      issuer: authority.certificate,
      signer: delegate.signer,
      delegate: delegate.certificate,
    })
    issuer.delegate = delegate
  }

  responders(): readonly OcspResponderState[] {
    return [...this.#issuers.values()].map(({ authority, delegate }) => ({
      authorityId: authority.record.id,
      delegate: delegate && {
        fingerprint: delegate.certificate.fingerprint,
        notAfterMs: delegate.certificate.notAfterMs,
        renewAtMs: delegate.renewAtMs,
      },
    }))
  }

  get cachedAnswers(): number {
    return this.#cache.size
  }

  /** The status of a certificate changed: what was signed about it is not sent any more. */
  invalidate(authorityId: string, serialHex: string): void {
    this.#cache.forget(`${authorityId}/${serialHex}`)
    this.#statuses.forget(authorityId, serialHex)
  }

  /** GetCertificateStatus (M06): `Failed` where the certificate's issuer is not ours. */
  async forStation(data: OCSPRequestDataType) {
    let certId: CertId
    try {
      certId = certIdFromHashData(data)
    } catch (error) {
      if (!(error instanceof PkiError)) throw error
      return { status: 'Failed', reasonCode: 'InvalidHashData', detail: error.message } as const
    }
    const issuer = this.#byCertId.get(certIdIssuerKey(certId) ?? '')
    if (!issuer?.responder) {
      return {
        status: 'Failed',
        reasonCode: 'UnknownIssuer',
        detail: 'The certificate was issued by an authority that is not ours',
      } as const
    }
    const { der } = await this.answer(buildOcspRequest([certId]))
    const ocspResult = Buffer.from(der).toString('base64')
    if (ocspResult.length > MAX_OCSP_RESULT_CHARACTERS) {
      return {
        status: 'Failed',
        reasonCode: 'AnswerTooLong',
        detail: `The OCSP response has ${ocspResult.length} characters`,
      } as const
    }
    return { status: 'Accepted', ocspResult } as const
  }

  /** Request DER in, response DER out. Requests that cannot be read get the error RFC 6960 names. */
  async respond(requestDer: Uint8Array): Promise<Uint8Array> {
    return (await this.answer(requestDer)).der
  }

  /** A cached answer is there at once, without a promise. */
  answer(requestDer: Uint8Array): OcspHttpAnswer | Promise<OcspHttpAnswer> {
    const cacheable = requestDer.length <= MAX_CACHED_REQUEST_BYTES
    const key = cacheable ? Buffer.from(requestDer).toString('latin1') : ''
    const cached = cacheable ? this.#cache.get(key, this.#options.clock.now()) : undefined
    if (cached) return cached
    return this.#fresh(requestDer, key)
  }

  async #fresh(requestDer: Uint8Array, cacheKey: string): Promise<OcspHttpAnswer> {
    await this.#turn()
    try {
      const { certIds, nonce } = parseOcspRequest(requestDer)
      const issuers = certIds.map((certId) => this.#byCertId.get(certIdIssuerKey(certId) ?? ''))
      const ours = [...new Set(issuers.filter((one) => one !== undefined))]
      const [issuer] = ours
      // One response has one signer: an answer about another CA's certificates would not be believed.
      if (!issuer || ours.length > 1) return failure('unauthorized')
      if (!issuer.responder) return failure('tryLater')
      return await this.#sign({ issuer, issuers, certIds, nonce, cacheKey })
    } catch (error) {
      if (error instanceof PkiError && error.code === 'ocsp-malformed') return failure('malformedRequest')
      throw error
    }
  }

  /**
   * Requests that arrived together are signed one right after the other: between two system calls of the sockets each
   * signature would take twice the time, as its tables have left the processor's cache by then.
   */
  #turn(): Promise<void> {
    this.#nextTurn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#nextTurn = undefined
        resolve()
      })
    })
    return this.#nextTurn
  }

  async #sign(question: {
    readonly issuer: OwnIssuer
    readonly issuers: readonly (OwnIssuer | undefined)[]
    readonly certIds: readonly CertId[]
    readonly nonce: Uint8Array | undefined
    readonly cacheKey: string
  }): Promise<OcspHttpAnswer> {
    const { issuer, issuers, certIds, nonce, cacheKey } = question
    const { responder, delegate } = issuer
    if (!responder || !delegate) return failure('tryLater')
    const nowMs = this.#options.clock.now()
    const { epoch } = this.#cache
    // The answer must not outlive the certificate that proves it.
    const expiresAtMs = Math.min(nowMs + ANSWER_LIFE_MS, delegate.certificate.notAfterMs)
    if (expiresAtMs <= nowMs) return failure('tryLater')
    const entries: StatusEntry[] = []
    for (const [index, certId] of certIds.entries()) {
      const known =
        issuers[index] === issuer ? this.#statuses.of(issuer.authority.record.id, certId.serialHex) : UNKNOWN
      const status = known instanceof Promise ? await known : known
      entries.push({ certId, status, thisUpdateMs: nowMs, nextUpdateMs: expiresAtMs })
    }
    const signed = responder.respond({ entries, producedAtMs: nowMs, nonce })
    const der = signed instanceof Promise ? await signed : signed
    const [only] = entries
    if (nonce !== undefined || only === undefined || entries.some(({ status }) => status.kind === 'unknown'))
      return { der, caching: undefined }
    const caching = { etag: etagOf(der), producedAtMs: nowMs, expiresAtMs }
    const answer = { der, caching, refreshAtMs: nowMs + (expiresAtMs - nowMs) / 2 }
    if (entries.length === 1 && cacheKey !== '')
      this.#cache.put(cacheKey, `${issuer.authority.record.id}/${only.certId.serialHex}`, answer, epoch)
    return answer
  }

  /** Signs the usual question about every living certificate ahead of the first who asks; again at half an answer's life. */
  async presign(): Promise<void> {
    const { store, clock } = this.#options
    const startMs = clock.now()
    if (startMs < this.#presignedAtMs + ANSWER_LIFE_MS / 2) return
    this.#presignedAtMs = startMs
    let after: string | undefined
    for (let signed = 0; signed < MAX_PRESIGNED; ) {
      const page = await store.certificates.list({
        limit: PRESIGN_BATCH,
        ...(after === undefined ? {} : { after }),
      })
      const questions = page.flatMap((record) => {
        const issuer = this.#issuers.get(record.authorityId ?? '')
        if (!issuer || Date.parse(record.notAfter) <= startMs) return []
        const serial = serialOctets(record.serialNumber)
        return [buildOcspRequest([certIdFor({ issuer: issuer.authority.certificate, serial })])]
      })
      await Promise.all(questions.map((question) => this.answer(question)))
      signed += questions.length
      after = page.at(-1)?.fingerprint
      if (page.length < PRESIGN_BATCH) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

function failure(error: OcspError): OcspHttpAnswer {
  return { der: ocspErrorResponse(error), caching: undefined }
}

function etagOf(der: Uint8Array): string {
  return `"${createHash('sha256').update(der).digest('base64url')}"`
}

function serialOctets(hex: string): Uint8Array {
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}
