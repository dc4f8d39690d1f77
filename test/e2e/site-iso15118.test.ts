import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { components } from '../../src/http/api.generated.ts'
import { createRandom, type Station } from '../../src/simulator/index.ts'
import { sitePlan } from '../chaos/sites.ts'
import { SITE_ID, World } from '../chaos/world.ts'

type EvseStatus = components['schemas']['SiteEvseStatus']

const HOURS_MS = 3_600_000
const WAIT = { timeout: 20_000, interval: 100 }
let dataDir: string
let world: World
let station: Station

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-iso15118-'))
  world = await World.start({ dataDir, plan: sitePlan('sockets', 3), seed: 7 })
  await world.open()
  const [first] = world.fleet.stations
  if (!first) throw new Error('The world of this test has stations')
  station = first
  const hour = (offset: number) => new Date(Date.now() + offset * HOURS_MS).toISOString()
  const prices = [
    { from: hour(-1), to: hour(2), pricePerKwh: 0.5 },
    { from: hour(2), to: hour(30), pricePerKwh: 0.1 },
  ]
  await world.api('PUT', `/sites/${SITE_ID}/steering`, { policy: 'fair', prices })
}, 60_000)
afterAll(async () => {
  await world.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function evse(): Promise<EvseStatus | undefined> {
  // The service keeps to the contract that these types come from.
  const status = (await world.api('GET', `/sites/${SITE_ID}/status`)) as components['schemas']['SiteStatus']
  return status.evses.find((one) => one.stationId === station.id)
}
const held = () =>
  station.profiles.find(({ profile }) => profile.chargingProfilePurpose === 'TxProfile')?.profile
const offered = () => held()?.chargingSchedule ?? []
const first = () => offered()[0]?.chargingSchedulePeriod[0]?.limit ?? 0
const written = () => station.counters.profilesAccepted
const plan = (id: number, limit: number) =>
  station.call('NotifyEVChargingSchedule', {
    evseId: 1,
    timeBase: new Date().toISOString(),
    chargingSchedule: {
      id,
      chargingRateUnit: 'A',
      // Within the lease; what comes after it is less.
      duration: 120,
      chargingSchedulePeriod: [{ startPeriod: 0, limit }],
    },
  })

describe('a car that speaks ISO 15118, at a station of a site', () => {
  test('K15: tells its needs, and may choose from three schedules over its whole stay, with the prices', async () => {
    const departureMs = Date.now() + 12 * HOURS_MS
    const car = { phases: 3 as const, maxCurrentA: 32, iso15118: true, departureMs, batteryWh: 40_000 }
    world.plug(station, createRandom(1), car)
    await expect.poll(() => offered().length, WAIT).toBe(3)
    // It stays what it is: the site can keep it, so it has no end.
    await expect
      .poll(() => offered().map(({ duration }) => duration), WAIT)
      .toEqual([undefined, undefined, undefined])
    await expect.poll(first, WAIT).toBeGreaterThan(24)
    const [most, flat, cheap] = offered().map(({ chargingSchedulePeriod }) => chargingSchedulePeriod)
    expect(most?.map(({ limit }) => limit)).toEqual([first()])
    expect(flat?.[0]?.limit).toBeLessThan(first() / 2)
    expect(cheap?.map(({ limit }) => limit).slice(0, 2)).toEqual([0, first()])
    for (const { salesTariff } of offered())
      expect(salesTariff?.salesTariffEntry.map(({ ePriceLevel }) => ePriceLevel)).toEqual([2, 1])
    await expect.poll(async () => (await evse())?.iso15118?.schedulesOffered, WAIT).toBe(3)
  }, 60_000)

  test('K16: gets a new profile when the limit of the site falls, and its plan within that is accepted', async () => {
    const before = (await evse())?.iso15118?.byUs ?? 0
    await world.setLimit('grid', 12)
    await expect.poll(first, WAIT).toBeLessThanOrEqual(12)
    await expect.poll(async () => (await evse())?.iso15118?.byUs ?? 0, WAIT).toBeGreaterThan(before)
    expect(await plan(1, first())).toEqual({ status: 'Accepted' })
    expect((await evse())?.iso15118?.refusedPlans).toBe(0)
  }, 60_000)

  test('K15.FR.12, K16.FR.07: is refused a plan above the schedule that it names, and gets a profile again', async () => {
    const before = written()
    expect(await plan(1, first() + 5)).toEqual({ status: 'Rejected' })
    await expect.poll(written, WAIT).toBeGreaterThan(before)
    expect(await plan(1, first())).toEqual({ status: 'Accepted' })
    await expect.poll(async () => (await evse())?.iso15118?.refusedPlans, WAIT).toBe(1)
  }, 60_000)

  test('K17: renegotiates by telling its needs again, and gets a profile for them', async () => {
    const before = written()
    station.renegotiate(1)
    await expect.poll(written, WAIT).toBeGreaterThan(before)
    await expect.poll(async () => (await evse())?.iso15118?.byCar, WAIT).toBe(1)
  }, 60_000)

  test('shows in the metrics how often it was made to renegotiate, and by whom', async () => {
    const text = await world.metrics()
    expect(text).toMatch(/gridkeep_site_renegotiations_total\{site="[^"]+",by="car"\} 1\n/)
    expect(text).toMatch(/gridkeep_site_renegotiations_total\{site="[^"]+",by="refused-plan"\} 1\n/)
  }, 60_000)

  test('K01.FR.22: no profile leaves that a CSMS must not send, whoever wrote it', async () => {
    const before = written()
    const chargingSchedule = [
      {
        id: 1,
        startSchedule: new Date().toISOString(),
        chargingRateUnit: 'A',
        chargingSchedulePeriod: [{ startPeriod: 0, limit: 8 }],
      },
    ]
    const chargingProfile = {
      id: 99,
      stackLevel: 0,
      chargingProfilePurpose: 'ChargingStationExternalConstraints',
      chargingProfileKind: 'Absolute',
      chargingSchedule,
    }
    const call = world.api('POST', `/stations/${station.id}/calls/SetChargingProfile`, {
      evseId: 1,
      chargingProfile,
    })
    await expect(call).rejects.toThrow(/400.*K01\.FR\.22/s)
    expect(written()).toBe(before)
  }, 60_000)
})
