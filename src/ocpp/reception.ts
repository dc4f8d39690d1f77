/** Sockets of admitted stations become connections; everyone who follows learns of their coming and going. */

import type { WebSocket } from 'ws'
import { BootGate } from './boot-gate.ts'
import { Connection } from './connection.ts'
import type { Admitted } from './gatekeeper.ts'
import type { Registry } from './registry.ts'
import type { ConnectionEnvironment } from './station-calls.ts'
import { type ContextServices, createStationContext } from './station-context.ts'

export interface ReceptionOptions {
  readonly registry: Registry
  readonly environment: ConnectionEnvironment
  readonly services: ContextServices
}

export function createReception(options: ReceptionOptions): (socket: WebSocket, admitted: Admitted) => void {
  const { registry, environment, services } = options
  const { metrics, monotonic, securityEvent, policy, log } = environment
  const { hub, clock } = services
  const isoNow = () => new Date(clock.now()).toISOString()

  function disconnected(connection: Connection): void {
    connection.closed()
    if (!registry.remove(connection)) return
    metrics.connections = registry.size
    hub.publish({ kind: 'station.disconnected', stationId: connection.stationId, at: isoNow() })
  }

  function listen(connection: Connection): void {
    const { socket, stationId } = connection
    // The default binaryType of ws delivers each message as one Buffer.
    socket.on('message', (data, isBinary) => connection.receive(data as Buffer, isBinary))
    const alive = () => {
      connection.heardAt = monotonic()
      connection.pingedAt = 0
    }
    socket.on('ping', alive)
    socket.on('pong', alive)
    socket.on('error', (error: Error & { code?: string }) => {
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
        securityEvent(stationId, 'OversizedFrame', { maxFrameBytes: policy.maxFrameBytes })
      log.info({ stationId, code: error.code, detail: error.message }, 'a socket failed')
    })
    socket.on('close', () => disconnected(connection))
  }

  return (socket, { station, peerCommonName, shown, onlyToRenew = false }) => {
    const registration = onlyToRenew || station.enrolment === 'pending' ? 'Pending' : station.registration
    const connection = new Connection({
      stationId: station.id,
      socket,
      gate: new BootGate(registration),
      environment,
      hasBooted: station.boot !== null,
    })
    connection.context = createStationContext({ connection, station, peerCommonName, onlyToRenew, services })
    listen(connection)
    const former = registry.add(connection)
    metrics.connectionsTotal++
    metrics.connections = registry.size
    former?.close(1008, 'a newer connection of this station took over')
    environment.answered(station.id)
    hub.publish({ kind: 'station.connected', stationId: station.id, at: isoNow(), shown })
  }
}
