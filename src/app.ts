/** The composition root: the only place that knows which adapters stand behind the ports. */

import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { openAuthorityKeys } from './authority-keys.ts'
import { createEventHub } from './bus/hub.ts'
import { authorityAdministration } from './certificates/administration.ts'
import { contractAdministration } from './certificates/contracts/administration.ts'
import { createContractService } from './certificates/contracts/service.ts'
import { FirmwareFiles } from './certificates/fleet/firmware-file.ts'
import { DEFAULT_RENEWAL_LIMITS } from './certificates/fleet/renewals.ts'
import { FleetService } from './certificates/fleet/service.ts'
import { AllowList } from './certificates/foreign/allow-list.ts'
import { ForeignRevocation } from './certificates/foreign/foreign-revocation.ts'
import { foreignStatus } from './certificates/foreign/station-status.ts'
import { createTrustedIssuers } from './certificates/foreign/trusted-issuers.ts'
import { createCertificateService, createLateBus } from './certificates/service.ts'
import type { Config } from './config.ts'
import { createContractProviders } from './contract-providers.ts'
import { createPlanSolver } from './energy/plan-solver.ts'
import { EnergyService } from './energy/service.ts'
import { createEventSinks } from './event-sinks.ts'
import { Exporter } from './export/exporter.ts'
import { createExternalAuthority } from './external-authority.ts'
import { createHttpServer, ensureFirstAdminKey } from './http/index.ts'
import { openWrappedKeys } from './keys/wrapped.ts'
import { watchService } from './metric-sources.ts'
import { AUDIT_HEAD, fileAuditHead } from './observe/audit-head.ts'
import { keepCheckpoints } from './observe/audit-trail.ts'
import { type Clock, systemClock } from './observe/clock.ts'
import { createHealth } from './observe/health.ts'
import { createMetrics } from './observe/metrics.ts'
import { LATENCY_BOUNDS_MS } from './ocpp/metrics.ts'
import { createOcppServer } from './ocpp/server.ts'
import type { TlsMaterial } from './ocpp/tls.ts'
import { ocppPolicy } from './ocpp-policy.ts'
import { readPassphrase } from './passphrase.ts'
import { startPkiListeners } from './pki-listeners.ts'
import { RetentionLoop } from './retention-loop.ts'
import { hashPassword } from './stations/credentials.ts'
import { createSqliteStore } from './store/sqlite/index.ts'
import { createTlsSource, readHttpTls, type TlsSource } from './tls-source.ts'

/** Calls being handled get this long to finish at shutdown. */
const STOP_DEADLINE_MS = 5_000
/** How often the server certificate is looked at: renewed by our CA, or replaced on disk by the operator. */
const TLS_CHECK_MS = 60_000
/** A station that does not answer a profile by then is booked at the worse of what it had and what it was sent. */
const PUSH_DEADLINE_MS = 10_000
/** What was written to the audit trail since the last signature could be cut off unnoticed. */
const CHECKPOINT_MS = 600_000
/** What of the audit trail a crash may leave unsigned. */
const AUDIT_HEAD_MS = 5_000
/** How often answers about certificates of others are looked at for those near their end. */
const FOREIGN_REFRESH_MS = 60_000
/** A plan that takes longer is not worth waiting for: the next one comes in minutes. */
const PLAN_TIME_LIMIT_S = 20
const ORDER_SWEEP_MS = 5_000
/** Quarters of an hour are this far behind the meter values that they are made of. */
const RETENTION_MS = 30_000
/** Security events leave within this time. */
const EXPORT_SWEEP_MS = 1_000

export interface Gridkeep {
  readonly urls: {
    readonly api: string
    readonly pki?: string
    readonly est?: string
    readonly ws?: string
    readonly wss?: string
    /** Where the chain before the last rollover is presented. */
    readonly former?: string
  }
  /** PEM of the root that stations need to trust our wss listener, where its certificate is from our own CA. */
  readonly csmsRootPem: string
  /** Only at a first start; printed once and never stored. */
  readonly firstAdminKey: { readonly name: string; readonly secret: string } | undefined
  readonly warnings: readonly string[]
  stop(): Promise<void>
}

export interface StartOptions {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly clock?: Clock
}

/** Starts everything. What fails on the way up is taken down again before the error is passed on. */
export async function startGridkeep(options: StartOptions): Promise<Gridkeep> {
  const undo: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return await start(options, undo, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(
  options: StartOptions,
  undo: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Gridkeep> {
  const { config, env, log } = options
  const clock = options.clock ?? systemClock
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const passphrase = await readPassphrase(config, env)
  const store = createSqliteStore(join(config.dataDir, 'gridkeep.db'))
  undo.push(() => store.close())
  const hub = createEventHub((error, event) =>
    log.error({ err: error, event: event.kind }, 'A listener failed'),
  )
  const files = await openWrappedKeys(store.keyBlobs, passphrase.value)
  const { keys, close: closeKeys } = await openAuthorityKeys(config.pki.authorityKeys, files)
  undo.push(async () => closeKeys())

  const checkpoints = await keepCheckpoints({
    ...{ store, keys: files, clock, log, intervalMs: CHECKPOINT_MS, headIntervalMs: AUDIT_HEAD_MS },
    head: fileAuditHead(join(config.dataDir, AUDIT_HEAD)),
  })
  undo.push(() => checkpoints.stop())

  const { publicUrl } = config.pkiHttp
  const certificates = await createCertificateService({
    store,
    keys,
    hub,
    clock,
    log,
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    organisation: config.pki.organisation,
    publicUrl: publicUrl ?? undefined,
    offlineLines: config.pki.offlineAuthorities,
    fourEyes: config.pki.fourEyes,
    v2gAuthority: await createExternalAuthority(config.pki.external, clock),
    sweepMs: ORDER_SWEEP_MS,
  })
  const foreign = new ForeignRevocation({
    clock,
    hosts: config.pki.foreignOcsp.allowHosts,
    privateHosts: config.pki.foreignOcsp.allowPrivateHosts,
  })
  const trustedIssuers = createTrustedIssuers(store, clock)
  const refreshing = setInterval(() => void foreign.refresh(), FOREIGN_REFRESH_MS)
  undo.push(async () => clearInterval(refreshing))
  const { provider: _, routes: __, ...contractPolicy } = config.contracts
  const contracts = await createContractService({
    external: foreign,
    ...(await createContractProviders(config.contracts, clock)),
    policy: contractPolicy,
    store,
    keys,
    clock,
    log,
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    organisation: config.pki.organisation,
    authorities: certificates.authorities,
    issuance: certificates.issuance,
    revoke: (fingerprint, reason) => certificates.revoke(fingerprint, reason),
    release: (fingerprint) => certificates.release(fingerprint),
  })
  const lateBus = createLateBus()
  const fleet = new FleetService({
    store,
    bus: lateBus.bus,
    hub,
    clock,
    log,
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    certificates,
    foreign,
    firmwareFiles: new FirmwareFiles(
      new AllowList({
        hosts: config.fleet.firmwareHosts,
        privateHosts: config.pki.foreignOcsp.allowPrivateHosts,
      }),
    ),
    hashPassword,
    renewal: { ...DEFAULT_RENEWAL_LIMITS, perHour: config.fleet.renewalsPerHour },
    acceptFirst: config.fleet.acceptSigningFirst,
    timing: {
      nudgeMs: config.fleet.nudgeS * 1000,
      triggerWaitMs: config.fleet.triggerS * 1000,
      reconnectMs: config.fleet.reconnectS * 1000,
      retryMs: config.fleet.retryS * 1000,
      callDeadlineMs: config.fleet.callDeadlineS * 1000,
    },
  })
  await fleet.open()
  const tlsSource = createTlsSource(config, certificates, fleet.chains)
  const pki = await startPkiListeners({
    config,
    certificates,
    store,
    clock,
    log,
    readTls: () => tlsSource.read(),
  })
  undo.push(() => pki.close())
  const { ws, wss } = config.ocpp
  const ocpp = createOcppServer({
    listeners: {
      ...(ws.enabled ? { ws: { host: ws.host, port: ws.port } } : {}),
      ...(wss.enabled ? { wss: { ...secureDoor(config), tls: await tlsSource.read() } } : {}),
    },
    store,
    hub,
    clock,
    log,
    certificates: fleet.guard({
      ...certificates,
      contracts,
      certificateStatus: async (data) => {
        const own = await certificates.certificateStatus(data)
        if (own.status !== 'Failed' || own.reasonCode !== 'UnknownIssuer') return own
        const issuer = async (key: string) => fleet.statuses.issuer(key) ?? trustedIssuers(key)
        return foreignStatus({ foreign, issuer }, data)
      },
    }),
    policy: ocppPolicy(config),
    // The energy side needs the bus of this server first; nobody asks before both are there.
    plans: {
      judgeNeeds: (stationId, request) => energy.judgeNeeds(stationId, request),
      judgeSchedule: (stationId, request) => energy.judgeSchedule(stationId, request),
    },
  })
  const solver = createPlanSolver({ timeLimitS: PLAN_TIME_LIMIT_S })
  undo.push(() => solver.stop())
  const energy = new EnergyService({
    store,
    bus: ocpp.bus,
    hub,
    clock,
    log,
    intervalMs: config.energy.intervalMs,
    leaseMs: config.energy.leaseS * 1000,
    meterMaxAgeMs: config.energy.meterStaleS * 1000,
    solver: solver.solve,
    pushDeadlineMs: PUSH_DEADLINE_MS,
  })
  lateBus.set(ocpp.bus)
  // The loops know their stations before the first one connects, so that no event is missed.
  await energy.start()
  undo.push(() => energy.stop())
  certificates.start(ocpp.bus)
  undo.push(() => certificates.stop())
  const exporter = new Exporter({
    events: store.events,
    fleet: store.fleet,
    sinks: await createEventSinks(config.export, clock),
    log,
    sweepMs: EXPORT_SWEEP_MS,
  })
  exporter.start()
  undo.push(() => exporter.stop())
  fleet.start()
  undo.push(() => fleet.stop())
  contracts.start()
  undo.push(() => contracts.stop())
  const health = createHealth([{ name: 'database', check: () => store.check() }])
  const authorities = authorityAdministration(certificates, store)
  const watched = watchService({
    store,
    clock,
    energy,
    onlineStations: () => ocpp.bus.onlineStations(),
    ocsp: () => authorities.responders(),
  })
  undo.push(async () => watched.stop())
  const metrics = createMetrics(
    { ...watched.sources, ocpp: { counts: () => ocpp.stats(), latencyBoundsMs: LATENCY_BOUNDS_MS } },
    (error) => log.error({ err: error }, 'A metric could not be read'),
  )
  undo.push(async () => metrics.close())
  const httpTls = await readHttpTls(config)
  const http = await createHttpServer({
    services: {
      store,
      bus: ocpp.bus,
      hub,
      clock,
      sites: energy,
      energy,
      limits: {
        put: (limit) => energy.putLimit(limit),
        remove: (siteId, id) => energy.removeLimit(siteId, id),
      },
      certificates,
      contracts: contractAdministration(contracts),
      authorities,
      orders: ocpp.orders,
      fleet: fleet.api(),
      localLists: ocpp.localLists,
      hashPassword,
    },
    log,
    health,
    metrics,
    ...(httpTls === undefined ? {} : { tls: httpTls }),
  })
  undo.push(() => http.close())
  const ocppUrls = await ocpp.start()
  undo.push(() => ocpp.stop(STOP_DEADLINE_MS))
  const reloadTls = (material: TlsMaterial): void => {
    if (wss.enabled) ocpp.reloadTls(material)
    pki.reloadTls(material)
  }
  if (wss.enabled || pki.urls.est !== undefined) {
    const fresh = keepTlsFresh(tlsSource, reloadTls, log)
    fleet.chains.onChange(fresh.check)
    undo.push(async () => fresh.stop())
  }
  const api = await http.listen({ host: config.http.host, port: config.http.port })
  // Only now: a start that fails before must not have made a key that nobody was shown.
  const firstAdminKey = await ensureFirstAdminKey(store, clock)
  const retention = new RetentionLoop({
    store: store.retention,
    policy: config.retention,
    clock,
    log,
    intervalMs: RETENTION_MS,
  })
  undo.push(() => retention.stop())
  retention.start()
  // Stopping starts here: look elsewhere, accept nothing more, finish, close, flush.
  undo.push(async () => health.drain())

  const urls = {
    api,
    ...pki.urls,
    ...(ocppUrls.wsUrl === undefined ? {} : { ws: ocppUrls.wsUrl }),
    ...(ocppUrls.wssUrl === undefined ? {} : { wss: ocppUrls.wssUrl }),
    ...(ocppUrls.formerUrl === undefined ? {} : { former: ocppUrls.formerUrl }),
  }
  log.info({ urls }, 'Gridkeep is running')
  const csmsRootPem = certificates.authorities.current('csms-root')?.certificate.toPem() ?? ''
  return {
    urls,
    csmsRootPem,
    firstAdminKey,
    warnings: passphrase.warning === null ? [] : [passphrase.warning],
    stop,
  }
}

function secureDoor({ ocpp: { wss } }: Config) {
  const { host, port, formerPort } = wss
  return { host, port, ...(formerPort === null ? {} : { former: { host, port: formerPort } }) }
}

function keepTlsFresh(
  source: TlsSource,
  reload: (material: Awaited<ReturnType<TlsSource['read']>>) => void,
  log: Logger,
): { check(): Promise<void>; stop(): void } {
  let presented: string | undefined
  const check = async (): Promise<void> => {
    try {
      const material = await source.read()
      const chains = material.identities.map((identity) => identity.certificateChainPem)
      const former = material.former?.identities.map((identity) => identity.certificateChainPem)
      const now = JSON.stringify([chains, former, material.clientAuthoritiesPem])
      if (presented !== undefined && presented !== now) {
        reload(material)
        log.info('The wss listener presents a new certificate; connections stay')
      }
      presented = now
    } catch (error) {
      log.error({ err: error }, 'The server certificate cannot be read; the one in use stays')
    }
  }
  void check()
  const timer = setInterval(() => void check(), TLS_CHECK_MS)
  return { check, stop: () => clearInterval(timer) }
}
