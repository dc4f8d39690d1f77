import { createHash } from 'node:crypto'
import {
  Certificate,
  type CertificateProfile,
  type ContractOffer,
  certificateProfile,
  isSameEmaid,
  type NoOffer,
  type Protocol,
  type ProvisioningRequest,
  parseEmaid,
  type RefusalCode,
  scalarOf,
  type VerifiedRequest,
} from '../../../pki/index.ts'
import type { ContractRecord, ContractStore } from '../../store/contracts.ts'
import type { ImportedKeys } from './imported-keys.ts'
import type { ContractPolicy } from './policy.ts'
import { LIVING } from './pool.ts'
import type { SerialPool } from './serials.ts'
import type { SigningIdentity } from './signing-identity.ts'

export interface OffersOptions {
  readonly store: { readonly contracts: ContractStore }
  readonly identity: SigningIdentity
  readonly importedKeys: ImportedKeys
  readonly serials: SerialPool
  readonly policy: ContractPolicy
}

/** The contract that a car gets; `wipe` when the answer is made. */
export interface Chosen {
  readonly contract: ContractRecord
  /** Our authority; null for an imported contract. */
  readonly authorityId: string | null
  wipe(): void
}

export type OfferResult =
  | { readonly offer: ContractOffer; readonly chosen: Chosen }
  | { readonly offer: NoOffer; readonly chosen: undefined }

/** Days after which a car should ask again for an update that cannot be given today. */
const RETRY_DAYS = 1

/**
 * Requests of one car in one ISO 15118-20 session; the several contracts of a car are counted by it. Empty for -2,
 * where a car gets one.
 */
export function sessionKeyOf({ protocol, leaf, sessionId }: ProvisioningRequest): string {
  if (protocol === '15118-2') return ''
  return createHash('sha256').update(`${protocol}|${leaf.fingerprint}|`).update(sessionId).digest('hex')
}

/** Which contract of the pool an established car gets. */
export async function chooseOffer(
  options: OffersOptions,
  request: VerifiedRequest,
  atMs: number,
): Promise<OfferResult> {
  return request.kind === 'install'
    ? chooseForInstall(options, request, atMs)
    : chooseForUpdate(options, request, atMs)
}

async function chooseForInstall(
  options: OffersOptions,
  request: VerifiedRequest & { readonly kind: 'install' },
  atMs: number,
): Promise<OfferResult> {
  const { store, policy } = options
  const pcid = request.pcid.text
  const vehicle = await store.contracts.vehicle(pcid)
  if (vehicle?.state === 'blocked') return none('contract-canceled', `the vehicle ${pcid} is blocked`)
  if (!vehicle && policy.onlyKnownVehicles)
    return none('contract-missing', `the vehicle ${pcid} is not in the vehicle pool`)
  const all = await store.contracts.forVehicle(pcid)
  const fit = all.filter((contract) => fitFor(contract, request, atMs))
  if (fit.length === 0) return nothingFor(options, pcid, all)
  const ordered = byWish(fit, request.prioritizedEmaids)
  if (request.protocol === '15118-2') return take(options, ordered[0], request, 0)
  const given = await store.contracts.answeredInSession(sessionKeyOf(request), new Date(atMs).toISOString())
  const walk = nextOf(ordered.slice(0, request.maximumContracts), given)
  return take(options, walk[0], request, walk.length - 1)
}

/**
 * What is left of the walk through a car's contracts, next first: those it got least often in this session. A car that
 * got them all and was told so asks again only because an answer was lost, so that the walk begins anew.
 */
function nextOf(wanted: readonly ContractRecord[], given: readonly string[]): readonly ContractRecord[] {
  const times = new Map(wanted.map(({ id }) => [id, given.filter((one) => one === id).length]))
  const fewest = Math.min(...times.values())
  return wanted.filter(({ id }) => times.get(id) === fewest)
}

async function chooseForUpdate(
  options: OffersOptions,
  request: VerifiedRequest & { readonly kind: 'update' },
  atMs: number,
): Promise<OfferResult> {
  const { store } = options
  const current = await store.contracts.certificate(request.leaf.fingerprint)
  const account = await store.contracts.forAccount(request.account.text)
  // The contract that the certificate belongs to; one from elsewhere is found by its account.
  const candidates = current === undefined ? account : account.filter(({ id }) => id === current.contractId)
  const fit = candidates.find((contract) => fitFor(contract, request, atMs))
  if (fit && (await store.contracts.vehicle(fit.pcid))?.state === 'blocked')
    return none('contract-canceled', `the vehicle ${fit.pcid} is blocked`)
  if (fit) return take(options, fit, request, 0)
  const [contract] = candidates
  if (!contract) return none('contract-missing', `there is no contract for ${request.account.text}`)
  if (LIVING.includes(contract.state) && !hasEnded(contract, atMs))
    return none(
      'contract-missing',
      `the imported contract ${contract.id} has no further certificate`,
      RETRY_DAYS,
    )
  return none('contract-canceled', `the contract ${contract.id} is ${contract.state}`)
}

/** A car whose contracts all ended is told so; of one without any, that there is none. */
async function nothingFor(
  { store }: OffersOptions,
  pcid: string,
  living: readonly ContractRecord[],
): Promise<OfferResult> {
  if (living.some(({ state }) => state === 'suspended'))
    return none('contract-canceled', `the contract of ${pcid} is suspended`)
  if (living.length > 0)
    return none('contract-missing', `no contract of ${pcid} has a certificate for this protocol left`)
  const [former] = await store.contracts.list({ pcid, state: 'terminated', limit: 1 })
  return former
    ? none('contract-canceled', `the contract of ${pcid} was terminated`)
    : none('contract-missing', `there is no contract for ${pcid}`)
}

function fitFor(contract: ContractRecord, request: VerifiedRequest, atMs: number): boolean {
  return (
    LIVING.includes(contract.state) &&
    !hasEnded(contract, atMs) &&
    (contract.protocol === null || contract.protocol === request.protocol) &&
    (contract.source === 'issue' || contract.wrappedKey !== null)
  )
}

function hasEnded({ validUntil }: ContractRecord, atMs: number): boolean {
  return validUntil !== null && Date.parse(validUntil) <= atMs
}

/** What the car asked for first, in its order; the rest by our priority. */
function byWish(contracts: readonly ContractRecord[], wished: readonly string[]): readonly ContractRecord[] {
  const rank = ({ emaid }: ContractRecord): number => {
    const place = wished.findIndex((one) => isSameEmaid(one, emaid))
    return place < 0 ? wished.length : place
  }
  return [...contracts].sort((a, b) => rank(a) - rank(b))
}

async function take(
  { identity, importedKeys, serials }: OffersOptions,
  contract: ContractRecord | undefined,
  request: VerifiedRequest,
  remaining: number,
): Promise<OfferResult> {
  if (!contract) return none('contract-missing', 'the car has room for no contract')
  const emaid = parseEmaid(contract.emaid)
  if (!emaid) throw new Error(`The contract ${contract.id} has the eMAID ${contract.emaid} in the database`)
  if (contract.source === 'import') {
    if (contract.wrappedKey === null || contract.importedChainPem === null)
      return none('contract-missing', `the key of the imported contract ${contract.id} is used up`)
    const scalar = scalarOf(await importedKeys.unwrap(contract.id, contract.wrappedKey))
    const chain = Certificate.parseChain(contract.importedChainPem)
    return {
      offer: { kind: 'offer', emaid, source: { kind: 'supplied', chain, scalar }, remaining },
      chosen: { contract, authorityId: null, wipe: () => void scalar.fill(0) },
    }
  }
  const mo = await identity.authority(request.protocol)
  if (!mo)
    throw new Error(`There is no usable mobility operator's authority for ISO ${request.protocol} here`)
  const notAfterMs = contract.validUntil === null ? undefined : Date.parse(contract.validUntil)
  const source = {
    kind: 'issue',
    authority: mo.authority,
    serial: await serials.take(mo.authorityId, contractProfile(request.protocol).id),
    ...(notAfterMs === undefined ? {} : { notAfterMs }),
  } as const
  return {
    offer: { kind: 'offer', emaid, source, remaining },
    chosen: { contract, authorityId: mo.authorityId, wipe: () => undefined },
  }
}

export function contractProfile(protocol: Protocol): CertificateProfile {
  return certificateProfile('contract', protocol === '15118-2' ? 'iso15118-2' : 'iso15118-20')
}

function none(
  code: NoOffer['code'] & RefusalCode,
  reason: string,
  retryCounter?: number,
): { readonly offer: NoOffer; readonly chosen: undefined } {
  return {
    offer: { kind: 'none', code, reason, ...(retryCounter === undefined ? {} : { retryCounter }) },
    chosen: undefined,
  }
}
