import { randomUUID } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import type { Action, Requests, Responses } from '../../../src/ocpp/v201/messages.generated.ts'
import { assertRequest, assertResponse, isAction, parseFrame } from '../../../src/simulator/wire.ts'

export type Received = { [A in Action]: { readonly action: A; readonly payload: Requests[A] } }[Action]

export type Answers = { [A in Action]?: (request: Requests[A]) => Responses[A] }

const ISO = () => new Date().toISOString()

const DEFAULT_ANSWERS: Answers = {
  BootNotification: () => ({ status: 'Accepted', currentTime: ISO(), interval: 300 }),
  Heartbeat: () => ({ currentTime: ISO() }),
  Authorize: () => ({ idTokenInfo: { status: 'Accepted' } }),
  SignCertificate: () => ({ status: 'Accepted' }),
  NotifyEVChargingNeeds: () => ({ status: 'Accepted' }),
  NotifyEVChargingSchedule: () => ({ status: 'Accepted' }),
  GetCertificateStatus: () => ({ status: 'Failed' }),
}

/** The smallest CSMS that can hold a conversation: records what it hears and checks it against the schemas. */
export interface TestCsms {
  readonly url: string
  readonly received: Received[]
  readonly violations: string[]
  readonly answers: Answers
  readonly authorizations: (string | undefined)[]
  /** Serial numbers of the client certificates that were presented, one per connection. */
  readonly peers: string[]
  connections(): number
  call<A extends Action>(action: A, request: Requests[A]): Promise<Responses[A]>
  /** A call that the schemas do not know. */
  callRaw(action: string, payload: unknown): Promise<unknown>
  sendRaw(text: string): void
  /** Stops reading from the sockets: pings stay unanswered. */
  freeze(): void
  thaw(): void
  of<A extends Action>(action: A): Requests[A][]
  /** Resolves when the condition holds; fails with the list of what was heard. */
  until(what: string, condition: () => boolean): Promise<void>
  dropAll(): void
  stop(): Promise<void>
}

export async function startTestCsms(tls?: ServerOptions): Promise<TestCsms> {
  const listener = tls === undefined ? createHttpServer() : createHttpsServer(tls)
  const server = new WebSocketServer({
    server: listener,
    handleProtocols: (offered) => (offered.has('ocpp2.0.1') ? 'ocpp2.0.1' : false),
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const received: Received[] = []
  const violations: string[] = []
  const authorizations: (string | undefined)[] = []
  const peers: string[] = []
  const answers: Answers = { ...DEFAULT_ANSWERS }
  const waiting = new Map<string, (payload: unknown, error?: string) => void>()
  const checks = new Set<() => void>()
  let newest: WebSocket | undefined

  const answerCall = <A extends Action>(action: A, payload: Requests[A]): Responses[A] | object => {
    const answer = answers[action]
    return answer === undefined ? {} : answer(payload)
  }
  const hear = (socket: WebSocket, text: string) => {
    const frame = parseFrame(text)
    if (frame.kind === 'call') {
      if (!isAction(frame.action)) throw new Error(`unknown action ${frame.action}`)
      const payload: unknown = frame.payload
      try {
        assertRequest(frame.action, payload)
      } catch (error) {
        violations.push(String(error))
        return
      }
      received.push(JSON.parse(JSON.stringify({ action: frame.action, payload })))
      if (answers[frame.action] !== NEVER) {
        socket.send(JSON.stringify([3, frame.id, answerCall(frame.action, payload)]))
      }
    } else {
      const call = waiting.get(frame.id)
      waiting.delete(frame.id)
      if (frame.kind === 'error') call?.(undefined, `${frame.code}: ${frame.description}`)
      else call?.(frame.payload)
    }
  }
  server.on('connection', (socket, request) => {
    newest = socket
    authorizations.push(request.headers.authorization)
    const { socket: transport } = request
    if (transport instanceof TLSSocket) peers.push(transport.getPeerCertificate().serialNumber ?? '')
    socket.on('message', (data) => {
      hear(socket, data.toString())
      for (const check of checks) check()
    })
    socket.on('close', () => {
      for (const check of checks) check()
    })
    for (const check of checks) check()
  })
  const { port } = listener.address() as AddressInfo
  const poll = setInterval(() => {
    for (const check of checks) check()
  }, 20)

  return {
    url: `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}/ocpp`,
    received,
    violations,
    answers,
    authorizations,
    peers,
    connections: () => [...server.clients].filter((each) => each.readyState === WebSocket.OPEN).length,
    call: (action, request) =>
      new Promise((resolve, reject) => {
        const id = randomUUID()
        const settle = (payload: unknown, error?: string) => {
          if (error !== undefined) return reject(new Error(error))
          try {
            assertResponse(action, payload)
            resolve(payload)
          } catch (problem) {
            reject(problem)
          }
        }
        waiting.set(id, settle)
        newest?.send(JSON.stringify([2, id, action, request]))
      }),
    callRaw: (action, payload) =>
      new Promise((resolve, reject) => {
        const id = randomUUID()
        const settle = (answer: unknown, error?: string) =>
          error === undefined ? resolve(answer) : reject(new Error(error))
        waiting.set(id, settle)
        newest?.send(JSON.stringify([2, id, action, payload]))
      }),
    freeze: () => newest?.pause(),
    thaw: () => newest?.resume(),
    sendRaw: (text) => newest?.send(text),
    of: (action) => received.flatMap((each) => (each.action === action ? [each.payload as never] : [])),
    until: (what, condition) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          checks.delete(check)
          const heard = received.map((each) => each.action).join(' ')
          reject(new Error(`never happened: ${what}; heard: ${heard}; violations: ${violations.join('; ')}`))
        }, 8000)
        const check = () => {
          if (!condition()) return
          clearTimeout(timer)
          checks.delete(check)
          resolve()
        }
        checks.add(check)
        check()
      }),
    dropAll: () => {
      for (const socket of server.clients) socket.terminate()
    },
    stop: async () => {
      clearInterval(poll)
      for (const socket of server.clients) socket.terminate()
      await new Promise<void>((resolve) => server.close(() => listener.close(() => resolve())))
    },
  }
}

/** Put in `answers` for an action that the CSMS hears and never answers. */
export const NEVER = (): never => {
  throw new Error('never answered')
}
