import type { RevocationVerdict } from '../../../pki/index.ts'

export interface KnownVerdict {
  readonly verdict: RevocationVerdict
  /** The response, where it is about this certificate alone and may be passed on. */
  readonly response: Uint8Array | undefined
  readonly expiresAtMs: number
  /** From then on a fresh one is fetched while this one still serves. */
  readonly refreshAtMs: number
  /** Fetches it anew. */
  readonly refresh: () => Promise<unknown>
  usedAtMs: number
}

/** Verdicts until their nextUpdate and never beyond; the least recently put goes first when it is full. */
export class VerdictCache {
  readonly #maxEntries: number
  readonly #entries = new Map<string, KnownVerdict>()

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string, nowMs: number): KnownVerdict | undefined {
    const found = this.#entries.get(key)
    if (found === undefined) return undefined
    if (nowMs >= found.expiresAtMs) {
      this.#entries.delete(key)
      return undefined
    }
    found.usedAtMs = nowMs
    return found
  }

  put(key: string, entry: KnownVerdict): void {
    this.#entries.delete(key)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size >= this.#maxEntries && oldest !== undefined) this.#entries.delete(oldest)
    this.#entries.set(key, entry)
  }

  /** Those to fetch anew: past their refresh time, and used since `usedSinceMs`. */
  due(nowMs: number, usedSinceMs: number): readonly KnownVerdict[] {
    return [...this.#entries.values()].filter(
      (entry) => nowMs >= entry.refreshAtMs && nowMs < entry.expiresAtMs && entry.usedAtMs >= usedSinceMs,
    )
  }
}
