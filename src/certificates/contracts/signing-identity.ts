import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import {
  Certificate,
  type ContractAuthority,
  ContractError,
  type Cps,
  certificateProfile,
  createContractAuthority,
  createCps,
  largestAnswerCharacters,
  PkiError,
  type ProfileVariant,
  type Protocol,
} from '../../../pki/index.ts'
import type { KeyStore } from '../../keys/ports.ts'
import type { Clock } from '../../observe/clock.ts'
import type { Store } from '../../store/ports.ts'
import type { Authorities, SigningAuthority } from '../authorities.ts'
import type { Issuance } from '../issuance.ts'

/** What an answer may have at most: exiResponse of OCPP 2.0.1. -20 answers never fit and need a larger FieldLength. */
const LARGEST_ANSWER: Readonly<Record<Protocol, number>> = {
  '15118-2': 5600,
  '15118-20': Number.POSITIVE_INFINITY,
}

const LINES: Readonly<
  Record<Protocol, { readonly cps: string; readonly mo: string; readonly variant: ProfileVariant }>
> = {
  '15118-2': { cps: 'cps-sub2', mo: 'mo-sub2', variant: 'iso15118-2' },
  '15118-20': { cps: 'cps20-sub2', mo: 'mo20-sub2', variant: 'iso15118-20' },
}
const PROTOCOLS: readonly Protocol[] = ['15118-2', '15118-20']

export interface SigningIdentityOptions {
  readonly store: Store
  readonly keys: KeyStore
  readonly clock: Clock
  readonly log: Logger
  readonly newId: () => string
  readonly authorities: Authorities
  readonly issuance: Issuance
  readonly organisation: string
}

interface CpsState {
  readonly cps: Cps
  /** Fingerprints of leaf and sub-CAs: each of them can be revoked. */
  readonly members: readonly string[]
  /** Two thirds of the leaf's life: from then on a new one is wanted, with a third left to get it. */
  readonly renewAtMs: number
}

interface MoState {
  readonly authorityId: string
  /** Fingerprints of its sub-CAs. */
  readonly members: readonly string[]
  readonly authority: ContractAuthority
}

/**
 * What contracts are issued and answers signed with, per protocol: the CPS leaf, which renews itself, and our
 * mobility operator's sub-CA. Checked when it changes and not while a car waits.
 */
export class SigningIdentity {
  readonly #options: SigningIdentityOptions
  readonly #cps = new Map<Protocol, CpsState>()
  readonly #mo = new Map<Protocol, MoState>()

  constructor(options: SigningIdentityOptions) {
    this.#options = options
  }

  /** Those of which nothing is revoked: looked up for every car, so that a revocation counts at once. */
  async cps(protocol: Protocol): Promise<readonly Cps[]> {
    const state = this.#cps.get(protocol)
    return state && !(await this.#isRevoked(state.members)) ? [state.cps] : []
  }

  /** Undefined where the authority of the protocol is revoked, or not here (an offline hierarchy, before its ceremony). */
  async authority(protocol: Protocol): Promise<MoState | undefined> {
    const mo = this.#mo.get(protocol)
    return mo && !(await this.#isRevoked(mo.members)) ? mo : undefined
  }

  #isRevoked(fingerprints: readonly string[]): Promise<boolean> {
    return this.#options.store.certificates.anyRevoked(fingerprints)
  }

  /** Issues or renews what is due. What cannot be renewed keeps working until it expires. */
  async refresh(): Promise<void> {
    for (const protocol of PROTOCOLS) {
      try {
        await this.#refreshCps(protocol)
        this.#refreshAuthority(protocol)
      } catch (error) {
        this.#options.log.error(
          { err: error, protocol },
          'The provisioning service of this protocol could not be made ready; it is tried again',
        )
      }
    }
  }

  async #refreshCps(protocol: Protocol): Promise<void> {
    const { authorities, clock } = this.#options
    const nowMs = clock.now()
    const known = this.#cps.get(protocol)
    const issuing = authorities.current(LINES[protocol].cps)
    const isRevoked = known !== undefined && (await this.#isRevoked(known.members))
    const isCurrent = !isRevoked && known?.cps.subCas[0]?.fingerprint === issuing?.certificate.fingerprint
    if (
      !issuing ||
      (await this.#isRevoked([issuing.certificate.fingerprint])) ||
      (known && isCurrent && nowMs < known.renewAtMs)
    )
      return
    const found = await this.#findCps(protocol, nowMs)
    const next =
      found && nowMs < found.renewAtMs
        ? found
        : issuing.issuer === undefined
          ? found
          : await this.#issueCps(protocol, authorities.signing(LINES[protocol].cps))
    if (next) this.#cps.set(protocol, next)
  }

  /** The newest leaf of the current sub-CA whose key is here. */
  async #findCps(protocol: Protocol, nowMs: number): Promise<CpsState | undefined> {
    const { store, keys, authorities } = this.#options
    const issuing = authorities.current(LINES[protocol].cps)
    const records = await store.certificates.list({
      profile: certificateProfile('cps-leaf', LINES[protocol].variant).id,
      authorityId: issuing?.record.id ?? '',
      revoked: false,
      limit: 1000,
    })
    const usable = records
      .filter(({ keyName, notAfter }) => keyName !== null && Date.parse(notAfter) > nowMs)
      .sort((a, b) => Date.parse(b.notAfter) - Date.parse(a.notAfter))
    for (const { der, keyName, authorityId } of usable) {
      const signer = await keys.open(keyName ?? '')
      if (signer && authorityId !== null)
        return this.#toState(Certificate.parse(der), authorityId, signer, nowMs)
    }
    return undefined
  }

  async #issueCps(protocol: Protocol, authority: SigningAuthority): Promise<CpsState> {
    const { keys, newId, issuance, organisation, store, clock } = this.#options
    const keyName = `cps/${LINES[protocol].cps}/${newId()}`
    const signer = await keys.create(keyName, protocol === '15118-2' ? 'P-256' : 'P-521')
    const certificate = await issuance.issue({
      authority,
      profile: certificateProfile('cps-leaf', LINES[protocol].variant),
      subject: { commonName: `${organisation} CPS`, organization: organisation },
      publicKey: signer.publicKeySpki,
      keyName,
    })
    await store.audit.append({
      at: new Date(clock.now()).toISOString(),
      actor: 'system',
      action: 'certificate.issued',
      subject: 'cps',
      detail: { fingerprint: certificate.fingerprint, protocol },
    })
    return this.#toState(certificate, authority.record.id, signer, clock.now())
  }

  #toState(leaf: Certificate, authorityId: string, signer: Cps['signer'], atMs: number): CpsState {
    const above = this.#options.authorities.chain(authorityId).map(({ certificate }) => certificate)
    const root = above.at(-1)
    if (!root?.isSelfSigned) throw new Error(`The chain of ${authorityId} does not end at a root`)
    const { notBeforeMs, notAfterMs } = leaf
    return {
      cps: createCps({ leaf, subCas: above.slice(0, -1), root, signer }, atMs),
      members: [leaf, ...above].map(({ fingerprint }) => fingerprint),
      renewAtMs: notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3,
    }
  }

  #refreshAuthority(protocol: Protocol): void {
    const { authorities, clock, log, organisation } = this.#options
    const issuing = authorities.current(LINES[protocol].mo)
    const cps = this.#cps.get(protocol)?.cps
    if (!issuing?.issuer || !cps) return
    const upperCas = authorities
      .chain(issuing.record.id)
      .slice(1)
      .map(({ certificate }) => certificate)
      .filter((certificate) => !certificate.isSelfSigned)
    // With as many addresses as fit: a contract that names its responder can be checked by everyone.
    for (const issuer of [issuing.issuer, ...issuing.leanIssuers]) {
      try {
        const authority = createContractAuthority({ issuer, upperCas, organization: organisation })
        const most = largestAnswerCharacters(cps, authority, { atMs: clock.now(), random: randomBytes })
        if (most > LARGEST_ANSWER[protocol]) continue
        const members = authority.subCas.map(({ fingerprint }) => fingerprint)
        this.#mo.set(protocol, { authorityId: issuing.record.id, members, authority })
        return
      } catch (error) {
        if (!(error instanceof ContractError || error instanceof PkiError)) throw error
        log.debug({ err: error, protocol }, 'Contracts with these addresses are too large')
      }
    }
    log.error(
      { protocol },
      'Answers to cars would not fit OCPP 2.0.1: shorten pki.organisation or pkiHttp.publicUrl',
    )
  }
}
