import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RetentionLoop, type RetentionLoopOptions } from '../../src/retention-loop.ts'
import type { Store } from '../../src/store/ports.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'

const DAY_MS = 86_400_000
const NOW_MS = Date.parse('2026-11-22T10:00:00Z')
const daysAgo = (days: number) => new Date(NOW_MS - days * DAY_MS).toISOString()

let store: Store
let nowMs = NOW_MS
beforeEach(() => {
  nowMs = NOW_MS
  store = createSqliteStore(':memory:')
})
afterEach(() => store.close())

const policy = {
  meterDetailDays: 90,
  transactionEventsDays: 400,
  meterValuesDays: 400,
  stationEventsDays: 30,
  messagesDays: 30,
}
const loop = (more: Partial<RetentionLoopOptions> = {}) =>
  new RetentionLoop({
    store: store.retention,
    policy,
    clock: { now: () => nowMs },
    log: pino({ level: 'silent' }),
    intervalMs: 3_600_000,
    pause: async () => {},
    ...more,
  })

const meter = (days: number, wh: number, stationId = 'S') =>
  store.sessions.recordMeterValues(
    stationId,
    1,
    [{ timestamp: daysAgo(days), sampledValue: [{ value: wh }] }],
    daysAgo(days),
  )
const kept = async () => ({
  details: (await store.sessions.meterValues({ stationId: 'S', limit: 1000 })).map(({ at }) => at),
  quarters: (await store.retention.quarters({ stationId: 'S', limit: 1000 })).map(({ at }) => at),
  events: (await store.events.list()).map(({ at }) => at),
})
const event = (days: number) =>
  store.events.record({
    stationId: 'S',
    kind: 'security',
    type: 'T',
    at: daysAgo(days),
    receivedAt: daysAgo(days),
    critical: false,
    detail: {},
  })

describe('a turn of the retention loop', () => {
  test('rolls up, removes and keeps by the policy, and the next one follows the clock', async () => {
    for (const days of [500, 91, 89, 1]) await meter(days, 1000)
    for (const days of [31, 29]) await event(days)
    const retention = loop()
    await retention.turn()
    const first = {
      details: [daysAgo(89), daysAgo(1)],
      quarters: [daysAgo(91), daysAgo(89), daysAgo(1)],
      events: [daysAgo(29)],
    }
    expect(await kept()).toEqual(first)
    await retention.turn()
    expect(await kept()).toEqual(first)
    nowMs += 2 * DAY_MS
    await retention.turn()
    expect(await kept()).toMatchObject({ details: [daysAgo(1)], quarters: first.quarters })
  })

  test('does no more than its bound, and the next one goes on where it stopped', async () => {
    for (let hours = 0; hours < 10; hours++) await meter(100 - hours / 24, 10 - hours)
    const retention = loop({ batch: 2, maxBatches: 2 })
    const remains: number[] = []
    for (let turn = 0; turn < 4; turn++) {
      await retention.turn()
      remains.push((await kept()).details.length)
      nowMs += 3_600_000
    }
    expect(remains).toEqual([6, 2, 0, 0])
    expect((await kept()).quarters.length).toBeGreaterThanOrEqual(10)
  })

  test('keeps no detail for longer than meter values are kept at all', async () => {
    await meter(20, 1)
    await loop({ policy: { ...policy, meterValuesDays: 10 } }).turn()
    expect(await kept()).toMatchObject({ details: [], quarters: [] })
  })

  test('that fails loses nothing, and the next one finishes the work', async () => {
    for (const days of [103, 102, 101]) await meter(days, 1000)
    let calls = 0
    const failing = {
      ...store.retention,
      rollUp: (...args: Parameters<Store['retention']['rollUp']>) =>
        ++calls === 2 ? Promise.reject(new Error('disk full')) : store.retention.rollUp(...args),
    }
    const retention = loop({ store: failing, batch: 1 })
    await retention.turn()
    expect(await kept()).toMatchObject({
      details: [daysAgo(103), daysAgo(102), daysAgo(101)],
      quarters: [daysAgo(103)],
    })
    await retention.turn()
    expect(await kept()).toMatchObject({ details: [], quarters: [daysAgo(103), daysAgo(102), daysAgo(101)] })
  })

  test('ends at shutdown after the transaction under way', async () => {
    for (let days = 0; days < 10; days++) await meter(200 - days, 1)
    let stopping: Promise<void> | undefined
    const retention: RetentionLoop = loop({
      batch: 1,
      pause: async () => {
        stopping ??= retention.stop()
      },
    })
    retention.start()
    await retention.turn()
    await stopping
    expect((await kept()).quarters).toHaveLength(1)
    expect(stopping).toBeDefined()
  })
})
