import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gridkeep, startGridkeep } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config.ts'
import { createLog } from '../../../src/observe/log.ts'
import { createFleet, createVehicle, type Fleet, type StationOptions } from '../../../src/simulator/index.ts'
import { QUICK_CAR } from './bench.ts'

const ORGANISATION = 'Example CPO'
const GRID_LIMIT_A = 32

let dataDir: string
let gridkeep: Gridkeep
let fleet: Fleet
const problems: string[] = []

async function api(method: 'GET' | 'PUT' | 'POST', path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${gridkeep.urls.api}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${gridkeep.firstAdminKey?.secret}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

const call = (stationId: string, action: string, payload: object) =>
  api('POST', `/stations/${stationId}/calls/${action}`, payload)

async function until(what: string, condition: () => boolean, timeoutMs = 25_000): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > endMs)
      throw new Error(`never happened: ${what}; problems: ${problems.join('; ')}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

function stationOptions(index: number): StationOptions {
  const id = `SIM-${index}`
  const secure = index !== 1
  return {
    id,
    serialNumber: `SN-${index}`,
    organization: ORGANISATION,
    endpoint: {
      url: (secure ? gridkeep.urls.wss : gridkeep.urls.ws) ?? '',
      securityProfile: secure ? 2 : 1,
      password: `a-long-password-${index}`,
      ...(secure ? { trustedPems: [gridkeep.csmsRootPem], serverName: 'localhost' } : {}),
    },
    obtainCertificates: ['ChargingStationCertificate'],
    variables: { 'SampledDataCtrlr.TxUpdatedInterval': '1' },
    stepMs: 100,
    driverDelayMs: 20,
    bootDurationMs: 50,
    transferStepMs: 50,
    backOff: { minimumMs: 50, randomRangeMs: 50, repeatTimes: 2 },
  }
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'gridkeep-simulator-'))
  const { config } = loadConfig({
    flags: {
      dataDir,
      'http.port': '0',
      'pkiHttp.port': '0',
      'ocpp.ws.enabled': 'true',
      'ocpp.ws.port': '0',
      'ocpp.wss.host': '127.0.0.1',
      'ocpp.wss.port': '0',
      'pki.organisation': ORGANISATION,
      'log.level': 'error',
    },
  })
  gridkeep = await startGridkeep({ config, env: {}, log: createLog({ level: 'error' }) })
  await api('PUT', `/id-tokens/${QUICK_CAR.token.type}/${QUICK_CAR.token.idToken}`, { status: 'Accepted' })
  for (const index of [1, 2, 3]) {
    await api('PUT', `/stations/SIM-${index}`, {
      securityProfile: index === 1 ? 1 : 2,
      password: `a-long-password-${index}`,
      serialNumber: `SN-${index}`,
      organisation: ORGANISATION,
    })
  }
  await api('PUT', '/sites/yard', {
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: GRID_LIMIT_A,
      children: [1, 2, 3].map((index) => ({
        kind: 'station',
        id: `SIM-${index}`,
        evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
      })),
    },
  })
  fleet = createFleet({
    stations: [1, 2, 3].map(stationOptions),
    site: {
      nodes: [{ id: 'grid', limitA: GRID_LIMIT_A }],
      feeders: [1, 2, 3].map((index) => ({ stationId: `SIM-${index}`, evseId: 1, node: 'grid' })),
    },
  })
  fleet.on('problem', (station, { where, error }) =>
    problems.push(`${station.id} ${where}: ${error.message}`),
  )
  fleet.on('connectionFailed', (station, { error }) => problems.push(`${station.id}: ${error.message}`))
  fleet.start()
})

afterAll(async () => {
  await fleet?.stop()
  await gridkeep?.stop()
  await rm(dataDir, { recursive: true, force: true })
})

describe('simulated stations on the real service', () => {
  it('are accepted over ws and wss, and get both of their certificates', async () => {
    await until('all online', () => fleet.online() === 3)
    await until('station certificates', () => fleet.counters().certificatesSigned === 3)
    for (const { id } of fleet.stations) {
      // The service learns the SeccId of each EVSE from the report and accepts CSRs for no other name.
      await call(id, 'GetBaseReport', { requestId: 9, reportBase: 'FullInventory' })
      await call(id, 'TriggerMessage', { requestedMessage: 'SignV2GCertificate' })
    }
    await until('V2G certificates', () => fleet.counters().certificatesSigned === 6)
    for (const station of fleet.stations) {
      expect(station.certificates.station?.chain[0].commonName).toBe(`SN-${station.id.slice(4)}`)
      expect(station.certificates.v2gChains).toHaveLength(1)
    }
  })

  it('answer what an operator asks through the API', async () => {
    await until('all online', () => fleet.online() === 3)
    for (const [action, payload] of [
      ['GetBaseReport', { requestId: 1, reportBase: 'FullInventory' }],
      ['GetLocalListVersion', {}],
      ['GetCompositeSchedule', { evseId: 1, duration: 60 }],
      ['GetTransactionStatus', {}],
      ['GetInstalledCertificateIds', {}],
      ['TriggerMessage', { requestedMessage: 'Heartbeat' }],
      ['GetMonitoringReport', { requestId: 2 }],
      ['ClearCache', {}],
      ['GetDisplayMessages', { requestId: 3 }],
      ['DataTransfer', { vendorId: 'nobody' }],
    ] as const) {
      await expect(call('SIM-2', action, payload), action).resolves.toBeDefined()
    }
  })

  it('keep the true load of the site under its limit while cars come, and each gets a share', async () => {
    await until('all online', () => fleet.online() === 3)
    await until('safe defaults', () => fleet.stations.every((station) => station.profiles.length > 0))
    for (const station of fleet.stations) {
      station.plugIn(1, createVehicle({ ...QUICK_CAR, phases: 3, maxCurrentA: 32, reactionMs: 200 }))
      await new Promise((resolve) => setTimeout(resolve, 700))
    }
    await until('everyone charges', () => fleet.stations.every((station) => station.currents(1)[0] >= 6))
    await until('the connection is used', () => (fleet.site?.currentA('grid')[0] ?? 0) > 0.85 * GRID_LIMIT_A)
    const record = fleet.site?.record('grid')
    expect(record?.msAbove).toBe(0)
    expect(Math.max(...(record?.highestA ?? [99]))).toBeLessThanOrEqual(GRID_LIMIT_A)
    expect(fleet.counters()).toMatchObject({ profilesRejected: 0, callErrors: 0, timeouts: 0 })
  })

  it('come back after a reset, and the service finds them as they are', async () => {
    const [station] = fleet.stations
    if (station === undefined) throw new Error('The fleet is empty.')
    await call(station.id, 'Reset', { type: 'Immediate' })
    await until('rebooted', () => station.counters.reboots === 1 && station.registration === 'Accepted')
    await until('charging again', () => station.currents(1)[0] >= 6)
    expect(fleet.site?.record('grid').msAbove).toBe(0)
    expect(problems).toEqual([])
  })
})
