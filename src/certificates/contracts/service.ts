import type { Logger } from 'pino'
import { Certificate, PkiError } from '../../../pki/index.ts'
import type { KeyStore } from '../../keys/ports.ts'
import type { Clock } from '../../observe/clock.ts'
import type { ContractCertificate, TrustedCertificate, TrustUsage } from '../../store/contracts.ts'
import type { Store } from '../../store/ports.ts'
import type { Authorities } from '../authorities.ts'
import type { Issuance } from '../issuance.ts'
import type { VehicleContracts } from '../ports.ts'
import type { ProvisioningProvider, Route } from '../providers/ports.ts'
import { ProviderRouting } from '../providers/routing.ts'
import { accountStanding } from './account.ts'
import { judgeContract } from './authorization.ts'
import { ImportedKeys } from './imported-keys.ts'
import { type ContractPolicy, DEFAULT_CONTRACT_POLICY } from './policy.ts'
import { ContractPool } from './pool.ts'
import { ContractProvisioning } from './provisioning.ts'
import { type ExternalRevocation, noExternalRevocation, Revocations } from './revocation.ts'
import { SerialPool } from './serials.ts'
import { SigningIdentity } from './signing-identity.ts'
import { TrustPool } from './trust.ts'

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
  readonly policy?: Partial<ContractPolicy>
  readonly upkeepMs?: number
}

export interface ContractService extends VehicleContracts {
  readonly pool: ContractPool
  readonly identity: SigningIdentity
  /** Adds what a PEM text holds to the pool of those whose word counts; all of it or nothing. */
  trust(
    usage: TrustUsage,
    pem: string,
  ): Promise<
    | { readonly ok: true; readonly added: readonly TrustedCertificate[] }
    | { readonly ok: false; readonly message: string }
  >
  distrust(usage: TrustUsage, fingerprint: string): Promise<boolean>
  /** CPS leaves that are due, kept answers that ended, changes by other processes: also called by a timer. */
  upkeep(): Promise<void>
  start(): void
  stop(): Promise<void>
}

const UPKEEP_MS = 60_000
const MAX_PEM_CERTIFICATES = 50

export async function createContractService(options: ContractServiceOptions): Promise<ContractService> {
  const { store, clock, log, providers = [], upkeepMs = UPKEEP_MS } = options
  const policy: ContractPolicy = { ...DEFAULT_CONTRACT_POLICY, ...options.policy }
  const trust = new TrustPool(options)
  const identity = new SigningIdentity(options)
  const importedKeys = new ImportedKeys(options.keys)
  const external = options.external ?? noExternalRevocation
  const serials = new SerialPool(options)
  const revocations = new Revocations({ ...options, trust, external, policy })
  const pool = new ContractPool({ ...options, trust, importedKeys })
  const routing = new ProviderRouting({
    providers,
    routes: options.routes ?? [],
    deadlineMs: policy.deadlineMs - LOCAL_SHARE_MS,
    log,
  })
  const provisioning = new ContractProvisioning({
    ...options,
    trust,
    identity,
    importedKeys,
    serials,
    revocations,
    policy,
    routing,
  })
  const running = new Set<Promise<unknown>>()
  const inBackground = (work: Promise<unknown>, failure: string): void => {
    const task = work
      .catch((error: unknown) => log.error({ err: error }, failure))
      .finally(() => running.delete(task))
    running.add(task)
  }
  const used = (certificate: ContractCertificate): void =>
    inBackground(supersede(options, certificate), 'Certificates that were replaced could not be revoked')

  const upkeep = async (): Promise<void> => {
    await identity.refresh()
    await trust.load()
    await store.contracts.pruneAnswers(new Date(clock.now()).toISOString())
    for (const provider of providers) await provider.warmUp()
  }
  options.authorities.onPut(() => inBackground(trust.load(), 'The trust pool could not be read'))
  await identity.refresh()
  await trust.load()

  let timer: NodeJS.Timeout | undefined
  return {
    pool,
    identity,
    provide: (stationId, request) => provisioning.answer(stationId, request),
    judge: (presented) => judgeContract({ store, clock, trust, revocations, policy, used }, presented),
    account: (emaid) => accountStanding(store.contracts, emaid, clock.now()),
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
    upkeep,
    start() {
      timer = setInterval(
        () => inBackground(upkeep(), 'The upkeep of contracts failed; it is tried again'),
        upkeepMs,
      )
      timer.unref()
      for (const provider of providers) inBackground(provider.warmUp(), 'A provider is not ready')
    },
    async stop() {
      clearInterval(timer)
      await Promise.all(running)
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

function readTrusted(
  usage: TrustUsage,
  pem: string,
  nowMs: number,
):
  | { readonly ok: true; readonly records: readonly TrustedCertificate[] }
  | { readonly ok: false; readonly message: string } {
  let certificates: readonly Certificate[]
  try {
    certificates = Certificate.parseChain(pem)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return { ok: false, message: `Not certificates in PEM: ${error.message}` }
  }
  if (certificates.length === 0 || certificates.length > MAX_PEM_CERTIFICATES)
    return { ok: false, message: `Give 1 to ${MAX_PEM_CERTIFICATES} certificates in PEM` }
  for (const certificate of certificates) {
    const name = certificate.subjectText
    if (!certificate.isCa)
      return { ok: false, message: `${name} is no CA certificate: only roots and sub-CAs vouch for others` }
    if (certificate.notAfterMs <= nowMs) return { ok: false, message: `${name} has expired` }
    if (certificate.isSelfIssued && !certificate.isSelfSigned)
      return { ok: false, message: `${name} names itself as its issuer but did not sign itself` }
  }
  return {
    ok: true,
    records: certificates.map((certificate) => ({
      fingerprint: certificate.fingerprint,
      usage,
      subject: certificate.subjectText,
      isRoot: certificate.isSelfSigned,
      notAfter: new Date(certificate.notAfterMs).toISOString(),
      der: certificate.der,
      createdAt: new Date(nowMs).toISOString(),
    })),
  }
}
