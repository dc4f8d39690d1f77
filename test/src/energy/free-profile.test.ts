import { describe, expect, it } from 'vitest'
import { CLOCK_SKEW_MS, DEFAULT_DEVICE } from '../../../profiles/index.ts'
import { exceeds, profileOfNeeds } from '../../../src/energy/free-profile.ts'
import type {
  ChargingProfileType,
  NotifyEVChargingNeedsRequest,
} from '../../../src/ocpp/v201/messages.generated.ts'

const NOW = Date.parse('2026-03-01T10:00:00Z')
const AC = { energyAmount: 20_000, evMinCurrent: 6, evMaxCurrent: 20, evMaxVoltage: 400 }

const made = (
  chargingNeeds: NotifyEVChargingNeedsRequest['chargingNeeds'],
  device: Partial<typeof DEFAULT_DEVICE> = {},
) =>
  profileOfNeeds(
    { evseId: 2, chargingNeeds },
    { transactionId: 'tx', device: { ...DEFAULT_DEVICE, ...device }, nowMs: NOW },
  )
const given = (needs: NotifyEVChargingNeedsRequest['chargingNeeds']): ChargingProfileType => {
  const profile = made(needs)
  if (profile === undefined) throw new Error('no profile')
  return profile
}

describe('a car of no site', () => {
  it('is given a TxProfile at its own current, in force at once', () => {
    expect(made({ requestedEnergyTransfer: 'AC_two_phase', acChargingParameters: AC })).toMatchObject({
      chargingProfilePurpose: 'TxProfile',
      chargingProfileKind: 'Absolute',
      transactionId: 'tx',
      chargingSchedule: [
        {
          startSchedule: new Date(NOW - CLOCK_SKEW_MS).toISOString(),
          chargingRateUnit: 'A',
          chargingSchedulePeriod: [{ startPeriod: 0, limit: 20, numberPhases: 2 }],
        },
      ],
    })
  })

  it('is given watts where the station takes nothing else, and always with direct current', () => {
    const watts = made(
      { requestedEnergyTransfer: 'AC_single_phase', acChargingParameters: AC },
      { rateUnits: ['W'] },
    )
    expect(watts?.chargingSchedule[0]).toMatchObject({
      chargingRateUnit: 'W',
      chargingSchedulePeriod: [{ limit: 20 * 230, numberPhases: 1 }],
    })
    const dc = made({
      requestedEnergyTransfer: 'DC',
      dcChargingParameters: { evMaxCurrent: 200, evMaxVoltage: 400, evMaxPower: 50_000 },
    })
    expect(dc?.chargingSchedule[0]).toMatchObject({
      chargingRateUnit: 'W',
      chargingSchedulePeriod: [{ startPeriod: 0, limit: 50_000 }],
    })
    expect(dc?.chargingSchedule[0]?.chargingSchedulePeriod[0]).not.toHaveProperty('numberPhases')
  })

  it('is promised nothing where it names no limit that a car can have (K15.FR.06)', () => {
    expect(made({ requestedEnergyTransfer: 'AC_three_phase' })).toBeUndefined()
    expect(made({ requestedEnergyTransfer: 'DC', acChargingParameters: AC })).toBeUndefined()
    const none = { ...AC, evMaxCurrent: 0 }
    expect(made({ requestedEnergyTransfer: 'AC_three_phase', acChargingParameters: none })).toBeUndefined()
  })
})

describe('the schedule that a car chose', () => {
  const profile = given({ requestedEnergyTransfer: 'AC_three_phase', acChargingParameters: AC })
  const chosen = (chargingSchedulePeriod: readonly { startPeriod: number; limit: number }[], more = {}) =>
    exceeds(
      {
        evseId: 2,
        timeBase: new Date(NOW).toISOString(),
        chargingSchedule: { id: 1, chargingRateUnit: 'A', chargingSchedulePeriod, ...more } as never,
      },
      profile,
      NOW,
    )

  it('may be all that it was given, and less', () => {
    expect(chosen([{ startPeriod: 0, limit: 20 }])).toBe(false)
    expect(chosen([{ startPeriod: 0, limit: 6 }])).toBe(false)
  })

  it('exceeds it wherever one of its periods does (K15.FR.12)', () => {
    expect(chosen([{ startPeriod: 0, limit: 21 }])).toBe(true)
    const later = [
      { startPeriod: 0, limit: 10 },
      { startPeriod: 600, limit: 32 },
    ]
    expect(chosen(later)).toBe(true)
    // What comes after its end never begins.
    expect(chosen(later, { duration: 500 })).toBe(false)
  })

  it('is not judged by what is over, nor against another unit', () => {
    const over = [
      { startPeriod: 0, limit: 32 },
      { startPeriod: 60, limit: 10 },
    ]
    expect(chosen(over, { startSchedule: new Date(NOW - 3_600_000).toISOString() })).toBe(false)
    expect(chosen([{ startPeriod: 0, limit: 7360 }], { chargingRateUnit: 'W' })).toBe(false)
  })
})
