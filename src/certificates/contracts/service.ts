import type { Logger } from 'pino'
import type { KeyStore } from '../../keys/ports.ts'
import type { Clock } from '../../observe/clock.ts'
import type { ContractCertificate } from '../../store/contracts.ts'
import type { Store } from '../../store/ports.ts'
import type { Authorities } from '../authorities.ts'
import type { Issuance } from '../issuance.ts'
import type { VehicleContracts } from '../ports.ts'
import { MakerLookup } from '../providers/maker-lookup.ts'
import { PoolImport, type ProviderPool } from '../providers/pool-import.ts'
import type { ProvisioningProvider, Route } from '../providers/ports.ts'
import { ProviderRouting } from '../providers/routing.ts'
import { accountStanding } from './account.ts'
import { judgeContract } from './authorization.ts'
import { Background } from './background.ts'
import { ImportedKeys } from './imported-keys.ts'
import { type ContractPolicy, DEFAULT_CONTRACT_POLICY } from './policy.ts'
import { ContractPool } from './pool.ts'
import { ContractProvisioning } from './provisioning.ts'
import { type ExternalRevocation, noExternalRevocation, Revocations } from './revocation.ts'
import { SerialPool } from './serials.ts'
import { SigningIdentity } from './signing-identity.ts'
import { TrustPool } from './trust.ts'
import { createTrustDesk, type TrustDesk } from './trust-desk.ts'

export interface ContractServiceOptions {
  readonly store: Store
  readonly keys: KeyStore
  readonly clock: Clock
  readonly log: Logger
  readonly random: (bytes: number) => Uint8Array
  readonly newId: () => string
  readonly organisation: string
  readonly authorities: Authorities
  readonly issuance: Issuance
  readonly revoke: (fingerprint: string, reason: string) => Promise<unknown>
  readonly release: (fingerprint: string) => Promise<unknown>
  readonly external?: ExternalRevocation
  readonly providers?: readonly ProvisioningProvider[]
  readonly routes?: readonly Route[]
  /** Pools of root and provisioning certificates of providers. */
  readonly pools?: readonly ProviderPool[]
  readonly importMs?: number
  readonly policy?: Partial<ContractPolicy>
  readonly upkeepMs?: number
}

export interface ContractService extends VehicleContracts, TrustDesk {
  readonly pool: ContractPool
  readonly identity: SigningIdentity
  readonly imports: PoolImport
  readonly makers: MakerLookup
  /** CPS leaves that are due, kept answers that ended, changes by other processes: also called by a timer. */
  upkeep(): Promise<void>
  start(): void
  stop(): Promise<void>
}

const UPKEEP_MS = 60_000
/** How long a change of trust by another process may stay unseen. */
const TRUST_MS = 10_000
const IMPORT_MS = 24 * 3_600_000

export async function createContractService(options: ContractServiceOptions): Promise<ContractService> {
  const { store, clock, log, providers = [], upkeepMs = UPKEEP_MS } = options
  const policy: ContractPolicy = { ...DEFAULT_CONTRACT_POLICY, ...options.policy }
  const trust = new TrustPool(options)
  const identity = new SigningIdentity(options)
  const importedKeys = new ImportedKeys(options.keys)
  const external = options.external ?? noExternalRevocation
  const serials = new SerialPool(options)
  const revocations = new Revocations({ ...options, trust, external, policy })
  const routing = new ProviderRouting({
    providers,
    routes: options.routes ?? [],
    deadlineMs: policy.deadlineMs - LOCAL_SHARE_MS,
    log,
  })
  const background = new Background(log)
  const { pools = [], importMs = IMPORT_MS } = options
  const imports = new PoolImport({ store, clock, log, pools, reload: () => trust.load() })
  const makers = new MakerLookup({ store, clock, log, trust, pools })
  const learn = (pcid: string): void => {
    const asked = makers.inBackground(pcid)
    if (asked) background.run(asked, 'The certificate of a car could not be looked up')
  }
  const pool = new ContractPool({ ...options, trust, importedKeys, onVehicle: learn })
  const provisioning = new ContractProvisioning({
    ...options,
    onStranger: learn,
    trust,
    identity,
    importedKeys,
    serials,
    revocations,
    policy,
    routing,
  })
  const used = (certificate: ContractCertificate): void =>
    background.run(supersede(options, certificate), 'Certificates that were replaced could not be revoked')

  const upkeep = async (): Promise<void> => {
    await identity.refresh()
    await trust.load()
    await store.contracts.pruneAnswers(new Date(clock.now()).toISOString())
    for (const provider of providers) await provider.warmUp()
  }
  options.authorities.onPut(() => background.run(trust.load(), 'The trust pool could not be read'))
  await identity.refresh()
  await trust.load()

  return {
    pool,
    identity,
    imports,
    makers,
    provide: (stationId, request) => provisioning.answer(stationId, request),
    judge: (presented) => judgeContract({ store, clock, trust, revocations, policy, used }, presented),
    account: (emaid) => accountStanding(store.contracts, emaid, clock.now()),
    ...createTrustDesk({ store, clock, trust }),
    upkeep,
    start() {
      background.every(upkeepMs, upkeep, 'The upkeep of contracts failed; it is tried again')
      background.every(Math.min(TRUST_MS, upkeepMs), () => trust.load(), 'The trust pool could not be read')
      if (pools.some(({ roots }) => roots !== 'off')) {
        background.every(importMs, () => imports.run(), 'The pools of providers could not be read')
        background.run(imports.run(), 'The pools of providers could not be read')
      }
      for (const provider of providers) background.run(provider.warmUp(), 'A provider is not ready')
    },
    async stop() {
      await background.stop()
      await serials.close()
      for (const provider of providers) await provider.close()
    },
  }
}

/** What the local part of an answer may take after providers were asked. */
const LOCAL_SHARE_MS = 500

/**
 * The first time that a car charges with a certificate, those that its contract had before are of no more use: the
 * car has replaced them. Until then they stay good, because an answer may get lost on its way.
 */
async function supersede(
  { store, clock, revoke }: ContractServiceOptions,
  certificate: ContractCertificate,
): Promise<void> {
  const at = new Date(clock.now()).toISOString()
  if (!(await store.contracts.markUsed(certificate.fingerprint, at))) return
  for (const other of await store.contracts.certificates(certificate.contractId)) {
    const isOlder = other.issuedAt < certificate.issuedAt && other.fingerprint !== certificate.fingerprint
    if (isOlder && other.authorityId !== null) await revoke(other.fingerprint, 'superseded')
  }
}
