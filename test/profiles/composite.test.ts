import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ChargingProfile,
  type ChargingSchedulePeriod,
  type CompositeRequest,
  compositeAt,
  compositeSchedule,
  type InstalledProfile,
  type ProfilePurpose,
} from '../../profiles/index.ts'
import { bruteForceAt } from './composite-brute-force.ts'

const NOON_MS = Date.parse('2026-03-28T12:00:00Z')
const DEFAULTS = { limitA: 48, limitW: 33_120, numberPhases: 3, voltageV: 230 }
const iso = (offsetS: number) => new Date(NOON_MS + offsetS * 1000).toISOString()

function profile(over: Partial<ChargingProfile> & { limitA: number }): ChargingProfile {
  const { limitA, ...rest } = over
  return {
    id: 1,
    stackLevel: 0,
    chargingProfilePurpose: 'TxDefaultProfile',
    chargingProfileKind: 'Absolute',
    chargingSchedule: [
      {
        id: 1,
        startSchedule: iso(0),
        chargingRateUnit: 'A',
        chargingSchedulePeriod: [{ startPeriod: 0, limit: limitA, numberPhases: 3 }],
      },
    ],
    ...rest,
  }
}

function request(
  profiles: readonly InstalledProfile[],
  over: Partial<CompositeRequest> = {},
): CompositeRequest {
  return {
    evseIds: [1, 2],
    profiles,
    transactions: [{ evseId: 1, transactionId: 't1', startMs: NOON_MS }],
    defaults: DEFAULTS,
    evseId: 1,
    unit: 'A',
    fromMs: NOON_MS,
    toMs: NOON_MS + 3_600_000,
    ...over,
  }
}

describe('a composite schedule', () => {
  it('is the default of the station where no profile says anything, never zero', () => {
    expect(compositeSchedule(request([])).periods).toMatchObject([
      { startPeriod: 0, limit: 48, purpose: null },
    ])
  })

  it('falls back to the default profile when a lease ends', () => {
    const lease: ChargingProfile = {
      ...profile({ limitA: 20, id: 2, chargingProfilePurpose: 'TxProfile', transactionId: 't1' }),
      chargingSchedule: [
        {
          id: 1,
          startSchedule: iso(-60),
          duration: 300,
          chargingRateUnit: 'A',
          chargingSchedulePeriod: [{ startPeriod: 0, limit: 20 }],
        },
      ],
    }
    const profiles = [
      { evseId: 1, profile: profile({ limitA: 6 }) },
      { evseId: 1, profile: lease },
    ]
    expect(compositeSchedule(request(profiles)).periods).toMatchObject([
      { startPeriod: 0, limit: 20, purpose: 'TxProfile' },
      { startPeriod: 240, limit: 6, purpose: 'TxDefaultProfile' },
    ])
  })

  it('ignores the TxProfile of another transaction', () => {
    const stale = profile({ limitA: 1, chargingProfilePurpose: 'TxProfile', transactionId: 'gone' })
    expect(compositeAt(request([{ evseId: 1, profile: stale }]), NOON_MS).limit).toBe(48)
  })

  it('gives a default profile only to an EVSE with a transaction, unless one is simulated', () => {
    const profiles = [{ evseId: 0, profile: profile({ limitA: 6 }) }]
    expect(compositeAt(request(profiles, { evseId: 2 }), NOON_MS).limit).toBe(48)
    expect(compositeAt(request(profiles, { evseId: 2, simulateTransaction: true }), NOON_MS).limit).toBe(6)
  })

  it('drops a profile that may not be used offline for so long', () => {
    const fragile = profile({ limitA: 30, stackLevel: 1, maxOfflineDuration: 600 })
    const profiles = [
      { evseId: 1, profile: profile({ limitA: 6, id: 2 }) },
      { evseId: 1, profile: fragile },
    ]
    const offline = compositeSchedule(request(profiles, { offlineSinceMs: NOON_MS - 300_000 }))
    expect(offline.periods.map(({ startPeriod, limit }) => [startPeriod, limit])).toEqual([
      [0, 30],
      [300, 6],
    ])
    const lapsed = compositeAt(request(profiles, { lapsedProfileIds: new Set([1]) }), NOON_MS)
    expect(lapsed.limit).toBe(6)
  })

  it('keeps running a daily schedule from yesterday until today begins', () => {
    const daily: ChargingProfile = {
      ...profile({ limitA: 0, chargingProfileKind: 'Recurring', recurrencyKind: 'Daily' }),
      chargingSchedule: [
        {
          id: 1,
          startSchedule: iso(600 - 86_400 * 30),
          chargingRateUnit: 'A',
          chargingSchedulePeriod: [
            { startPeriod: 0, limit: 16 },
            { startPeriod: 80_000, limit: 32 },
          ],
        },
      ],
    }
    const result = compositeSchedule(request([{ evseId: 1, profile: daily }]))
    expect(result.periods.map(({ startPeriod, limit }) => [startPeriod, limit])).toEqual([
      [0, 32],
      [600, 16],
    ])
  })
})

/** A profile with one period, always in force. */
function constant(
  chargingProfilePurpose: ProfilePurpose,
  chargingRateUnit: 'A' | 'W',
  period: Partial<ChargingSchedulePeriod>,
  over: Partial<ChargingProfile> = {},
): ChargingProfile {
  const chargingSchedulePeriod = [{ startPeriod: 0, ...period }]
  return {
    ...profile({ limitA: 0 }),
    chargingProfilePurpose,
    ...(chargingProfilePurpose === 'TxProfile' ? { transactionId: 't1' } : {}),
    chargingSchedule: [{ id: 1, startSchedule: iso(0), chargingRateUnit, chargingSchedulePeriod }],
    ...over,
  }
}

describe('what holds at an instant', () => {
  it('adds up EVSEs in the unit that was asked for, whatever unit their profiles are in (K08.FR.03)', () => {
    const profiles = [
      { evseId: 1, profile: constant('TxDefaultProfile', 'A', { limit: 16 }) },
      { evseId: 2, profile: constant('TxDefaultProfile', 'W', { limit: 12_420 }) },
    ]
    const station = { evseId: 0, simulateTransaction: true } as const
    expect(compositeAt(request(profiles, station), NOON_MS).limit).toBeCloseTo(34)
    const inWatts = compositeAt(request(profiles, { ...station, unit: 'W' }), NOON_MS)
    expect(inWatts.limit).toBeCloseTo(23_460)
  })

  it('takes watts with values for L2 and L3 as watts of one phase, without them as those of all (2.1)', () => {
    const profiles = [
      {
        evseId: 0,
        profile: constant('ChargingStationMaxProfile', 'A', {
          limit: 10,
          limit_L2: 1,
          limit_L3: 30,
          numberPhases: 3,
        }),
      },
      {
        evseId: 1,
        profile: constant('TxProfile', 'W', { limit: 1500, setpoint: 1800, dischargeLimit: -300 }),
      },
    ]
    expect(compositeAt(request(profiles, { unit: 'W' }), NOON_MS)).toMatchObject({
      limit: 500,
      limit_L2: 230,
      limit_L3: 500,
      setpoint: 500,
      setpoint_L2: 230,
      setpoint_L3: 500,
      dischargeLimit: -100,
      dischargeLimit_L2: -100,
      dischargeLimit_L3: -100,
    })
  })

  it('is the strictest of the phases where fewer than three are left', () => {
    const profiles = [
      { evseId: 0, profile: constant('ChargingStationMaxProfile', 'A', { limit: 190, numberPhases: 1 }) },
      { evseId: 1, profile: constant('TxProfile', 'A', { limit: 18, limit_L2: 17, limit_L3: 16 }) },
    ]
    const period = compositeAt(request(profiles, { unit: 'W' }), NOON_MS)
    expect(period).toMatchObject({ limit: 16 * 230, numberPhases: 1 })
    expect(period.limit_L2).toBeUndefined()
  })

  it('does not begin a period where watts of one profile go on as the same amperes of another', () => {
    const watts = constant('TxDefaultProfile', 'W', { limit: 3680 }, { stackLevel: 1 })
    const [schedule] = watts.chargingSchedule
    if (!schedule) throw new Error('the profile has a schedule')
    const profiles = [
      { evseId: 1, profile: { ...watts, chargingSchedule: [{ ...schedule, duration: 60 }] } },
      { evseId: 1, profile: constant('TxDefaultProfile', 'A', { limit: 5.333_333_333_3 }) },
    ]
    expect(compositeSchedule(request(profiles)).periods).toHaveLength(1)
  })

  it('knows external constraints of the station and of the EVSE at once (SC.01)', () => {
    const external = (limit: number, stackLevel: number) =>
      constant('ChargingStationExternalConstraints', 'A', { limit }, { stackLevel })
    const profiles = [
      { evseId: 0, profile: external(20, 3) },
      { evseId: 1, profile: external(8, 0) },
    ]
    expect(compositeAt(request(profiles), NOON_MS).limit).toBe(8)
    expect(compositeAt(request(profiles, { evseId: 2 }), NOON_MS).limit).toBe(20)
    expect(compositeAt(request(profiles, { evseId: 0 }), NOON_MS).limit).toBe(20)
  })

  it('follows no TxProfile without its transaction, not even where one is assumed (K08.FR.06, K02.FR.05)', () => {
    const profiles = [{ evseId: 2, profile: constant('TxProfile', 'A', { limit: 9 }) }]
    const assumed = request(profiles, { evseId: 2, simulateTransaction: true })
    expect(compositeAt(assumed, NOON_MS).limit).toBe(48)
  })

  it('falls through a period that limits nothing', () => {
    const profiles = [
      {
        evseId: 1,
        profile: constant('TxProfile', 'A', { operationMode: 'ChargingOnly' }, { stackLevel: 2 }),
      },
      { evseId: 1, profile: constant('TxDefaultProfile', 'A', { limit: 7 }) },
    ]
    expect(compositeAt(request(profiles), NOON_MS).limit).toBe(7)
  })

  it('follows a PriorityCharging profile while its transaction has priority, and only then (2.1)', () => {
    const profiles = [
      { evseId: 0, profile: constant('ChargingStationMaxProfile', 'A', { limit: 25 }) },
      { evseId: 1, profile: constant('TxProfile', 'A', { limit: 8 }) },
      { evseId: 0, profile: constant('PriorityCharging', 'A', { limit: 32 }) },
    ]
    expect(compositeAt(request(profiles), NOON_MS).limit).toBe(8)
    expect(compositeAt(request(profiles, { prioritised: new Set([1]) }), NOON_MS).limit).toBe(25)
  })

  it('adds local generation on top of what the others allow (2.1)', () => {
    const profiles = [
      { evseId: 0, profile: constant('ChargingStationMaxProfile', 'A', { limit: 10 }) },
      { evseId: 1, profile: constant('TxProfile', 'A', { limit: 8 }) },
      { evseId: 1, profile: constant('LocalGeneration', 'W', { limit: 1380 }) },
      { evseId: 0, profile: constant('LocalGeneration', 'A', { limit: 1 }) },
    ]
    expect(compositeAt(request(profiles), NOON_MS).limit).toBeCloseTo(8 + 2 + 1)
    expect(compositeAt(request(profiles, { unit: 'W' }), NOON_MS).limit).toBeCloseTo(11 * 690)
    const alone = profiles.slice(2)
    expect(compositeAt(request(alone), NOON_MS).limit).toBe(48)
  })

  it('takes the operation mode from the profile of the car, not from what caps the station', () => {
    const profiles = [
      {
        evseId: 0,
        profile: constant('ChargingStationMaxProfile', 'A', { limit: 30, operationMode: 'ChargingOnly' }),
      },
      {
        evseId: 1,
        profile: constant('TxProfile', 'A', { limit: 32, setpoint: 31, operationMode: 'CentralSetpoint' }),
      },
    ]
    expect(compositeAt(request(profiles), NOON_MS)).toMatchObject({
      limit: 30,
      setpoint: 30,
      operationMode: 'CentralSetpoint',
      purpose: 'ChargingStationMaxProfile',
    })
  })
})

const PURPOSES: readonly ProfilePurpose[] = [
  'ChargingStationExternalConstraints',
  'ChargingStationMaxProfile',
  'TxDefaultProfile',
  'TxDefaultProfile',
  'TxProfile',
  'TxProfile',
]

/** Times in a few minutes around noon, so that a window of two minutes is full of edges. */
const arbitraryProfile = fc
  .record({
    id: fc.integer({ min: 1, max: 9 }),
    evseId: fc.integer({ min: 0, max: 2 }),
    stackLevel: fc.integer({ min: 0, max: 3 }),
    purpose: fc.constantFrom(...PURPOSES),
    kind: fc.constantFrom('Absolute' as const, 'Recurring' as const, 'Relative' as const),
    recurrencyKind: fc.constantFrom('Daily' as const, 'Weekly' as const),
    days: fc.integer({ min: -15, max: 15 }),
    startS: fc.integer({ min: -200, max: 120 }),
    duration: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
    unit: fc.constantFrom('A' as const, 'W' as const),
    gaps: fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 0, maxLength: 4 }),
    limits: fc.array(fc.integer({ min: 0, max: 32 }), { minLength: 5, maxLength: 5 }),
    phases: fc.array(fc.constantFrom(undefined, 1, 2, 3), { minLength: 5, maxLength: 5 }),
    perPhase: fc.array(
      fc.option(fc.tuple(fc.integer({ min: 0, max: 32 }), fc.integer({ min: 0, max: 32 })), {
        nil: undefined,
        freq: 1,
      }),
      { minLength: 5, maxLength: 5 },
    ),
    validFrom: fc.option(fc.integer({ min: -60, max: 100 }), { nil: undefined }),
    validTo: fc.option(fc.integer({ min: 0, max: 150 }), { nil: undefined }),
    transactionId: fc.constantFrom('t1', 't2', 'old'),
    maxOfflineDuration: fc.option(fc.integer({ min: 10, max: 300 }), { nil: undefined }),
  })
  .map((raw): InstalledProfile => {
    const starts = [0]
    for (const gap of raw.gaps) starts.push((starts.at(-1) ?? 0) + gap)
    const scale = raw.unit === 'W' ? 700 : 1
    const days = raw.kind === 'Recurring' ? raw.days * (raw.recurrencyKind === 'Weekly' ? 7 : 1) : 0
    return {
      evseId:
        raw.purpose === 'ChargingStationMaxProfile'
          ? 0
          : raw.purpose === 'TxProfile'
            ? Math.max(1, raw.evseId)
            : raw.evseId,
      profile: {
        id: raw.id,
        stackLevel: raw.stackLevel,
        chargingProfilePurpose: raw.purpose,
        chargingProfileKind: raw.kind,
        ...(raw.kind === 'Recurring' ? { recurrencyKind: raw.recurrencyKind } : {}),
        ...(raw.purpose === 'TxProfile' ? { transactionId: raw.transactionId } : {}),
        ...(raw.validFrom === undefined ? {} : { validFrom: iso(raw.validFrom) }),
        ...(raw.validTo === undefined ? {} : { validTo: iso(raw.validTo) }),
        ...(raw.maxOfflineDuration === undefined ? {} : { maxOfflineDuration: raw.maxOfflineDuration }),
        chargingSchedule: [
          {
            id: 1,
            ...(raw.kind === 'Relative' ? {} : { startSchedule: iso(raw.startS + days * 86_400) }),
            ...(raw.duration === undefined ? {} : { duration: raw.duration }),
            chargingRateUnit: raw.unit,
            chargingSchedulePeriod: starts.map((startPeriod, k) => ({
              startPeriod,
              limit: (raw.limits[k] ?? 0) * scale,
              ...(raw.perPhase[k] === undefined
                ? {}
                : { limit_L2: raw.perPhase[k][0] * scale, limit_L3: raw.perPhase[k][1] * scale }),
              ...(raw.phases[k] === undefined ? {} : { numberPhases: raw.phases[k] }),
            })),
          },
        ],
      },
    }
  })

/** Two profiles of one purpose, level and EVSE cannot both be valid (K01.FR.06, 39, 52, 53): the first stays. */
function withoutTwins(profiles: readonly InstalledProfile[]): InstalledProfile[] {
  const seen = new Set<string>()
  return profiles.filter(({ evseId, profile }) => {
    const keys = [evseId, profile.chargingProfilePurpose === 'TxDefaultProfile' ? 'any' : evseId]
    const names = keys.map((key) => `${profile.chargingProfilePurpose}/${profile.stackLevel}/${key}`)
    if (names.some((name) => seen.has(name))) return false
    for (const name of names) seen.add(name)
    return true
  })
}

describe('any set of profiles', () => {
  it('gives second by second what the rules say, read one at a time (10,000 sets)', () => {
    const arbitrary = fc.record({
      profiles: fc.array(arbitraryProfile, { minLength: 1, maxLength: 6 }),
      evseId: fc.integer({ min: 0, max: 2 }),
      unit: fc.constantFrom('A' as const, 'W' as const),
      simulateTransaction: fc.boolean(),
      running: fc.array(fc.integer({ min: -300, max: 60 }), { maxLength: 2 }),
      offlineS: fc.option(fc.integer({ min: -200, max: 0 }), { nil: null }),
      lapsed: fc.constantFrom(0, 0, 3),
      lengthS: fc.integer({ min: 0, max: 90 }),
    })
    fc.assert(
      fc.property(arbitrary, (raw) => {
        const asked = request(withoutTwins(raw.profiles), {
          evseId: raw.evseId,
          unit: raw.unit,
          simulateTransaction: raw.simulateTransaction,
          transactions: raw.running.map((startS, k) => ({
            evseId: k + 1,
            transactionId: `t${k + 1}`,
            startMs: startS > 30 ? null : NOON_MS + startS * 1000,
          })),
          offlineSinceMs: raw.offlineS === null ? null : NOON_MS + raw.offlineS * 1000,
          lapsedProfileIds: new Set(raw.lapsed === 0 ? [] : [raw.lapsed]),
          toMs: NOON_MS + raw.lengthS * 1000,
        })
        const { periods } = compositeSchedule(asked)
        let index = 0
        for (let second = 0; second === 0 || second < raw.lengthS; second++) {
          while ((periods[index + 1]?.startPeriod ?? Number.POSITIVE_INFINITY) <= second) index++
          const truth = bruteForceAt(asked, NOON_MS / 1000 + second)
          const period = periods[index]
          const [l1 = 0, l2, l3] = truth.limit
          const near = (own: number | undefined, wanted: number | undefined) =>
            own === wanted || Math.abs((own ?? NaN) - (wanted ?? NaN)) < 1e-6 * Math.max(1, wanted ?? 0)
          const same =
            period !== undefined &&
            near(period.limit, l1) &&
            near(period.limit_L2, l2) &&
            near(period.limit_L3, l3) &&
            period.numberPhases === truth.numberPhases
          if (!same)
            throw new Error(`second ${second}: ${JSON.stringify(period)} against ${JSON.stringify(truth)}`)
        }
      }),
      { numRuns: 10_000, seed: 20_260_328 },
    )
  })
})
