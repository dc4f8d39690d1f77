import type { Logger } from 'pino'
import { Certificate, PkiError, parsePcid, soleCommonName, validatePath } from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import type { TrustedCertificate } from '../../store/contracts.ts'
import type { Store } from '../../store/ports.ts'
import type { TrustPool } from '../contracts/trust.ts'
import { toTrusted } from '../contracts/trusted-input.ts'
import type { ProviderPool } from './pool-import.ts'

export type LookupResult =
  | { readonly ok: true; readonly provider: string; readonly added: readonly TrustedCertificate[] }
  | { readonly ok: false; readonly code: 'unknown' | 'not-trusted'; readonly message: string }

export interface MakerLookupOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly trust: TrustPool
  readonly pools: readonly ProviderPool[]
}

const MAX_AT_ONCE = 4
const AGAIN_AFTER_MS = 3_600_000
const MAX_REMEMBERED = 10_000

/**
 * A -2 car sends its own certificate only, so the sub-CAs of its maker have to be here before it comes. The
 * provisioning-certificate pools of providers have them: those that lead to a root that is trusted already are kept,
 * which trusts nobody new.
 */
export class MakerLookup {
  readonly #options: MakerLookupOptions
  readonly #askedAtMs = new Map<string, number>()
  #running = 0

  constructor(options: MakerLookupOptions) {
    this.#options = options
  }

  /** Whether anybody can be asked. */
  get isPossible(): boolean {
    return this.#options.pools.length > 0
  }

  /** In the background and not too often: undefined where it is not worth asking now. */
  inBackground(pcid: string): Promise<unknown> | undefined {
    const nowMs = this.#options.clock.now()
    const askedAtMs = this.#askedAtMs.get(pcid) ?? Number.NEGATIVE_INFINITY
    if (!this.isPossible || this.#running >= MAX_AT_ONCE || nowMs - askedAtMs < AGAIN_AFTER_MS)
      return undefined
    if (this.#askedAtMs.size >= MAX_REMEMBERED) this.#askedAtMs.clear()
    this.#askedAtMs.set(pcid, nowMs)
    this.#running += 1
    return this.lookUp(pcid).finally(() => {
      this.#running -= 1
    })
  }

  async lookUp(pcid: string): Promise<LookupResult> {
    const { pools, log } = this.#options
    let refusal: LookupResult = {
      ok: false,
      code: 'unknown',
      message: `No provider has a certificate of ${pcid}`,
    }
    for (const { name, pool } of pools) {
      try {
        const ders = await pool.provisioningCertificate(pcid)
        if (!ders) continue
        const result = await this.#take(name, pcid, ders)
        if (result.ok) return result
        refusal = result
      } catch (error) {
        log.warn({ err: error, provider: name, pcid }, 'The certificate of a car could not be looked up')
      }
    }
    return refusal
  }

  async #take(provider: string, pcid: string, ders: readonly Uint8Array[]): Promise<LookupResult> {
    const { trust, store, clock } = this.#options
    const refuse = (message: string): LookupResult => ({
      ok: false,
      code: 'not-trusted',
      message: `${provider}: ${message}`,
    })
    let certificates: Certificate[]
    try {
      certificates = ders.map((der) => Certificate.parse(der))
    } catch (error) {
      if (!(error instanceof PkiError)) throw error
      return refuse(error.message)
    }
    const [leaf, ...above] = certificates
    if (!leaf || parsePcid(soleCommonName(leaf) ?? '')?.text !== pcid)
      return refuse(`the certificate is not of ${pcid}`)
    const path = validatePath({
      leaf,
      intermediates: [...above, ...trust.oem.intermediates],
      anchors: trust.oem.anchors,
      atMs: clock.now(),
      iso15118: {
        variant: leaf.publicKey.curve === 'P-521' ? 'iso15118-20' : 'iso15118-2',
        leafDomainComponent: 'OEM',
      },
    })
    if (!path.ok) return refuse(`${path.message}: trust the root of ${leaf.issuerText} first`)
    const nowMs = clock.now()
    const added: TrustedCertificate[] = []
    for (const certificate of path.chain.slice(1, -1)) {
      const record = toTrusted('OEM', certificate, nowMs)
      if ((await store.contracts.putTrusted(record)).created) added.push(record)
    }
    if (added.length > 0) {
      const at = new Date(nowMs).toISOString()
      const fingerprints = added.map(({ fingerprint }) => fingerprint)
      const detail = { provider, pcid, fingerprints }
      await store.audit.append({ at, actor: 'system', action: 'trust.add', subject: 'OEM', detail })
      await trust.load()
    }
    return { ok: true, provider, added }
  }
}
