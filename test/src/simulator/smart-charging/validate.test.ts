import { describe, expect, it } from 'vitest'
import type { ChargingProfileType } from '../../../../src/ocpp/v201/messages.generated.ts'
import type { StoredProfile } from '../../../../src/simulator/smart-charging/profile-store.ts'
import { type ProfileRules, refusesProfile } from '../../../../src/simulator/smart-charging/validate.ts'
import { RULES, schedule, txDefault, txProfile } from './profiles.ts'

const held = (evseId: number, profile: ChargingProfileType): StoredProfile => ({
  evseId,
  profile,
  source: 'CSO',
})
const stationMax = (more: Partial<ChargingProfileType> = {}) =>
  txDefault({ chargingProfilePurpose: 'ChargingStationMaxProfile', ...more })
const { startSchedule, ...withoutStart } = schedule(16)

describe('a profile that a station takes', () => {
  it.each<[string, number, ChargingProfileType, Partial<ProfileRules>]>([
    ['a TxProfile for the running transaction', 1, txProfile(), {}],
    ['a TxDefaultProfile for all EVSEs', 0, txDefault(), {}],
    ['a cap of the whole station', 0, stationMax(), {}],
    ['the same id again', 1, txProfile({ stackLevel: 3 }), { held: [held(1, txProfile())] }],
    ['another level', 1, txProfile({ id: 2, stackLevel: 1 }), { held: [held(1, txProfile())] }],
    [
      'the same level after the other has run out',
      0,
      txDefault({ id: 2, validFrom: '2026-03-02T10:00:00Z' }),
      { held: [held(0, txDefault({ validTo: '2026-03-02T10:00:00Z' }))] },
    ],
    [
      'a relative schedule without a start',
      1,
      txProfile({ chargingProfileKind: 'Relative', chargingSchedule: [withoutStart] }),
      {},
    ],
    [
      'three schedules for a car with ISO 15118',
      1,
      txProfile({ chargingSchedule: [schedule(16), schedule(10), schedule(6)] }),
      { iso15118On: () => true },
    ],
    [
      'a TxProfile that comes with the start',
      2,
      (({ transactionId, ...profile }) => profile)(txProfile()),
      { atStart: true },
    ],
  ])('%s', (_, evseId, profile, rules) => {
    expect(refusesProfile(evseId, profile, { ...RULES, ...rules })).toBeUndefined()
  })
})

describe('a profile that a station refuses', () => {
  it.each<[string, number, ChargingProfileType, Partial<ProfileRules>, string]>([
    ['an EVSE that is not there (K01.FR.28)', 3, txDefault(), {}, 'UnknownEvse'],
    [
      'an external constraint (K01.FR.22)',
      0,
      txDefault({ chargingProfilePurpose: 'ChargingStationExternalConstraints' }),
      {},
      'InvalidProfile',
    ],
    ['a TxProfile on EVSE 0 (K01.FR.16)', 0, txProfile(), {}, 'InvalidProfile'],
    [
      'a TxProfile without transaction (K01.FR.03)',
      1,
      (({ transactionId, ...profile }) => profile)(txProfile()),
      {},
      'MissingParam',
    ],
    ['a TxProfile when nothing runs (K01.FR.09)', 2, txProfile(), {}, 'TxNotFound'],
    ['a TxProfile for another transaction', 1, txProfile({ transactionId: 'tx-2' }), {}, 'TxNotFound'],
    ['a station cap on one EVSE (K04.FR.03)', 1, stationMax(), {}, 'InvalidProfile'],
    [
      'a relative station cap (K01.FR.38)',
      0,
      stationMax({ chargingProfileKind: 'Relative', chargingSchedule: [withoutStart] }),
      {},
      'InvalidProfile',
    ],
    ['a level above ProfileStackLevel', 1, txProfile({ stackLevel: 11 }), {}, 'InvalidStackLevel'],
    [
      'the same level and purpose twice (K01.FR.06)',
      1,
      txProfile({ id: 2 }),
      { held: [held(1, txProfile())] },
      'DuplicateProfile',
    ],
    [
      'a default for all where one EVSE has that level (K01.FR.52)',
      0,
      txDefault({ id: 2 }),
      { held: [held(1, txDefault())] },
      'DuplicateProfile',
    ],
    [
      'a default for one where all have that level (K01.FR.53)',
      1,
      txDefault({ id: 2 }),
      { held: [held(0, txDefault())] },
      'DuplicateProfile',
    ],
    [
      'an absolute schedule without a start (K01.FR.40)',
      1,
      txProfile({ chargingSchedule: [withoutStart] }),
      {},
      'InvalidSchedule',
    ],
    [
      'a relative schedule with a start (K01.FR.41)',
      1,
      txProfile({ chargingProfileKind: 'Relative' }),
      {},
      'InvalidSchedule',
    ],
    [
      'a recurring profile that does not say how often',
      1,
      txProfile({ chargingProfileKind: 'Recurring' }),
      {},
      'InvalidProfile',
    ],
    [
      'a validity that ends before it begins',
      1,
      txProfile({ validFrom: '2026-03-02T10:00:00Z', validTo: '2026-03-02T09:00:00Z' }),
      {},
      'InvalidProfile',
    ],
    [
      'two schedules without ISO 15118 (K01.FR.34)',
      1,
      txProfile({ chargingSchedule: [schedule(16), schedule(10)] }),
      {},
      'InvalidSchedule',
    ],
    [
      'a unit that the station does not know (K01.FR.26)',
      1,
      txProfile({ chargingSchedule: [schedule(16, { chargingRateUnit: 'W' })] }),
      { rateUnits: ['A'] },
      'UnsupportedRateUnit',
    ],
  ])('%s', (_, evseId, profile, rules, reason) => {
    expect(refusesProfile(evseId, profile, { ...RULES, ...rules })).toBe(reason)
  })

  it.each<
    [string, { startPeriod: number; limit: number; numberPhases?: number; phaseToUse?: number }[], string]
  >([
    [
      'a first period that does not start at 0 (K01.FR.31)',
      [{ startPeriod: 1, limit: 6 }],
      'InvalidSchedule',
    ],
    [
      'periods out of order (K01.FR.35)',
      [
        { startPeriod: 0, limit: 6 },
        { startPeriod: 60, limit: 6 },
        { startPeriod: 60, limit: 7 },
      ],
      'InvalidSchedule',
    ],
    ['a negative limit', [{ startPeriod: 0, limit: -1 }], 'InvalidSchedule'],
    ['four phases', [{ startPeriod: 0, limit: 6, numberPhases: 4 }], 'InvalidSchedule'],
    [
      'a phase to use that the station cannot choose (K01.FR.20)',
      [{ startPeriod: 0, limit: 6, numberPhases: 1, phaseToUse: 2 }],
      'UnsupportedParam',
    ],
    [
      'more periods than PeriodsPerSchedule',
      Array.from({ length: 25 }, (_, index) => ({ startPeriod: index, limit: 6 })),
      'TooManyElements',
    ],
  ])('%s', (_, chargingSchedulePeriod, reason) => {
    const profile = txProfile({ chargingSchedule: [schedule(16, { chargingSchedulePeriod })] })
    expect(refusesProfile(1, profile, RULES)).toBe(reason)
  })

  it('one more than fits', () => {
    const full = Array.from({ length: 5 }, (_, index) =>
      held(0, txDefault({ id: index + 10, stackLevel: index })),
    )
    const rules = { ...RULES, held: full }
    expect(refusesProfile(0, txDefault({ id: 99, stackLevel: 9 }), rules)).toBe('TooManyElements')
    expect(refusesProfile(0, txDefault({ id: 10, stackLevel: 9 }), rules)).toBeUndefined()
  })
})
