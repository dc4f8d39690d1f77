import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { pino } from 'pino'
import { WebSocket } from 'ws'
import { createEventHub } from '../../src/bus/hub.ts'
import { createContractService } from '../../src/certificates/contracts/service.ts'
import { createCertificateService } from '../../src/certificates/service.ts'
import { openWrappedKeys } from '../../src/keys/wrapped.ts'
import { systemClock } from '../../src/observe/clock.ts'
import { createOcppServer } from '../../src/ocpp/server.ts'
import { createPlugAndChargeEv } from '../../src/simulator/ev/index.ts'
import { hashPassword } from '../../src/stations/credentials.ts'
import type { Store } from '../../src/store/ports.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'
import { createRoot, createSub, createWorld, issue } from '../pki/contract/hierarchy.ts'
import { bareCrypto, type Car, createCar } from './contract.ts'
import type { Print } from './measure.ts'

/**
 * Get15118EVCertificate (-2 Install) over sockets: 50 stations that ask one after the other, durable on disk, against
 * what the cryptographic operations alone allow, measured in turns in the same run. Then ten times as many stations.
 */

const STATIONS = 50
const OVERLOAD = 10
const ROUNDS = 8
const PER_ROUND = 400
const BARE_PER_ROUND = 200
const OVERLOAD_MS = 5_000
const PASSWORD = 'a-password-of-the-station'
const CARS = 50

interface Measured {
  readonly elapsedMs: number
  readonly latenciesMs: readonly number[]
  readonly refusedMs: readonly number[]
}

type Command =
  | { readonly kind: 'connect'; readonly url: string; readonly ids: readonly string[] }
  | { readonly kind: 'burst'; readonly stations: number; readonly requests: readonly string[] }
  | {
      readonly kind: 'overload'
      readonly durationMs: number
      readonly requests: readonly string[]
    }

export async function run(print: Print): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'gridkeep-bench-contract-'))
  const store = createSqliteStore(join(folder, 'bench.db'))
  const bench = await createBench(store)
  const clients = createClients()
  try {
    const ids = Array.from({ length: STATIONS * OVERLOAD }, (_, index) => `CS-${index}`)
    await bench.register(ids)
    await clients.ask({ kind: 'connect', url: bench.url, ids })
    const steady = await measureSteady(bench, clients)
    const overload = (await clients.ask({
      kind: 'overload',
      durationMs: OVERLOAD_MS,
      requests: bench.requests(6_000),
    })) as Measured
    const report = reportOf(steady, overload)
    print(JSON.stringify({ bench: 'contract-socket', ...report }))
    return report.pass
  } finally {
    await clients.stop()
    await bench.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureSteady(bench: Bench, clients: Clients) {
  const world = createWorld('15118-2')
  const cars = Array.from({ length: CARS }, (_, number) => createCar(world, number))
  const bare = bareCrypto(world)
  const total = { bareMs: 0, socketMs: 0, latenciesMs: [] as number[], refused: 0 }
  for (let round = -2; round < ROUNDS; round++) {
    const begin = performance.now()
    for (let i = 0; i < BARE_PER_ROUND; i++) bare(cars[i % CARS] as Car)
    const bareMs = performance.now() - begin
    const requests = bench.requests(PER_ROUND)
    const measured = (await clients.ask({ kind: 'burst', stations: STATIONS, requests })) as Measured
    if (round < 0) continue
    total.bareMs += bareMs
    total.socketMs += measured.elapsedMs
    total.latenciesMs.push(...measured.latenciesMs)
    total.refused += measured.refusedMs.length
  }
  return total
}

function reportOf(steady: Awaited<ReturnType<typeof measureSteady>>, overload: Measured) {
  const perSecond = (ROUNDS * PER_ROUND * 1000) / steady.socketMs
  const cryptoPerSecond = (ROUNDS * BARE_PER_ROUND * 1000) / steady.bareMs
  const ratio = perSecond / cryptoPerSecond
  const p99Ms = percentile(steady.latenciesMs, 0.99)
  const slowest = (values: readonly number[]): number => Math.round(percentile(values, 1))
  const slowestMs = Math.max(slowest(overload.latenciesMs), slowest(overload.refusedMs))
  return {
    stations: STATIONS,
    perSecond: Math.round(perSecond),
    cryptoPerSecond: Math.round(cryptoPerSecond),
    ratio: Math.round(ratio * 100) / 100,
    p50Ms: Math.round(percentile(steady.latenciesMs, 0.5)),
    p99Ms: Math.round(p99Ms),
    refused: steady.refused,
    overload: {
      stations: STATIONS * OVERLOAD,
      answered: overload.latenciesMs.length,
      refused: overload.refusedMs.length,
      answeredP99Ms: Math.round(percentile(overload.latenciesMs, 0.99)),
      refusedP99Ms: Math.round(percentile(overload.refusedMs, 0.99)),
      slowestMs,
    },
    pass: ratio >= 0.5 && p99Ms < 500 && slowestMs < 4000 && steady.refused === 0,
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

type Bench = Awaited<ReturnType<typeof createBench>>

async function createBench(store: Store) {
  const log = pino({ level: 'silent' })
  const clock = systemClock
  const keys = await openWrappedKeys(store.keyBlobs, 'correct horse battery', {
    cost: 2 ** 14,
    blockSize: 8,
    parallelization: 1,
  })
  const hub = createEventHub(() => undefined)
  const shared = {
    store,
    keys,
    clock,
    log,
    random: (octets: number) => randomBytes(octets),
    newId: randomUUID,
    organisation: 'Gridkeep',
  }
  const certificates = await createCertificateService({ ...shared, hub, sweepMs: 1_000_000 })
  const contracts = await createContractService({
    ...shared,
    authorities: certificates.authorities,
    issuance: certificates.issuance,
    revoke: (fingerprint, reason) => certificates.revoke(fingerprint, reason),
    release: (fingerprint) => certificates.release(fingerprint),
  })
  const evs = await createCars(contracts, certificates)
  const server = createOcppServer({
    listeners: { ws: { host: '127.0.0.1', port: 0 } },
    store,
    hub,
    clock,
    log,
    certificates: { ...certificates, contracts },
  })
  const { wsUrl = '' } = await server.start()
  let next = 0
  return {
    url: wsUrl,
    async register(ids: readonly string[]): Promise<void> {
      const passwordHash = await hashPassword(PASSWORD, { logN: 8, r: 8, p: 1 })
      await Promise.all(
        ids.map((id) =>
          store.stations.put(
            {
              id,
              enrolment: 'active',
              registration: 'Accepted',
              securityProfile: 1,
              passwordHash,
              serialNumber: null,
              organisation: null,
              group: null,
            },
            new Date().toISOString(),
          ),
        ),
      )
    },
    /** As stations send them; every one of a session of its own. */
    requests: (count: number): string[] =>
      Array.from({ length: count }, () => {
        const request = evs[next++ % evs.length]?.installationRequest()
        if (!request) throw new Error('there are cars')
        const { action, iso15118SchemaVersion } = request
        const exiRequest = Buffer.from(request.exiRequest).toString('base64')
        return JSON.stringify({ action, iso15118SchemaVersion, exiRequest })
      }),
    async stop(): Promise<void> {
      await server.stop(2000)
      await contracts.stop()
      await certificates.stop()
      await store.close()
    },
  }
}

async function createCars(
  contracts: Awaited<ReturnType<typeof createContractService>>,
  certificates: Awaited<ReturnType<typeof createCertificateService>>,
) {
  const root = createRoot('15118-2', 'oem-root', 'OEM Root')
  const sub1 = createSub(root, '15118-2', 'oem-sub1', 'OEM Sub1')
  const sub2 = createSub(sub1, '15118-2', 'oem-sub2', 'OEM Sub2')
  const pem = [root, sub1, sub2].map(({ certificate }) => certificate.toPem()).join('')
  await contracts.trust('OEM', pem)
  const v2gRoots = certificates.authorities.generations('v2g-root').map(({ certificate }) => certificate)
  return Promise.all(
    Array.from({ length: CARS }, async (_, number) => {
      const pcid = `WGKBENCHCAR${String(number).padStart(7, '0')}`
      await contracts.pool.create({ pcid, emaid: `DEGKP${String(number).padStart(9, '0')}` })
      const provisioning = { ...issue(sub2, '15118-2', 'oem-provisioning', pcid), subCas: [] }
      return createPlugAndChargeEv(
        { protocol: '15118-2', provisioning, v2gRoots },
        { nowMs: Date.now, random: (octets) => randomBytes(octets) },
      )
    }),
  )
}

type Clients = ReturnType<typeof createClients>

/** The stations live in a thread of their own: their work is not the service's. */
function createClients() {
  const worker = new Worker(new URL(import.meta.url))
  return {
    ask: (command: Command): Promise<unknown> =>
      new Promise((resolve, reject) => {
        worker.removeAllListeners()
        worker.once('message', resolve)
        worker.once('error', reject)
        worker.postMessage(command)
      }),
    stop: () => worker.terminate(),
  }
}

/** One station: a call, its answer, the next call. */
class Station {
  readonly #socket: WebSocket
  #answered: (text: string) => void = () => undefined

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => this.#answered(data.toString()))
  }

  static async connect(url: string, id: string): Promise<Station> {
    const authorization = `Basic ${Buffer.from(`${id}:${PASSWORD}`).toString('base64')}`
    const options = { headers: { authorization }, perMessageDeflate: false }
    const socket = new WebSocket(`${url}/${id}`, 'ocpp2.0.1', options)
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    return new Station(socket)
  }

  /** Milliseconds, and whether the car got something. */
  async ask(payload: string): Promise<{ tookMs: number; accepted: boolean }> {
    const begin = performance.now()
    const answer = new Promise<string>((resolve) => {
      this.#answered = resolve
    })
    this.#socket.send(`[2,"${randomUUID()}","Get15118EVCertificate",${payload}]`)
    const text = await answer
    const accepted = text.includes('"status":"Accepted"')
    if (!accepted && !text.includes('"Busy"')) throw new Error(`unexpected: ${text.slice(0, 300)}`)
    return { tookMs: performance.now() - begin, accepted }
  }
}

function serveClients(port: NonNullable<typeof parentPort>): void {
  let stations: Station[] = []
  port.on('message', (command: Command) => {
    void (async () => {
      if (command.kind === 'connect') {
        stations = []
        for (const id of command.ids) stations.push(await Station.connect(command.url, id))
        port.postMessage('connected')
        return
      }
      const used = command.kind === 'burst' ? stations.slice(0, command.stations) : stations
      port.postMessage(await drive(used, command))
    })()
  })
}

async function drive(
  stations: readonly Station[],
  command: Exclude<Command, { kind: 'connect' }>,
): Promise<Measured> {
  const queue = [...command.requests]
  const latenciesMs: number[] = []
  const refusedMs: number[] = []
  const begin = performance.now()
  const endMs = command.kind === 'overload' ? begin + command.durationMs : Number.POSITIVE_INFINITY
  await Promise.all(
    stations.map(async (station) => {
      while (performance.now() < endMs) {
        const payload = queue.pop()
        if (payload === undefined) return
        const { tookMs, accepted } = await station.ask(payload)
        if (accepted) latenciesMs.push(tookMs)
        else {
          refusedMs.push(tookMs)
          // A car that was turned away asks again in a moment.
          queue.unshift(payload)
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      }
    }),
  )
  return { elapsedMs: performance.now() - begin, latenciesMs, refusedMs }
}

if (!isMainThread && parentPort) serveClients(parentPort)
