import { beforeEach, describe, expect, test } from 'vitest'
import { mergeLimits, type Site, siteNetwork } from '../../../profiles/index.ts'
import { LimitSources } from '../../../src/energy/limit-sources.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { socketSite } from '../../support/sites.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const AT = new Date(T0).toISOString()

function openDepot(): Site {
  return socketSite(63, ['A'])
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
  group: null,
  priority: 0,
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

  test('counts also where nobody lived to take it in: it was answered, or the station came to the site later', async () => {
    const detail = {
      evseId: 1,
      chargingLimit: { chargingLimitSource: 'EMS' },
      chargingSchedule: [schedule(12)],
    }
    const event = { stationId: 'A', type: 'EMS', at: AT, receivedAt: AT, critical: false }
    await store.events.record({ ...event, kind: 'NotifyChargingLimit', detail })
    expect(evseA(await reopened(), T0)).toBe(12)
    await store.events.record({
      ...event,
      kind: 'ClearedChargingLimit',
      detail: { chargingLimitSource: 'EMS', evseId: 1 },
    })
    expect(evseA(await reopened(), T0)).toBe(32)
  })

  test('says until when', async () => {
    await report('NotifyChargingLimit', {
      evseId: 1,
      chargingLimit: { chargingLimitSource: 'Other' },
      chargingSchedule: [schedule(12, 60)],
    })
    expect(sources.inForce(T0)).toMatchObject([{ validTo: new Date(T0 + 60_000).toISOString(), heardAt: AT }])
    expect(sources.inForce(T0 + 60_000)).toMatchObject([{ state: 'inactive', value: null }])
  })
})

describe('limits of one group', () => {
  const evenings = {
    id: 'evenings',
    nodeId: 'grid',
    unit: 'A' as const,
    timeZone: 'UTC',
    windows: [{ days: [7], from: '09:00', to: '12:00', value: 20 }],
    validFrom: null,
    validTo: null,
    group: 'usual',
    priority: 0,
    setBy: 'me',
    updatedAt: AT,
  }
  const exception = {
    id: 'today',
    siteId: 'depot',
    nodeId: 'grid',
    source: 'operator',
    value: 50,
    unit: 'A' as const,
    validFrom: null,
    validTo: new Date(T0 + 60_000).toISOString(),
    group: 'usual',
    priority: 5,
    setBy: 'anna',
    updatedAt: AT,
  }

  test('stand in for each other: an exception of higher priority lifts the schedule while it is valid', async () => {
    await sources.putSchedule(evenings)
    expect(gridA(sources, T0)).toBe(20)
    await store.sites.putLimit(exception)
    const again = await reopened()
    expect(gridA(again, T0)).toBe(50)
    expect(again.inForce(T0).map(({ sourceId, state }) => [sourceId, state])).toEqual([
      ['today', 'normal'],
      ['evenings', 'overruled'],
    ])
    expect(gridA(again, T0 + 60_000)).toBe(20)
  })

  test('never lift a limit that is of no group, or of another', async () => {
    await sources.putSchedule({ ...evenings, group: null })
    await store.sites.putLimit(exception)
    expect(gridA(await reopened(), T0)).toBe(20)
  })
})

test('a schedule has a validity of its own, and a site that is gone leaves none behind', async () => {
  const season = {
    id: 'winter',
    nodeId: 'grid',
    unit: 'A' as const,
    timeZone: 'UTC',
    setBy: 'me',
    updatedAt: AT,
  }
  await sources.putSchedule({
    ...season,
    group: null,
    priority: 0,
    windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00', value: 30 }],
    validFrom: new Date(T0).toISOString(),
    validTo: new Date(T0 + 3_600_000).toISOString(),
  })
  expect([T0 - 1, T0, T0 + 3_599_999, T0 + 3_600_000].map((at) => gridA(sources, at))).toEqual([
    63, 30, 30, 63,
  ])
  expect(sources.inForce(T0)).toMatchObject([{ value: 30, validTo: new Date(T0 + 3_600_000).toISOString() }])
  await sources.forget()
  expect(gridA(await reopened(), T0)).toBe(63)
})
