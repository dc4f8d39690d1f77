import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createArrivals,
  createFleet,
  createManualScheduler,
  createRandom,
  createVehicle,
  type Fleet,
  typicalVehicle,
} from '../../../src/simulator/index.ts'
import { QUICK_CAR, TOKEN } from './bench.ts'
import { startTestCsms, type TestCsms } from './test-csms.ts'

let csms: TestCsms
let fleet: Fleet | undefined

beforeEach(async () => {
  csms = await startTestCsms()
})

afterEach(async () => {
  await fleet?.stop()
  await csms.stop()
  expect(csms.violations).toEqual([])
})

const ids = (count: number) => Array.from({ length: count }, (_, index) => `CS-${index + 1}`)
const stationAt = (id: string) => ({
  id,
  endpoint: { url: csms.url, securityProfile: 1 as const, password: 'long-enough-secret' },
  stepMs: 20,
  driverDelayMs: 5,
})

describe('a fleet', () => {
  it('boots, charges and knows the true load of its site', async () => {
    const names = ids(6)
    const created = createFleet({
      connectsPerS: Number.POSITIVE_INFINITY,
      stations: names.map(stationAt),
      site: {
        nodes: [{ id: 'grid', limitA: 40 }],
        feeders: names.map((stationId, index) => ({
          stationId,
          evseId: 1,
          node: 'grid',
          rotation: (['RST', 'STR', 'TRS'] as const)[index % 3] ?? 'RST',
        })),
      },
    })
    fleet = created
    const started: string[] = []
    created.on('transactionStarted', (station) => started.push(station.id))
    created.start()
    await csms.until('all online', () => created.online() === 6)
    for (const station of created.stations) {
      station.plugIn(1, createVehicle({ ...QUICK_CAR, phases: 1, maxCurrentA: 16 }))
    }
    await csms.until('two cars on each phase', () =>
      (created.site?.currentA('grid') ?? []).every((currentA) => Math.abs(currentA - 32) < 0.01),
    )
    expect(started.sort()).toEqual(names)
    expect(created.counters()).toMatchObject({ transactions: 6, connects: 6, problems: 0 })
    expect(created.site?.record('grid').msAbove).toBe(0)
    expect(() => created.station('CS-99')).toThrow(RangeError)
  })

  it('runs faster than the clock when asked, and still gives the CSMS its real seconds to answer', async () => {
    const created = createFleet({
      acceleration: 600,
      stations: [{ ...stationAt('CS-1'), stepMs: 5000, driverDelayMs: 1000 }],
    })
    fleet = created
    created.start()
    await csms.until('online', () => created.online() === 1)
    const car = createVehicle({ batteryWh: 10_000, soc: 0.5, targetSoc: 0.8, token: TOKEN })
    created.station('CS-1').plugIn(1, car)
    await csms.until('charged in seconds', () => car.full)
    expect(car.soc).toBeGreaterThanOrEqual(0.8)
    expect(created.counters().timeouts).toBe(0)
  })
})

describe('arrivals', () => {
  it('come, take free EVSEs only, leave, and repeat with the seed', async () => {
    const run = async (seed: number) => {
      const scheduler = createManualScheduler(Date.now())
      const created = createFleet({
        scheduler,
        connectsPerS: Number.POSITIVE_INFINITY,
        stations: ids(2).map((id) => ({ ...stationAt(id), stepMs: 1000 })),
      })
      fleet = created
      created.start()
      await csms.until('online', () => created.online() === 2)
      const plugged: string[] = []
      created.on('plugged', (station, { vehicleId }) => plugged.push(`${station.id} ${vehicleId}`))
      const arrivals = createArrivals({
        fleet: created,
        random: createRandom(seed),
        meanGapMs: 20_000,
        stayMs: { min: 30_000, max: 60_000 },
        tokens: [TOKEN],
      })
      for (let step = 0; step < 60; step++) await scheduler.advance(5000)
      arrivals.stop()
      expect(arrivals.arrived - arrivals.departed).toBeLessThanOrEqual(2)
      expect(arrivals.departed).toBeGreaterThan(3)
      await created.stop()
      return plugged
    }
    expect(await run(3)).toEqual(await run(3))
  })

  it('bring the cars that are on the road', () => {
    const random = createRandom(5)
    const cars = Array.from({ length: 500 }, () => typicalVehicle(random))
    const share = (phases: number) => cars.filter((car) => car.phases === phases).length / cars.length
    expect(share(3)).toBeGreaterThan(0.55)
    expect(share(2)).toBeGreaterThan(0.05)
    expect(share(1)).toBeGreaterThan(0.1)
    for (const car of cars) expect(() => createVehicle(car)).not.toThrow()
  })
})
