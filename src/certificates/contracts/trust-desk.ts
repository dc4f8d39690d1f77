import type { Clock } from '../../observe/clock.ts'
import type { TrustedCertificate, TrustUsage } from '../../store/contracts.ts'
import type { Store } from '../../store/ports.ts'
import type { TrustPool } from './trust.ts'
import { readTrusted } from './trusted-input.ts'

/** An operator's word on whose word counts: on disk, and in this process at once. */
export interface TrustDesk {
  /** Adds what a PEM text holds to the pool of those whose word counts; all of it or nothing. */
  trust(
    usage: TrustUsage,
    pem: string,
  ): Promise<
    | { readonly ok: true; readonly added: readonly TrustedCertificate[] }
    | { readonly ok: false; readonly message: string }
  >
  distrust(usage: TrustUsage, fingerprint: string): Promise<boolean>
  /** On what a provider's pool lists. False where the pool lists it no longer. */
  decide(usage: TrustUsage, fingerprint: string, to: 'accepted' | 'rejected'): Promise<boolean>
}

export function createTrustDesk({
  store,
  clock,
  trust,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly trust: TrustPool
}): TrustDesk {
  return {
    async trust(usage, pem) {
      const read = readTrusted(usage, pem, clock.now())
      if (!read.ok) return read
      for (const record of read.records) await store.contracts.putTrusted(record)
      await trust.load()
      return { ok: true, added: read.records }
    },
    async distrust(usage, fingerprint) {
      const removed = await store.contracts.removeTrusted(usage, fingerprint)
      await trust.load()
      return removed
    },
    async decide(usage, fingerprint, to) {
      const from = ['open', 'accepted', 'rejected'] as const
      const at = new Date(clock.now()).toISOString()
      const decided = await store.contracts.decideProposal({ usage, fingerprint, from, to, at })
      // What was trusted on this proposal ends with it.
      if (decided && to === 'rejected') await store.contracts.removeTrusted(usage, fingerprint)
      await trust.load()
      return decided
    },
  }
}
