import { beforeEach, describe, expect, test } from 'vitest'
import { mergeLimits, openSite, type Site, siteNetwork } from '../../../profiles/index.ts'
import { LimitSources } from '../../../src/energy/limit-sources.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const AT = new Date(T0).toISOString()

function openDepot(): Site {
  const opened = openSite({
    id: 'depot',
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: 63,
      children: [
        {
          kind: 'station',
          id: 'A',
          evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
        },
      ],
    },
  })
  if (!opened.ok) throw new Error('The site of this test is refused')
  return opened.site
}

let store: Store
let site: Site
let sources: LimitSources

async function reopened(): Promise<LimitSources> {
  const again = new LimitSources({ store, site })
  await again.restore()
  return again
}

/** What the grid connection may carry on L1. */
function gridA(limits: LimitSources, nowMs: number): number | undefined {
  return mergeLimits({ site, network: siteNetwork(site), inputs: limits.inputs(nowMs), nowMs }).rowLimits[0]
}

function evseA(limits: LimitSources, nowMs: number): number | undefined {
  return mergeLimits({ site, network: siteNetwork(site), inputs: limits.inputs(nowMs), nowMs }).evseCapA[0]
}

async function report(kind: string, detail: object): Promise<void> {
  await store.events.record({
    stationId: 'A',
    kind,
    type: 'EMS',
    at: AT,
    receivedAt: AT,
    critical: false,
    detail,
  })
  await sources.external.update('A')
}

beforeEach(async () => {
  store = createSqliteStore(':memory:')
  site = openDepot()
  sources = await reopened()
})

const source = {
  id: 'dso',
  protocol: 'rest' as const,
  nodeId: 'grid',
  unit: 'A' as const,
  failsafeValue: 10,
  heartbeatTimeoutMs: 120_000,
  failsafeDurationMs: 7_200_000,
  afterFailsafe: 'hold' as const,
  setBy: 'me',
  updatedAt: AT,
}

describe('a grid source', () => {
  test('is held to its failsafe value until it speaks', async () => {
    await sources.putSource(source, T0)
    expect(gridA(sources, T0)).toBe(10)
    await sources.signal('dso', { active: true, value: 40 }, T0 + 1000)
    expect(gridA(sources, T0 + 1000)).toBe(40)
    expect(sources.inForce(T0 + 1000)[0]).toMatchObject({ state: 'normal', value: 40, setBy: 'me' })
  })

  test('falls back to it when its heartbeats stay away, also over a restart', async () => {
    await sources.putSource(source, T0)
    await sources.signal('dso', { active: true, value: 40 }, T0)
    const again = await reopened()
    expect(gridA(again, T0 + 119_000)).toBe(40)
    expect(gridA(again, T0 + 121_000)).toBe(10)
    expect(again.inForce(T0 + 121_000)[0]).toMatchObject({ state: 'failsafe', value: 10 })
  })

  test('heartbeats alone keep its limit alive, and its limit ends when it said so', async () => {
    await sources.putSource(source, T0)
    await sources.signal('dso', { active: true, value: 40, durationMs: 300_000 }, T0)
    for (let minute = 1; minute <= 4; minute++) await sources.signal('dso', {}, T0 + minute * 60_000)
    expect(gridA(sources, T0 + 299_000)).toBe(40)
    expect(gridA(sources, T0 + 301_000)).toBe(63)
  })

  test('a source that nobody configured is not listened to', async () => {
    expect(await sources.signal('stranger', { active: true, value: 1 }, T0)).toBe(false)
    expect(gridA(sources, T0)).toBe(63)
  })
})

describe('a limit that a station reports', () => {
  const schedule = (limit: number, duration?: number) => ({
    id: 1,
    chargingRateUnit: 'A',
    chargingSchedulePeriod: [{ startPeriod: 0, limit }],
    ...(duration === undefined ? {} : { duration }),
  })

  test('holds for the EVSE or the station it names, until it is cleared by its source', async () => {
    await report('NotifyChargingLimit', {
      evseId: 1,
      chargingLimit: { chargingLimitSource: 'EMS' },
      chargingSchedule: [schedule(12)],
    })
    expect(evseA(sources, T0)).toBe(12)
    expect(gridA(sources, T0)).toBe(63)
    await report('ClearedChargingLimit', { chargingLimitSource: 'SO', evseId: 1 })
    expect(evseA(sources, T0)).toBe(12)
    await report('ClearedChargingLimit', { chargingLimitSource: 'EMS', evseId: 1 })
    expect(evseA(sources, T0)).toBe(32)
  })

  test('survives a restart, and a later report of the same source replaces it', async () => {
    await report('NotifyChargingLimit', {
      chargingLimit: { chargingLimitSource: 'EMS' },
      chargingSchedule: [schedule(12)],
    })
    await report('NotifyChargingLimit', {
      chargingLimit: { chargingLimitSource: 'EMS' },
      chargingSchedule: [schedule(20)],
    })
    const again = await reopened()
    expect(again.inForce(T0)).toMatchObject([{ kind: 'station', nodeId: 'A', value: 20, setBy: 'EMS' }])
  })

  test('ends with its schedule', async () => {
    await report('NotifyChargingLimit', {
      evseId: 1,
      chargingLimit: { chargingLimitSource: 'Other' },
      chargingSchedule: [schedule(12, 60)],
    })
    expect(evseA(sources, T0 + 59_000)).toBe(12)
    expect(evseA(sources, T0 + 60_000)).toBe(32)
  })
})
