import type { Logger } from 'pino'
import { Crl, type CrlEntry, deltaEntries, signCrl } from '../../pki/index.ts'
import type { Clock } from '../observe/clock.ts'
import type { CrlKind, CrlRecord } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import { type Authorities, type SigningAuthority, withKey } from './authorities.ts'
import { toReason } from './certificate-statuses.ts'

/** nextUpdate of every CRL; a new one is made at half of it, so that a relying party never waits for the last minute. */
const LIFE_MS = 24 * 3_600_000
const MAX_ENTRIES = 1_000_000

export interface CrlPublisherOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly authorities: Authorities
}

/**
 * One complete CRL and one delta per authority, anew after every revocation and at half of their life. Both carry
 * the same number; the delta builds on the last complete CRL of the schedule. What an authority without its key
 * here published (by ceremony) is left as it is.
 */
export class CrlPublisher {
  readonly #options: CrlPublisherOptions
  readonly #running = new Map<string, Promise<void>>()
  readonly #again = new Map<string, Promise<void>>()

  constructor(options: CrlPublisherOptions) {
    this.#options = options
  }

  /** What the listener serves. */
  async published(authorityId: string, kind: Exclude<CrlKind, 'base'>): Promise<CrlRecord | undefined> {
    return this.#options.store.certificates.crl(authorityId, kind)
  }

  /** Makes the CRLs that are missing or past half of their life. */
  async refresh(): Promise<void> {
    const { authorities, clock, log } = this.#options
    for (const authority of [...authorities.values()]) {
      const nowMs = clock.now()
      if (!authority.issuer || authority.certificate.notAfterMs <= nowMs) continue
      const base = await this.#options.store.certificates.crl(authority.record.id, 'base')
      if (base && nowMs < Date.parse(base.thisUpdate) + LIFE_MS / 2) continue
      try {
        await this.regenerate(authority.record.id)
      } catch (error) {
        log.error(
          { err: error, authority: authority.record.id },
          'The CRL could not be made; the last one stays and it is tried again',
        )
      }
    }
  }

  /**
   * Makes new CRLs now. Calls that arrive while one is being made share the one after it, so that a thousand
   * revocations cost a few CRLs. Resolves without doing anything where the key is not here.
   */
  regenerate(authorityId: string): Promise<void> {
    const authority = this.#options.authorities.get(authorityId)
    if (!authority?.issuer || authority.certificate.keyUsage?.has('cRLSign') === false)
      return Promise.resolve()
    const running = this.#running.get(authorityId)
    if (running === undefined) return this.#run(withKey(authority))
    const waiting = this.#again.get(authorityId)
    if (waiting) return waiting
    const next = running
      .catch(() => undefined)
      .then(() => {
        this.#again.delete(authorityId)
        return this.#run(withKey(authority))
      })
    this.#again.set(authorityId, next)
    return next
  }

  #run(authority: SigningAuthority): Promise<void> {
    const { id } = authority.record
    const made = this.#make(authority).finally(() => this.#running.delete(id))
    this.#running.set(id, made)
    return made
  }

  async #make({ record: { id }, issuer }: SigningAuthority): Promise<void> {
    const { store, clock } = this.#options
    const nowMs = clock.now()
    const base = await store.certificates.crl(id, 'base')
    const newest = await store.certificates.crl(id, 'delta')
    const revoked = await store.certificates.revocations(id, new Date(nowMs).toISOString(), MAX_ENTRIES + 1)
    if (revoked.length > MAX_ENTRIES)
      throw new Error(`${id} has revoked more than ${MAX_ENTRIES} certificates: start a new generation of it`)
    const entries = revoked.map(
      ({ serialNumber, revokedAt, revocationReason }): CrlEntry => ({
        serialHex: serialNumber,
        atMs: Date.parse(revokedAt),
        reason: toReason(revocationReason),
      }),
    )
    const number = Math.max(base?.number ?? 0, newest?.number ?? 0) + 1
    const order = { issuer, thisUpdateMs: nowMs, nextUpdateMs: nowMs + LIFE_MS, number: BigInt(number) }
    const freshestUrl = issuer.addresses.crlUrl?.replace(/\.crl$/, '-delta.crl')
    const crl = await signCrl({ ...order, entries, ...(freshestUrl === undefined ? {} : { freshestUrl }) })
    const isScheduled = !base || nowMs >= Date.parse(base.thisUpdate) + LIFE_MS / 2
    if (isScheduled) {
      // The delta on a new base has nothing to add yet, and needs a higher number than its base.
      const delta = await signCrl({
        ...order,
        number: order.number + 1n,
        baseNumber: order.number,
        entries: [],
      })
      await store.certificates.putCrls([
        toRecord(id, 'full', number, crl),
        toRecord(id, 'base', number, crl),
        toRecord(id, 'delta', number + 1, delta),
      ])
      return
    }
    const changes = deltaEntries(Crl.parse(base.der), entries, nowMs)
    const delta = await signCrl({ ...order, entries: changes, baseNumber: BigInt(base.number) })
    await store.certificates.putCrls([
      toRecord(id, 'full', number, crl),
      toRecord(id, 'delta', number, delta),
    ])
  }
}

function toRecord(authorityId: string, kind: CrlKind, number: number, crl: Crl): CrlRecord {
  return {
    authorityId,
    kind,
    number,
    thisUpdate: new Date(crl.thisUpdateMs).toISOString(),
    nextUpdate: new Date(crl.nextUpdateMs ?? crl.thisUpdateMs).toISOString(),
    der: crl.der,
  }
}
