/**
 * A load generator in a process of its own: keep-alive connections with one request in flight on each. The requests
 * come ready from a file, so that the generator costs as little as it can.
 */

import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'

interface Job {
  readonly port: number
  readonly tls: boolean
  readonly connections: number
  readonly durationMs: number
  /** Sent once each, in order, where a request must not be repeated. */
  readonly once: boolean
  /** A new connection for each request, for servers that close after an answer. */
  readonly reconnect?: boolean
  readonly file: string
}

export interface LoadResult {
  /** Answers with status 200 per second on the clock. */
  readonly perSecond: number
  /** The same per second of CPU time of the process that serves (this one): neighbours on the cores do not matter. */
  readonly perCpuSecond: number
  readonly answers: number
  readonly failed: number
}

export async function load(
  options: Omit<Job, 'file'> & { readonly requests: readonly Buffer[] },
): Promise<LoadResult> {
  const { requests, ...job } = options
  const folder = mkdtempSync(join(tmpdir(), 'gridkeep-load-'))
  const file = join(folder, 'requests')
  writeFileSync(file, Buffer.concat(requests.flatMap((one) => [lengthOf(one), one])))
  try {
    const child = fork(new URL(import.meta.url), ['load', JSON.stringify({ ...job, file })])
    let cpuStart = process.cpuUsage()
    return await new Promise<LoadResult>((resolve, reject) => {
      child.on('message', (message: 'started' | { answers: number; failed: number; seconds: number }) => {
        if (message === 'started') {
          cpuStart = process.cpuUsage()
          return
        }
        const { user, system } = process.cpuUsage(cpuStart)
        const { answers, failed, seconds } = message
        resolve({
          answers,
          failed,
          perSecond: answers / seconds,
          perCpuSecond: answers / ((user + system) / 1e6),
        })
      })
      child.on('error', reject)
      child.on('exit', (code) => reject(new Error(`The load generator ended with ${code}`)))
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function lengthOf(request: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(request.length)
  return length
}

function readRequests(file: string): readonly Buffer[] {
  const all = readFileSync(file)
  const requests: Buffer[] = []
  for (let at = 0; at < all.length; ) {
    const length = all.readUInt32BE(at)
    requests.push(all.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return requests
}

interface Counts {
  answers: number
  failed: number
}

async function generate(job: Job): Promise<void> {
  const requests = readRequests(job.file)
  let at = 0
  const next = (): Buffer | undefined => {
    if (job.once && at >= requests.length) return undefined
    return requests[at++ % requests.length]
  }
  const sockets = await Promise.all(Array.from({ length: job.connections }, () => open(job)))
  process.send?.('started')
  const startMs = performance.now()
  const endMs = startMs + job.durationMs
  const counts = await Promise.all(
    sockets.map((socket) =>
      job.reconnect === true ? redial(job, socket, next, endMs) : drive(socket, next, endMs),
    ),
  )
  const seconds = (performance.now() - startMs) / 1000
  const sum = (of: keyof Counts): number => counts.reduce((total, one) => total + one[of], 0)
  process.send?.({ answers: sum('answers'), failed: sum('failed'), seconds })
}

function open({ port, tls }: Job): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const address = { host: '127.0.0.1', port }
    const socket: Socket = tls
      ? connectTls({ ...address, rejectUnauthorized: false, servername: 'localhost' }, () => resolve(socket))
      : connect({ ...address, noDelay: true }, () => resolve(socket))
    socket.on('error', reject)
  })
}

function drive(socket: Socket, next: () => Buffer | undefined, endMs: number): Promise<Counts> {
  return new Promise((resolve, reject) => {
    const counts: Counts = { answers: 0, failed: 0 }
    const send = (): void => {
      const request = performance.now() < endMs ? next() : undefined
      if (request) socket.write(request)
      else {
        socket.destroy()
        resolve(counts)
      }
    }
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const headEnd = rest.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const head = rest.toString('latin1', 0, headEnd)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (rest.length < headEnd + 4 + length) return
      rest = rest.subarray(headEnd + 4 + length)
      if (head.startsWith('HTTP/1.1 200')) counts.answers += 1
      else counts.failed += 1
      send()
    })
    socket.on('error', reject)
    send()
  })
}

/** One request per connection; the server ends each answer by closing. */
async function redial(
  job: Job,
  first: Socket,
  next: () => Buffer | undefined,
  endMs: number,
): Promise<Counts> {
  const counts: Counts = { answers: 0, failed: 0 }
  for (let socket = first; ; socket = await open(job)) {
    const request = performance.now() < endMs ? next() : undefined
    if (!request) {
      socket.destroy()
      return counts
    }
    if ((await exchange(socket, request)).startsWith('HTTP/1.0 200')) counts.answers += 1
    else counts.failed += 1
  }
}

function exchange(socket: Socket, request: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(answer))
    socket.write(request)
  })
}

if (process.argv[2] === 'load') {
  const job: Job = JSON.parse(process.argv[3] ?? '{}')
  await generate(job)
  process.disconnect()
}
