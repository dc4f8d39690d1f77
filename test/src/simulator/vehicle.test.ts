import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVehicle, type Vehicle, type VehicleOptions } from '../../../src/simulator/index.ts'
import { fractionAt, type Offer } from '../../../src/simulator/vehicle.ts'

const offer = (currentA: number, more: Partial<Offer> = {}): Offer => ({
  currentA,
  powerW: 0,
  phases: 3,
  voltageV: 230,
  kind: 'AC',
  ...more,
})

const prompt: VehicleOptions = { reactionMs: 0, startDelayMs: 0, rampAPerS: 1e9, shortfallA: 0 }

function run(car: Vehicle, offered: Offer, seconds: number, fromMs = 0): number {
  let nowMs = fromMs
  for (let second = 0; second < seconds; second++) {
    nowMs += 1000
    car.step({ nowMs, dtMs: 1000, offer: offered, drawFactor: 1 })
  }
  return nowMs
}

describe('a car', () => {
  it('draws on as many phases as its charger has and the EVSE offers', () => {
    for (const [carPhases, evsePhases, expected] of [
      [1, 3, [16, 0, 0]],
      [2, 3, [16, 16, 0]],
      [3, 3, [16, 16, 16]],
      [3, 1, [16, 0, 0]],
    ] as const) {
      const car = createVehicle({ ...prompt, phases: carPhases, maxCurrentA: 16 })
      run(car, offer(32, { phases: evsePhases }), 2)
      expect(car.currents).toEqual(expected)
    }
  })

  it('stops below its minimum and takes no more than its maximum', () => {
    const car = createVehicle({ ...prompt, maxCurrentA: 16 })
    run(car, offer(5.9), 5)
    expect(car.currents).toEqual([0, 0, 0])
    run(car, offer(32), 5, 10_000)
    expect(car.currents[0]).toBe(16)
  })

  it('follows a lower offer after its reaction time, at once, and a higher one at its ramp', () => {
    const car = createVehicle({ ...prompt, maxCurrentA: 32, reactionMs: 3000, rampAPerS: 2 })
    let nowMs = run(car, offer(32), 20)
    expect(car.currents[0]).toBeCloseTo(32)
    nowMs = run(car, offer(10), 3, nowMs)
    expect(car.currents[0]).toBeCloseTo(32)
    nowMs = run(car, offer(10), 1, nowMs)
    expect(car.currents[0]).toBeCloseTo(10)
    nowMs = run(car, offer(20), 4, nowMs)
    expect(car.currents[0]).toBeCloseTo(12)
    run(car, offer(20), 4, nowMs)
    expect(car.currents[0]).toBeCloseTo(20)
  })

  it('tapers as the battery fills, and stops at its target', () => {
    const car = createVehicle({ ...prompt, batteryWh: 1000, soc: 0.5, targetSoc: 0.9, efficiency: 1 })
    const seen: number[] = []
    let nowMs = 0
    for (let minute = 0; minute < 20; minute++) {
      nowMs = run(car, offer(16), 60, nowMs)
      seen.push(car.currents[0])
    }
    expect(seen.some((currentA) => currentA > 0 && currentA < 16)).toBe(true)
    expect(seen.at(-1)).toBe(0)
    expect(car.full).toBe(true)
    expect(car.soc).toBeLessThan(0.92)
  })

  it('takes exactly the energy that its currents carried', () => {
    const car = createVehicle({ ...prompt, maxCurrentA: 10, batteryWh: 1e6 })
    run(car, offer(10), 3601)
    // One step of reaction, then an hour on three phases.
    expect(car.receivedWh).toBeCloseTo(3 * 230 * 10, 0)
  })

  it('never draws above an offer that is older than its reaction time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 40 }),
        fc.record({
          phases: fc.constantFrom(1, 2, 3),
          maxCurrentA: fc.integer({ min: 6, max: 32 }),
          reactionMs: fc.integer({ min: 0, max: 4000 }),
          soc: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        (offers, options) => {
          const car = createVehicle({ ...options, rampAPerS: 8, startDelayMs: 0 })
          const recent: number[] = []
          let nowMs = 0
          for (const currentA of offers) {
            nowMs += 1000
            recent.push(currentA)
            const drawn = car.step({ nowMs, dtMs: 1000, offer: offer(currentA), drawFactor: 1 })
            const window = recent.slice(-(Math.ceil(options.reactionMs / 1000) + 1))
            for (const phaseA of drawn) {
              expect(phaseA).toBeLessThanOrEqual(Math.max(...window) + 1e-9)
              expect(phaseA).toBeLessThanOrEqual(options.maxCurrentA + 1e-9)
              expect(phaseA).toBeGreaterThanOrEqual(0)
            }
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  it('takes DC power within its own and the offered limit, seen from the grid', () => {
    const car = createVehicle({ ...prompt, maxDcPowerW: 50_000 })
    run(car, offer(0, { kind: 'DC', powerW: 20_000 }), 3)
    const drawnW = car.currents.reduce((sum, currentA) => sum + currentA * 230, 0)
    expect(drawnW).toBeCloseTo(20_000 / 0.95, 0)
  })

  it('refuses a battery that cannot be', () => {
    expect(() => createVehicle({ soc: 1.2 })).toThrow(RangeError)
    expect(() => createVehicle({ batteryWh: 0 })).toThrow(RangeError)
  })
})

describe('a charge curve', () => {
  it('is linear between its points and constant outside of them', () => {
    const curve = [
      [0.2, 1],
      [0.8, 0.4],
    ] as const
    expect(fractionAt(curve, 0)).toBe(1)
    expect(fractionAt(curve, 0.5)).toBeCloseTo(0.7)
    expect(fractionAt(curve, 1)).toBe(0.4)
    expect(fractionAt([], 0.3)).toBe(1)
  })
})
