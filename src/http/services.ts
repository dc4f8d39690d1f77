/** What the API asks of the rest of the service. The composition root satisfies it. */

import type { CallOutcome, EventHub, StationBus } from '../bus/ports.ts'
import type { FleetApi } from '../certificates/fleet/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Action, Requests } from '../ocpp/v201/messages.generated.ts'
import type { AuthorityOperation, CrlRecord } from '../store/certificates.ts'
import type { ContractRecord, TrustedCertificate, TrustUsage } from '../store/contracts.ts'
import type { ComplianceMinute, SessionCost } from '../store/energy.ts'
import type { StationOrder } from '../store/orders.ts'
import type { Store } from '../store/ports.ts'
import type { LimitRecord, SiteRecord } from '../store/sites.ts'
import type { components } from './api.generated.ts'

export type { FleetApi } from '../certificates/fleet/ports.ts'

export type SiteConfig = components['schemas']['SiteConfig']
export type SiteStatus = components['schemas']['SiteStatus']

/** Why something well-formed is refused, e.g. `body/root/children/2/limitA`. */
export interface Issue {
  readonly path: string
  readonly message: string
}

export type Refusable<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] }

export interface SiteService {
  /** Judges the configuration (profiles/site.ts), stores it and tells the site loop. Refused: nothing changed. */
  put(
    siteId: string,
    config: SiteConfig,
  ): Promise<Refusable<{ readonly site: SiteRecord; readonly created: boolean }>>
  /** What its configuration cannot guarantee, or says in vain. */
  warnings(site: SiteRecord): readonly Issue[]
  /** False where there is no such site. */
  remove(siteId: string): Promise<boolean>
  /** The latest decision; undefined where there is no such site. A site without a decision yet has no nodes. */
  status(siteId: string): Promise<SiteStatus | undefined>
}

export interface LimitService {
  /** Stores the limit, publishes `limit.changed`. Refused where the site has no such node. */
  put(limit: LimitRecord): Promise<Refusable<LimitRecord>>
  remove(siteId: string, limitId: string): Promise<boolean>
}

/** Every limit beside the configuration: what holds, and schedules and grid sources to change. */
export interface LimitSourcesApi {
  inForce(siteId: string): readonly components['schemas']['LimitInForce'][] | undefined
  schedules(siteId: string): readonly LimitSchedule[] | undefined
  putSchedule(siteId: string, schedule: LimitSchedule): Promise<Refusable<LimitSchedule>>
  removeSchedule(siteId: string, id: string): Promise<boolean>
  sources(siteId: string): readonly GridSource[] | undefined
  putSource(siteId: string, source: GridSource): Promise<Refusable<GridSource>>
  removeSource(siteId: string, id: string): Promise<boolean>
  /** False where there is no such source. */
  signal(
    siteId: string,
    sourceId: string,
    signal: { readonly active?: boolean; readonly value?: number; readonly durationMs?: number },
  ): Promise<boolean>
}

/** What can be read about a site beside its status. */
export interface SiteRecordsApi {
  compliance(
    siteId: string,
    query: { fromMs: number; toMs: number; nodeId?: string; limit: number },
  ): Promise<readonly ComplianceMinute[] | undefined>
  /** Undefined where the site has no such station. */
  heldProfiles(siteId: string, stationId: string): components['schemas']['HeldProfiles'] | undefined
  /** Has a station asked what it holds; undefined where the site has no such station. */
  askProfiles(siteId: string, stationId: string): 'asked' | 'offline' | undefined
  costs(
    siteId: string,
    query: { fromMs: number; toMs: number; limit: number },
  ): Promise<readonly SessionCost[] | undefined>
  /** Undefined before the first decision. */
  outlook(siteId: string): Promise<components['schemas']['SiteOutlook'] | undefined>
  /** Of now, or of a recorded moment; undefined where the site has no such EVSE, or nothing is kept from then. */
  explain(
    siteId: string,
    evseKey: string,
    atMs?: number,
  ): Promise<components['schemas']['EvseExplanation'] | undefined>
  /** Undefined where nothing is kept from then. */
  replay(siteId: string, atMs: number): Promise<components['schemas']['SiteReplay'] | undefined>
}

export interface EnergyApi {
  readMeter(siteId: string, nodeId: string, reading: components['schemas']['MeterReading']): boolean
  readonly limits: LimitSourcesApi
  readonly records: SiteRecordsApi
  steering(siteId: string): Steering | undefined
  steer(siteId: string, change: Partial<Steering>): Promise<Steering | undefined>
  /** False where there is no such running session. */
  wish(
    stationId: string,
    transactionId: string,
    wish: Required<components['schemas']['SessionDemandDecision']>,
    setBy: string,
  ): Promise<boolean>
  demand(
    stationId: string,
    transactionId: string,
  ): { readonly told: SessionDemand | null; readonly needs: SessionDemand | null } | undefined
}

export type LimitSchedule = Readonly<components['schemas']['LimitSchedule']>
export type SessionDemand = components['schemas']['SessionDemand']
export type Steering = Readonly<components['schemas']['Steering']>
export interface GridSource {
  readonly id: string
  readonly protocol: 'rest'
  readonly nodeId: string
  readonly unit: 'A' | 'W'
  readonly failsafeValue: number
  readonly heartbeatTimeoutMs: number
  readonly failsafeDurationMs: number
  readonly afterFailsafe: 'hold' | 'release'
  readonly group: string | null
  readonly priority: number
  readonly setBy: string
  readonly updatedAt: string
}

export interface CertificateService {
  /** Records the revocation and makes OCSP and CRL say so. */
  revoke(fingerprint: string, reason: string): Promise<'revoked' | 'already-revoked' | 'unknown'>
}

export interface OcspResponderState {
  readonly authorityId: string
  readonly delegate:
    | { readonly fingerprint: string; readonly notAfterMs: number; readonly renewAtMs: number }
    | undefined
}

export type AuthorityResult<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false
      readonly code: 'unknown' | 'refused' | 'key-unavailable'
      readonly message: string
    }

export type ExportFormat = 'pem' | 'chain' | 'der' | 'pkcs7' | 'text'

/** What security and admin keys may do to the authorities themselves. */
export interface AuthorityAdministration {
  submit(
    order: components['schemas']['AuthorityOperation']['parameters'] & { readonly kind: string },
    actor: string,
  ): Promise<AuthorityResult<AuthorityOperation>>
  decide(
    id: string,
    decision: 'approve' | 'reject',
    actor: string,
  ): Promise<AuthorityResult<AuthorityOperation>>
  answer(id: string, answer: string, actor: string): Promise<AuthorityResult<AuthorityOperation>>
  release(fingerprint: string): Promise<'released' | 'not-on-hold' | 'unknown'>
  makeCrl(authorityId: string): Promise<AuthorityResult<CrlRecord>>
  responders(): readonly OcspResponderState[]
  /** Undefined where the certificate is not known. */
  export(
    fingerprint: string,
    format: ExportFormat,
  ): Promise<
    { readonly mediaType: string; readonly encoding: 'utf8' | 'base64'; readonly content: string } | undefined
  >
}

export type ContractResult =
  | { readonly ok: true; readonly contract: ContractRecord }
  | {
      readonly ok: false
      readonly code:
        | 'emaid-invalid'
        | 'pcid-invalid'
        | 'duplicate'
        | 'identity-invalid'
        | 'not-trusted'
        | 'unknown'
        | 'wrong-state'
      readonly message: string
    }

export interface ContractTerms {
  readonly pcid: string
  readonly priority?: number
  readonly validUntil?: string | null
}

export type ImportSource =
  | { readonly kind: 'pkcs12'; readonly file: Uint8Array; readonly passphrase: string }
  | {
      readonly kind: 'pem'
      readonly certificatesPem: string
      readonly privateKeyPem: string
      readonly passphrase?: string
    }

/** Contracts of cars, and the authorities that vouch for cars and contracts. */
export interface ContractAdministration {
  create(terms: ContractTerms & { readonly emaid: string }): Promise<ContractResult>
  import(terms: ContractTerms, source: ImportSource): Promise<ContractResult>
  change(
    id: string,
    change: { readonly priority?: number; readonly validUntil?: string | null },
  ): Promise<ContractResult>
  suspend(id: string): Promise<ContractResult>
  resume(id: string): Promise<ContractResult>
  terminate(id: string): Promise<ContractResult>
  /** In upper case without separators; undefined where it is none. */
  normalPcid(text: string): string | undefined
  normalEmaid(text: string): string | undefined
  trust(
    usage: TrustUsage,
    pem: string,
  ): Promise<
    | { readonly ok: true; readonly added: readonly TrustedCertificate[] }
    | { readonly ok: false; readonly message: string }
  >
  distrust(usage: TrustUsage, fingerprint: string): Promise<boolean>
  /** On what a provider's pool lists. False where the pool lists it no longer. */
  decide(usage: TrustUsage, fingerprint: string, to: 'accepted' | 'rejected'): Promise<boolean>
  importRoots(): Promise<readonly ProviderImport[]>
  importReports(): readonly ProviderImport[]
  lookUpVehicle(
    pcid: string,
  ): Promise<
    | { readonly ok: true; readonly provider: string; readonly added: readonly TrustedCertificate[] }
    | { readonly ok: false; readonly code: 'unknown' | 'not-trusted'; readonly message: string }
  >
}

/** What an import from a provider's root pool found. */
export interface ProviderImport {
  readonly provider: string
  readonly usage: TrustUsage
  readonly at: string
  readonly listed: number
  readonly added: number
  readonly withdrawn: number
  readonly refused: readonly string[]
  readonly failure: string | null
}

/** Acts on stations, each followed from the call to its outcome. */
export interface OrderService {
  /** Resolves with the answer to the call; what follows is in the store and on the hub (`order.updated`). */
  place<A extends Action>(
    stationId: string,
    action: A,
    request: Requests[A],
    options: { actor: string; deadlineMs?: number },
  ): Promise<{ readonly order: StationOrder; readonly outcome: CallOutcome }>
}

export interface LocalListService {
  /** Brings the station's list to the id tokens of the store. */
  sync(
    stationId: string,
    options: { actor: string; full?: boolean },
  ): Promise<{
    readonly status: 'Accepted' | 'Failed' | 'VersionMismatch' | 'unreachable'
    readonly version: number
    readonly messages: number
    readonly detail?: string
  }>
}

export interface ApiServices {
  readonly store: Store
  readonly bus: StationBus
  readonly hub: EventHub
  readonly clock: Clock
  readonly sites: SiteService
  readonly limits: LimitService
  readonly energy?: EnergyApi
  readonly certificates: CertificateService
  /** Left out: the authorities are somebody else's. */
  readonly authorities?: AuthorityAdministration
  /** Left out: the service has no contract pool. */
  readonly contracts?: ContractAdministration
  /** Left out: nobody looks after what stations trust. */
  readonly fleet?: FleetApi
  readonly orders: OrderService
  readonly localLists: LocalListService
  /** Encoded salted slow hash of a station's password. */
  hashPassword(password: string): Promise<string>
}
