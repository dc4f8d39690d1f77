/** Which generation of our TLS server's authority stations are shown, and what leads from old roots to it. */

import { Certificate } from '../../../pki/index.ts'
import type { Authorities } from '../authorities.ts'
import { audit, type FleetContext } from './context.ts'
import type { Vouched } from './drift.ts'
import { CROSS } from './profiles.ts'

const SETTING = 'server-chain'
const LINE = 'csms-ca'
const ROOT_LINE = 'csms-root'

export interface ServerChain {
  /** The authority whose certificate the server shows. */
  readonly authorityId: string
  /** Shown after the chain: the new root as the old one signed it, so that whoever knows only the old root follows. */
  readonly bridges: readonly string[]
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
  async current(): Promise<ServerChain | undefined> {
    const stored = await this.#context.store.fleet.setting(SETTING)
    return stored === undefined ? undefined : (JSON.parse(stored) as ServerChain)
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

  /** The root that the chain ends in, and those that its bridges start from. */
  async roots(): Promise<readonly Certificate[]> {
    const chain = await this.pin()
    if (chain === undefined) return []
    const { authorities } = this.#context.certificates
    const own = authorities.chain(chain.authorityId).filter(({ certificate }) => certificate.isSelfSigned)
    return own.map(({ certificate }) => certificate)
  }

  /** Shows the chain of this authority from now on; resolves when new handshakes see it. */
  async present(authorityId: string, actor: string): Promise<void> {
    const { store, certificates } = this.#context
    const before = await this.pin()
    const root = certificates.authorities.chain(authorityId).at(-1)?.certificate
    const bridges = this.#vouched
      .filter(
        ({ cross, issuer }) =>
          root !== undefined && cross.subjectKey === root.subjectKey && issuer.subjectKey !== root.subjectKey,
      )
      .map(({ cross }) => cross.toPem())
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
    const { authorities } = this.#context.certificates
    return authorities
      .generations(LINE)
      .find(({ record }) => authorities.chain(record.id).at(-1)?.certificate.fingerprint === rootFingerprint)
      ?.record.id
  }

  rootOf(authorities: Authorities, authorityId: string): Certificate | undefined {
    return authorities.chain(authorityId).at(-1)?.certificate
  }

  get rootLine(): string {
    return ROOT_LINE
  }
}
