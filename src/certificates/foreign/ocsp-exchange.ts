import { buildOcspRequest, type CertId } from '../../../pki/index.ts'
import { exchange, OutboundError } from '../outbound.ts'
import type { AllowedUrl } from './allow-list.ts'

/** Questions to one responder that arrive within this time travel together. */
const BATCH_WINDOW_MS = 5
const MAX_BATCH = 16
const MAX_ANSWER_BYTES = 128 * 1024
/** A responder that failed is left alone for this long, so that nobody waits for it again and again. */
const PENALTY_MS = 30_000
const MAX_RESPONDERS = 1000

interface Question {
  readonly certId: CertId
  readonly resolve: (response: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

interface Batch {
  readonly questions: Question[]
  readonly timer: NodeJS.Timeout
}

export interface OcspExchangeOptions {
  readonly now: () => number
  readonly timeoutMs: number
}

/** Asks OCSP responders by POST, several certificates of one issuer in one request. */
export class OcspExchange {
  readonly #options: OcspExchangeOptions
  readonly #batches = new Map<string, Batch>()
  readonly #penalties = new Map<string, number>()

  constructor(options: OcspExchangeOptions) {
    this.#options = options
  }

  /** The response DER, verified by nobody yet. `issuerKey`: only questions of one issuer travel together. */
  ask(allowed: AllowedUrl, issuerKey: string, certId: CertId): Promise<Uint8Array> {
    const until = this.#penalties.get(allowed.url.href) ?? 0
    if (this.#options.now() < until)
      return Promise.reject(new OutboundError('unreachable', `${allowed.url.host} failed a moment ago`))
    const key = `${allowed.url.href}|${issuerKey}`
    return new Promise((resolve, reject) => {
      const question = { certId, resolve, reject }
      const batch = this.#batches.get(key)
      if (!batch) {
        const timer = setTimeout(() => this.#flush(key, allowed), BATCH_WINDOW_MS)
        this.#batches.set(key, { questions: [question], timer })
        return
      }
      batch.questions.push(question)
      if (batch.questions.length >= MAX_BATCH) this.#flush(key, allowed)
    })
  }

  /** One certificate alone: for an answer that is passed on as it is. */
  async askAlone(allowed: AllowedUrl, certId: CertId): Promise<Uint8Array> {
    const until = this.#penalties.get(allowed.url.href) ?? 0
    if (this.#options.now() < until)
      throw new OutboundError('unreachable', `${allowed.url.host} failed a moment ago`)
    return this.#send(allowed, [certId])
  }

  #flush(key: string, allowed: AllowedUrl): void {
    const batch = this.#batches.get(key)
    if (!batch) return
    this.#batches.delete(key)
    clearTimeout(batch.timer)
    const { questions } = batch
    this.#send(
      allowed,
      questions.map(({ certId }) => certId),
    ).then(
      (response) => {
        for (const question of questions) question.resolve(response)
      },
      (error: unknown) => {
        for (const question of questions) question.reject(error)
      },
    )
  }

  async #send({ url, refuseAddress }: AllowedUrl, certIds: readonly CertId[]): Promise<Uint8Array> {
    try {
      const answer = await exchange({
        url,
        method: 'POST',
        headers: { 'content-type': 'application/ocsp-request', accept: 'application/ocsp-response' },
        body: buildOcspRequest(certIds),
        timeoutMs: this.#options.timeoutMs,
        maxBytes: MAX_ANSWER_BYTES,
        refuseAddress,
      })
      if (answer.status !== 200)
        throw new OutboundError('unreachable', `${url.host} answered ${answer.status} to an OCSP request`)
      return answer.body
    } catch (error) {
      this.#punish(url.href)
      throw error
    }
  }

  #punish(href: string): void {
    if (this.#penalties.size >= MAX_RESPONDERS) this.#penalties.clear()
    this.#penalties.set(href, this.#options.now() + PENALTY_MS)
  }
}
