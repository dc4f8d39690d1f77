/** A bare OCPP-J client for tests: says exactly what it is told to, right or wrong. */

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type ClientOptions, WebSocket } from 'ws'

export type Message = readonly unknown[]

export type Answer =
  | { readonly type: 3; readonly payload: Record<string, unknown> }
  | { readonly type: 4; readonly code: string; readonly description: string; readonly details: object }

export interface TestClient {
  readonly socket: WebSocket
  readonly received: Message[]
  /** Sends a CALL and gives back what became of it. */
  call(action: string, payload: unknown, id?: string): Promise<Answer>
  /** The same, for calls that must succeed: throws the CALLERROR. */
  ok(action: string, payload: unknown): Promise<Record<string, unknown>>
  send(text: string | Buffer): void
  /** The next message that satisfies the condition; received ones count. */
  next(condition: (message: Message) => boolean, timeoutMs?: number): Promise<Message>
  /** Answers every CALL of the CSMS. Undefined: no answer. */
  answer(respond: (action: string, payload: never, id: string) => unknown): void
  closed(timeoutMs?: number): Promise<{ code: number; reason: string }>
  close(): Promise<void>
}

let nextId = 1

export interface ConnectOptions extends ClientOptions {
  readonly password?: string
  readonly username?: string
  readonly subprotocols?: readonly string[]
}

/** Rejects with `HTTP <status>` where the upgrade is refused. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<TestClient> {
  const { password, username, subprotocols = ['ocpp2.0.1'], ...rest } = options
  const user = username ?? decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '')
  const headers =
    password === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
  const socket = new WebSocket(url, [...subprotocols], { headers, perMessageDeflate: false, ...rest })
  const client = wrap(socket)
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve())
    socket.once('error', reject)
    socket.once('unexpected-response', (_request: unknown, response: IncomingMessage) => {
      response.resume()
      reject(new Error(`HTTP ${response.statusCode}`))
    })
  })
  return client
}

function wrap(socket: WebSocket): TestClient {
  const received: Message[] = []
  const waiting = new Set<() => void>()
  let respond: ((action: string, payload: never, id: string) => unknown) | undefined
  let closing: { code: number; reason: string } | undefined
  socket.on('error', () => {})
  socket.on('close', (code, reason) => {
    closing = { code, reason: reason.toString() }
    for (const wake of waiting) wake()
  })
  socket.on('message', (data: Buffer) => {
    const message: Message = JSON.parse(data.toString())
    received.push(message)
    for (const wake of waiting) wake()
    if (message[0] !== 2 || respond === undefined) return
    const [, id, action, payload] = message
    const response = respond(String(action), payload as never, String(id))
    if (response !== undefined) socket.send(JSON.stringify([3, id, response]))
  })

  function wait<T>(look: () => T | undefined, what: string, timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(wake)
        reject(new Error(`no ${what} within ${timeoutMs} ms; received ${JSON.stringify(received)}`))
      }, timeoutMs)
      const wake = () => {
        const found = look()
        if (found === undefined) return
        clearTimeout(timer)
        waiting.delete(wake)
        resolve(found)
      }
      waiting.add(wake)
      wake()
    })
  }

  const next: TestClient['next'] = (condition, timeoutMs = 5000) =>
    wait(() => received.find(condition), 'such message', timeoutMs)
  const call: TestClient['call'] = async (action, payload, id = `t${nextId++}`) => {
    socket.send(JSON.stringify([2, id, action, payload]))
    return answerOf(await next((message) => message[0] !== 2 && message[1] === id))
  }
  return {
    socket,
    received,
    next,
    call,
    async ok(action, payload) {
      const answer = await call(action, payload)
      if (answer.type === 4) throw new Error(`${action}: ${answer.code} ${answer.description}`)
      return answer.payload
    },
    send: (text) => socket.send(text),
    answer(with_) {
      respond = with_
    },
    closed: (timeoutMs = 5000) => wait(() => closing, 'close', timeoutMs),
    async close() {
      if (socket.readyState === WebSocket.CLOSED) return
      socket.close()
      await once(socket, 'close')
    },
  }
}

function answerOf(message: Message): Answer {
  const [type, , first, description, details] = message
  if (type === 3) return { type: 3, payload: first as Record<string, unknown> }
  return { type: 4, code: String(first), description: String(description), details: Object(details) }
}
