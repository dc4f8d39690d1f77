import { describe, expect, test } from 'vitest'
import { DEFAULT_DEVICE, encodeLease, openSite, type Push } from '../../../profiles/index.ts'
import { needsOf } from '../../../src/energy/demand-book.ts'
import { judgeSchedule, renewedLease, withAlternative } from '../../../src/energy/iso15118.ts'
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

const lease = {
  profileId: 1011,
  limitA: 16,
  expiresAtMs: T0 + 240_000,
  sentAtMs: T0,
  transactionId: 'tx',
  unit: 'A' as const,
}

function judged(limit: number, startPeriod = 0, chargingRateUnit: 'A' | 'W' = 'A') {
  return judgeSchedule({
    evse: ac as typeof ac & object,
    request: {
      evseId: 1,
      timeBase: AT,
      chargingSchedule: {
        id: 1,
        chargingRateUnit,
        chargingSchedulePeriod: [
          { startPeriod: 0, limit: 10 },
          { startPeriod: startPeriod + 1, limit },
        ],
      },
    },
    transactionId: 'tx',
    lease,
    nowMs: T0,
  })
}

describe('the schedule that a car has chosen', () => {
  test('is accepted within the lease, in amperes and in watts', () => {
    expect(judged(16).accepted).toBe(true)
    expect(judged(16 * 690, 0, 'W').accepted).toBe(true)
  })

  test('is refused above it', () => {
    expect(judged(18).accepted).toBe(false)
    expect(judged(18 * 690, 0, 'W').accepted).toBe(false)
  })

  test('is not judged beyond the end of the lease', () => {
    expect(judged(32, 240).accepted).toBe(true)
  })

  test('is refused where nothing was allowed', () => {
    const request = {
      evseId: 1,
      timeBase: AT,
      chargingSchedule: {
        id: 1,
        chargingRateUnit: 'A' as const,
        chargingSchedulePeriod: [{ startPeriod: 0, limit: 6 }] as [{ startPeriod: number; limit: number }],
      },
    }
    expect(judgeSchedule({ evse: ac, request, transactionId: 'tx', lease: null, nowMs: T0 }).accepted).toBe(
      false,
    )
  })
})

describe('a profile for a car that plans', () => {
  const push = (): Extract<Push, { action: 'SetChargingProfile' }> => {
    const made = renewedLease({
      evse: ac,
      device: DEFAULT_DEVICE,
      held: lease,
      transactionId: 'tx',
      leaseMs: 240_000,
      nowMs: T0,
    })
    if (!made) throw new Error('A station that takes amperes gets a lease')
    return made
  }

  test('repeats the lease without allowing more', () => {
    expect(push().belief.limitA).toBe(16)
    expect(push().request.chargingProfile.transactionId).toBe('tx')
  })

  test('offers the slower schedule beside it, within what the car takes', () => {
    const alternative = { averageA: 8, maxTuples: 12 }
    const dressed = withAlternative(push(), { evse: ac, device: DEFAULT_DEVICE, alternative })
    const limits = dressed.request.chargingProfile.chargingSchedule.map(
      (schedule) => schedule.chargingSchedulePeriod[0]?.limit,
    )
    expect(limits).toEqual([16, 8])
    expect(dressed.belief).toEqual(push().belief)
  })

  test('stays with one schedule where the car takes no more, or needs all it can get', () => {
    const one = withAlternative(push(), {
      evse: ac,
      device: DEFAULT_DEVICE,
      alternative: { averageA: 8, maxTuples: 1 },
    })
    const all = withAlternative(push(), {
      evse: ac,
      device: DEFAULT_DEVICE,
      alternative: { averageA: 30, maxTuples: null },
    })
    expect(one.request.chargingProfile.chargingSchedule).toHaveLength(1)
    expect(all.request.chargingProfile.chargingSchedule).toHaveLength(1)
  })

  test('is the same that the core encodes', () => {
    const encoded = encodeLease({
      evse: ac,
      device: DEFAULT_DEVICE,
      unit: 'A',
      limitA: 16,
      nowMs: T0,
      transactionId: 'tx',
      leaseMs: 240_000,
    })
    expect(push().request).toEqual(encoded.request)
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
