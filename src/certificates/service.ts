import type { Logger } from 'pino'
import type { EventHub, StationBus } from '../bus/ports.ts'
import type { KeyStore } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import { type Authority, openHierarchy } from './hierarchy.ts'
import { OcspStatus } from './ocsp-status.ts'
import type { StationCertificates } from './ports.ts'
import { type ServerIdentity, serverIdentity } from './server-identity.ts'
import { SigningOrders } from './signing-orders.ts'
import { verifyStationCertificate } from './station-identity.ts'

export interface CertificateServiceOptions {
  readonly store: Store
  readonly keys: KeyStore
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  readonly random: (bytes: number) => Uint8Array
  readonly newId: () => string
  readonly organisation: string
  readonly ocspUrl?: string
  /** How often unfinished orders are looked at, beside the events that wake the service. */
  readonly sweepMs: number
}

export interface CertificateService extends StationCertificates {
  readonly authorities: ReadonlyMap<string, Authority>
  readonly ocsp: OcspStatus
  serverIdentity(names: readonly string[], addresses: readonly Uint8Array[]): Promise<ServerIdentity>
  revoke(fingerprint: string, reason: string): Promise<'revoked' | 'already-revoked' | 'unknown'>
  /** Starts delivering; the bus exists only after the OCPP server, which needs this service first. */
  start(bus: StationBus): void
  stop(): Promise<void>
}

export async function createCertificateService(
  options: CertificateServiceOptions,
): Promise<CertificateService> {
  const { store, hub, clock, log } = options
  const authorities = await openHierarchy(options)
  const ocsp = new OcspStatus({ store, clock, authorities })
  const offline: StationBus = {
    call: async () => ({ kind: 'offline' }),
    isOnline: () => false,
    onlineStations: () => [],
    disconnect: () => undefined,
  }
  let bus = offline
  const lateBus: StationBus = {
    call: (...args) => bus.call(...args),
    isOnline: (id) => bus.isOnline(id),
    onlineStations: () => bus.onlineStations(),
    disconnect: (id, reason) => bus.disconnect(id, reason),
  }
  const orders = new SigningOrders({ ...options, bus: lateBus, authorities })

  const running = new Set<Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let unsubscribe: () => void = () => undefined
  const wake = (): void => {
    const sweep = orders
      .advance()
      .catch((error: unknown) =>
        log.error({ err: error }, 'Advancing certificate orders failed; it is tried again'),
      )
      .finally(() => running.delete(sweep))
    running.add(sweep)
  }

  return {
    authorities,
    ocsp,
    requestSigning: (station, request) => orders.request(station, request),
    certificateStatus: (data) => ocsp.forStation(data),
    verifyStationCertificate: (station, chainDer) =>
      verifyStationCertificate({ ...options, authorities }, station, chainDer),
    serverIdentity: (names, addresses) => serverIdentity({ ...options, authorities, names, addresses }),
    revoke: (fingerprint, reason) => revoke(options, bus, fingerprint, reason),
    start(stationBus) {
      bus = stationBus
      unsubscribe = hub.subscribe((event) => {
        if (event.kind === 'certificate.requested' || event.kind === 'station.booted') wake()
      })
      timer = setInterval(wake, options.sweepMs)
      timer.unref()
      wake()
    },
    async stop() {
      clearInterval(timer)
      unsubscribe()
      await Promise.all(running)
    },
  }
}

/** Revokes, and ends the connection of the station that used the certificate: it must prove itself anew. */
async function revoke(
  options: CertificateServiceOptions,
  bus: StationBus,
  fingerprint: string,
  reason: string,
) {
  const record = await options.store.certificates.byFingerprint(fingerprint)
  if (!record) return 'unknown' as const
  const at = new Date(options.clock.now()).toISOString()
  if (!(await options.store.certificates.revoke(fingerprint, reason, at))) return 'already-revoked' as const
  if (record.stationId !== null) bus.disconnect(record.stationId, 'Its certificate was revoked')
  return 'revoked' as const
}
