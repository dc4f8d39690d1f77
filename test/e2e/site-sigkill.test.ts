import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { components } from '../../src/http/api.generated.ts'
import { createFleet, createVehicle, type Fleet } from '../../src/simulator/index.ts'
import { freePort } from './support/port.ts'
import { type RunningService, spawnService } from './support/service.ts'

type Schemas = components['schemas']
const PASSWORD = 'a-password-of-the-station'
const TOKEN = { idToken: '04A1B2C3', type: 'ISO14443' } as const
const ROUNDS = 2
/** Of each kind, before the service is killed in the middle of the next. */
const WRITES = 5
const SITE = '/sites/depot'
const IN_AN_HOUR = new Date(Date.now() + 3_600_000).toISOString()
const config = {
  voltageV: 230,
  root: {
    kind: 'circuit',
    id: 'grid',
    limitA: 63,
    children: [
      {
        kind: 'station',
        id: 'CS-1',
        evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
      },
    ],
  },
}

let dataDir: string
let key: string
let service: RunningService
let fleet: Fleet
let flags: Record<string, string>

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-site-kill-'))
  flags = { 'ocpp.ws.port': String(await freePort()) }
  service = await spawnService(dataDir, flags)
  key = service.adminKey ?? ''
  fleet = createFleet({
    seed: 1,
    stations: [
      {
        id: 'CS-1',
        evses: [{ kind: 'AC', phases: 3, maxCurrentA: 32 }],
        endpoint: { url: service.wsUrl, securityProfile: 1, password: PASSWORD },
        backOff: { minimumMs: 300, randomRangeMs: 200, repeatTimes: 1 },
        bootDurationMs: 500,
        driverDelayMs: 100,
      },
    ],
  })
})
afterEach(async () => {
  await fleet.stop()
  if (service.process.exitCode === null) await service.kill('SIGKILL')
  rmSync(dataDir, { recursive: true, force: true })
})

async function api<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${service.apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

/** One thing that is written with a number that grows, and read back as that number. */
interface Written {
  readonly write: (value: number) => Promise<unknown>
  readonly read: () => Promise<number | null | undefined>
}

function everything(transactionId: string): Readonly<Record<string, Written>> {
  const demand = `/sessions/CS-1/${transactionId}/demand`
  const items = <T>(path: string) => api<{ items: T[] }>('GET', `${SITE}/${path}`).then((page) => page.items)
  return {
    limit: {
      write: (value) =>
        api('PUT', `${SITE}/limits/cut`, { nodeId: 'grid', value, unit: 'A', validTo: IN_AN_HOUR }),
      read: async () => (await items<Schemas['Limit']>('limits'))[0]?.value,
    },
    schedule: {
      write: (value) =>
        api('PUT', `${SITE}/schedules/nights`, {
          nodeId: 'grid',
          unit: 'A',
          timeZone: 'UTC',
          windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00', value }],
        }),
      read: async () => (await items<Schemas['LimitSchedule']>('schedules'))[0]?.windows[0]?.value,
    },
    signal: {
      write: (value) => api('PUT', `${SITE}/sources/dso/signal`, { active: true, value }),
      read: async () =>
        (await items<Schemas['LimitInForce']>('limits-in-force')).find(({ kind }) => kind === 'grid')?.value,
    },
    prices: {
      write: (value) =>
        api('PUT', `${SITE}/steering`, {
          prices: [{ from: new Date().toISOString(), to: IN_AN_HOUR, pricePerKwh: value }],
        }),
      read: async () => (await api<Schemas['Steering']>('GET', `${SITE}/steering`)).prices[0]?.pricePerKwh,
    },
    demand: {
      write: (value) => api('PUT', demand, { energyWh: value, departure: IN_AN_HOUR }),
      read: async () => (await api<{ told: Schemas['SessionDemand'] | null }>('GET', demand)).told?.energyWh,
    },
  }
}

/** Writes ever larger numbers until the service is gone; keeps the largest that was acknowledged. */
async function writeOn(written: Written, from: number, acknowledged: (value: number) => void): Promise<void> {
  for (let value = from + 1; ; value++) {
    const done = await written.write(value).then(
      () => true,
      () => false,
    )
    if (!done) return
    acknowledged(value)
  }
}

test('no limit, schedule, signal, price or demand that was acknowledged is lost when the service is killed while they are written', async () => {
  await api('PUT', `/id-tokens/${TOKEN.type}/${TOKEN.idToken}`, { status: 'Accepted' })
  await api('PUT', '/stations/CS-1', { securityProfile: 1, password: PASSWORD })
  await api('PUT', SITE, config)
  await api('PUT', `${SITE}/sources/dso`, { nodeId: 'grid', unit: 'A', failsafeValue: 6 })
  fleet.start()
  const running = () => api<{ items: Schemas['Session'][] }>('GET', '/sessions?active=true')
  await expect.poll(() => fleet.online(), { timeout: 10_000 }).toBe(1)
  fleet.station('CS-1').plugIn(1, createVehicle({ phases: 3, soc: 0.1, token: TOKEN }))
  await expect.poll(async () => (await running()).items.length, { timeout: 10_000 }).toBe(1)
  const things = everything((await running()).items[0]?.transactionId ?? '')

  const last = new Map(Object.keys(things).map((name) => [name, 0]))
  for (let round = 1; round <= ROUNDS; round++) {
    const enough = () => [...last.values()].every((value) => value >= round * WRITES)
    const writers = Object.entries(things).map(([name, written]) =>
      writeOn(written, last.get(name) ?? 0, (value) => void last.set(name, value)),
    )
    await expect.poll(enough, { timeout: 20_000, interval: 5 }).toBe(true)
    await service.kill('SIGKILL')
    await Promise.all(writers)
    service = await spawnService(dataDir, flags)
    for (const [name, { read }] of Object.entries(things)) {
      const acknowledged = last.get(name) ?? 0
      // What was under way may have been kept, too.
      expect([acknowledged, acknowledged + 1], `${name} after kill ${round}`).toContain(await read())
      last.set(name, acknowledged + 1)
    }
  }
}, 90_000)
