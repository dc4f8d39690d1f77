/** Security events to a syslog server: RFC 5424 messages over TLS or TCP with octet counting, or over UDP. */

import { createSocket } from 'node:dgram'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Sink } from './exporter.ts'
import { type SecurityMessage, toSyslog } from './message.ts'

const TIMEOUT_MS = 10_000

export interface SyslogOptions {
  readonly host: string
  readonly port: number
  /** Undefined: plain TCP. */
  readonly tls: { readonly ca?: string } | undefined
  /** HOSTNAME of the messages. */
  readonly ownName: string
}

export function createSyslog(options: SyslogOptions): Sink {
  let socket: Socket | undefined

  async function open(): Promise<Socket> {
    if (socket !== undefined && !socket.destroyed && socket.writable) return socket
    const { host, port, tls } = options
    const fresh =
      tls === undefined
        ? connectTcp({ host, port })
        : connectTls({
            host,
            port,
            // A name in the handshake is never an address (RFC 6066 3).
            ...(isIP(host) === 0 ? { servername: host } : {}),
            minVersion: 'TLSv1.2',
            rejectUnauthorized: true,
            ...tls,
          })
    const ready = tls === undefined ? 'connect' : 'secureConnect'
    await within(
      fresh,
      new Promise<void>((resolve, reject) => {
        fresh.once(ready, resolve)
        fresh.once('error', reject)
      }),
    )
    fresh.on('error', () => fresh.destroy())
    // Syslog servers say nothing; what comes is thrown away, so that an end of the connection is seen.
    fresh.resume()
    fresh.unref()
    socket = fresh
    return fresh
  }

  return {
    name: 'syslog',
    async send(messages: readonly SecurityMessage[]) {
      const connection = await open()
      const frames = messages.map((message) => {
        const text = toSyslog(message, options.ownName)
        return `${Buffer.byteLength(text)} ${text}`
      })
      await within(
        connection,
        new Promise<void>((resolve, reject) => {
          connection.write(frames.join(''), (error) => (error ? reject(error) : resolve()))
        }),
      )
    },
    async close() {
      socket?.destroy()
    },
  }
}

/** RFC 5426: one message per datagram. Nobody says whether it arrived: for networks where nothing else is taken. */
export function createUdpSyslog({ host, port, ownName }: Omit<SyslogOptions, 'tls'>): Sink {
  const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4')
  socket.unref()
  // What cannot be delivered shows at `send`; this is about later answers of the network.
  socket.on('error', () => undefined)
  return {
    name: 'syslog',
    async send(messages) {
      for (const message of messages)
        await new Promise<void>((resolve, reject) => {
          socket.send(toSyslog(message, ownName), port, host, (error) => (error ? reject(error) : resolve()))
        })
    },
    async close() {
      socket.close()
    },
  }
}

/** The work, or the end of the socket where it takes too long. */
async function within(socket: Socket, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`The syslog server did not take the events within ${TIMEOUT_MS} ms`))
    }, TIMEOUT_MS)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
