import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ChargingProfile,
  compressPeriods,
  DEFAULT_DEVICE,
  encodeHold,
  encodeLease,
  encodeSafe,
  encodeStationMax,
  type InstalledProfile,
  openSite,
  type Phase,
  type ProfileContext,
  type SetChargingProfileRequest,
  type SiteEvse,
  type Supply,
  validateSetChargingProfile,
} from '../../profiles/index.ts'

const NOW_MS = Date.parse('2026-03-01T12:00:00Z')

function evse(supply: Supply): SiteEvse {
  const opened = openSite({
    id: 's',
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: 400,
      children: [{ kind: 'station', id: 'A', evses: [{ evseId: 1, supply }] }],
    },
  })
  const made = opened.ok ? opened.site.evses[0] : undefined
  if (!made) throw new Error('the site is fine')
  return made
}
const AC = evse({ kind: 'ac', rotation: [1, 2, 3], maxA: 32 })
const DC = evse({ kind: 'dc', maxW: 50_000, efficiency: 0.9 })

const context = (over: Partial<ProfileContext> = {}): ProfileContext => ({
  message: 'SetChargingProfile',
  evseIds: [1, 2],
  device: DEFAULT_DEVICE,
  installed: [],
  maxScheduleTuples: null,
  ...over,
})

const lease = (limitA: number, unit: 'A' | 'W' = 'A', of: SiteEvse = AC) =>
  encodeLease({
    evse: of,
    device: DEFAULT_DEVICE,
    unit,
    limitA,
    nowMs: NOW_MS,
    leaseMs: 240_000,
    transactionId: 't1',
  })

describe('an encoded profile', () => {
  it('is a lease that ends by itself, for one transaction, robust against a slow clock', () => {
    const { request, belief } = lease(16.04)
    expect(request).toMatchObject({
      evseId: 1,
      chargingProfile: { chargingProfilePurpose: 'TxProfile', transactionId: 't1' },
    })
    expect(request.chargingProfile.chargingSchedule[0]).toMatchObject({
      startSchedule: '2026-03-01T11:59:00.000Z',
      duration: 300,
      chargingSchedulePeriod: [{ startPeriod: 0, limit: 16, numberPhases: 3 }],
    })
    expect(belief).toMatchObject({ limitA: 16, expiresAtMs: NOW_MS + 240_000 })
  })

  it('never writes a current between the pause and the minimum', () => {
    expect(lease(5.9).belief.limitA).toBe(0)
    expect(lease(6).belief.limitA).toBe(6)
  })

  it('writes watts over all wired phases, so that one phase cannot take the power of three', () => {
    expect(lease(10, 'W').request.chargingProfile.chargingSchedule[0]?.chargingSchedulePeriod[0]).toEqual({
      startPeriod: 0,
      limit: 6_900,
      numberPhases: 3,
    })
  })

  it('writes outlet watts for direct current, without phases', () => {
    const period = lease(20, 'W', DC).request.chargingProfile.chargingSchedule[0]?.chargingSchedulePeriod[0]
    expect(period).toEqual({ startPeriod: 0, limit: 20 * 690 * 0.9 })
  })

  it('caps a station in watts at what its own lines carry', () => {
    const capOf = (supplies: readonly Supply[], voltageV = 230) => {
      const evses = supplies.map(evse)
      const { request } = encodeStationMax({ unit: 'W', limitA: 16, evses, voltageV, nowMs: NOW_MS })
      return request.chargingProfile.chargingSchedule[0]?.chargingSchedulePeriod[0]
    }
    const on = (...rotation: Phase[]): Supply => ({ kind: 'ac', rotation, maxA: 32 })
    expect(capOf([on(2)])).toMatchObject({ limit: 16 * 230, numberPhases: 1 })
    expect(capOf([on(2), on(2)])).toMatchObject({ limit: 16 * 230, numberPhases: 1 })
    expect(capOf([on(1), on(2)])).toMatchObject({ limit: 16 * 230 * 2, numberPhases: 2 })
    expect(capOf([on(1, 2, 3), on(3, 1, 2)])).toMatchObject({ limit: 16 * 690, numberPhases: 3 })
    expect(capOf([{ kind: 'ac-line', between: [1, 2], maxA: 32 }])?.limit).toBeCloseTo(
      16 * 230 * Math.sqrt(3),
      0,
    )
    const dc: Supply = { kind: 'dc', maxW: 50_000, efficiency: 0.9 }
    expect(capOf([dc, dc])).toMatchObject({ limit: 16 * 690 * 0.9, numberPhases: 3 })
  })

  it('never rounds up and always passes the rules', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 32, noNaN: true }),
        fc.constantFrom('A' as const, 'W' as const),
        fc.boolean(),
        (limitA, unit, dc) => {
          const of = dc ? DC : AC
          const input = { evse: of, device: DEFAULT_DEVICE, unit, limitA, nowMs: NOW_MS }
          const made = [
            lease(limitA, unit, of),
            encodeSafe(input),
            encodeHold({ ...input, leaseMs: 600_000 }),
            encodeStationMax({ unit, limitA, evses: [of], voltageV: 230, nowMs: NOW_MS }),
          ]
          for (const { request, belief } of made) {
            expect(belief.limitA).toBeLessThanOrEqual(limitA + 1e-6)
            expect(validateSetChargingProfile(request, context())).toEqual([])
          }
        },
      ),
    )
  })

  it('fits schedules into few periods without ever raising a limit', () => {
    const periods = fc.array(fc.integer({ min: 0, max: 32 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(periods, fc.integer({ min: 1, max: 5 }), (limits, maxPeriods) => {
        const full = limits.map((limit, k) => ({ startPeriod: k * 60, limit }))
        const short = compressPeriods(full, { maxPeriods, durationS: limits.length * 60 })
        expect(short.length).toBeLessThanOrEqual(maxPeriods)
        for (const [k, limit] of limits.entries()) {
          const held = short.filter((period) => period.startPeriod <= k * 60).at(-1)
          expect(held?.limit ?? 0).toBeLessThanOrEqual(limit)
        }
      }),
    )
  })
})

type Change = { evseId?: number; profile?: Partial<ChargingProfile>; schedule?: object; period?: object }
function changed({ evseId, profile, schedule, period }: Change): SetChargingProfileRequest {
  return {
    evseId: evseId ?? 1,
    chargingProfile: {
      id: 5,
      stackLevel: 0,
      chargingProfilePurpose: 'TxProfile',
      chargingProfileKind: 'Absolute',
      transactionId: 't1',
      chargingSchedule: [
        {
          id: 1,
          startSchedule: '2026-03-01T12:00:00Z',
          duration: 600,
          chargingRateUnit: 'A',
          chargingSchedulePeriod: [{ startPeriod: 0, limit: 10, ...period }],
          ...schedule,
        },
      ],
      ...profile,
    },
  }
}
const without = (field: 'transactionId', request: SetChargingProfileRequest): SetChargingProfileRequest => {
  const { [field]: _gone, ...chargingProfile } = request.chargingProfile
  return { ...request, chargingProfile }
}
const installed = (evseId: number, profile: Partial<ChargingProfile>): InstalledProfile => ({
  evseId,
  profile: { ...changed({}).chargingProfile, id: 9, ...profile },
})
const TX_DEFAULT = { chargingProfilePurpose: 'TxDefaultProfile' } as const
const periods = (...starts: number[]) => ({
  chargingSchedulePeriod: starts.map((startPeriod) => ({ startPeriod, limit: 10 })),
})

const DAILY = { chargingProfileKind: 'Recurring', recurrencyKind: 'Daily' } as const
const tariff = (entries: number, stepS = 3600) => ({
  salesTariff: {
    id: 1,
    numEPriceLevels: 2,
    salesTariffEntry: Array.from({ length: entries }, (_, k) => ({
      relativeTimeInterval: { start: k * stepS },
      ePriceLevel: 1 + (k % 2),
    })),
  },
})
const twice = () => {
  const [one] = changed({}).chargingProfile.chargingSchedule
  if (!one) throw new Error('there is one')
  return { chargingSchedule: [one, { ...one, id: 2 }] }
}

describe('the rules for an outgoing profile', () => {
  it.each<[string, SetChargingProfileRequest, Partial<ProfileContext>]>([
    ['K01.FR.03', without('transactionId', changed({})), {}],
    ['K01.FR.16', changed({ evseId: 0 }), {}],
    ['K01.FR.28', changed({ evseId: 7 }), {}],
    ['K01.FR.22', changed({ profile: { chargingProfilePurpose: 'ChargingStationExternalConstraints' } }), {}],
    [
      'K04.FR.03',
      without('transactionId', changed({ profile: { chargingProfilePurpose: 'ChargingStationMaxProfile' } })),
      {},
    ],
    [
      'K01.FR.38',
      changed({
        evseId: 0,
        profile: { chargingProfilePurpose: 'ChargingStationMaxProfile', chargingProfileKind: 'Relative' },
      }),
      {},
    ],
    ['K01.FR.39', changed({}), { installed: [installed(1, {})] }],
    ['K01.FR.06', changed({ profile: TX_DEFAULT }), { installed: [installed(1, TX_DEFAULT)] }],
    ['K01.FR.52', changed({ evseId: 0, profile: TX_DEFAULT }), { installed: [installed(1, TX_DEFAULT)] }],
    ['K01.FR.53', changed({ profile: TX_DEFAULT }), { installed: [installed(0, TX_DEFAULT)] }],
    [
      'K01.FR.05',
      changed({}),
      { installed: [installed(1, { id: 5, chargingProfilePurpose: 'ChargingStationExternalConstraints' })] },
    ],
    ['K01.FR.31', changed({ schedule: periods(5) }), {}],
    ['K01.FR.35', changed({ schedule: periods(0, 60, 60) }), {}],
    ['K01.FR.11', changed({ schedule: periods(0, 600) }), {}],
    ['K01.FR.41', changed({ profile: { chargingProfileKind: 'Relative' } }), {}],
    ['K01.FR.40', changed({ schedule: { startSchedule: undefined } }), {}],
    ['K01.FR.19', changed({ period: { numberPhases: 3, phaseToUse: 1 } }), {}],
    ['K01.FR.20', changed({ period: { numberPhases: 1, phaseToUse: 1 } }), {}],
    [
      'K01.FR.26',
      changed({ schedule: { chargingRateUnit: 'W' } }),
      { device: { ...DEFAULT_DEVICE, rateUnits: ['A'] } },
    ],
    [
      'K01.FR.37',
      changed({ profile: { validFrom: '2026-03-02T00:00:00Z', validTo: '2026-03-01T00:00:00Z' } }),
      {},
    ],
    ['K05.FR.02', changed({}), { message: 'RequestStartTransaction' }],
    ['K01.FR.09', changed({}), { transactions: [{ evseId: 2, transactionId: 't1' }] }],
    ['K01.FR.33', changed({}), { transactions: [{ evseId: 1, transactionId: 't2' }] }],
    ['K01.FR.29', changed({}), { device: { ...DEFAULT_DEVICE, enabled: false } }],
    [
      'K05.FR.04',
      without('transactionId', changed({})),
      { message: 'RequestStartTransaction', device: { ...DEFAULT_DEVICE, enabled: false } },
    ],
    [
      'K05.FR.02',
      without('transactionId', changed({ profile: TX_DEFAULT })),
      { message: 'RequestStartTransaction' },
    ],
    ['K01.FR.13', changed({ profile: DAILY, schedule: { duration: 90_000 } }), {}],
    ['K01.FR.13', changed({ profile: DAILY, schedule: { ...periods(0, 86_400), duration: undefined } }), {}],
    ['K01.FR.34', changed({ profile: twice() }), {}],
    ['K15.FR.07', changed({ profile: { ...TX_DEFAULT, ...twice() } }), { maxScheduleTuples: 9 }],
    ['K15.FR.07', changed({ schedule: tariff(2) }), { maxScheduleTuples: 1 }],
    ['K15.FR.07', changed({ schedule: tariff(2) }), { maxScheduleTuples: 9 }],
    ['K15.FR.07', changed({ schedule: tariff(1) }), {}],
    ['schema', changed({ schedule: tariff(2, 0) }), { maxScheduleTuples: 9 }],
    ['schema', changed({ profile: { stackLevel: 99 } }), {}],
    ['schema', changed({ period: { limit: 10.05 } }), {}],
    ['schema', changed({ period: { limit: -1 } }), {}],
    ['schema', changed({ profile: { chargingProfileKind: 'Recurring' } }), {}],
    ['schema', changed({ schedule: periods(0, 60) }), {}],
  ])('%s is enforced', (requirement, request, over) => {
    const broken = validateSetChargingProfile(request, context(over))
    expect(broken.map((violation) => violation.requirement)).toContain(requirement)
  })

  it('allows several schedules only to a car that speaks ISO 15118, and no more periods than it takes', () => {
    const one = changed({ schedule: periods(0, 60, 120) }).chargingProfile.chargingSchedule[0]
    if (!one) throw new Error('there is one')
    const device = { ...DEFAULT_DEVICE, periodsPerSchedule: 10 }
    const found = (count: number, maxScheduleTuples: number | null) => {
      const chargingSchedule = Array.from({ length: count }, (_, k) => ({ ...one, id: k + 1 }))
      const request = changed({ profile: { chargingSchedule } })
      const broken = validateSetChargingProfile(request, context({ maxScheduleTuples, device }))
      return broken.map((violation) => violation.requirement)
    }
    expect(found(3, null)).toContain('K01.FR.34')
    expect(found(3, 3)).toEqual([])
    expect(found(4, 3)).toContain('K15.FR.07')
    expect(found(1, 2)).toContain('K15.FR.07')
  })

  it('lets a profile replace itself, and stand beside one of another validity', () => {
    expect(
      validateSetChargingProfile(changed({}), context({ installed: [installed(1, { id: 5 })] })),
    ).toEqual([])
    const march = installed(1, { ...TX_DEFAULT, validTo: '2026-03-01T00:00:00Z' })
    const later = without(
      'transactionId',
      changed({ profile: { ...TX_DEFAULT, validFrom: '2026-03-01T00:00:00Z' } }),
    )
    expect(validateSetChargingProfile(later, context({ installed: [march] }))).toEqual([])
  })
})
