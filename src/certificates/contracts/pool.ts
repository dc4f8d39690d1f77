import type { KeyObject } from 'node:crypto'
import {
  adoptContract,
  type Certificate,
  ContractError,
  type Emaid,
  hasValidCheckDigit,
  orderChain,
  type Pcid,
  PkiError,
  type Protocol,
  parseEmaid,
  parsePcid,
  scalarOf,
  validatePath,
} from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import type { ContractRecord, ContractState } from '../../store/contracts.ts'
import type { Store } from '../../store/ports.ts'
import type { ImportedKeys } from './imported-keys.ts'
import type { TrustPool } from './trust.ts'

export type PoolRefusalCode =
  | 'emaid-invalid'
  | 'pcid-invalid'
  | 'duplicate'
  | 'identity-invalid'
  | 'not-trusted'
  | 'unknown'
  | 'wrong-state'

export type PoolResult =
  | { readonly ok: true; readonly contract: ContractRecord }
  | { readonly ok: false; readonly code: PoolRefusalCode; readonly message: string }

export interface PoolOptions {
  readonly store: Store
  readonly clock: Clock
  readonly newId: () => string
  readonly trust: TrustPool
  readonly importedKeys: ImportedKeys
  /** On disk first, then OCSP and CRL say so. */
  readonly revoke: (fingerprint: string, reason: string) => Promise<unknown>
  readonly release: (fingerprint: string) => Promise<unknown>
  /** A car is expected: what is needed to believe it may be looked for. */
  readonly onVehicle?: (pcid: string) => void
}

export interface ContractTerms {
  readonly pcid: string
  readonly priority?: number
  /** ISO 8601; null: no end but that of its certificates. */
  readonly validUntil?: string | null
}

export const DEFAULT_PRIORITY = 100
export const LIVING: readonly ContractState[] = ['offered', 'installed', 'updated']

/** Contracts from their creation to their end. What was given to cars is revoked when its contract ends. */
export class ContractPool {
  readonly #options: PoolOptions

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** A contract of our own: key and certificate are made when its car asks. */
  async create(terms: ContractTerms & { readonly emaid: string }): Promise<PoolResult> {
    const identifiers = readIdentifiers(terms.emaid, terms.pcid)
    if ('code' in identifiers) return identifiers
    return this.#add(this.#draft(identifiers, terms, { source: 'issue' }))
  }

  /** A contract whose key and certificate were made elsewhere; the eMAID is that of the certificate. */
  async import(
    terms: ContractTerms,
    identity: {
      readonly privateKey: KeyObject
      readonly certificates: readonly [Certificate, ...Certificate[]]
    },
  ): Promise<PoolResult> {
    const [leaf, ...others] = identity.certificates
    const identifiers = readIdentifiers(leaf.commonName ?? '', terms.pcid)
    if ('code' in identifiers) return identifiers
    const judged = this.#judgeImport(leaf, others, identity.privateKey, identifiers.emaid)
    if (!judged.ok) return judged
    const draft = this.#draft(identifiers, terms, { source: 'import' })
    return this.#add({
      ...draft,
      protocol: judged.protocol,
      importedChainPem: judged.chain.map((certificate) => certificate.toPem()).join(''),
      wrappedKey: await this.#options.importedKeys.wrap(draft.id, identity.privateKey),
    })
  }

  /** Not for now: cars get nothing, nobody charges with it, and OCSP says that its certificates are on hold. */
  async suspend(id: string): Promise<PoolResult> {
    return this.#move(id, LIVING, 'suspended', (fingerprint) =>
      this.#options.revoke(fingerprint, 'certificateHold'),
    )
  }

  async resume(id: string): Promise<PoolResult> {
    const contract = await this.#options.store.contracts.get(id)
    const to = contract?.stateBefore ?? 'offered'
    return this.#move(id, ['suspended'], to, (fingerprint) => this.#options.release(fingerprint))
  }

  /** For good. */
  async terminate(id: string): Promise<PoolResult> {
    return this.#move(id, [...LIVING, 'suspended'], 'terminated', (fingerprint) =>
      this.#options.revoke(fingerprint, 'cessationOfOperation'),
    )
  }

  async change(
    id: string,
    change: { readonly priority?: number; readonly validUntil?: string | null },
  ): Promise<PoolResult> {
    const { store, clock } = this.#options
    const at = new Date(clock.now()).toISOString()
    const changed = await store.contracts.change(id, [...LIVING, 'suspended'], change, at)
    return this.#outcome(id, changed, 'changed')
  }

  async #move(
    id: string,
    from: readonly ContractState[],
    to: ContractState,
    forEachCertificate: (fingerprint: string) => Promise<unknown>,
  ): Promise<PoolResult> {
    const { store, clock } = this.#options
    const at = new Date(clock.now()).toISOString()
    const changed = await store.contracts.change(id, from, { state: to }, at)
    const contract = await store.contracts.get(id)
    // Also where the state was reached before: a crash between the two must not leave certificates behind.
    if (changed || contract?.state === to)
      for (const { fingerprint, authorityId } of await store.contracts.certificates(id))
        if (authorityId !== null) await forEachCertificate(fingerprint)
    return this.#outcome(id, changed, to)
  }

  async #outcome(id: string, changed: boolean, to: string): Promise<PoolResult> {
    const contract = await this.#options.store.contracts.get(id)
    if (!contract) return refuse('unknown', `There is no contract ${id}`)
    if (changed) return { ok: true, contract }
    return refuse('wrong-state', `The contract ${id} is ${contract.state} and cannot be ${to}`)
  }

  #judgeImport(leaf: Certificate, others: readonly Certificate[], privateKey: KeyObject, emaid: Emaid) {
    const { trust, clock } = this.#options
    const chain = orderChain(leaf, others)
    const protocol: Protocol = leaf.publicKey.curve === 'P-521' ? '15118-20' : '15118-2'
    const path = validatePath({
      leaf,
      intermediates: [...chain.slice(1), ...trust.contracts.intermediates],
      anchors: trust.contracts.anchors,
      atMs: clock.now(),
      iso15118: {
        variant: protocol === '15118-2' ? 'iso15118-2' : 'iso15118-20',
        leafDomainComponent: 'MO',
      },
    })
    if (!path.ok)
      return refuse(
        'not-trusted',
        `${leaf.subjectText} does not lead to a trusted MO or V2G root (${path.message}): add its root and sub-CAs to the trust pool first`,
      )
    let scalar: Uint8Array | undefined
    try {
      scalar = scalarOf(privateKey)
      adoptContract(protocol, { chain: path.chain.slice(0, -1), scalar, emaid }, clock.now()).key.scalar.fill(
        0,
      )
    } catch (error) {
      if (error instanceof ContractError || error instanceof PkiError)
        return refuse('identity-invalid', error.message)
      throw error
    } finally {
      scalar?.fill(0)
    }
    return { ok: true, protocol, chain: path.chain.slice(0, -1) } as const
  }

  #draft(
    { emaid, pcid }: { readonly emaid: Emaid; readonly pcid: Pcid },
    { priority = DEFAULT_PRIORITY, validUntil = null }: ContractTerms,
    { source }: Pick<ContractRecord, 'source'>,
  ): ContractRecord {
    const at = new Date(this.#options.clock.now()).toISOString()
    return {
      id: this.#options.newId(),
      emaid: emaid.text,
      pcid: pcid.text,
      state: 'offered',
      stateBefore: null,
      priority,
      source,
      protocol: null,
      validUntil,
      importedChainPem: null,
      wrappedKey: null,
      fingerprint: null,
      certificateNotAfter: null,
      createdAt: at,
      updatedAt: at,
    }
  }

  async #add(contract: ContractRecord): Promise<PoolResult> {
    const { store } = this.#options
    const { pcid, createdAt } = contract
    // Whoever has a contract is a known vehicle.
    if (!(await store.contracts.vehicle(pcid)))
      await store.contracts.putVehicle({
        pcid,
        state: 'active',
        description: null,
        createdAt,
        updatedAt: createdAt,
      })
    if (await store.contracts.create(contract)) {
      this.#options.onVehicle?.(pcid)
      return { ok: true, contract }
    }
    return refuse(
      'duplicate',
      `The vehicle ${pcid} has a contract for ${contract.emaid} already: terminate it first`,
    )
  }
}

function readIdentifiers(emaidText: string, pcidText: string) {
  const emaid = parseEmaid(emaidText)
  if (!emaid)
    return refuse(
      'emaid-invalid',
      `"${emaidText}" is not an eMAID, e.g. DE8AA1A2B3C4D5 or DE-8AA-1A2B3C4D5-9`,
    )
  if (!hasValidCheckDigit(emaid)) return refuse('emaid-invalid', `The check digit of ${emaidText} is wrong`)
  const pcid = parsePcid(pcidText)
  if (!pcid) return refuse('pcid-invalid', `"${pcidText}" is not a PCID: 17 or 18 letters and digits`)
  return { emaid, pcid }
}

function refuse(
  code: PoolRefusalCode,
  message: string,
): { readonly ok: false; readonly code: PoolRefusalCode; readonly message: string } {
  return { ok: false, code, message }
}
