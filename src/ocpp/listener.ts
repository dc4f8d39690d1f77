/** One HTTP(S) listener that only knows how to upgrade: everything else is answered and closed. */

import { createServer as createHttpServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { secureContextOptions, type TlsMaterial } from './tls.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export interface ListenerOptions {
  readonly address: ListenAddress
  readonly tls?: TlsMaterial
  readonly handshakeTimeoutMs: number
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly onTlsError: (remoteAddress: string, code: string) => void
}

export interface Listener {
  readonly url: string
  reloadTls(material: TlsMaterial): void
  /** Accepts nothing more. */
  close(): Promise<void>
}

export async function listen(options: ListenerOptions): Promise<Listener> {
  const { address, tls } = options
  const server = tls === undefined ? createHttpServer() : createTlsServer(tls, options)
  server.on('request', (request, response) => {
    request.resume()
    response.writeHead(426, { connection: 'close', 'content-type': 'text/plain' })
    response.end('This is an OCPP-J endpoint: connect with a WebSocket.\n')
  })
  server.on('upgrade', options.onUpgrade)
  server.headersTimeout = options.handshakeTimeoutMs
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // A storm of thousands of stations arrives faster than it can be accepted one by one.
    server.listen({ host: address.host, port: address.port, backlog: 4096 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    url: `${tls === undefined ? 'ws' : 'wss'}://${hostOf(address.host)}:${portOf(server)}`,
    reloadTls(material) {
      if (!('setSecureContext' in server)) throw new Error('The ws listener has no TLS to reload.')
      server.setSecureContext(secureContextOptions(material))
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
  }
}

function createTlsServer(tls: TlsMaterial, options: ListenerOptions): HttpsServer {
  const server = createHttpsServer({
    ...secureContextOptions(tls),
    // Stations of profile 2 have no certificate; those of profile 3 are judged at the upgrade, with the station known.
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: options.handshakeTimeoutMs,
  })
  server.on('tlsClientError', (error: Error & { code?: string }, socket) => {
    options.onTlsError(socket.remoteAddress ?? '', error.code ?? error.message)
  })
  return server
}

function hostOf(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function portOf(server: Server | HttpsServer): number {
  return (server.address() as AddressInfo).port
}

/** Refuses an upgrade with a proper HTTP answer, and makes sure that the socket goes away. */
export function refuseUpgrade(
  socket: Duplex,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'Connection: close', 'Content-Length: 0']
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  socket.once('finish', () => socket.destroy())
  socket.end(`${lines.join('\r\n')}\r\n\r\n`)
}
