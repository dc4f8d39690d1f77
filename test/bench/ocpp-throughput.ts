/**
 * OCPP throughput against a bare `ws` responder in the same run, and what idle stations cost.
 * The server runs in this process, the load generator in another:
 * `npm run bench -- ocpp-throughput`.
 */

import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { WebSocketServer } from 'ws'
import { createEventHub } from '../../src/bus/hub.ts'
import type { StationCertificates } from '../../src/certificates/ports.ts'
import { systemClock } from '../../src/observe/clock.ts'
import { createOcppServer } from '../../src/ocpp/server.ts'
import type { TlsMaterial } from '../../src/ocpp/tls.ts'
import { hashPassword } from '../../src/stations/credentials.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'
import { createTestAuthority } from '../e2e/support/certificates.ts'

const WARMUP_SECONDS = 1
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
  /** CPU time of this process per answered message, all threads: comparable even on a busy machine. */
  readonly cpuUs: number
}

let runs = 0

async function load(
  url: string,
  options: {
    stations: number
    mode: 'heartbeat' | 'transaction' | 'idle'
    seconds: number
    tlsFile?: string
  },
  onConnected: () => void = () => {},
): Promise<Load> {
  const script = fileURLToPath(new URL('ocpp-load.mjs', sourceDirectory()))
  const argument = JSON.stringify({
    url,
    password: PASSWORD,
    warmupSeconds: WARMUP_SECONDS,
    run: ++runs,
    ...options,
  })
  const child = spawn(process.execPath, [script, argument], { stdio: ['ignore', 'pipe', 'inherit'] })
  let result = {}
  let lines = 0
  let from = process.cpuUsage()
  for await (const line of createInterface({ input: child.stdout })) {
    result = { ...result, ...JSON.parse(line) }
    if (++lines > 1) break
    onConnected()
    from = process.cpuUsage()
  }
  const { user, system } = process.cpuUsage(from)
  const load = result as Load
  return { ...load, cpuUs: (user + system) / (load.perSecond * (options.seconds + WARMUP_SECONDS)) }
}

/** Compiled benchmarks lie in dist/test/bench, the generator only beside the source. */
function sourceDirectory(): URL {
  return new URL(import.meta.url.replace('/dist/', '/'))
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

async function gridkeep(stations: number, secure?: Secure) {
  const directory = mkdtempSync(join(tmpdir(), 'gridkeep-bench-'))
  const store = createSqliteStore(join(directory, 'bench.db'))
  const passwordHash = await hashPassword(PASSWORD)
  const at = new Date().toISOString()
  const registration = {
    enrolment: 'active',
    registration: 'Accepted',
    securityProfile: secure === undefined ? 1 : 3,
    passwordHash,
    serialNumber: null,
    organisation: null,
    group: null,
  } as const
  await Promise.all(
    Array.from({ length: stations }, (_, i) => store.stations.put({ id: `BENCH${i}`, ...registration }, at)),
  )
  const server = createOcppServer({
    listeners:
      secure === undefined
        ? { ws: { host: '127.0.0.1', port: 0 } }
        : { wss: { host: '127.0.0.1', port: 0, tls: secure.tls } },
    store,
    hub: createEventHub(() => {}),
    clock: systemClock,
    log: pino({ level: 'silent' }),
    certificates: secure?.certificates ?? certificates,
  })
  const { wsUrl, wssUrl } = await server.start()
  return {
    url: wsUrl ?? wssUrl ?? '',
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
  await storm(print, 2000)
}

async function throughput(print: Print): Promise<void> {
  const fleet = { stations: 500, seconds: SECONDS }
  const bare = await bareResponder()
  const bareHeartbeats = await load(bare.url, { ...fleet, mode: 'heartbeat' })
  print(`bare responder, heartbeats: ${describe(bareHeartbeats)}`)
  const bareEvents = await load(bare.url, { ...fleet, mode: 'transaction' })
  print(`bare responder, TransactionEvents: ${describe(bareEvents)}`)
  bare.close()
  const server = await gridkeep(500)
  const heartbeats = await load(server.url, { ...fleet, mode: 'heartbeat' })
  print(`heartbeats: ${describe(heartbeats)}; ratio ${ratio(heartbeats, bareHeartbeats)} (wanted: 0.6)`)
  const events = await load(server.url, { ...fleet, mode: 'transaction' })
  print(
    `durable TransactionEvents: ${describe(events)}; ratio ${ratio(events, bareEvents)} to the responder with the same messages, ` +
      `${ratio(events, bareHeartbeats)} to it with heartbeats (wanted: 0.3, p99 < 250 ms)`,
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

interface Secure {
  readonly tls: TlsMaterial
  readonly certificates: StationCertificates
  readonly file: string
}

/** A certificate for the server and one for each station, which share a key: signing is all that takes time. */
async function secureFleet(stations: number): Promise<Secure> {
  const authority = await createTestAuthority('Bench CA')
  const server = await authority.issue({ commonName: 'csms.example.com' })
  const keys = await authority.keyPair()
  const fleet: string[] = []
  for (let i = 0; i < stations; i++)
    fleet.push((await authority.issue({ commonName: `BENCH${i}`, keys })).certificateChainPem)
  const file = join(mkdtempSync(join(tmpdir(), 'gridkeep-bench-')), 'tls.json')
  const key = await authority.privateKeyPem(keys)
  writeFileSync(file, JSON.stringify({ ca: authority.pem, key, certificates: fleet }))
  const root = new X509Certificate(authority.pem)
  return {
    file,
    tls: { identities: [server], clientAuthoritiesPem: [authority.pem] },
    certificates: {
      ...certificates,
      verifyStationCertificate: async (station, [der = new Uint8Array()]) => {
        const leaf = new X509Certificate(der)
        const isGood = leaf.verify(root.publicKey) && leaf.subject.split('\n').includes(`CN=${station.id}`)
        return isGood
          ? { ok: true, fingerprint: leaf.fingerprint256 }
          : { ok: false, reasonCode: 'Bench', detail: leaf.subject }
      },
    },
  }
}

/** Everyone comes back at once after a restart: full handshakes, since no session survives it. */
async function storm(print: Print, stations: number): Promise<void> {
  const secure = await secureFleet(stations)
  const server = await gridkeep(stations, secure)
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const options = { stations, mode: 'idle', seconds: 1, tlsFile: secure.file } as const
  const result = await load(server.url, options, () => delay.disable())
  print(
    `${stations} stations with client certificates at once: connected in ${(result.connectedMs / 1000).toFixed(1)} s (wanted: 60), ` +
      `${result.failed} failed, longest stall ${(delay.max / 1e6).toFixed(0)} ms (wanted: 200)`,
  )
  await server.close()
  rmSync(dirname(secure.file), { recursive: true })
}

let peakResidentMb = 0
setInterval(() => {
  peakResidentMb = Math.max(peakResidentMb, process.memoryUsage.rss() / 1e6)
}, 200).unref()

function describe(result: Load): string {
  return `${result.perSecond.toFixed(0)}/s, p50 ${result.p50Ms.toFixed(1)} ms, p99 ${result.p99Ms.toFixed(1)} ms, ${result.cpuUs.toFixed(0)} µs CPU each, ${result.failed + result.errors} failures`
}

function ratio(result: Load, yardstick: Load): string {
  return (result.perSecond / yardstick.perSecond).toFixed(2)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const print: Print = (line) => process.stdout.write(`${line}\n`)
  const parts: Record<string, (print: Print) => Promise<void>> = {
    throughput,
    idle: (p) => idle(p, 5000),
    storm: (p) => storm(p, 2000),
  }
  await (parts[process.argv[2] ?? ''] ?? run)(print)
  process.exit(0)
}
