/**
 * Which generation of our TLS server's authority stations are shown, what leads from old roots to it, and what the
 * former endpoint shows to those that cannot follow.
 */

import { Certificate } from '../../../pki/index.ts'
import { audit, type FleetContext } from './context.ts'
import type { Vouched } from './drift.ts'
import { CROSS } from './profiles.ts'

const SETTING = 'server-chain'
const FORMER = 'server-chain-former'
const LINE = 'csms-ca'

export interface ServerChain {
  /** The authority whose certificate the server shows. */
  readonly authorityId: string
  /** Shown after the chain: the new root as the old one signed it, so that whoever knows only the old root follows. */
  readonly bridges: readonly string[]
}

/** One endpoint as an operator sees it. */
export interface EndpointChain {
  readonly endpoint: 'main' | 'former'
  readonly authorityId: string
  readonly rootSubject: string
  readonly rootFingerprint: string
  /** How many bridges from other roots are shown after it. */
  readonly bridges: number
  readonly notAfter: string
  /** Stations whose last connection saw this authority's chain. */
  readonly stations: number
}

export class ServerChains {
  readonly #context: FleetContext
  #vouched: readonly Vouched[] = []
  readonly #listeners: (() => Promise<void>)[] = []

  constructor(context: FleetContext) {
    this.#context = context
  }

  /** Reloads what predecessors signed: after a new generation. */
  async refresh(): Promise<void> {
    const { store, certificates } = this.#context
    const crosses = await store.certificates.list({ profile: CROSS, limit: 1000 })
    this.#vouched = crosses.flatMap((record) => {
      const issuer =
        record.authorityId === null ? undefined : certificates.authorities.get(record.authorityId)
      if (!issuer || record.revokedAt !== null) return []
      return [{ cross: Certificate.parse(record.der), issuer: issuer.certificate }]
    })
  }

  vouched(): readonly Vouched[] {
    return this.#vouched
  }

  /** What is pinned, or what the newest authority gives where nobody has rolled over yet. */
  current(): Promise<ServerChain | undefined> {
    return this.#stored(SETTING)
  }

  /** What was shown before the last change; what is shown now where there was none. Never with bridges. */
  async former(): Promise<ServerChain | undefined> {
    const known = (await this.#stored(FORMER)) ?? (await this.current())
    return known && { ...known, bridges: [] }
  }

  /**
   * From the first start on the chain is pinned: a new generation of an authority alone changes nothing that a
   * station sees.
   */
  async pin(): Promise<ServerChain | undefined> {
    const pinned = await this.current()
    if (pinned !== undefined) return pinned
    const authority = this.#context.certificates.authorities.current(LINE)
    if (authority === undefined) return undefined
    const chain: ServerChain = { authorityId: authority.record.id, bridges: [] }
    await this.#context.store.fleet.putSetting(SETTING, JSON.stringify(chain))
    return chain
  }

  /** The roots that something hangs on which we present, at the former endpoint as well where a station uses it. */
  async roots(): Promise<readonly Certificate[]> {
    const chain = await this.pin()
    const root = chain && this.rootOf(chain.authorityId)
    return root === undefined ? [] : [root]
  }

  /** Shows the chain of this authority from now on; resolves when new handshakes see it. */
  async present(authorityId: string, actor: string): Promise<void> {
    const { store } = this.#context
    const before = await this.pin()
    const root = this.rootOf(authorityId)
    const bridges = this.#vouched
      .filter(
        ({ cross, issuer }) =>
          root !== undefined && cross.subjectKey === root.subjectKey && issuer.subjectKey !== root.subjectKey,
      )
      .map(({ cross }) => cross.toPem())
    if (before !== undefined && before.authorityId !== authorityId)
      await store.fleet.putSetting(FORMER, JSON.stringify(before))
    await store.fleet.putSetting(SETTING, JSON.stringify({ authorityId, bridges } satisfies ServerChain))
    await audit(this.#context, {
      action: 'server-chain.presented',
      subject: authorityId,
      detail: { before: before?.authorityId ?? null, bridges: bridges.length },
      actor,
    })
    for (const listener of this.#listeners) await listener()
  }

  onChange(listener: () => Promise<void>): void {
    this.#listeners.push(listener)
  }

  /** The newest generation of our server's authority below this root, if there is one. */
  authorityUnder(rootFingerprint: string): string | undefined {
    return this.#context.certificates.authorities
      .generations(LINE)
      .find(({ record }) => this.rootOf(record.id)?.fingerprint === rootFingerprint)?.record.id
  }

  /** The newest generation of our server's authority. */
  newest(): string | undefined {
    return this.#context.certificates.authorities.current(LINE)?.record.id
  }

  /** Whether the station's last connection proves that it accepts what the main endpoint shows now. */
  async isShown(fingerprint: string | null): Promise<boolean> {
    const [chain, authorityId] = [await this.current(), await this.authorityOf(fingerprint)]
    // A certificate that is not from our authority is the operator's own: the time of the connection has to do.
    return authorityId === undefined || chain === undefined || authorityId === chain.authorityId
  }

  async endpoints(): Promise<readonly EndpointChain[]> {
    const [main, former] = [await this.pin(), await this.former()]
    const seen = new Map<string, number>()
    for (const { shown, stations } of await this.#context.store.fleet.shownCounts()) {
      const authorityId = (await this.authorityOf(shown)) ?? ''
      seen.set(authorityId, (seen.get(authorityId) ?? 0) + stations)
    }
    const describe = (
      endpoint: EndpointChain['endpoint'],
      chain: ServerChain | undefined,
    ): EndpointChain[] => {
      const authority = chain && this.#context.certificates.authorities.get(chain.authorityId)
      const root = chain && this.rootOf(chain.authorityId)
      if (chain === undefined || authority === undefined || root === undefined) return []
      return [
        {
          endpoint,
          authorityId: chain.authorityId,
          rootSubject: root.subjectText,
          rootFingerprint: root.fingerprint,
          bridges: chain.bridges.length,
          notAfter: new Date(authority.certificate.notAfterMs).toISOString(),
          stations: seen.get(chain.authorityId) ?? 0,
        },
      ]
    }
    return [...describe('main', main), ...describe('former', former)]
  }

  async authorityOf(fingerprint: string | null): Promise<string | undefined> {
    if (fingerprint === null) return undefined
    const record = await this.#context.store.certificates.byFingerprint(fingerprint)
    return record?.authorityId ?? undefined
  }

  rootOf(authorityId: string): Certificate | undefined {
    const last = this.#context.certificates.authorities.chain(authorityId).at(-1)?.certificate
    return last?.isSelfSigned === true ? last : undefined
  }

  async #stored(name: string): Promise<ServerChain | undefined> {
    const stored = await this.#context.store.fleet.setting(name)
    return stored === undefined ? undefined : (JSON.parse(stored) as ServerChain)
  }
}
