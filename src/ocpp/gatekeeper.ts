/** Turns upgrade requests into sockets of admitted stations, or into a refusal that says why. */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
import { refuseUpgrade } from './listener.ts'
import { increment, type OcppMetrics } from './metrics.ts'
import type { OcppPolicy } from './policy.ts'
import type { SecurityLog } from './security-log.ts'
import { shownCertificate } from './tls.ts'
import { type Admission, type AdmissionOptions, admit } from './upgrade.ts'

export const SUBPROTOCOL = 'ocpp2.0.1'
const LATER = { 'Retry-After': '5' }

export type Admitted = Admission & {
  readonly ok: true
  /** Fingerprint of the certificate that we presented; null without TLS. */
  readonly shown: string | null
}

export interface GatekeeperOptions {
  readonly admission: AdmissionOptions
  readonly policy: OcppPolicy
  readonly metrics: OcppMetrics
  readonly securityLog: SecurityLog
  readonly log: Logger
  readonly onStation: (socket: WebSocket, admitted: Admitted) => void
}

export interface Gatekeeper {
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** From now on everyone is told to come back later. */
  close(): void
}

export function createGatekeeper(options: GatekeeperOptions): Gatekeeper {
  const { policy, metrics, securityLog, log } = options
  let isClosed = false
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: policy.maxFrameBytes,
    perMessageDeflate: policy.compression
      ? { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 1024, concurrencyLimit: 4 }
      : false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  })

  function refuse(admission: Admission & { ok: false }, request: IncomingMessage, socket: Duplex): void {
    const { status, reason, stationId, detail } = admission
    increment(metrics.refusedConnections, reason)
    if (status === 503) {
      refuseUpgrade(socket, 503, LATER)
      return
    }
    securityLog.record(stationId, reason, { ...detail, remoteAddress: request.socket.remoteAddress ?? '' })
    refuseUpgrade(socket, status, status === 401 ? { 'WWW-Authenticate': 'Basic realm="OCPP"' } : {})
  }

  function connected(socket: WebSocket, admitted: Admitted): void {
    if (socket.protocol === SUBPROTOCOL) {
      options.onStation(socket, admitted)
      return
    }
    // Part 4, 3.2: finish the handshake without a sub-protocol, then close at once.
    increment(metrics.refusedConnections, 'NoCommonSubprotocol')
    socket.on('error', () => socket.terminate())
    socket.close(1002, `only ${SUBPROTOCOL} is spoken here`)
  }

  async function decide(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const admission = await admit(request, options.admission)
    if (socket.destroyed) return
    if (isClosed) refuseUpgrade(socket, 503, LATER)
    else if (!admission.ok) refuse(admission, request, socket)
    else
      sockets.handleUpgrade(request, socket, head, (webSocket) =>
        connected(webSocket, { ...admission, shown: shownCertificate(request.socket) }),
      )
  }

  return {
    handle(request, socket, head) {
      socket.on('error', () => socket.destroy())
      decide(request, socket, head).catch((error: unknown) => {
        // Not knowing is a refusal: the station comes back.
        log.error({ err: error, url: request.url }, 'a station could not be admitted')
        increment(metrics.refusedConnections, 'Failure')
        refuseUpgrade(socket, 503, LATER)
      })
    },
    close() {
      isClosed = true
    },
  }
}
