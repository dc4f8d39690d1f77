import { type CertificateStatus, REVOCATION_REASONS, type RevocationReason } from '../../pki/index.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'

/** A revocation in this process shows at once; this bounds how long one by another process may stay unseen. */
const LIFE_MS = 30_000
const MAX_KNOWN = 50_000

export const UNKNOWN: CertificateStatus = { kind: 'unknown' }
const GOOD: CertificateStatus = { kind: 'good' }

/** Statuses read from the store a moment ago: for answers with a nonce, of which nothing else can be kept. */
export class CertificateStatuses {
  readonly #options: { readonly store: Store; readonly clock: Clock }
  readonly #known = new Map<string, { readonly status: CertificateStatus; readonly untilMs: number }>()
  /** Grows with every change: a status read across one is not kept. */
  #epoch = 0

  constructor(options: { readonly store: Store; readonly clock: Clock }) {
    this.#options = options
  }

  /** Without a promise where it is known; `unknown` for what was never issued. */
  of(authorityId: string, serialHex: string): CertificateStatus | Promise<CertificateStatus> {
    const known = this.#known.get(`${authorityId}/${serialHex}`)
    return known && this.#options.clock.now() < known.untilMs
      ? known.status
      : this.#read(authorityId, serialHex)
  }

  forget(authorityId: string, serialHex: string): void {
    this.#epoch += 1
    this.#known.delete(`${authorityId}/${serialHex}`)
  }

  async #read(authorityId: string, serialHex: string): Promise<CertificateStatus> {
    const { store, clock } = this.#options
    const nowMs = clock.now()
    const epoch = this.#epoch
    const found = await store.certificates.revocation(authorityId, serialHex)
    // What was never issued may be in a moment.
    if (found === undefined) return UNKNOWN
    const status: CertificateStatus =
      found === null
        ? GOOD
        : { kind: 'revoked', atMs: Date.parse(found.revokedAt), reason: toReason(found.revocationReason) }
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    if (epoch === this.#epoch)
      this.#known.set(`${authorityId}/${serialHex}`, { status, untilMs: nowMs + LIFE_MS })
    return status
  }
}

const REASONS = Object.keys(REVOCATION_REASONS).filter(
  (key): key is RevocationReason => key in REVOCATION_REASONS,
)

export function toReason(reason: string | null): RevocationReason {
  return REASONS.find((one) => one === reason) ?? 'unspecified'
}
