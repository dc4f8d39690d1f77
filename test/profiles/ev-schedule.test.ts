import { describe, expect, it } from 'vitest'
import {
  answerToPlan,
  type ChargingSchedule,
  DEFAULT_DEVICE,
  encodeOffers,
  openSite,
  planExceeds,
  readNeeds,
  type SiteEvse,
  validateSetChargingProfile,
} from '../../profiles/index.ts'

const NOW_MS = Date.parse('2026-03-01T12:00:00Z')

function evses(): [SiteEvse, SiteEvse] {
  const opened = openSite({
    id: 's',
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: 400,
      children: [
        {
          kind: 'station',
          id: 'A',
          evses: [
            { evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } },
            { evseId: 2, supply: { kind: 'dc', maxW: 50_000, efficiency: 0.9 } },
          ],
        },
      ],
    },
  })
  const [ac, dc] = opened.ok ? opened.site.evses : []
  if (!ac || !dc) throw new Error('the site is fine')
  return [ac, dc]
}
const [AC, DC] = evses()
const DEVICE = { ...DEFAULT_DEVICE, periodsPerSchedule: 24 }

describe('the needs of a car', () => {
  it('become what its session wants', () => {
    const needs = {
      departureTime: '2026-03-01T17:00:00Z',
      acChargingParameters: { energyAmount: 30_000, evMinCurrent: 6, evMaxCurrent: 16, evMaxVoltage: 400 },
    }
    expect(readNeeds(needs, AC)).toEqual({
      departureMs: Date.parse('2026-03-01T17:00:00Z'),
      remainingWh: 30_000,
      minA: 6,
      maxA: 16,
    })
  })

  it('count direct current on the grid side, and take what is missing to full', () => {
    const dc = { evMaxCurrent: 100, evMaxVoltage: 400, stateOfCharge: 25, evEnergyCapacity: 60_000 }
    const read = readNeeds({ dcChargingParameters: dc }, DC)
    expect(read).toMatchObject({ remainingWh: 45_000 })
    expect(read?.maxA).toBeCloseTo(40_000 / 0.9 / 690)
  })

  it('are refused when they say nothing usable', () => {
    expect(readNeeds({}, AC)).toBeNull()
    const broken = { energyAmount: 1, evMinCurrent: 6, evMaxCurrent: 0, evMaxVoltage: 400 }
    expect(readNeeds({ acChargingParameters: broken }, AC)).toBeNull()
  })
})

describe('schedules offered to a car', () => {
  const steps = [10, 16, 12, 8].map((limitA, k) => ({ fromS: k * 900, limitA }))
  const offers = Array.from({ length: 4 }, () => ({ steps, durationS: 3_600 }))
  const made = encodeOffers({
    evse: AC,
    device: DEVICE,
    unit: 'A',
    transactionId: 't1',
    nowMs: NOW_MS,
    offers,
    maxScheduleTuples: 3,
  })

  it('are at most three, with no more periods than the car takes, and within the rules', () => {
    expect(made.chargingProfile.chargingSchedule).toHaveLength(3)
    expect(made.chargingProfile.chargingSchedule[0]?.chargingSchedulePeriod).toHaveLength(3)
    const context = {
      message: 'SetChargingProfile' as const,
      evseIds: [1, 2],
      device: DEVICE,
      installed: [],
      maxScheduleTuples: 3,
    }
    expect(validateSetChargingProfile(made, context)).toEqual([])
  })

  it('never offer more than was planned at any time', () => {
    const periods = made.chargingProfile.chargingSchedule[0]?.chargingSchedulePeriod ?? []
    for (const step of steps) {
      const held = periods.filter((period) => period.startPeriod <= step.fromS + 60).at(-1)
      expect(held?.limit ?? 0).toBeLessThanOrEqual(step.limitA)
    }
  })
})

describe("a car's own plan", () => {
  const schedule = (
    limits: readonly (readonly [number, number])[],
    over: Partial<ChargingSchedule> = {},
  ): ChargingSchedule => ({
    id: 1,
    startSchedule: '2026-03-01T12:00:00Z',
    duration: 3_600,
    chargingRateUnit: 'W',
    chargingSchedulePeriod: limits.map(([startPeriod, limit]) => ({ startPeriod, limit })),
    ...over,
  })
  const offered = schedule([
    [0, 11_000],
    [1_800, 6_000],
  ])
  const answer = (planned: ChargingSchedule) => answerToPlan({ offered, planned, timeBaseMs: NOW_MS })

  it('is accepted within the offer and rejected above it, naming when', () => {
    expect(
      answer(
        schedule([
          [0, 11_000],
          [1_700, 6_000],
        ]),
      ),
    ).toBe('Accepted')
    const late = schedule([
      [0, 11_000],
      [1_900, 6_000],
    ])
    expect(answer(late)).toBe('Rejected')
    expect(planExceeds({ offered, planned: late, timeBaseMs: NOW_MS })).toBe(1_800)
  })

  it('is read on its own clock', () => {
    const later = schedule([[0, 6_000]], { startSchedule: '2026-03-01T12:30:00Z', duration: 1_800 })
    expect(answer(later)).toBe('Accepted')
    expect(answer({ ...later, duration: 1_900 })).toBe('Rejected')
    expect(answer(schedule([[0, 5_000]], { chargingRateUnit: 'A' }))).toBe('Rejected')
  })
})
