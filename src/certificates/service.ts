import type { Logger } from 'pino'
import type { EventHub, StationBus } from '../bus/ports.ts'
import type { KeyStore } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import { type Authorities, refreshAuthorities } from './authorities.ts'
import { CrlPublisher } from './crl-publisher.ts'
import type { ExternalAuthority } from './external/ports.ts'
import { completeHierarchy, openHierarchy } from './hierarchy.ts'
import { Issuance } from './issuance.ts'
import { OcspStatus } from './ocsp-status.ts'
import { AuthorityOperations } from './operations.ts'
import { OrderIssuing } from './order-issuing.ts'
import type { StationCertificates } from './ports.ts'
import { forwardRevocations } from './revocation-forwarding.ts'
import { release, revoke } from './revoking.ts'
import { type ServerAlgorithm, type ServerIdentity, serverIdentity } from './server-identity.ts'
import { SigningOrders } from './signing-orders.ts'
import { verifyStationCertificate } from './station-identity.ts'
import { StationVouchers } from './station-vouchers.ts'

export interface CertificateServiceOptions {
  readonly store: Store
  readonly keys: KeyStore
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  readonly random: (bytes: number) => Uint8Array
  readonly newId: () => string
  readonly organisation: string
  /** Where the PKI listener is reached from outside; certificates name OCSP, CRL and issuer below it. */
  readonly publicUrl?: string | undefined
  /** Lines whose keys are never made here. */
  readonly offlineLines?: readonly string[]
  readonly v2gAuthority?: ExternalAuthority | undefined
  /** Operations on authorities that a second person must agree to. */
  readonly fourEyes?: readonly string[]
  /** How often unfinished orders are looked at, beside the events that wake the service. */
  readonly sweepMs: number
  /** How often delegates, CRLs and authorities made by other processes are looked at. */
  readonly upkeepMs?: number
}

export interface CertificateService extends StationCertificates {
  readonly authorities: Authorities
  readonly issuance: Issuance
  readonly ocsp: OcspStatus
  readonly crls: CrlPublisher
  readonly orders: SigningOrders
  readonly operations: AuthorityOperations
  readonly v2gAuthority: ExternalAuthority | undefined
  /** `chain`: the authority to be shown, and what is shown after its chain; the newest one unless said otherwise. */
  serverIdentity(
    names: readonly string[],
    addresses: readonly Uint8Array[],
    chain?: { readonly authorityId: string; readonly bridges: readonly string[] },
    algorithm?: ServerAlgorithm,
  ): Promise<ServerIdentity>
  /** `certificateHold` can be released again; every other reason is for good. */
  revoke(
    fingerprint: string,
    reason: string,
    how?: { readonly keepConnection?: boolean },
  ): Promise<'revoked' | 'already-revoked' | 'unknown'>
  release(fingerprint: string): Promise<'released' | 'not-on-hold' | 'unknown'>
  /** Delegates, CRLs, presigned answers, authorities of other processes: also called by a timer. */
  upkeep(): Promise<void>
  /** Starts delivering; the bus exists only after the OCPP server, which needs this service first. */
  start(bus: StationBus): void
  stop(): Promise<void>
}

const UPKEEP_MS = 60_000
/** A serial number that waits longer for its certificate was left behind by a process that died. */
const ORPHANED_AFTER_MS = 3_600_000

export async function createCertificateService(
  options: CertificateServiceOptions,
): Promise<CertificateService> {
  const { store, clock, log } = options
  const late = createLateBus()
  const issuance = new Issuance(options)
  const authorities = await openHierarchy({ ...options, issuance })
  const ocsp = new OcspStatus({ ...options, authorities, issuance })
  const crls = new CrlPublisher({ store, clock, log, authorities })
  const issuing = new OrderIssuing({ ...options, authorities, issuance })
  const vouchers = new StationVouchers({ ...options, issuance }, authorities)
  const orders = new SigningOrders({ ...options, bus: late.bus, authorities, issuing, vouchers })
  const revoking = { store, clock, log, bus: late.bus, ocsp, crls, external: options.v2gAuthority }

  const operations = new AuthorityOperations(
    {
      ...options,
      issuance,
      fourEyes: options.fourEyes ?? [],
      onChanged: async () => {
        await vouchers.refresh()
        await ocsp.refreshDelegates()
        await crls.refresh()
      },
    },
    authorities,
  )

  const upkeep = async (): Promise<void> => {
    await refreshAuthorities(options, authorities)
    await completeHierarchy({ ...options, issuance }, authorities)
    await vouchers.refresh()
    await ocsp.refreshDelegates()
    await crls.refresh()
    await ocsp.presign()
    await forgetOrphans(options)
    // Last, because it waits for somebody else.
    await forwardRevocations(revoking)
  }
  await vouchers.refresh()
  // Nobody gets an answer from a responder without a delegate, so the first round is part of the start.
  await ocsp.refreshDelegates()
  await crls.refresh()
  const loops = createLoops(options, { advance: () => orders.advance(), upkeep })

  return {
    authorities,
    issuance,
    ocsp,
    crls,
    orders,
    operations,
    v2gAuthority: options.v2gAuthority,
    requestSigning: (station, request) => orders.request(station, request),
    certificateStatus: (data) => ocsp.forStation(data),
    verifyStationCertificate: (station, chainDer, atMs) =>
      verifyStationCertificate({ ...options, authorities }, station, chainDer, atMs),
    serverIdentity: (names, addresses, chain, algorithm = 'ecdsa') =>
      serverIdentity({
        ...options,
        authorities,
        issuance,
        names,
        addresses,
        algorithm,
        ...(chain && { chain }),
      }),
    revoke: (fingerprint, reason, how) => revoke(revoking, fingerprint, reason, how),
    release: (fingerprint) => release(revoking, fingerprint),
    upkeep,
    start(stationBus) {
      late.set(stationBus)
      loops.start()
    },
    stop: () => loops.stop(),
  }
}

/** Passes on to the bus that `start` brings; before that every station is offline. */
export function createLateBus(): { readonly bus: StationBus; set(bus: StationBus): void } {
  let bus: StationBus = {
    call: async () => ({ kind: 'offline' }),
    isOnline: () => false,
    onlineStations: () => [],
    disconnect: () => undefined,
  }
  return {
    bus: {
      call: (...args) => bus.call(...args),
      isOnline: (id) => bus.isOnline(id),
      onlineStations: () => bus.onlineStations(),
      disconnect: (id, reason) => bus.disconnect(id, reason),
    },
    set: (next) => {
      bus = next
    },
  }
}

function createLoops(
  { hub, log, sweepMs, upkeepMs = UPKEEP_MS }: CertificateServiceOptions,
  work: { advance(): Promise<void>; upkeep(): Promise<void> },
) {
  const running = new Set<Promise<void>>()
  const run = (what: () => Promise<void>, failure: string): Promise<void> => {
    const task = what()
      .catch((error: unknown) => log.error({ err: error }, failure))
      .finally(() => running.delete(task))
    running.add(task)
    return task
  }
  const wake = (): void => void run(work.advance, 'Advancing certificate orders failed; it is tried again')
  let upkeepRuns = false
  const keepUp = (): void => {
    if (upkeepRuns) return
    upkeepRuns = true
    void run(work.upkeep, 'The upkeep of the authorities failed; it is tried again').finally(() => {
      upkeepRuns = false
    })
  }
  let timers: readonly NodeJS.Timeout[] = []
  let unsubscribe: () => void = () => undefined
  return {
    start(): void {
      unsubscribe = hub.subscribe((event) => {
        if (event.kind === 'certificate.requested' || event.kind === 'station.booted') wake()
      })
      timers = [setInterval(wake, sweepMs), setInterval(keepUp, upkeepMs)]
      for (const timer of timers) timer.unref()
      wake()
      keepUp()
    },
    async stop(): Promise<void> {
      for (const timer of timers) clearInterval(timer)
      unsubscribe()
      await Promise.all(running)
    },
  }
}

/** A certificate may have been signed for such a number, but nobody ever got it: it stays unknown to OCSP. */
async function forgetOrphans({ store, clock }: CertificateServiceOptions): Promise<void> {
  const nowMs = clock.now()
  const orphans = await store.certificates.takeOrphanedSerials(
    new Date(nowMs - ORPHANED_AFTER_MS).toISOString(),
  )
  for (const { authorityId, serialNumber } of orphans)
    await store.audit.append({
      at: new Date(nowMs).toISOString(),
      actor: 'system',
      action: 'certificate.abandoned',
      subject: authorityId,
      detail: { serialNumber },
    })
}
