import { describe, expect, test } from 'vitest'
import { type ChargingSchedule, openSite } from '../../../profiles/index.ts'
import { needsOf } from '../../../src/energy/demand-book.ts'
import { judgeSchedule } from '../../../src/energy/iso15118.ts'
import type { Session } from '../../../src/store/sessions.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const AT = new Date(T0).toISOString()
const opened = openSite({
  id: 'depot',
  voltageV: 230,
  root: {
    kind: 'circuit',
    id: 'grid',
    limitA: 200,
    children: [
      {
        kind: 'station',
        id: 'A',
        evses: [
          { evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } },
          { evseId: 2, supply: { kind: 'dc', maxW: 60_000, efficiency: 0.9 } },
        ],
      },
    ],
  },
})
if (!opened.ok) throw new Error('The site of this test is refused')
const { site } = opened
const [ac, dc] = site.evses
if (!ac || !dc) throw new Error('The site of this test has two EVSEs')

const lease = (id: number, ...limits: number[]): ChargingSchedule => ({
  id,
  startSchedule: AT,
  duration: 7200,
  chargingRateUnit: 'A',
  chargingSchedulePeriod: limits.map((limit, hour) => ({ startPeriod: hour * 3600, limit })),
})

type Steps = readonly (readonly [number, number])[]
function judged(
  steps: Steps,
  over: Partial<Omit<ChargingSchedule, 'salesTariff'>> = {},
  given = [[lease(1, 16, 10)]],
) {
  const [first, ...more] = steps.map(([startPeriod, limit]) => ({ startPeriod, limit }))
  if (!first) throw new Error('a plan has a step')
  return judgeSchedule({
    evse: ac as typeof ac & object,
    request: {
      evseId: 1,
      timeBase: AT,
      chargingSchedule: { id: 1, chargingRateUnit: 'A', ...over, chargingSchedulePeriod: [first, ...more] },
    },
    transactionId: 'tx',
    given,
    allowedA: 16,
    nowMs: T0,
  })
}

describe('the schedule that a car has chosen', () => {
  test('is accepted within what it was given, in amperes and in watts', () => {
    expect(judged([[0, 16]], { duration: 3600 }).accepted).toBe(true)
    expect(judged([[0, 16 * 690]], { duration: 3600, chargingRateUnit: 'W' }).accepted).toBe(true)
    const both: Steps = [
      [0, 16],
      [3600, 10],
    ]
    expect(judged(both).accepted).toBe(true)
  })

  test('is refused above it, at any time of the stay', () => {
    expect(judged([[0, 18]]).accepted).toBe(false)
    expect(judged([[0, 18 * 690]], { chargingRateUnit: 'W' }).accepted).toBe(false)
    expect(judged([[0, 16]], { duration: 3700 }).accepted).toBe(false)
    const later = { startSchedule: new Date(T0 + 1800_000).toISOString() }
    expect(judged([[0, 16]], { ...later, duration: 1800 }).accepted).toBe(true)
    expect(judged([[0, 16]], { ...later, duration: 1900 }).accepted).toBe(false)
  })

  test('is not judged before now, nor beyond the end of what was given', () => {
    const steps: Steps = [
      [0, 16],
      [3600, 10],
      [7200, 32],
    ]
    expect(judged(steps).accepted).toBe(true)
    const past = { startSchedule: new Date(T0 - 60_000).toISOString() }
    const sinceThen: Steps = [
      [0, 32],
      [60, 10],
    ]
    expect(judged(sinceThen, past).accepted).toBe(true)
  })

  test('is judged by the schedule that it names, and by any where it names none of them', () => {
    const given = [[lease(1, 16, 16), lease(2, 8, 8)]]
    expect(judged([[0, 12]], { id: 1 }, given).accepted).toBe(true)
    expect(judged([[0, 12]], { id: 2 }, given).accepted).toBe(false)
    expect(judged([[0, 12]], { id: 99 }, given).accepted).toBe(true)
  })

  test('may be of the profile before, while the next is under way', () => {
    const given = [[lease(1, 8, 8)], [lease(1, 16, 16)]]
    expect(judged([[0, 16]], {}, given).accepted).toBe(true)
    expect(judged([[0, 18]], {}, given).accepted).toBe(false)
  })

  test('is refused where nothing was given', () => {
    expect(judged([[0, 6]], {}, []).accepted).toBe(false)
  })

  test('tells what it will take, on the grid side', () => {
    const { plan } = judged([[0, 6900]], { chargingRateUnit: 'W', duration: 600 })
    expect(plan.steps).toEqual([{ fromMs: T0, limitA: 10 }])
    expect(plan).toMatchObject({ untilMs: T0 + 600_000, allowedA: 16 })
  })
})

describe('what a car needs', () => {
  // Only what is read of a session.
  const session = { meterStartWh: 1000, meterLastWh: 3000 } as Session

  test('is taken from AC parameters as they are', () => {
    const needs = needsOf(
      {
        requestedEnergyTransfer: 'AC_three_phase',
        departureTime: '2026-11-22T17:00:00Z',
        acChargingParameters: { energyAmount: 20_000, evMinCurrent: 6, evMaxCurrent: 16, evMaxVoltage: 400 },
      },
      session,
      { site, evse: ac, at: AT },
    )
    expect(needs).toMatchObject({
      departure: '2026-11-22T17:00:00Z',
      energyWh: 20_000,
      saidAtWh: 2000,
      maxA: 16,
      minA: 6,
    })
  })

  test('is brought to the grid side of a DC charger, and to full where the car names no energy', () => {
    const needs = needsOf(
      {
        requestedEnergyTransfer: 'DC',
        dcChargingParameters: {
          evMaxCurrent: 100,
          evMaxVoltage: 400,
          evMaxPower: 31_050,
          evEnergyCapacity: 60_000,
          stateOfCharge: 50,
        },
      },
      session,
      { site, evse: dc, at: AT },
    )
    expect(needs.maxA).toBeCloseTo(50)
    expect(needs.energyWh).toBe(30_000)
    expect(needs.departure).toBeNull()
  })
})
