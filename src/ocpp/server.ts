/** The OCPP-J server: listeners, admission of stations, their connections, and the bus to call them. */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
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
import { BootGate } from './boot-gate.ts'
import { Connection, type ConnectionEnvironment } from './connection.ts'
import { type EvChargingPlans, noPlans } from './energy-port.ts'
import { type ListenAddress, type Listener, listen, refuseUpgrade } from './listener.ts'
import { createMetrics, increment, type OcppMetrics } from './metrics.ts'
import { DEFAULT_POLICY, type OcppPolicy } from './policy.ts'
import { Registry } from './registry.ts'
import { createSchemas } from './schemas.ts'
import { createSecurityLog } from './security-log.ts'
import { createStationContext } from './station-context.ts'
import type { TlsMaterial } from './tls.ts'
import { type Admission, admit } from './upgrade.ts'
import { handlers } from './v201/handlers.ts'
import { keepAnswer } from './v201/kept-answers.ts'
import { startWheel } from './wheel.ts'

export const SUBPROTOCOL = 'ocpp2.0.1'

export interface OcppServerOptions {
  readonly listeners: {
    readonly ws?: ListenAddress
    readonly wss?: ListenAddress & { readonly tls: TlsMaterial }
  }
  readonly store: Store
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  readonly certificates: StationCertificates
  /** Absent: cars that ask for a schedule are told that there is none. */
  readonly plans?: EvChargingPlans
  readonly policy?: Partial<OcppPolicy>
}

export interface OcppServer {
  start(): Promise<{ wsUrl?: string; wssUrl?: string }>
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
  const credentials = createCredentials()
  const enrol = createPendingEnrolment({ stations: store.stations, clock, policy })
  const wheel = startWheel({ registry, policy, monotonic })
  const environment: ConnectionEnvironment = {
    handlers,
    schemas,
    policy,
    metrics,
    log,
    monotonic,
    securityEvent: securityLog.record,
    answered: (connection) => seen.saw(connection.stationId),
    followers: {
      follows: (stationId) => orders.follows(stationId),
      observe: (stationId, message) => orders.observe(stationId, message),
    },
  }
  const localBus = createLocalBus({
    registry,
    schemas,
    metrics,
    monotonic,
    callTimeoutMs: policy.callTimeoutMs,
    maxQueuedCalls: policy.maxQueuedCalls,
    watch: wheel.watch,
    keep: (stationId, action, request, response) =>
      keepAnswer({ store, clock, log }, stationId, action, request, response),
  })
  const bus = splitCalls(localBus, store.stations)
  const orders = createOrders({ store: store.orders, bus, hub, clock, log })
  const localLists = createLocalLists({ store, orders, hub, clock, log })
  const provisioning = startProvisioning({
    policy: policy.provisioning,
    stations: store.stations,
    orders,
    bus,
    hub,
    clock,
    log,
  })
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: policy.maxFrameBytes,
    perMessageDeflate: policy.compression
      ? { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 1024, concurrencyLimit: 4 }
      : false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  })
  const listeners: Listener[] = []
  let stopping = false

  async function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    if (stopping) {
      refuseUpgrade(socket, 503, { 'Retry-After': '5' })
      return
    }
    let admission: Admission
    try {
      admission = await admit(request, { stations: store.stations, clock, credentials, certificates, enrol })
    } catch (error) {
      // Not knowing is a refusal: the station comes back.
      log.error({ err: error, url: request.url }, 'a station could not be admitted')
      increment(metrics.refusedConnections, 'Failure')
      refuseUpgrade(socket, 503, { 'Retry-After': '5' })
      return
    }
    if (socket.destroyed) return
    if (!admission.ok) {
      refuse(admission, request, socket)
      return
    }
    const admitted = admission
    sockets.handleUpgrade(request, socket, head, (webSocket) => connected(webSocket, admitted))
  }

  function refuse(admission: Admission & { ok: false }, request: IncomingMessage, socket: Duplex): void {
    increment(metrics.refusedConnections, admission.reason)
    if (admission.status !== 503)
      securityLog.record(admission.stationId, admission.reason, {
        ...admission.detail,
        remoteAddress: request.socket.remoteAddress ?? '',
      })
    const challenge = admission.status === 401 ? { 'WWW-Authenticate': 'Basic realm="OCPP"' } : {}
    refuseUpgrade(socket, admission.status, admission.status === 503 ? { 'Retry-After': '5' } : challenge)
  }

  function connected(webSocket: WebSocket, admission: Admission & { ok: true }): void {
    const { station } = admission
    if (webSocket.protocol !== SUBPROTOCOL) {
      // Part 4, 3.2: finish the handshake without a sub-protocol, then close at once.
      increment(metrics.refusedConnections, 'NoCommonSubprotocol')
      webSocket.on('error', () => webSocket.terminate())
      webSocket.close(1002, `only ${SUBPROTOCOL} is spoken here`)
      return
    }
    const registration = station.enrolment === 'pending' ? 'Pending' : station.registration
    const connection = new Connection(station.id, webSocket, new BootGate(registration), environment)
    connection.context = createStationContext({
      connection,
      station,
      peerCommonName: admission.peerCommonName,
      services: { store, hub, clock, certificates, plans, policy, log, orders },
    })
    register(connection)
  }

  function register(connection: Connection): void {
    const { socket, stationId } = connection
    socket.on('message', (data, isBinary) => connection.receive(data as Buffer, isBinary))
    const alive = () => {
      connection.heardAt = monotonic()
      connection.pingedAt = 0
    }
    socket.on('ping', alive)
    socket.on('pong', alive)
    socket.on('error', (error: Error & { code?: string }) => {
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
        securityLog.record(stationId, 'OversizedFrame', { maxFrameBytes: policy.maxFrameBytes })
      log.info({ stationId, code: error.code, detail: error.message }, 'a socket failed')
    })
    socket.on('close', () => disconnected(connection))
    const former = registry.add(connection)
    metrics.connectionsTotal++
    metrics.connections = registry.size
    former?.close(1008, 'a newer connection of this station took over')
    seen.saw(stationId)
    hub.publish({ kind: 'station.connected', stationId, at: new Date(clock.now()).toISOString() })
  }

  function disconnected(connection: Connection): void {
    connection.closed()
    if (!registry.remove(connection)) return
    metrics.connections = registry.size
    const at = new Date(clock.now()).toISOString()
    hub.publish({ kind: 'station.disconnected', stationId: connection.stationId, at })
  }

  async function open(address: ListenAddress, tls?: TlsMaterial): Promise<Listener> {
    const listener = await listen({
      address,
      ...(tls === undefined ? {} : { tls }),
      handshakeTimeoutMs: policy.handshakeTimeoutMs,
      onUpgrade: (request, socket, head) => void onUpgrade(request, socket, head),
      onTlsError: (remoteAddress, code) => {
        increment(metrics.refusedConnections, 'TlsHandshake')
        securityLog.record('', 'TlsHandshakeFailed', { code, remoteAddress })
      },
    })
    listeners.push(listener)
    return listener
  }

  return {
    bus,
    orders,
    localLists,
    async start() {
      await orders.start()
      const { ws, wss } = options.listeners
      const plain = ws === undefined ? undefined : await open(ws)
      const secure = wss === undefined ? undefined : await open(wss, wss.tls)
      return {
        ...(plain === undefined ? {} : { wsUrl: plain.url }),
        ...(secure === undefined ? {} : { wssUrl: secure.url }),
      }
    },
    async stop(deadlineMs) {
      stopping = true
      const closed = listeners.map((listener) => listener.close())
      const connections = [...registry.connections()]
      await withDeadline(Promise.all(connections.map((connection) => connection.idle())), deadlineMs)
      const gone = connections.map(
        (connection) => new Promise<void>((resolve) => connection.socket.once('close', () => resolve())),
      )
      for (const connection of connections) connection.close(1001, 'the service is shutting down')
      await withDeadline(Promise.all([...gone, ...closed]), 2000)
      wheel.stop()
      provisioning.stop()
      orders.stop()
      await seen.stop()
    },
    reloadTls(material) {
      for (const listener of listeners) if (listener.url.startsWith('wss:')) listener.reloadTls(material)
    },
    stats: () => metrics,
  }
}

async function withDeadline(work: Promise<unknown>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs)
  })
  await Promise.race([work, deadline])
  clearTimeout(timer)
}
