import {
  type CertId,
  type Certificate,
  certIdIssuerKey,
  PkiError,
  parseOcspResponse,
  type RevocationVerdict,
  verifyOcspResponse,
} from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import { OutboundError } from '../outbound.ts'
import { AllowList, type AllowListOptions } from './allow-list.ts'
import { CrlCache } from './crl-source.ts'
import { OcspExchange } from './ocsp-exchange.ts'
import { type KnownVerdict, VerdictCache } from './verdict-cache.ts'

export interface ForeignQuestion {
  readonly certId: CertId
  readonly issuer: Certificate
  /** OCSP responders, tried in this order. */
  readonly urls: readonly string[]
  /** CRLs, tried where no responder answers. */
  readonly crlUrls?: readonly string[]
  readonly deadlineMs: number
}

export interface ForeignRevocationOptions extends AllowListOptions {
  readonly clock: Clock
  /** Of one exchange; a question with a longer deadline goes on to the next address. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 3000
const MAX_ENTRIES = 10_000
const MAX_ADDRESSES = 4
/** Of an address, in a reason: it comes from a certificate. */
const MAX_SHOWN_CHARACTERS = 200
/** An answer without nextUpdate is asked for again after this. */
const WITHOUT_NEXT_UPDATE_MS = 3_600_000
/** However long an answer says that it holds. */
const LONGEST_MS = 7 * 86_400_000
/** Share of its life after which an answer is fetched anew. */
const REFRESH_AT = 0.7
/** What nobody asked about for this long is not refreshed any more. */
const FORGET_AFTER_MS = 2 * 86_400_000
const REFRESH_BATCH = 20

type Found = Omit<KnownVerdict, 'refresh' | 'usedAtMs'>
/** Nothing was found out, and what stood in the way, address by address: for an operator to mend. */
interface Nothing {
  readonly why: string
}

/**
 * Revocation of certificates that others issued: their responders asked with an allow-list, answers verified against
 * the issuer and kept until their nextUpdate, fetched anew ahead of it; the next responder, then CRLs, where one fails.
 * Whatever cannot be verified is `unknown`; an answer past its end is never used.
 */
export class ForeignRevocation {
  readonly #options: ForeignRevocationOptions
  readonly #allowList: AllowList
  readonly #exchange: OcspExchange
  readonly #crls: CrlCache
  readonly #cache = new VerdictCache(MAX_ENTRIES)
  readonly #running = new Map<string, Promise<KnownVerdict | Nothing>>()

  constructor(options: ForeignRevocationOptions) {
    this.#options = options
    const now = () => options.clock.now()
    this.#allowList = new AllowList(options)
    this.#exchange = new OcspExchange({ now, timeoutMs: options.timeoutMs ?? TIMEOUT_MS })
    this.#crls = new CrlCache(now)
  }

  get cachedVerdicts(): number {
    return this.#cache.size
  }

  async status(question: ForeignQuestion): Promise<RevocationVerdict> {
    const found = await this.#find(question, false)
    return 'why' in found ? { kind: 'unknown', why: found.why } : found.verdict
  }

  /** A verified response about this certificate alone, to be passed on (OCPP GetCertificateStatus). */
  async response(question: ForeignQuestion): Promise<Uint8Array | undefined> {
    const found = await this.#find(question, true)
    return 'why' in found ? undefined : found.response
  }

  /** Fetches anew what is still in use and near its end. */
  async refresh(): Promise<void> {
    const nowMs = this.#options.clock.now()
    const due = this.#cache.due(nowMs, nowMs - FORGET_AFTER_MS)
    for (let at = 0; at < due.length; at += REFRESH_BATCH)
      await Promise.allSettled(due.slice(at, at + REFRESH_BATCH).map((entry) => entry.refresh()))
  }

  async #find(question: ForeignQuestion, alone: boolean): Promise<KnownVerdict | Nothing> {
    const key = `${alone ? 'alone' : 'any'}|${certIdIssuerKey(question.certId)}|${question.certId.serialHex}`
    const known = this.#cache.get(key, this.#options.clock.now())
    if (known) {
      if (this.#options.clock.now() >= known.refreshAtMs) void this.#fetchOnce(key, question, alone)
      return known
    }
    return withDeadline(this.#fetchOnce(key, question, alone), question.deadlineMs)
  }

  /** Ten cars of one model that plug in together are one question. */
  #fetchOnce(key: string, question: ForeignQuestion, alone: boolean): Promise<KnownVerdict | Nothing> {
    const running = this.#running.get(key)
    if (running) return running
    const fetching = this.#fetch(question, alone, () => this.#fetchOnce(key, question, alone))
      .then((found) => {
        if (!('why' in found)) this.#cache.put(key, found)
        return found
      })
      .finally(() => this.#running.delete(key))
    this.#running.set(key, fetching)
    return fetching
  }

  async #fetch(
    question: ForeignQuestion,
    alone: boolean,
    refresh: () => Promise<unknown>,
  ): Promise<KnownVerdict | Nothing> {
    const whys: string[] = []
    const sources: [string, () => Promise<Found | Nothing>][] = []
    for (const url of question.urls.slice(0, MAX_ADDRESSES))
      sources.push([url, () => this.#askResponder(url, question, alone)])
    for (const url of alone ? [] : (question.crlUrls ?? []).slice(0, MAX_ADDRESSES))
      sources.push([url, () => this.#readCrl(url, question)])
    for (const [url, look] of sources) {
      const found = await look()
      if (!('why' in found)) return { ...found, refresh, usedAtMs: this.#options.clock.now() }
      whys.push(`${url.slice(0, MAX_SHOWN_CHARACTERS)}: ${found.why}`)
    }
    return { why: whys.length === 0 ? 'no responder or CRL is named' : whys.join('; ') }
  }

  async #askResponder(
    text: string,
    { certId, issuer }: ForeignQuestion,
    alone: boolean,
  ): Promise<Found | Nothing> {
    const allowed = this.#allowList.check(text)
    if (!allowed) return NOT_ALLOWED
    const asked = () => this.#exchange.askAlone(allowed, certId)
    try {
      const together = alone ? await asked() : await this.#exchange.ask(allowed, issuer.fingerprint, certId)
      const found = this.#judge(together, certId, issuer)
      if (!('why' in found) || alone || isAlone(together)) return found
      // RFC 5019 responders answer about one certificate at a time.
      return this.#judge(await asked(), certId, issuer)
    } catch (error) {
      if (error instanceof OutboundError) return { why: error.message }
      throw error
    }
  }

  #judge(response: Uint8Array, certId: CertId, issuer: Certificate): Found | Nothing {
    const nowMs = this.#options.clock.now()
    const verdict = verifyOcspResponse({ response, certId, issuer, atMs: nowMs })
    if (!verdict.ok) return { why: `${verdict.message}` }
    // "unknown" by the responder itself is no verdict: the next one, or the CRL, may know.
    if (verdict.status.kind === 'unknown') return { why: 'it does not know the certificate' }
    const { thisUpdateMs, nextUpdateMs } = verdict.single
    const endMs = Math.min(nextUpdateMs ?? thisUpdateMs + WITHOUT_NEXT_UPDATE_MS, nowMs + LONGEST_MS)
    const expiresAtMs = Math.max(endMs, nowMs)
    return {
      verdict: verdict.status,
      response: isAlone(response) ? response : undefined,
      expiresAtMs,
      refreshAtMs: nowMs + (expiresAtMs - nowMs) * REFRESH_AT,
    }
  }

  async #readCrl(text: string, { certId, issuer }: ForeignQuestion): Promise<Found | Nothing> {
    const allowed = this.#allowList.check(text)
    if (!allowed) return NOT_ALLOWED
    const nowMs = this.#options.clock.now()
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS
    try {
      const serialHex = certId.serialHex.replace(/^0+(?=.)/, '')
      const { verdict, expiresAtMs } = await this.#crls.status(allowed, { serialHex, issuer, timeoutMs })
      if (verdict.kind === 'unknown') return { why: verdict.why ?? 'the CRL says nothing of the certificate' }
      if (expiresAtMs <= nowMs) return { why: 'the CRL is past its next update' }
      const refreshAtMs = nowMs + (expiresAtMs - nowMs) * REFRESH_AT
      return { verdict, response: undefined, expiresAtMs, refreshAtMs }
    } catch (error) {
      if (error instanceof OutboundError || error instanceof PkiError) return { why: error.message }
      throw error
    }
  }
}

const NOT_ALLOWED: Nothing = { why: 'the host is not listed in pki.foreignOcsp.allowHosts' }

function isAlone(response: Uint8Array): boolean {
  try {
    const parsed = parseOcspResponse(response)
    return parsed.kind === 'basic' && parsed.basic.singles.length === 1
  } catch (error) {
    if (error instanceof PkiError) return false
    throw error
  }
}

/** The fetch goes on beyond the deadline, so that the next who asks finds its answer. */
async function withDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T | Nothing> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<Nothing>((resolve) => {
    timer = setTimeout(() => resolve({ why: `no answer within ${deadlineMs} ms` }), deadlineMs)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
    work.catch(() => undefined)
  }
}
