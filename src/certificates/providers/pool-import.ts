import type { Logger } from 'pino'
import { Certificate, PkiError } from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import type { Store } from '../../store/ports.ts'
import type { ProposalState, TrustProposal, TrustUsage } from '../../store/trust-pool.ts'
import { faultOfAuthority, toTrusted } from '../contracts/trusted-input.ts'
import type { RootPool } from './ports.ts'

/** A provider's pools, and what becomes of the roots that it lists. */
export interface ProviderPool {
  readonly name: string
  readonly pool: RootPool
  /** `propose`: an operator decides; `trust`: the provider decides, also about what it lists no longer. */
  readonly roots: 'off' | 'propose' | 'trust'
}

/** What an import found of one kind of root. */
export interface ImportReport {
  readonly provider: string
  readonly usage: TrustUsage
  readonly at: string
  readonly listed: number
  /** Proposed or, by policy, trusted. */
  readonly added: number
  readonly withdrawn: number
  /** What was listed and can vouch for nobody, with the reason. */
  readonly refused: readonly string[]
  /** Why there is no list; null where there is one. */
  readonly failure: string | null
}

export interface PoolImportOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly pools: readonly ProviderPool[]
  /** The trust of this process follows. */
  readonly reload: () => Promise<void>
}

const USAGES: readonly TrustUsage[] = ['OEM', 'MO', 'V2G']
/** The largest pool there is has some dozens. */
const MAX_ROOTS = 500
const MAX_REFUSED = 20

/**
 * Reads the root pools of providers. What they list is looked at, and shown as a proposal or trusted, by policy; what
 * was rejected or taken out by an operator is not brought back. An empty list, or none, changes nothing.
 */
export class PoolImport {
  readonly #options: PoolImportOptions
  readonly #reports = new Map<string, ImportReport>()
  #running: Promise<readonly ImportReport[]> | undefined

  constructor(options: PoolImportOptions) {
    this.#options = options
  }

  /** The latest of each provider and usage, of this process. */
  get reports(): readonly ImportReport[] {
    return [...this.#reports.values()]
  }

  /** One at a time: who comes while one runs gets its reports. */
  run(): Promise<readonly ImportReport[]> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<readonly ImportReport[]> {
    const { pools, reload } = this.#options
    const reports: ImportReport[] = []
    for (const source of pools) {
      if (source.roots === 'off') continue
      for (const usage of USAGES) {
        const report = await this.#import(source, usage)
        this.#reports.set(`${source.name}/${usage}`, report)
        reports.push(report)
      }
    }
    await reload()
    return reports
  }

  async #import(source: ProviderPool, usage: TrustUsage): Promise<ImportReport> {
    const { clock, log } = this.#options
    const head = { provider: source.name, usage, at: new Date(clock.now()).toISOString() }
    const none = { listed: 0, added: 0, withdrawn: 0, refused: [] }
    let ders: readonly Uint8Array[]
    try {
      ders = (await source.pool.roots(usage)).slice(0, MAX_ROOTS)
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error)
      log.warn({ provider: source.name, usage, failure }, 'A pool of roots could not be read')
      return { ...head, ...none, failure }
    }
    const { roots, refused } = this.#judge(ders)
    const report = { ...head, listed: ders.length, refused: refused.slice(0, MAX_REFUSED), failure: null }
    if (roots.length === 0) return { ...report, added: 0, withdrawn: 0 }
    const added = await this.#propose(source, usage, roots)
    const withdrawn = await this.#withdraw(source, usage, roots)
    return { ...report, added, withdrawn }
  }

  #judge(ders: readonly Uint8Array[]): { roots: Certificate[]; refused: string[] } {
    const nowMs = this.#options.clock.now()
    const roots: Certificate[] = []
    const refused: string[] = []
    for (const der of ders) {
      try {
        const certificate = Certificate.parse(der)
        const fault = certificate.isSelfSigned ? faultOfAuthority(certificate, nowMs) : 'is no root'
        if (fault === undefined) roots.push(certificate)
        else refused.push(`${certificate.subjectText} ${fault}`)
      } catch (error) {
        if (!(error instanceof PkiError)) throw error
        refused.push(error.message)
      }
    }
    return { roots, refused }
  }

  async #propose(
    { name, roots: policy }: ProviderPool,
    usage: TrustUsage,
    roots: readonly Certificate[],
  ): Promise<number> {
    const { store, clock } = this.#options
    const nowMs = clock.now()
    const at = new Date(nowMs).toISOString()
    const trusted = new Set(
      (await store.contracts.trusted()).filter((one) => one.usage === usage).map((one) => one.fingerprint),
    )
    const known = new Set(
      (await store.contracts.proposals()).filter((one) => one.usage === usage).map((one) => one.fingerprint),
    )
    const listed = roots
      .filter(({ fingerprint }) => known.has(fingerprint) || !trusted.has(fingerprint))
      .map(
        (certificate): TrustProposal => ({
          ...toTrusted(usage, certificate, nowMs),
          provider: name,
          state: 'open',
          seenAt: at,
          decidedAt: null,
        }),
      )
    const fresh = await store.contracts.propose(listed, at)
    for (const one of fresh) {
      await this.#audit('trust.proposed', one)
      if (policy === 'trust' && (await this.#decide(one, 'accepted'))) await this.#audit('trust.add', one)
    }
    return fresh.length
  }

  /** Where the provider decides, what it lists no longer is trusted no longer; elsewhere an operator is told. */
  async #withdraw(
    { name, roots: policy }: ProviderPool,
    usage: TrustUsage,
    roots: readonly Certificate[],
  ): Promise<number> {
    const { store, log } = this.#options
    const listed = new Set(roots.map(({ fingerprint }) => fingerprint))
    const gone = (await store.contracts.proposals()).filter(
      (one) =>
        one.provider === name &&
        one.usage === usage &&
        (one.state === 'open' || one.state === 'accepted') &&
        !listed.has(one.fingerprint),
    )
    for (const one of gone) {
      await this.#decide(one, 'withdrawn')
      await this.#audit('trust.withdrawn', one)
      const { fingerprint, subject } = one
      if (one.state !== 'accepted') continue
      if (policy === 'trust') {
        await store.contracts.removeTrusted(usage, fingerprint)
        await this.#audit('trust.remove', one)
      }
      log.warn({ provider: name, usage, subject }, 'A provider lists a trusted root no longer')
    }
    return gone.length
  }

  #decide({ usage, fingerprint, state }: TrustProposal, to: ProposalState): Promise<boolean> {
    const { store, clock } = this.#options
    const at = new Date(clock.now()).toISOString()
    return store.contracts.decideProposal({ usage, fingerprint, from: [state], to, at })
  }

  #audit(action: string, { usage, provider, fingerprint, subject }: TrustProposal): Promise<void> {
    const { store, clock } = this.#options
    return store.audit.append({
      at: new Date(clock.now()).toISOString(),
      actor: 'system',
      action,
      subject: usage,
      detail: { provider, fingerprint, subject },
    })
  }
}
