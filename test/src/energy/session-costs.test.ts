import pino from 'pino'
import { describe, expect, test } from 'vitest'
import { DEFAULT_SETTINGS, decide, startLearning } from '../../../profiles/index.ts'
import { DemandBook } from '../../../src/energy/demand-book.ts'
import { pastPrices } from '../../../src/energy/prices.ts'
import { SessionCosts, settle } from '../../../src/energy/session-costs.ts'
import type { TransactionEventRequest } from '../../../src/ocpp/v201/messages.generated.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { socketSite } from '../../support/sites.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const HOUR_MS = 3_600_000
const iso = (hours: number) => new Date(T0 + hours * HOUR_MS).toISOString()
const slot = (from: number, to: number, pricePerKwh: number) => ({
  from: iso(from),
  to: iso(to),
  pricePerKwh,
})
/** 0.40 in the first hour, 0.10 from then on. */
const prices = [slot(0, 1, 0.4), slot(1, 8, 0.1)]
/** Readings every quarter of an hour. */
const readings = (kwhPerHour: readonly number[]) => {
  const made = [{ atMs: T0, wh: 5000 }]
  kwhPerHour.forEach((kwh, hour) => {
    for (let quarter = 1; quarter <= 4; quarter++)
      made.push({ atMs: T0 + (hour + quarter / 4) * HOUR_MS, wh: (made.at(-1)?.wh ?? 0) + kwh * 250 })
  })
  return made
}
const session = (endHour: number) => ({ startedMs: T0, endedMs: T0 + endHour * HOUR_MS, prices })

describe('settling a session', () => {
  test('prices what was taken when it was taken, and the same energy as if taken at once', () => {
    // Waited for the cheap hours: 2 kWh at 0.40 and 20 kWh at 0.10. Uncontrolled: 11 at 0.40, 11 at 0.10.
    const settled = settle({ ...session(4), readings: readings([2, 10, 10, 0]), maxW: 11_000 })
    expect(settled.energyWh).toBeCloseTo(22_000)
    expect(settled.cost).toBeCloseTo(0.8 + 2)
    expect(settled.uncontrolledCost).toBeCloseTo(4.4 + 1.1)
    expect(settled.unknown).toBeNull()
  })

  test('a car that was never held back costs the same either way', () => {
    const settled = settle({ ...session(2), readings: readings([11, 11]), maxW: 11_000 })
    expect(settled.cost).toBeCloseTo(settled.uncontrolledCost ?? Number.NaN)
  })

  test('knows no uncontrolled cost without the maximum of the car', () => {
    const settled = settle({ ...session(2), readings: readings([2, 10]), maxW: null })
    expect(settled).toMatchObject({ uncontrolledCost: null, unknown: 'maximum' })
    expect(settled.cost).toBeCloseTo(1.8)
  })

  test('knows no cost where a part of the span has no price', () => {
    const late = { ...session(4), prices: [slot(1, 8, 0.1)], maxW: 11_000 }
    // Only taken while prices are known, but uncontrolled it would have been taken before.
    const uncontrolled = settle({ ...late, readings: readings([0, 10, 10, 0]) })
    expect(uncontrolled.cost).toBeCloseTo(2)
    expect(uncontrolled).toMatchObject({ uncontrolledCost: null, unknown: 'prices' })
    const neither = settle({ ...late, readings: readings([1, 10]) })
    expect(neither).toMatchObject({ cost: null, uncontrolledCost: null, unknown: 'prices' })
  })

  test('does not spread energy over hours of different prices', () => {
    const ends = [
      { atMs: T0, wh: 0 },
      { atMs: T0 + 4 * HOUR_MS, wh: 20_000 },
    ]
    expect(settle({ ...session(4), readings: ends, maxW: 11_000 })).toMatchObject({
      cost: null,
      unknown: 'prices',
    })
    const flat = settle({ ...session(4), readings: ends, maxW: 11_000, prices: [slot(0, 8, 0.2)] })
    expect(flat.cost).toBeCloseTo(4)
  })

  test.each([
    ['no reading', []],
    ['one reading', [{ atMs: T0, wh: 5 }]],
    ['a register that falls', [5, 9, 2].map((wh, index) => ({ atMs: T0 + index, wh }))],
  ])('knows nothing of %s', (_, few) => {
    const nothing = { energyWh: null, cost: null, uncontrolledCost: null, unknown: 'energy' }
    expect(settle({ ...session(1), readings: few, maxW: 11_000 })).toEqual(nothing)
  })

  test('nothing taken costs nothing, without prices too', () => {
    expect(settle({ ...session(1), prices: [], readings: readings([0]), maxW: null })).toMatchObject({
      cost: 0,
      uncontrolledCost: 0,
      unknown: null,
    })
  })
})

test('prices that held are kept once when others are set, up to now', () => {
  const nowMs = T0 + 2 * HOUR_MS
  const kept = pastPrices([], prices, nowMs)
  expect(kept).toEqual([slot(0, 1, 0.4), slot(1, 2, 0.1)])
  expect(pastPrices(kept, [slot(0, 8, 0.9)], nowMs)).toEqual(kept)
  expect(pastPrices(kept, [slot(0, 8, 0.9)], nowMs + HOUR_MS)).toEqual([...kept, slot(2, 3, 0.9)])
  expect(pastPrices(kept, [], nowMs + 36 * 24 * HOUR_MS)).toEqual([])
})

const site = socketSite(63, ['A'])

describe('the sessions of a site', () => {
  /** A session with what was learned of its car at different times. */
  async function played(
    shown: readonly { drawA: number | null; confirmedA: number }[],
    terminals: number | null = 7,
  ) {
    const store = createSqliteStore(':memory:')
    const clock = { now: () => T0 + 4 * HOUR_MS }
    const costs = new SessionCosts({
      site,
      store,
      clock,
      log: pino({ level: 'silent' }),
      demands: new DemandBook(store),
    })
    await costs.restore()
    const event = (
      eventType: TransactionEventRequest['eventType'],
      seqNo: number,
      hours: number,
      value: number,
    ) =>
      store.sessions.record(
        'A',
        {
          eventType,
          seqNo,
          timestamp: iso(hours),
          triggerReason: 'MeterValuePeriodic',
          transactionInfo: { transactionId: 'tx' },
          evse: { id: 1 },
          meterValue: [{ timestamp: iso(hours), sampledValue: [{ value }] }],
        },
        iso(hours),
      )
    await event('Started', 0, 0, 1000)
    for (let quarter = 1; quarter <= 15; quarter++)
      await event('Updated', quarter, quarter / 4, 1000 + quarter * 1000)
    await event('Ended', 16, 4, 17_000)
    const base = { nowMs: T0, limits: [], baseLoads: [], evses: [], policy: 'fair' as const }
    const decision = decide({ ...base, site, settings: DEFAULT_SETTINGS })
    for (const one of shown) {
      const learned = { ...startLearning('tx'), ...one, terminals }
      const turn = { runningSinceMs: null, pausedSinceMs: null }
      const evses = { 'A#1': { turn, lastRaiseMs: null, transactionId: 'tx', learned } }
      costs.observe({ ...decision.memory, evses })
    }
    costs.ended('A', 'tx', prices)
    await costs.idle()
    const [kept] = await store.energy.costs({ siteId: 'depot', fromMs: 0, toMs: clock.now() + 1, limit: 10 })
    await store.close()
    return kept
  }

  test('are settled when they end, with the maximum that the car has shown', async () => {
    const kept = await played([
      { drawA: null, confirmedA: 10 },
      { drawA: 16, confirmedA: 16 },
    ])
    expect(kept).toMatchObject({
      evseId: 1,
      startedMs: T0,
      endedMs: T0 + 4 * HOUR_MS,
      energyWh: 16_000,
      maxW: 11_040,
    })
    expect(kept?.cost).toBeCloseTo(1.6 + 1.2)
    expect(kept?.uncontrolledCost).toBeCloseTo(11.04 * 0.4 + 4.96 * 0.1)
  })

  test.each([
    ['always took all that it was given', [{ drawA: null, confirmedA: 13 }], 7],
    ['only showed a battery that fills up', [{ drawA: 6, confirmedA: 13 }], 7],
    [
      'later took more than it had shown',
      [
        { drawA: 9, confirmedA: 9 },
        { drawA: null, confirmedA: 20 },
      ],
      7,
    ],
    ['has not been measured by phase', [{ drawA: 16, confirmedA: 16 }], null],
  ])('are not settled for a car that %s', async (_, shown, terminals) => {
    expect(await played(shown, terminals)).toMatchObject({
      maxW: null,
      uncontrolledCost: null,
      unknown: 'maximum',
    })
  })

  test('a car that took all that the EVSE can give is as fast as the EVSE', async () => {
    expect(await played([{ drawA: null, confirmedA: 31.8 }])).toMatchObject({ maxW: 32 * 690 })
  })

  describe('that ended when the process died', () => {
    /** A site that was there before, and a session that ended without being settled. */
    async function crashed(options: { siteBefore: boolean }) {
      const store = createSqliteStore(':memory:')
      let nowMs = T0 - HOUR_MS
      const site_ = { site, store, clock: { now: () => nowMs }, log: pino({ level: 'silent' }) }
      const open = () => new SessionCosts({ ...site_, demands: new DemandBook(store) })
      if (options.siteBefore) await open().catchUp(undefined, prices)
      const event = (eventType: TransactionEventRequest['eventType'], seqNo: number, hours: number) =>
        store.sessions.record(
          'A',
          {
            eventType,
            seqNo,
            timestamp: iso(hours),
            triggerReason: 'MeterValuePeriodic',
            transactionInfo: { transactionId: 'tx' },
            evse: { id: 1 },
            meterValue: [{ timestamp: iso(hours), sampledValue: [{ value: 1000 + hours * 8000 }] }],
          },
          iso(hours),
        )
      await event('Started', 0, 0)
      await event('Ended', 1, 0.25)
      nowMs = T0 + HOUR_MS
      const learned = { ...startLearning('tx'), drawA: 16, confirmedA: 16, terminals: 7 }
      const turn = { runningSinceMs: null, pausedSinceMs: null }
      const memory = {
        evses: { 'A#1': { learned, turn, transactionId: 'tx', lastRaiseMs: null } },
        safeA: {},
        safeRoomSinceMs: null,
      }
      const again = async () => {
        const costs = open()
        await costs.restore()
        await costs.catchUp(memory, prices)
        await costs.idle()
        return store.energy.costs({ siteId: 'depot', fromMs: 0, toMs: nowMs, limit: 10 })
      }
      return { again, close: () => store.close() }
    }

    test('are settled by the next one, once, with what was known of the car', async () => {
      const { again, close } = await crashed({ siteBefore: true })
      const [settled, ...others] = await again()
      expect(settled).toMatchObject({ transactionId: 'tx', energyWh: 2000, maxW: 11_040, unknown: null })
      expect(others).toEqual([])
      expect(await again()).toEqual([settled])
      await close()
    })

    test('are not made up for times before the site was there', async () => {
      const { again, close } = await crashed({ siteBefore: false })
      expect(await again()).toEqual([])
      await close()
    })
  })
})
