/** The OCPP-J server: listeners, admission of stations, their connections, and the bus to call them. */

import type { Logger } from 'pino'
import { createLocalBus } from '../bus/local.ts'
import type { EventHub, StationBus } from '../bus/ports.ts'
import type { StationCertificates } from '../certificates/ports.ts'
import type { Clock } from '../observe/clock.ts'
import { createCredentials } from '../stations/credentials.ts'
import { createPendingEnrolment } from '../stations/enrolment.ts'
import { createLocalLists, type LocalLists } from '../stations/local-list.ts'
import { createOrders, type Orders } from '../stations/orders.ts'
import { startProvisioning } from '../stations/provisioning.ts'
import { createSeenLog } from '../stations/seen.ts'
import { splitCalls } from '../stations/split-calls.ts'
import type { Store } from '../store/ports.ts'
import type { Connection } from './connection.ts'
import { createDoors, type DoorUrls } from './doors.ts'
import { type EvChargingPlans, noPlans } from './energy-port.ts'
import { createGatekeeper } from './gatekeeper.ts'
import type { ListenAddress } from './listener.ts'
import { createMessageLog } from './message-log.ts'
import { createMetrics, type OcppMetrics } from './metrics.ts'
import { DEFAULT_POLICY, type OcppPolicy } from './policy.ts'
import { createReception } from './reception.ts'
import { Registry } from './registry.ts'
import { createSchemas } from './schemas.ts'
import { createSecurityLog } from './security-log.ts'
import type { ConnectionEnvironment } from './station-calls.ts'
import type { TlsMaterial } from './tls.ts'
import { handlers } from './v201/handlers.ts'
import { keepAnswer } from './v201/kept-answers.ts'
import { startWheel } from './wheel.ts'

/** How long sockets and listeners get to close. */
const CLOSE_MS = 2000

export interface OcppServerOptions {
  readonly listeners: {
    readonly ws?: ListenAddress
    /** `former`: a second port that presents the chain before the last rollover. */
    readonly wss?: ListenAddress & { readonly tls: TlsMaterial; readonly former?: ListenAddress }
  }
  readonly store: Store
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  readonly certificates: StationCertificates
  /** Absent: cars that ask for a schedule are told that there is none. */
  readonly plans?: EvChargingPlans
  /** Every call to a station passes here, whoever makes it. */
  readonly guardCalls?: (bus: StationBus) => StationBus
  readonly policy?: Partial<OcppPolicy>
}

export interface OcppServer {
  start(): Promise<DoorUrls>
  /** Accepts nothing more, lets calls being handled finish until the deadline, closes the sockets with 1001. */
  stop(deadlineMs: number): Promise<void>
  readonly bus: StationBus
  /** Operator's acts, followed to their outcome. */
  readonly orders: Orders
  readonly localLists: LocalLists
  /** New certificates for new handshakes; connections stay. */
  reloadTls(material: TlsMaterial): void
  stats(): OcppMetrics
}

export function createOcppServer(options: OcppServerOptions): OcppServer {
  const { store, hub, clock, log, certificates, plans = noPlans } = options
  const policy: OcppPolicy = { ...DEFAULT_POLICY, ...options.policy }
  const monotonic = () => performance.now()
  const metrics = createMetrics()
  const schemas = createSchemas()
  const registry = new Registry()
  const securityLog = createSecurityLog({ events: store.events, clock, log })
  const seen = createSeenLog({ stations: store.stations, clock, log })
  const messageLog = createMessageLog({
    policy: policy.messageLog,
    messages: store.messages,
    metrics,
    clock,
    log,
  })
  const wheel = startWheel({ registry, policy, monotonic })
  const localBus = createLocalBus({
    registry,
    schemas,
    metrics,
    monotonic,
    callTimeoutMs: policy.callTimeoutMs,
    maxQueuedCalls: policy.maxQueuedCalls,
    watch: wheel.watch,
    keep: (...answer) => keepAnswer({ store, hub, clock, log }, ...answer),
  })
  const bus = (options.guardCalls ?? ((plain) => plain))(splitCalls(localBus, store.stations))
  const orders = createOrders({ store: store.orders, bus, hub, clock, log })
  const localLists = createLocalLists({ store, orders, hub, clock, log })
  const { stations } = store
  const provisioning = startProvisioning({
    policy: policy.provisioning,
    stations,
    orders,
    bus,
    hub,
    clock,
    log,
  })
  const environment: ConnectionEnvironment = {
    handlers,
    schemas,
    policy,
    metrics,
    log,
    monotonic,
    securityEvent: securityLog.record,
    messageLog,
    answered: seen.saw,
    followers: orders,
  }
  const services = { store, hub, clock, certificates, plans, policy, log, orders }
  const enrol = createPendingEnrolment({ stations, clock, policy })
  const gatekeeper = createGatekeeper({
    admission: { stations, clock, credentials: createCredentials(), certificates, enrol },
    policy,
    metrics,
    securityLog,
    log,
    onStation: createReception({ registry, environment, services }),
  })
  const doors = createDoors({ ...options.listeners, gatekeeper, policy, metrics, securityLog })

  return {
    bus,
    orders,
    localLists,
    async start() {
      await orders.start()
      return doors.open()
    },
    async stop(deadlineMs) {
      gatekeeper.close()
      const closed = doors.close()
      await leave([...registry.connections()], deadlineMs)
      await withDeadline(closed, CLOSE_MS)
      wheel.stop()
      provisioning.stop()
      orders.stop()
      await seen.stop()
      await messageLog.stop()
    },
    reloadTls: (material) => doors.reloadTls(material),
    stats: () => metrics,
  }
}

/** Calls being handled are answered, as far as the deadline allows; then everyone is told to go. */
async function leave(connections: readonly Connection[], deadlineMs: number): Promise<void> {
  await withDeadline(Promise.all(connections.map((connection) => connection.idle())), deadlineMs)
  const gone = connections.map(
    (connection) => new Promise<void>((resolve) => connection.socket.once('close', () => resolve())),
  )
  for (const connection of connections) connection.close(1001, 'the service is shutting down')
  await withDeadline(Promise.all(gone), CLOSE_MS)
}

async function withDeadline(work: Promise<unknown>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs)
  })
  await Promise.race([work, deadline])
  clearTimeout(timer)
}
