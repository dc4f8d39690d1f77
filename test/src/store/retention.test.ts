import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SampledValueType } from '../../../src/ocpp/v201/messages.generated.ts'
import type { Store } from '../../../src/store/ports.ts'
import { foldQuarters, type RegisterReading } from '../../../src/store/quarter-fold.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

const START_MS = Date.parse('2026-03-01T08:00:00Z')
const MINUTE_MS = 60_000
const LATER = '2027-01-01T00:00:00.000Z'
const iso = (minutes: number) => new Date(START_MS + minutes * MINUTE_MS).toISOString()

let store: Store
beforeEach(() => {
  store = createSqliteStore(':memory:')
})
afterEach(() => store.close())

async function report(
  minutes: number,
  samples: readonly SampledValueType[],
  place = { stationId: 'S', evseId: 1 },
): Promise<void> {
  const value = { timestamp: iso(minutes), sampledValue: [...samples] }
  await store.sessions.recordMeterValues(place.stationId, place.evseId, [value], iso(minutes))
}

const register = (value: number): SampledValueType => ({ value })

/** Makes quarters of everything, and removes details older than `before`; returns how many of these there were. */
async function rollUpAll(before: string, limit = 1000): Promise<number> {
  for (let steps = 0; steps < 1000; steps++)
    if ((await store.retention.rollUp(limit)) < limit)
      return store.retention.prune('meter-details', before, 1000)
  throw new Error('rolling up does not end')
}

const quarters = (stationId = 'S') => store.retention.quarters({ stationId, limit: 1000 })
const details = (stationId = 'S') => store.sessions.meterValues({ stationId, limit: 1000 })

describe('meter values that are older than they are kept in detail', () => {
  test('become quarters with the energy taken, the highest power and currents, and are gone', async () => {
    await report(0, [
      register(1000),
      { value: 3.7, measurand: 'Power.Active.Import', unitOfMeasure: { unit: 'kW' } },
    ])
    await report(5, [
      register(1300),
      { value: 16, measurand: 'Current.Import', phase: 'L1' },
      { value: 14, measurand: 'Current.Import', phase: 'L2-N' },
      { value: 3000, measurand: 'Power.Active.Import', phase: 'L1' },
      { value: 2000, measurand: 'Power.Active.Import', phase: 'L2' },
    ])
    await report(15, [register(1900)])
    await report(30, [register(2500)])
    expect(await rollUpAll(LATER)).toBe(4)
    expect(await details()).toEqual([])
    expect(await quarters()).toEqual([
      { evseId: 1, at: iso(0), energyWh: 900, maxPowerW: 5000, maxCurrentA: [16, 14, null], samples: 2 },
      { evseId: 1, at: iso(15), energyWh: 600, maxPowerW: null, maxCurrentA: [null, null, null], samples: 1 },
      { evseId: 1, at: iso(30), energyWh: 0, maxPowerW: null, maxCurrentA: [null, null, null], samples: 1 },
    ])
  })

  test('go, and newer ones stay, on every EVSE of every station', async () => {
    for (const minutes of [0, 60])
      for (const stationId of ['S', 'T'])
        for (const evseId of [0, 2]) await report(minutes, [register(minutes)], { stationId, evseId })
    expect(await rollUpAll(iso(60))).toBe(4)
    for (const stationId of ['S', 'T']) {
      expect((await details(stationId)).map(({ evseId, at }) => [evseId, at])).toEqual([
        [0, iso(60)],
        [2, iso(60)],
      ])
      expect(new Set((await quarters(stationId)).map(({ evseId }) => evseId))).toEqual(new Set([0, 2]))
    }
  })

  test('give the same quarters in one batch as in many, also with the store opened anew between them', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'gridkeep-retention-'))
    try {
      for (let minute = 0; minute < 60; minute += 4) await report(minute, [register(minute * 100)])
      await rollUpAll(LATER)
      const expected = await quarters()
      await store.close()
      const path = join(directory, 'a.db')
      store = createSqliteStore(path)
      for (let minute = 0; minute < 60; minute += 4) await report(minute, [register(minute * 100)])
      for (let round = 0; round < 8; round++) {
        const before = await details()
        await store.retention.rollUp(2)
        await store.retention.prune('meter-details', LATER, 2)
        await store.close()
        store = createSqliteStore(path)
        const samples = (await quarters()).reduce((sum, one) => sum + one.samples, 0)
        expect(samples + (await details()).length).toBe(15)
        expect((await details()).length).toBe(Math.max(0, before.length - 2))
      }
      const found = await quarters()
      expect(found.map(({ energyWh: _, ...rest }) => rest)).toEqual(
        expected.map(({ energyWh: _, ...rest }) => rest),
      )
      for (const [index, { energyWh }] of found.entries())
        expect(energyWh).toBeCloseTo(expected[index]?.energyWh ?? Number.NaN, 6)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('are rolled up once: running again changes nothing', async () => {
    await report(0, [register(0)])
    await report(20, [register(500)])
    await rollUpAll(LATER)
    const once = await quarters()
    expect(await rollUpAll(LATER)).toBe(0)
    expect(await quarters()).toEqual(once)
  })

  test('of stations without a register give the energy of their intervals', async () => {
    const interval = (value: number, unit: string): SampledValueType => ({
      value,
      measurand: 'Energy.Active.Import.Interval',
      unitOfMeasure: { unit },
    })
    await report(5, [interval(300, 'Wh')])
    await report(15, [interval(0.6, 'kWh')])
    await report(20, [interval(100, 'Wh'), register(5000)])
    await report(25, [interval(100, 'Wh'), register(5100)])
    await rollUpAll(LATER)
    expect((await quarters()).map(({ energyWh }) => energyWh)).toEqual([900, 100])
  })

  test('of a site are summed, or told per EVSE', async () => {
    for (const stationId of ['S', 'T'])
      for (const minutes of [0, 10, 20])
        await report(minutes, [register(minutes * 100)], { stationId, evseId: 1 })
    await report(0, [register(1)], { stationId: 'ELSEWHERE', evseId: 1 })
    await rollUpAll(iso(-1))
    const ask = (by: 'site' | 'evse') =>
      store.retention.siteQuarters({ stationIds: ['S', 'T', 'NONE'], from: iso(0), to: iso(15), by })
    expect(await ask('site')).toEqual([
      { stationId: null, evseId: null, at: iso(0), energyWh: 3000, samples: 4 },
    ])
    expect(await ask('evse')).toMatchObject([
      { stationId: 'S', evseId: 1, energyWh: 1500 },
      { stationId: 'T', evseId: 1, energyWh: 1500 },
    ])
  })

  test('count on from the last reading that was rolled up, and late ones add no energy twice', async () => {
    await report(0, [register(0)])
    await report(10, [register(1000)])
    await rollUpAll(LATER)
    await report(5, [register(500)])
    await report(14, [register(1400)])
    await rollUpAll(LATER)
    expect(await quarters()).toMatchObject([{ energyWh: 1400, samples: 4 }])
  })

  test('leave sessions their totals, and their events without values', async () => {
    for (const [seqNo, eventType] of (['Started', 'Updated', 'Ended'] as const).entries())
      await store.sessions.record(
        'S',
        {
          eventType,
          seqNo,
          timestamp: iso(seqNo),
          triggerReason: 'MeterValuePeriodic',
          transactionInfo: { transactionId: 'tx' },
          evse: { id: 1 },
          meterValue: [{ timestamp: iso(seqNo), sampledValue: [register(seqNo * 700)] }],
        },
        iso(seqNo),
      )
    const session = await store.sessions.get('S', 'tx')
    await rollUpAll(LATER)
    expect(await store.sessions.get('S', 'tx')).toEqual(session)
    expect(session).toMatchObject({ meterStartWh: 0, meterLastWh: 1400 })
    expect((await store.sessions.events('S', 'tx')).map(({ event }) => event.meterValue)).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(await quarters()).toMatchObject([{ energyWh: 1400 }])
  })
})

describe('quarters folded from readings', () => {
  const fold = (readings: readonly RegisterReading[], last?: RegisterReading) =>
    foldQuarters(
      readings.map(({ atMs, wh }) => ({
        atMs,
        value: { timestamp: new Date(atMs).toISOString(), sampledValue: [register(wh)] },
      })),
      last,
    )
  const sum = (parts: ReturnType<typeof fold>) =>
    parts.reduce((total, { energyWh }) => total + (energyWh ?? 0), 0)

  test('hold together exactly what the register says was taken, however it is cut', () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 3 * 86_400_000 }),
      wh: fc.integer({ min: 0, max: 50_000 }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 30 }), fc.nat(30), (steps, cut) => {
        let atMs = START_MS
        let wh = 0
        const readings = steps.map((one) => {
          atMs += one.afterMs
          wh += one.wh
          return { atMs, wh }
        })
        const first = readings.slice(0, cut)
        const total = wh - (readings[0]?.wh ?? 0)
        const parts = [...fold(first), ...fold(readings.slice(cut), first.at(-1))]
        expect(sum(parts)).toBeCloseTo(total, 4)
        for (const { energyWh, startMs } of parts) {
          expect(energyWh ?? 0).toBeGreaterThan(-1e-6)
          expect(startMs % 900_000).toBe(0)
        }
      }),
    )
  })

  test('take a register that falls for a reset one, not for energy given back', () => {
    expect(
      sum(
        fold([
          { atMs: START_MS, wh: 9000 },
          { atMs: START_MS + MINUTE_MS, wh: 0 },
          { atMs: START_MS + 2 * MINUTE_MS, wh: 50 },
        ]),
      ),
    ).toBe(50)
  })

  test('book what was taken over more than a day where it was read', () => {
    const atMs = START_MS + 40 * 86_400_000
    const parts = fold([{ atMs, wh: 100 }], { atMs: START_MS, wh: 0 })
    expect(parts.filter(({ energyWh }) => (energyWh ?? 0) > 0)).toMatchObject([
      { startMs: atMs - 900_000, energyWh: 100 },
    ])
  })
})

describe('transaction events', () => {
  const event = (seqNo: number, minutes: number) =>
    store.sessions.record(
      'S',
      {
        eventType: 'Updated',
        seqNo,
        timestamp: iso(minutes),
        triggerReason: 'MeterValuePeriodic',
        transactionInfo: { transactionId: 'tx' },
        evse: { id: 1 },
        meterValue: [{ timestamp: iso(minutes), sampledValue: [register(minutes)] }],
      },
      iso(minutes),
    )
  const seqNos = async () => (await store.sessions.events('S', 'tx')).map(({ seqNo }) => seqNo)

  test('go when they are old, but never before their values are in quarters', async () => {
    for (const seqNo of [0, 1, 2]) await event(seqNo, seqNo * 10)
    expect(await store.retention.prune('transaction-events', LATER, 100)).toBe(0)
    await rollUpAll(iso(15))
    expect(await store.retention.prune('transaction-events', LATER, 100)).toBe(2)
    expect(await seqNos()).toEqual([2])
    expect(await store.sessions.get('S', 'tx')).toMatchObject({ lastSeqNo: 2, missingSeqNos: 0 })
  })

  test('that come after others have gone begin no chain that leads to somebody else’s', async () => {
    await event(0, 0)
    await rollUpAll(LATER)
    expect(await store.retention.prune('transaction-events', LATER, 100)).toBe(1)
    await report(20, [register(5)], { stationId: 'T', evseId: 1 })
    await event(1, 30)
    expect(await seqNos()).toEqual([1])
  })

  test('are recognised when they come again, also where others are still missing', async () => {
    await event(0, 0)
    await event(4, 40)
    await event(2, 20)
    const again = async (seqNo: number) => (await event(seqNo, 60)).repeated
    expect([await again(2), await again(4), await again(3), await again(3), await again(1)]).toEqual([
      true,
      true,
      false,
      true,
      false,
    ])
    expect(await seqNos()).toEqual([0, 1, 2, 3, 4])
  })
})

describe('pruning', () => {
  const record = (minutes: number) =>
    store.events.record({
      stationId: 'S',
      kind: 'security',
      type: 'T',
      at: iso(minutes),
      receivedAt: iso(minutes),
      critical: false,
      detail: {},
    })

  test('removes the oldest events, no more than asked for', async () => {
    for (const minute of [0, 1, 2, 3]) await record(minute)
    expect(await store.retention.prune('station-events', iso(3), 2)).toBe(2)
    expect((await store.events.list()).map(({ id }) => id)).toEqual([3, 4])
    expect(await store.retention.prune('station-events', iso(3), 2)).toBe(1)
    expect(await store.retention.prune('station-events', iso(3), 2)).toBe(0)
  })

  test('never gives an id again, so that readers who remember theirs miss nothing', async () => {
    await record(0)
    await record(1)
    await store.retention.prune('station-events', LATER, 100)
    await record(2)
    expect((await store.events.list({ after: 2 })).map(({ id }) => id)).toEqual([3])
  })

  test('removes quarters that began before the time, and no others', async () => {
    for (const minute of [0, 15, 30]) await report(minute, [register(minute)])
    await rollUpAll(LATER)
    expect(await store.retention.prune('meter-quarters', iso(30), 100)).toBe(2)
    expect((await quarters()).map(({ at }) => at)).toEqual([iso(30)])
  })
})
