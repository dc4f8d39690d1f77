/** An answer as it is sent, with what an HTTP cache needs to know about it (RFC 5019 section 6). */
export interface OcspHttpAnswer {
  readonly der: Uint8Array
  /** Undefined for answers that nobody may keep: errors, answers with a nonce, unknown certificates. */
  readonly caching: OcspCaching | undefined
}

export interface OcspCaching {
  readonly etag: string
  readonly producedAtMs: number
  readonly expiresAtMs: number
}

export interface CachedAnswer extends OcspHttpAnswer {
  readonly caching: OcspCaching
  /** From then on a fresh one is signed, long before the old one expires. */
  readonly refreshAtMs: number
}

/**
 * Signed answers by the exact octets of the request. Bounded: the oldest entry goes first. A certificate whose
 * status changed is forgotten under every form in which it was asked for.
 */
export class OcspCache {
  readonly #maxEntries: number
  readonly #answers = new Map<string, { readonly answer: CachedAnswer; readonly certificate: string }>()
  readonly #requests = new Map<string, Set<string>>()
  /** Grows with every change of a status: an answer computed across one is not kept. */
  #epoch = 0

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  get epoch(): number {
    return this.#epoch
  }
  get size(): number {
    return this.#answers.size
  }

  get(request: string, nowMs: number): CachedAnswer | undefined {
    const found = this.#answers.get(request)
    return found !== undefined && nowMs < found.answer.refreshAtMs ? found.answer : undefined
  }

  /** `epoch`: as it was before the status was read. */
  put(request: string, certificate: string, answer: CachedAnswer, epoch: number): void {
    if (epoch !== this.#epoch) return
    this.#remove(request)
    const [oldest] = this.#answers.keys()
    if (this.#answers.size >= this.#maxEntries && oldest !== undefined) this.#remove(oldest)
    this.#answers.set(request, { answer, certificate })
    const requests = this.#requests.get(certificate)
    if (requests) requests.add(request)
    else this.#requests.set(certificate, new Set([request]))
  }

  forget(certificate: string): void {
    this.#epoch += 1
    for (const request of [...(this.#requests.get(certificate) ?? [])]) this.#remove(request)
  }

  clear(): void {
    this.#epoch += 1
    this.#answers.clear()
    this.#requests.clear()
  }

  #remove(request: string): void {
    const found = this.#answers.get(request)
    if (!found) return
    this.#answers.delete(request)
    const requests = this.#requests.get(found.certificate)
    requests?.delete(request)
    if (requests?.size === 0) this.#requests.delete(found.certificate)
  }
}
