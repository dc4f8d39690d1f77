import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { components } from '../../src/http/api.generated.ts'
import { createRandom, type Station } from '../../src/simulator/index.ts'
import { sitePlan } from '../chaos/sites.ts'
import { SITE_ID, World } from '../chaos/world.ts'

type Schemas = components['schemas']
type EvseStatus = Schemas['SiteEvseStatus']

let dataDir: string
let world: World
let stations: readonly [Station, Station, Station]

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-features-'))
  world = await World.start({ dataDir, plan: sitePlan('sockets', 3), seed: 5 })
  await world.open()
  const [one, two, three] = world.fleet.stations
  if (!one || !two || !three) throw new Error('The world of this test has three stations')
  stations = [one, two, three]
}, 60_000)
afterAll(async () => {
  await world.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function get<T>(path: string): Promise<T> {
  // The service keeps to the contract that these types come from.
  return (await world.api('GET', path)) as T
}

async function evse(station: Station): Promise<EvseStatus> {
  const status = await get<Schemas['SiteStatus']>(`/sites/${SITE_ID}/status`)
  const found = status.evses.find((one) => one.stationId === station.id)
  if (!found) throw new Error(`${station.id} is not in the status`)
  return found
}

/** Asks again until it is so. */
async function eventually(condition: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const endMs = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`Still not so after ${timeoutMs} ms: ${condition}`)
    await sleep(100)
  }
}

const leaseOf = (station: Station) =>
  station.profiles.find(({ profile }) => profile.chargingProfilePurpose === 'TxProfile')?.profile

describe('a site of real stations', () => {
  test('a car that speaks ISO 15118 is heard, gets its profile, and may choose the slower of two schedules', async () => {
    const [station] = stations
    world.plug(station, createRandom(1), {
      phases: 3,
      maxCurrentA: 32,
      iso15118: true,
      departureMs: Date.now() + 12 * 3_600_000,
      batteryWh: 40_000,
    })
    await eventually(async () => (await evse(station)).transactionId !== null)
    const { transactionId } = await evse(station)
    const path = `/sessions/${station.id}/${transactionId}/demand`
    await eventually(async () => (await get<{ needs: object | null }>(path)).needs !== null)
    const { needs } = await get<{ needs: Schemas['SessionDemand'] }>(path)
    expect(needs.setBy).toBe('car')
    expect(needs.energyWh).toBeGreaterThan(10_000)
    expect(needs.departure).not.toBeNull()
    await eventually(async () => (leaseOf(station)?.chargingSchedule.length ?? 0) === 2)
    // What it chose from a small first lease must not keep it small.
    await eventually(async () => (await evse(station)).grantedA > 24)
    const [fast, slow] = leaseOf(station)?.chargingSchedule ?? []
    expect(slow?.chargingSchedulePeriod[0]?.limit).toBeLessThan(fast?.chargingSchedulePeriod[0]?.limit ?? 0)
  }, 60_000)

  test('a limit that someone sets at the station is obeyed, shown with who set it, and gone when it is cleared', async () => {
    const [, station] = stations
    world.plug(station, createRandom(2), { phases: 3, maxCurrentA: 32 })
    await eventually(async () => (await evse(station)).grantedA > 12)
    station.setExternalLimit({ evseId: 1, limit: 8, unit: 'A' })
    await eventually(async () => (await evse(station)).grantedA <= 8)
    const { items } = await get<{ items: Schemas['LimitInForce'][] }>(`/sites/${SITE_ID}/limits-in-force`)
    expect(items).toMatchObject([{ kind: 'station', nodeId: `${station.id}#1`, value: 8, unit: 'A' }])
    station.clearExternalLimit(1)
    await eventually(async () => (await evse(station)).grantedA > 12)
  }, 60_000)

  test('a weekly schedule and a grid source bind as soon as they are there, and are named as the reason', async () => {
    const [, station] = stations
    const days = [1, 2, 3, 4, 5, 6, 7]
    const windows = [{ days, from: '00:00', to: '24:00', value: 30 }]
    const schedule = { nodeId: 'grid', unit: 'A', timeZone: 'Europe/Berlin', windows }
    await world.api('PUT', `/sites/${SITE_ID}/schedules/always`, schedule)
    const gridOf = async () => (await get<Schemas['SiteStatus']>(`/sites/${SITE_ID}/status`)).nodes[0]
    await eventually(async () => (await gridOf())?.binding?.limitId === 'always')
    expect((await gridOf())?.limitA).toEqual([30, 30, 30])
    await expect(
      world.api('PUT', `/sites/${SITE_ID}/schedules/x`, { ...schedule, timeZone: 'Nowhere' }),
    ).rejects.toThrow('422')

    const source = { nodeId: 'grid', unit: 'A', failsafeValue: 14 }
    await world.api('PUT', `/sites/${SITE_ID}/sources/dso`, source)
    await eventually(async () => (await gridOf())?.limitA[0] === 14)
    await eventually(async () => (await evse(station)).grantedA <= 14)
    expect((await get<Schemas['SiteStatus']>(`/sites/${SITE_ID}/status`)).alarms).toContainEqual(
      expect.objectContaining({ code: 'source-failsafe', where: 'dso' }),
    )
    await world.api('PUT', `/sites/${SITE_ID}/sources/dso/signal`, { active: true, value: 25 })
    await eventually(async () => (await gridOf())?.limitA[0] === 25)
    await world.api('PUT', `/sites/${SITE_ID}/sources/dso/signal`, { active: false })
    await eventually(async () => (await gridOf())?.limitA[0] === 30)
    const kept = await get<{ items: { id: string }[] }>(`/sites/${SITE_ID}/sources`)
    expect(kept.items).toMatchObject([{ id: 'dso', heartbeatTimeoutS: 120, afterFailsafe: 'hold' }])
    expect((await get<{ items: object[] }>(`/sites/${SITE_ID}/schedules`)).items).toHaveLength(1)

    await world.api('DELETE', `/sites/${SITE_ID}/sources/dso`)
    await world.api('DELETE', `/sites/${SITE_ID}/schedules/always`)
    await expect(world.api('DELETE', `/sites/${SITE_ID}/sources/dso`)).rejects.toThrow('404')
    await eventually(async () => (await gridOf())?.limitA[0] === 80)
  }, 60_000)

  test('what an operator wishes for a session is kept, and the priority policy serves it first', async () => {
    const [first, second] = stations
    const { transactionId } = await evse(second)
    await world.api('PUT', `/sessions/${second.id}/${transactionId}/demand`, {
      energyWh: 20_000,
      priorityClass: 0,
    })
    await world.api('PUT', `/sites/${SITE_ID}/steering`, { policy: 'priority' })
    await world.setLimit('grid', 50)
    await eventually(async () => {
      const [a, b] = await Promise.all([evse(first), evse(second)])
      return b.grantedA > a.grantedA + 3
    })
    await world.clearLimit()
  }, 60_000)

  test('under the cost policy a car with time waits for the cheap hours, by the plan of the solver', async () => {
    const [, , station] = stations
    world.plug(station, createRandom(3), { phases: 3, maxCurrentA: 16, batteryWh: 20_000 })
    await eventually(async () => (await evse(station)).transactionId !== null)
    const { transactionId } = await evse(station)
    const hour = (offset: number) => new Date(Date.now() + offset * 3_600_000).toISOString()
    await world.api('PUT', `/sessions/${station.id}/${transactionId}/demand`, {
      energyWh: 5_000,
      departure: hour(10),
    })
    await world.api('PUT', `/sites/${SITE_ID}/steering`, {
      policy: 'cost',
      prices: [
        { from: hour(-1), to: hour(4), pricePerKwh: 0.6 },
        { from: hour(4), to: hour(12), pricePerKwh: 0.1 },
      ],
    })
    expect((await get<Schemas['Steering']>(`/sites/${SITE_ID}/steering`)).policy).toBe('cost')
    await eventually(async () => {
      const { grantedA, reason } = await evse(station)
      return grantedA === 0 && reason?.code === 'plan'
    }, 40_000)
  }, 90_000)

  test('the hours ahead can be read', async () => {
    const [station] = stations
    const outlook = await get<Schemas['SiteOutlook']>(`/sites/${SITE_ID}/outlook`)
    expect(outlook.policy).toBe('cost')
    expect(outlook.plannedAt).not.toBeNull()
    expect(outlook.slots[0]?.pricePerKwh).toBeCloseTo(0.6)
    const spanMs = Date.parse(outlook.slots.at(-1)?.to ?? '') - Date.parse(outlook.slots[0]?.from ?? '')
    expect(spanMs).toBeGreaterThanOrEqual(24 * 3_600_000)
    const mine = outlook.evses.find((one) => one.stationId === station.id)
    expect(mine?.plannedA).toHaveLength(outlook.slots.length)
  }, 30_000)

  test('any moment can be decided again, and the minutes are on record, as JSON and as a table', async () => {
    const at = encodeURIComponent(new Date().toISOString())
    const replay = await get<Schemas['SiteReplay']>(`/sites/${SITE_ID}/replay?at=${at}`)
    expect(replay.same).toBe(true)
    expect(replay.status.evses).toHaveLength(3)
    const from = encodeURIComponent(new Date(Date.now() - 3_600_000).toISOString())
    const to = encodeURIComponent(new Date(Date.now() + 60_000).toISOString())
    const { items } = await get<{ items: Schemas['ComplianceMinute'][] }>(
      `/sites/${SITE_ID}/compliance?from=${from}&to=${to}&nodeId=grid`,
    )
    expect(items.length).toBeGreaterThan(0)
    expect(items.reduce((sum, item) => sum + item.deliveredKwh, 0)).toBeGreaterThan(0)
    // Held against the physics: a record that shows more than flowed is as wrong as one that shows less.
    world.site.record('grid').highestA.forEach((trueA, phase) => {
      const recordedA = Math.max(...items.map((item) => item.highestA[phase] ?? 0))
      expect(recordedA).toBeLessThanOrEqual(trueA + 0.1)
      // A busy machine reads the meter late: what flowed between two readings may be missing.
      expect(recordedA).toBeGreaterThan(trueA / 2)
    })
    const csv = await world.text(`/sites/${SITE_ID}/compliance.csv?from=${from}&to=${to}`)
    expect(csv.split('\r\n')[0]).toMatch(/^at,nodeId,limitA_L1/)
    expect(csv).toContain(',grid,')
  }, 60_000)
})
