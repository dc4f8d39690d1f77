import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  DEFAULT_DEVICE,
  encodeLease,
  openSite,
  type PriceStep,
  type SetChargingProfileRequest,
  type SiteEvse,
  salesTariffOf,
  validateSetChargingProfile,
  withChoices,
} from '../../profiles/index.ts'

const NOW_MS = Date.parse('2026-03-01T12:00:00Z')
const HOUR_MS = 3_600_000

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
const wish = (remainingWh: number, hours = 4, wattPerA = 690) => ({
  remainingWh,
  departureMs: NOW_MS + hours * HOUR_MS,
  wattPerA,
})
const price = (fromH: number, toH: number, pricePerKwh: number): PriceStep => ({
  fromMs: NOW_MS + fromH * HOUR_MS,
  toMs: NOW_MS + toH * HOUR_MS,
  pricePerKwh,
})

interface Offer {
  readonly limitA?: number
  readonly tailA?: number
  readonly leaseMs?: number | null
  readonly evse?: SiteEvse
  readonly tuples?: number | null
  readonly periods?: number
  readonly wish?: ReturnType<typeof wish> | null
  readonly prices?: readonly PriceStep[]
}
function offer(options: Offer): SetChargingProfileRequest {
  const { limitA = 16, tailA, leaseMs = null, evse = AC, tuples = 12, periods = 24, prices = [] } = options
  const device = { ...DEVICE, periodsPerSchedule: periods }
  const unit = evse === DC ? 'W' : 'A'
  const { request } = encodeLease({
    evse,
    device,
    unit,
    limitA,
    leaseMs,
    nowMs: NOW_MS,
    transactionId: 't1',
    ...(tailA === undefined ? {} : { tailA }),
  })
  const choices = { evse, device, nowMs: NOW_MS, maxScheduleTuples: tuples, prices }
  return withChoices(request, { ...choices, wish: options.wish === undefined ? wish(20_000) : options.wish })
}
const limitsOf = (request: SetChargingProfileRequest) =>
  request.chargingProfile.chargingSchedule.map((one) =>
    one.chargingSchedulePeriod.map(({ startPeriod, limit }) => [startPeriod, limit]),
  )

describe('what a car may choose from', () => {
  it('is the most that it is promised, what it needs on average, and the cheapest hours that suffice', () => {
    const prices = [price(0, 1, 0.4), price(1, 2, 0.1), price(2, 3, 0.3), price(3, 9, 0.2)]
    const made = offer({ prices })
    // 16 A are 11 kWh an hour: the second and the last hour do.
    expect(limitsOf(made)).toEqual([
      [[0, 16]],
      [[0, 7.3]],
      [
        [0, 0],
        [3660, 16],
        [7260, 0],
        [10_860, 16],
      ],
    ])
  })

  it('says what comes after the lease in each of them, and is flat only where it is lower', () => {
    expect(limitsOf(offer({ tailA: 6, leaseMs: 240_000 }))).toEqual([
      [
        [0, 16],
        [300, 6],
      ],
      [
        [0, 7.3],
        [300, 6],
      ],
    ])
  })

  it('does not defer to hours that are only hoped for', () => {
    // Six amperes through the cheap three hours are 12.4 kWh, not 20.
    const prices = [price(0, 1, 0.4), price(1, 9, 0.1)]
    expect(limitsOf(offer({ tailA: 6, leaseMs: 240_000, prices }))).toHaveLength(2)
    expect(limitsOf(offer({ tailA: 6, leaseMs: 240_000, prices, wish: wish(12_000) })).at(-1)).toEqual([
      [0, 0],
      [3660, 6],
    ])
  })

  it('is one schedule where the car did not say what it needs by when, needs all of it, or is late', () => {
    expect(limitsOf(offer({ wish: null }))).toHaveLength(1)
    expect(limitsOf(offer({ wish: wish(60_000) }))).toHaveLength(1)
    expect(limitsOf(offer({ wish: wish(10_000, -1) }))).toHaveLength(1)
  })

  it('counts the phases of the car, and watts of a DC outlet', () => {
    expect(limitsOf(offer({ wish: wish(10_000, 4, 230) }))[1]).toEqual([[0, 10.9]])
    expect(limitsOf(offer({ evse: DC, limitA: 50, wish: wish(20_000) }))).toEqual([
      [[0, 31_050]],
      [[0, 5_000]],
    ])
  })

  it('leaves out what the memory of station or car would spoil', () => {
    const prices = [price(0, 1, 0.4), price(1, 2, 0.1), price(2, 3, 0.3), price(3, 9, 0.2)]
    expect(limitsOf(offer({ prices, tuples: 3 }))).toHaveLength(2)
    expect(limitsOf(offer({ prices, periods: 3 }))).toHaveLength(2)
  })

  it('K15.FR.07, K15.FR.18: is never above the first schedule, and never more than fits', () => {
    const options = fc.record({
      limitA: fc.double({ min: 6, max: 32, noNaN: true }),
      tailA: fc.double({ min: 0, max: 6, noNaN: true }),
      leaseMs: fc.integer({ min: 60_000, max: 4 * HOUR_MS }),
      tuples: fc.option(fc.integer({ min: 2, max: 8 })),
      periods: fc.integer({ min: 2, max: 12 }),
      energy: fc.integer({ min: 0, max: 60_000 }),
      hours: fc.double({ min: 0.01, max: 20, noNaN: true }),
      costs: fc.array(fc.integer({ min: -3, max: 9 }), { maxLength: 30 }),
    })
    fc.assert(
      fc.property(options, ({ costs, energy, hours, tuples, periods, ...rest }) => {
        const prices = costs.map((cost, k) => price(k * 0.7 - 1, (k + 1) * 0.7 - 1, cost))
        const made = offer({ ...rest, tuples, periods, prices, wish: wish(energy, hours) })
        const context = { message: 'SetChargingProfile' as const, evseIds: [1], installed: [] }
        const device = { ...DEVICE, periodsPerSchedule: periods }
        expect(
          validateSetChargingProfile(made, { ...context, device, maxScheduleTuples: tuples ?? 1024 }),
        ).toEqual([])
        const [most = [], ...others] = limitsOf(made)
        const at = (steps: (readonly (number | undefined)[])[], s: number) =>
          steps.filter(([start = 0]) => start <= s).at(-1)?.[1] ?? 0
        for (const other of others)
          for (const [start = 0] of [...most, ...other])
            for (const s of [start, start - 1])
              if (s >= 0) expect(at(other, s)).toBeLessThanOrEqual(at(most, s))
      }),
    )
  })
})

describe('prices as a car understands them', () => {
  const tariff = (prices: readonly PriceStep[], maxEntries = 12) =>
    salesTariffOf(prices, { nowMs: NOW_MS, untilMs: NOW_MS + 10 * HOUR_MS, maxEntries })
  const levels = (made: ReturnType<typeof tariff>) => made?.salesTariffEntry.map((entry) => entry.ePriceLevel)

  it('are levels, 1 being the cheapest, counted in seconds from now', () => {
    const made = tariff([price(-1, 1, 0.3), price(1, 2, -0.1), price(2, 3, 0.3), price(3, 99, 0.5)])
    expect(made?.numEPriceLevels).toBe(3)
    expect(levels(made)).toEqual([2, 1, 2, 3])
    expect(made?.salesTariffEntry[1]?.relativeTimeInterval).toEqual({ start: 3600, duration: 3600 })
    expect(made?.salesTariffEntry.at(-1)?.relativeTimeInterval).toEqual({ start: 10_800, duration: 7 * 3600 })
  })

  it('are none where now has no price, or all hours have the same', () => {
    expect(tariff([price(1, 2, 0.3), price(2, 3, 0.1)])).toBeNull()
    expect(tariff([price(0, 2, 0.3), price(2, 3, 0.3)])).toBeNull()
    expect(tariff([])).toBeNull()
  })

  it('end at the first gap, and an earlier entry stands above a later one', () => {
    expect(levels(tariff([price(0, 1, 0.3), price(1, 2, 0.1), price(3, 4, 0.5)]))).toEqual([2, 1])
    expect(levels(tariff([price(1, 2, 0.1), price(0, 9, 0.3)]))).toEqual([2, 1, 2])
  })

  it('are joined where they differ least until they fit', () => {
    const made = tariff([price(0, 1, 0.3), price(1, 2, 0.31), price(2, 3, 0.1), price(3, 4, 0.5)], 3)
    expect(levels(made)).toEqual([2, 1, 3])
    expect(made?.salesTariffEntry[0]?.relativeTimeInterval.duration).toBe(7200)
  })

  it('never have more levels than are named, however many prices there are', () => {
    const made = tariff(
      Array.from({ length: 400 }, (_, k) => price(k / 40, (k + 1) / 40, Math.sin(k))),
      1024,
    )
    for (const level of levels(made) ?? []) expect(level).toBeLessThanOrEqual(made?.numEPriceLevels ?? 0)
    expect(made?.numEPriceLevels).toBeLessThanOrEqual(32)
  })
})
