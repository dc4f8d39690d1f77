/** What a hundred open dashboards cost the site loop: the service is a process of its own, the clients and stations are in this one. */

import { mkdtempSync, rmSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFleet, createVehicle, type Fleet } from '../../src/simulator/index.ts'
import { type RunningService, spawnService } from '../e2e/support/service.ts'
import type { Print } from './measure.ts'

const CLIENTS = 100
const STATIONS = 50
const CUTS = 20
const WATCHED_MS = 15_000
const PASSWORD = 'a-password-of-the-station'
const TOKEN = { idToken: '04A1B2C3', type: 'ISO14443' } as const
/** What a dashboard follows. */
const KINDS =
  'station.connected,station.disconnected,connector.status,session.updated,site.updated,limit.changed'

interface Figures {
  readonly reactionMs: readonly number[]
  readonly loopDelayP99Ms: number
  readonly cpuPercent: number
}

export async function run(print: Print): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-sse-'))
  const service = await spawnService(dataDir)
  const api = client(service)
  const fleet = await openSite(service, api)
  const streams: EventStream[] = []
  try {
    await sleep(10_000)
    const without = await measure(api)
    for (let opened = 0; opened < CLIENTS; opened++) streams.push(await openStream(service))
    await sleep(2_000)
    const before = streams.map(({ bytes }) => bytes())
    const withClients = await measure(api)
    const received = streams.map(({ bytes }, index) => bytes() - (before[index] ?? 0))
    const { evses } = JSON.parse(await api('GET', '/sites/depot/status')) as {
      evses: { transactionId: string | null }[]
    }
    const charging = evses.filter(({ transactionId }) => transactionId !== null).length
    print(`${STATIONS} stations on one site, ${charging} charging; ${CUTS} limits set one after the other`)
    print(line('no client', without))
    print(line(`${CLIENTS} clients`, withClients))
    print(
      `each client got ${Math.round(Math.min(...received) / 1000)} to ${Math.round(Math.max(...received) / 1000)} kB; ${streams.filter(({ isOpen }) => isOpen()).length} of ${CLIENTS} still connected`,
    )
  } finally {
    for (const stream of streams) stream.close()
    await fleet.stop()
    await service.kill('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function line(name: string, { reactionMs, loopDelayP99Ms, cpuPercent }: Figures): string {
  const sorted = [...reactionMs].sort((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0)
  return `${name.padEnd(12)} a limit is in the decision after ${at(0.5)} ms (median), ${at(0.95)} ms (p95); event loop p99 ${loopDelayP99Ms.toFixed(0)} ms; CPU ${cpuPercent.toFixed(1)} % of a core`
}

type Api = (method: string, path: string, body?: object) => Promise<string>

function client({ apiUrl, adminKey }: RunningService): Api {
  return async (method, path, body) => {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text
  }
}

async function openSite(service: RunningService, api: Api): Promise<Fleet> {
  const ids = Array.from({ length: STATIONS }, (_, index) => `CS-${String(index + 1).padStart(3, '0')}`)
  await api('PUT', `/id-tokens/${TOKEN.type}/${TOKEN.idToken}`, { status: 'Accepted' })
  for (const id of ids) await api('PUT', `/stations/${id}`, { securityProfile: 1, password: PASSWORD })
  await api('PUT', '/sites/depot', {
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: STATIONS * 16,
      children: ids.map((id) => ({
        kind: 'station',
        id,
        evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
      })),
    },
  })
  const fleet = createFleet({
    seed: 5,
    connectsPerS: 50,
    stations: ids.map((id) => ({
      id,
      endpoint: { url: service.wsUrl, securityProfile: 1 as const, password: PASSWORD },
      variables: { 'SampledDataCtrlr.TxUpdatedInterval': '5' },
      bootDurationMs: 500,
      driverDelayMs: 100,
      stepMs: 500,
    })),
  })
  fleet.start()
  await sleep(5_000)
  const car = { phases: 3, maxCurrentA: 32, batteryWh: 90_000, soc: 0.1, targetSoc: 1, token: TOKEN } as const
  for (const station of fleet.stations) station.plugIn(1, createVehicle(car))
  return fleet
}

async function measure(api: Api): Promise<Figures> {
  await metrics(api)
  const start = await metrics(api)
  const startMs = performance.now()
  const reactionMs: number[] = []
  for (let cut = 0; cut < CUTS; cut++)
    reactionMs.push(await reaction(api, STATIONS * (cut % 2 === 0 ? 8 : 10)))
  await sleep(Math.max(0, WATCHED_MS - (performance.now() - startMs)))
  const end = await metrics(api)
  const seconds = (performance.now() - startMs) / 1000
  return {
    reactionMs,
    loopDelayP99Ms: end.loopDelayP99S * 1000,
    cpuPercent: ((end.cpuS - start.cpuS) / seconds) * 100,
  }
}

/** From the request that sets a limit to a status that was decided under it. */
async function reaction(api: Api, limitA: number): Promise<number> {
  const startMs = performance.now()
  await api('PUT', '/sites/depot/limits/cut', { nodeId: 'grid', value: limitA, unit: 'A' })
  for (;;) {
    const { nodes } = JSON.parse(await api('GET', '/sites/depot/status')) as {
      nodes: { nodeId: string; limitA: (number | null)[] }[]
    }
    const grid = nodes.find(({ nodeId }) => nodeId === 'grid')
    if (grid?.limitA.every((value) => value === limitA)) return performance.now() - startMs
    if (performance.now() - startMs > 20_000) throw new Error('The limit never came into force')
    await sleep(5)
  }
}

async function metrics(api: Api): Promise<{ cpuS: number; loopDelayP99S: number }> {
  const text = await api('GET', '/../../metrics')
  const value = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN)
  return {
    cpuS: value(/^gridkeep_process_cpu_seconds_total (\S+)/m),
    loopDelayP99S: value(/^gridkeep_event_loop_delay_seconds\{quantile="0.99"\} (\S+)/m),
  }
}

interface EventStream {
  bytes(): number
  isOpen(): boolean
  close(): void
}

async function openStream({ apiUrl, adminKey }: RunningService): Promise<EventStream> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(
      `${apiUrl}/events?kinds=${KINDS}`,
      { headers: { authorization: `Bearer ${adminKey}` } },
      resolve,
    ).once('error', reject)
  })
  if (response.statusCode !== 200) throw new Error(`The event stream answered ${response.statusCode}`)
  let bytes = 0
  let open = true
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  response.once('close', () => {
    open = false
  })
  return { bytes: () => bytes, isOpen: () => open, close: () => response.destroy() }
}
