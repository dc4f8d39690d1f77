/** Security events to a syslog server: RFC 5424 messages, octet counting, TCP or TLS. */

import { connect as connectTcp, type Socket } from 'node:net'
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
            servername: host,
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
