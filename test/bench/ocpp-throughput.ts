/**
 * OCPP throughput against a bare `ws` responder in the same run, and what idle stations cost.
 * The server runs in this process, the load generator in another: npx tsc -p tsconfig.json --noEmit false
 * --outDir dist/bench && node dist/bench/test/bench/ocpp-throughput.js
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { WebSocketServer } from 'ws'
import { createEventHub } from '../../src/bus/hub.ts'
import type { StationCertificates } from '../../src/certificates/ports.ts'
import { systemClock } from '../../src/observe/clock.ts'
import { createOcppServer } from '../../src/ocpp/server.ts'
import { hashPassword } from '../../src/stations/credentials.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'

const PASSWORD = 'bench-password-1234'

type Print = (line: string) => void

interface Load {
  readonly connectedMs: number
  readonly failed: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly errors: number
}

let runs = 0

async function load(
  url: string,
  options: { stations: number; mode: 'heartbeat' | 'transaction' | 'idle'; seconds: number },
  onConnected: () => void = () => {},
): Promise<Load> {
  const script = fileURLToPath(new URL('ocpp-load.mjs', sourceDirectory()))
  const argument = JSON.stringify({ url, password: PASSWORD, warmupSeconds: 1, run: ++runs, ...options })
  const child = spawn(process.execPath, [script, argument], { stdio: ['ignore', 'pipe', 'inherit'] })
  let result = {}
  let lines = 0
  for await (const line of createInterface({ input: child.stdout })) {
    result = { ...result, ...JSON.parse(line) }
    if (++lines === 1) onConnected()
  }
  return result as Load
}

/** Compiled benchmarks lie in dist/bench/test/bench, the generator only beside the source. */
function sourceDirectory(): URL {
  return new URL(import.meta.url.replace('/dist/bench/', '/'))
}

/** Parses and answers JSON, stores nothing: the yardstick. */
async function bareResponder(): Promise<{ url: string; close(): void }> {
  const http = createServer()
  const sockets = new WebSocketServer({
    server: http,
    handleProtocols: (offered) => [...offered][0] ?? false,
  })
  sockets.on('connection', (socket) => {
    socket.on('message', (data) => {
      const [, id] = JSON.parse(String(data))
      socket.send(JSON.stringify([3, id, { currentTime: new Date().toISOString() }]))
    })
  })
  await new Promise<void>((resolve) => http.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, resolve))
  const { port } = http.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}`,
    close: () => {
      for (const socket of sockets.clients) socket.terminate()
      http.close()
    },
  }
}

const certificates: StationCertificates = {
  requestSigning: async () => ({ status: 'Rejected', reasonCode: 'Bench', detail: '' }),
  certificateStatus: async () => ({ status: 'Failed', reasonCode: 'Bench', detail: '' }),
  verifyStationCertificate: async () => ({ ok: false, reasonCode: 'Bench', detail: '' }),
}

async function gridkeep(stations: number) {
  const directory = mkdtempSync(join(tmpdir(), 'gridkeep-bench-'))
  const store = createSqliteStore(join(directory, 'bench.db'))
  const passwordHash = await hashPassword(PASSWORD)
  const at = new Date().toISOString()
  const registration = {
    enrolment: 'active',
    registration: 'Accepted',
    securityProfile: 1,
    passwordHash,
    serialNumber: null,
    organisation: null,
    group: null,
  } as const
  await Promise.all(
    Array.from({ length: stations }, (_, i) => store.stations.put({ id: `BENCH${i}`, ...registration }, at)),
  )
  const server = createOcppServer({
    listeners: { ws: { host: '127.0.0.1', port: 0 } },
    store,
    hub: createEventHub(() => {}),
    clock: systemClock,
    log: pino({ level: 'silent' }),
    certificates,
  })
  const { wsUrl = '' } = await server.start()
  return {
    url: wsUrl,
    async close() {
      await server.stop(1000)
      await store.close()
      rmSync(directory, { recursive: true })
    },
  }
}

const SECONDS = 5

export async function run(print: Print): Promise<void> {
  await throughput(print)
  await idle(print, 5000)
}

async function throughput(print: Print): Promise<void> {
  const bare = await bareResponder()
  const bareHeartbeats = await load(bare.url, { stations: 500, mode: 'heartbeat', seconds: SECONDS })
  bare.close()
  print(`bare responder: ${describe(bareHeartbeats)}`)
  const server = await gridkeep(500)
  const heartbeats = await load(server.url, { stations: 500, mode: 'heartbeat', seconds: SECONDS })
  print(
    `heartbeats, 500 stations: ${describe(heartbeats)}; ratio ${ratio(heartbeats, bareHeartbeats)} (wanted: 0.6)`,
  )
  const events = await load(server.url, { stations: 500, mode: 'transaction', seconds: SECONDS })
  print(
    `durable TransactionEvents, 500 stations: ${describe(events)}; ratio ${ratio(events, bareHeartbeats)} (wanted: 0.3, p99 < 250 ms)`,
  )
  await server.close()
}

async function idle(print: Print, stations: number): Promise<void> {
  const server = await gridkeep(stations)
  global.gc?.()
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  let residentMb = 0
  const result = await load(server.url, { stations, mode: 'idle', seconds: 5 }, () =>
    delay.disable(),
  ).finally(() => {
    delay.disable()
  })
  residentMb = peakResidentMb
  print(
    `${stations} idle stations: connected in ${(result.connectedMs / 1000).toFixed(1)} s (wanted: 60), ${result.failed} failed, ` +
      `${residentMb.toFixed(0)} MB resident (wanted: 400), longest stall ${(delay.max / 1e6).toFixed(0)} ms`,
  )
  await server.close()
}

let peakResidentMb = 0
setInterval(() => {
  peakResidentMb = Math.max(peakResidentMb, process.memoryUsage.rss() / 1e6)
}, 200).unref()

function describe(result: Load): string {
  return `${result.perSecond.toFixed(0)}/s, p50 ${result.p50Ms.toFixed(1)} ms, p99 ${result.p99Ms.toFixed(1)} ms, ${result.failed + result.errors} failures`
}

function ratio(result: Load, yardstick: Load): string {
  return (result.perSecond / yardstick.perSecond).toFixed(2)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const print: Print = (line) => process.stdout.write(`${line}\n`)
  const parts: Record<string, (print: Print) => Promise<void>> = { throughput, idle: (p) => idle(p, 5000) }
  await (parts[process.argv[2] ?? ''] ?? run)(print)
  process.exit(0)
}
