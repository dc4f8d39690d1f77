/** One HTTP(S) listener that only knows how to upgrade: everything else is answered and closed. */

import { createServer as createHttpServer, type IncomingMessage, STATUS_CODES } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from 'node:net'
import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import { createArrivals } from './arrivals.ts'
import { formerMaterial, secureContextOptions, type TlsMaterial } from './tls.ts'

/** Upgrades cost about 0.1 ms, TLS handshakes about 1 ms: neither takes the loop for longer than some 30 ms. */
const PER_TURN = 32
const MAX_HANDSHAKES = 32
const MAX_WAITING = 20_000

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
  const byName = createNameChoice(tls)
  const server = tls === undefined ? createHttpServer() : createTlsServer(tls, byName, options)
  server.on('request', (request, response) => {
    request.resume()
    response.writeHead(426, { connection: 'close', 'content-type': 'text/plain' })
    response.end('This is an OCPP-J endpoint: connect with a WebSocket.\n')
  })
  const patience = watchHandshakes(options.handshakeTimeoutMs)
  server.on('upgrade', (request, socket, head) => {
    patience.done(request.socket)
    options.onUpgrade(request, socket, head)
  })
  const arrivals = createArrivals({
    perTurn: PER_TURN,
    ...(tls === undefined ? {} : { maxUnderWay: MAX_HANDSHAKES }),
    maxWaiting: MAX_WAITING,
    admit(socket) {
      server.emit('connection', socket)
      // Under TLS the wrapping socket reads; here the parser waits for this one to flow.
      if (tls === undefined) socket.resume()
    },
  })
  server.on('connection', (socket) => {
    if (tls === undefined) patience.begin(socket)
  })
  server.on('secureConnection', (socket) => {
    arrivals.ended()
    patience.begin(socket)
  })
  server.on('tlsClientError', () => arrivals.ended())
  const front = createNetServer({ pauseOnConnect: true, noDelay: true }, arrivals.push)
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject)
    // A storm of thousands of stations knocks faster than it can be let in.
    front.listen({ host: address.host, port: address.port, backlog: 4096 }, () => {
      front.off('error', reject)
      resolve()
    })
  })
  return {
    url: `${tls === undefined ? 'ws' : 'wss'}://${hostOf(address.host)}:${portOf(front)}`,
    reloadTls(material) {
      if (!('setSecureContext' in server)) throw new Error('The ws listener has no TLS to reload.')
      server.setSecureContext(secureContextOptions(material))
      byName.take(material)
    },
    close: () =>
      new Promise<void>((resolve) => {
        front.close(() => resolve())
        arrivals.close()
        patience.stop()
        server.closeAllConnections()
      }),
  }
}

/** Whoever is let in has to ask for the upgrade in time: one interval for all of them. */
function watchHandshakes(timeoutMs: number): {
  begin(socket: Socket): void
  done(socket: Socket): void
  stop(): void
} {
  const since = new Map<Socket, number>()
  const timer = setInterval(() => {
    const now = performance.now()
    for (const [socket, at] of since) if (now - at > timeoutMs) socket.destroy()
  }, 1000)
  timer.unref()
  return {
    begin(socket) {
      since.set(socket, performance.now())
      socket.once('close', () => since.delete(socket))
    },
    done: (socket) => since.delete(socket),
    stop: () => clearInterval(timer),
  }
}

interface NameChoice {
  readonly callback: NonNullable<TlsOptions['SNICallback']>
  take(material: TlsMaterial): void
}

/** Stations that dial one of the former names are shown the former chain. */
function createNameChoice(first: TlsMaterial | undefined): NameChoice {
  let names: ReadonlySet<string> = new Set()
  let former: SecureContext | undefined
  const take = (material: TlsMaterial): void => {
    names = new Set(material.former?.names.map((name) => name.toLowerCase()))
    former =
      names.size === 0 ? undefined : createSecureContext(secureContextOptions(formerMaterial(material)))
  }
  if (first !== undefined) take(first)
  return {
    take,
    callback: (name, done) => done(null, names.has(name.toLowerCase()) ? former : undefined),
  }
}

function createTlsServer(tls: TlsMaterial, byName: NameChoice, options: ListenerOptions): HttpsServer {
  const server = createHttpsServer({
    ...secureContextOptions(tls),
    SNICallback: byName.callback,
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

function portOf(server: NetServer): number {
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
