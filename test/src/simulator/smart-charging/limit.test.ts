import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compositeAt } from '../../../../profiles/index.ts'
import type { ChargingProfileType } from '../../../../src/ocpp/v201/messages.generated.ts'
import {
  type EvseView,
  evseLimit,
  nextChangeMs,
  stationCap,
} from '../../../../src/simulator/smart-charging/limit.ts'
import type { StoredProfile } from '../../../../src/simulator/smart-charging/profile-store.ts'
import { refusesProfile } from '../../../../src/simulator/smart-charging/validate.ts'
import { RULES, START, schedule, txDefault, txProfile } from './profiles.ts'

const SUPPLY = { kind: 'AC', voltageV: 230, phases: 3, maxCurrentA: 32, maxPowerW: 22_080 } as const
const EVSE: EvseView = {
  evseId: 1,
  supply: SUPPLY,
  transactionId: 'tx-1',
  transactionStartMs: START - 600_000,
}
const held = (evseId: number, profile: ChargingProfileType): StoredProfile => ({
  evseId,
  profile,
  source: 'CSO',
})
const limitA = (profiles: readonly StoredProfile[], atMs = START, evse = EVSE) =>
  evseLimit(profiles, evse, atMs).currentA

describe('what a station makes of its profiles', () => {
  it('is the hardware where nothing is said, never 0', () => {
    expect(limitA([])).toBe(32)
    expect(limitA([held(1, txProfile({ transactionId: 'another' }))])).toBe(32)
    expect(stationCap([], SUPPLY, START)).toBeUndefined()
  })

  it('is the TxProfile instead of the default, also when it allows more', () => {
    const profiles = [held(0, txDefault({ chargingSchedule: [schedule(8)] })), held(1, txProfile({ id: 2 }))]
    expect(limitA(profiles)).toBe(16)
    expect(limitA(profiles, START - 1)).toBe(32)
  })

  it('falls through to the next level in a gap and after the end', () => {
    const lease = txProfile({ stackLevel: 5, chargingSchedule: [schedule(20, { duration: 180 })] })
    const profiles = [held(1, lease), held(0, txDefault({ id: 2, chargingSchedule: [schedule(6)] }))]
    expect(limitA(profiles, START + 179_999)).toBe(20)
    expect(limitA(profiles, START + 180_000)).toBe(6)
    expect(nextChangeMs(profiles, undefined, START)).toBe(START + 180_000)
  })

  it('counts a Relative schedule from the start of the transaction', () => {
    const { startSchedule, ...relative } = schedule(16, {
      chargingSchedulePeriod: [
        { startPeriod: 0, limit: 16 },
        { startPeriod: 900, limit: 7 },
      ],
    })
    const profiles = [held(1, txProfile({ chargingProfileKind: 'Relative', chargingSchedule: [relative] }))]
    expect(limitA(profiles, START + 299_000)).toBe(16)
    expect(limitA(profiles, START + 300_000)).toBe(7)
  })

  it('repeats a daily schedule and lets watts and amperes meet', () => {
    const night = txDefault({
      chargingProfileKind: 'Recurring',
      recurrencyKind: 'Daily',
      chargingSchedule: [schedule(6900, { duration: 3600, chargingRateUnit: 'W' })],
    })
    const profiles = [held(0, night)]
    expect(limitA(profiles, START + 3 * 86_400_000 + 1000)).toBeCloseTo(10)
    expect(limitA(profiles, START + 3 * 86_400_000 + 3_600_000)).toBe(32)
  })

  it('agrees with the composite engine of the service on profiles that a station would take', () => {
    const period = fc.record({
      startPeriod: fc.constantFrom(0, 60, 600, 3600),
      limit: fc.integer({ min: 0, max: 40 }),
    })
    const anyProfile = fc
      .record({
        evseId: fc.constantFrom(0, 1, 2),
        id: fc.nat(20),
        stackLevel: fc.nat(4),
        purpose: fc.constantFrom('TxProfile', 'TxDefaultProfile', 'ChargingStationMaxProfile'),
        kind: fc.constantFrom('Absolute', 'Recurring', 'Relative'),
        recurrencyKind: fc.constantFrom('Daily', 'Weekly'),
        unit: fc.constantFrom('A', 'W'),
        offsetS: fc.integer({ min: -90_000, max: 90_000 }),
        durationS: fc.option(fc.constantFrom(30, 600, 5400, 100_000), { nil: undefined }),
        validFromS: fc.option(fc.integer({ min: -5000, max: 5000 }), { nil: undefined }),
        validForS: fc.option(fc.integer({ min: 1, max: 9000 }), { nil: undefined }),
        periods: fc.uniqueArray(period, { minLength: 1, maxLength: 4, selector: (each) => each.startPeriod }),
      })
      .map((drawn): StoredProfile => {
        const iso = (offsetS: number) => new Date(START + offsetS * 1000).toISOString()
        const { kind, purpose, validFromS, validForS, durationS } = drawn
        const scale = drawn.unit === 'W' ? 690 : 1
        return held(drawn.evseId, {
          id: drawn.id,
          stackLevel: drawn.stackLevel,
          chargingProfilePurpose: purpose,
          chargingProfileKind: kind,
          ...(kind === 'Recurring' ? { recurrencyKind: drawn.recurrencyKind } : {}),
          ...(purpose === 'TxProfile' ? { transactionId: 'tx-1' } : {}),
          ...(validFromS === undefined ? {} : { validFrom: iso(validFromS) }),
          ...(validFromS === undefined || validForS === undefined
            ? {}
            : { validTo: iso(validFromS + validForS) }),
          chargingSchedule: [
            {
              id: drawn.id,
              chargingRateUnit: drawn.unit,
              ...(kind === 'Relative' ? {} : { startSchedule: iso(drawn.offsetS) }),
              ...(durationS === undefined ? {} : { duration: durationS }),
              chargingSchedulePeriod: drawn.periods
                .sort((a, b) => a.startPeriod - b.startPeriod)
                .map(({ startPeriod, limit }, index) => ({
                  startPeriod: index === 0 ? 0 : startPeriod,
                  limit: limit * scale,
                })),
            },
          ],
        })
      })
    fc.assert(
      fc.property(
        fc.array(anyProfile, { maxLength: 6 }),
        fc.integer({ min: -20_000, max: 200_000 }),
        (drawn, atS) => {
          const profiles: StoredProfile[] = []
          for (const { evseId, profile } of drawn) {
            if (profiles.some((other) => other.profile.id === profile.id)) continue
            const rules = { ...RULES, held: profiles, maxEntries: 50, isDc: () => false }
            if (refusesProfile(evseId, profile, rules) === undefined) profiles.push(held(evseId, profile))
          }
          const atMs = START + atS * 1000
          const own = evseLimit(profiles, EVSE, atMs)
          const cap = stationCap(profiles, SUPPLY, atMs)
          const mineA = Math.min(own.currentA, cap?.currentA ?? Number.POSITIVE_INFINITY)
          const engine = compositeAt(
            {
              evseIds: [1, 2],
              evseId: 1,
              unit: 'A',
              profiles: profiles.map(({ evseId, profile }) => ({ evseId, profile })),
              transactions: [{ evseId: 1, transactionId: 'tx-1', startMs: EVSE.transactionStartMs ?? null }],
              defaults: { limitA: 32, limitW: 22_080, numberPhases: 3, voltageV: 230 },
            },
            atMs,
          )
          // The engine answers what the profiles say; the hardware caps it in the station.
          expect(mineA).toBeCloseTo(Math.min(32, engine.limit), 6)
        },
      ),
      { numRuns: 1500 },
    )
  })

  it('changes at no moment that nextChangeMs does not name', () => {
    const profiles = [
      held(
        0,
        txDefault({
          chargingProfileKind: 'Recurring',
          recurrencyKind: 'Daily',
          validTo: new Date(START + 2 * 86_400_000 + 1_800_000).toISOString(),
          chargingSchedule: [
            schedule(16, {
              duration: 7200,
              chargingSchedulePeriod: [
                { startPeriod: 0, limit: 16 },
                { startPeriod: 1200, limit: 9 },
              ],
            }),
          ],
        }),
      ),
    ]
    let atMs = START
    let nextMs = nextChangeMs(profiles, undefined, atMs)
    let present = limitA(profiles, atMs)
    for (; atMs < START + 3 * 86_400_000; atMs += 60_000) {
      if (atMs >= nextMs) {
        present = limitA(profiles, atMs)
        nextMs = nextChangeMs(profiles, undefined, atMs)
      }
      expect(limitA(profiles, atMs)).toBe(present)
    }
  })
})
