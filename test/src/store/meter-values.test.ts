import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { migrations } from '../../../src/store/sqlite/migrations.ts'

const START_MS = Date.parse('2026-03-01T08:00:00Z')
const iso = (minutes: number) => new Date(START_MS + minutes * 60_000).toISOString()
const meterValue = (minutes: number) => ({ timestamp: iso(minutes), sampledValue: [{ value: minutes }] })

let store: Store
beforeEach(() => {
  store = createSqliteStore(':memory:')
})
afterEach(() => store.close())

const outside = (minutes: number, evseId: number) =>
  store.sessions.recordMeterValues('S', evseId, [meterValue(minutes)], iso(minutes))
const inside = (
  seqNo: number,
  minutes: readonly number[],
  more: { evse?: { id: number } } = { evse: { id: 1 } },
) =>
  store.sessions.record(
    'S',
    {
      eventType: seqNo === 0 ? 'Started' : 'Updated',
      seqNo,
      timestamp: iso(seqNo),
      triggerReason: 'MeterValuePeriodic',
      transactionInfo: { transactionId: 'tx' },
      meterValue: minutes.map(meterValue),
      ...more,
    },
    iso(seqNo),
  )
const found = async (query: Omit<Parameters<Store['sessions']['meterValues']>[0], 'stationId'>) =>
  (await store.sessions.meterValues({ stationId: 'S', ...query })).map(({ evseId, value }) => [
    evseId,
    value.sampledValue[0]?.value,
  ])

describe('meter values of a station', () => {
  test('come in the order of time over all EVSEs, within the times and the limit asked for', async () => {
    for (const minutes of [3, 1, 5])
      for (const evseId of [2, 0, 7]) await outside(minutes + evseId / 10, evseId)
    const all = [
      [0, 1],
      [2, 1.2],
      [7, 1.7],
      [0, 3],
      [2, 3.2],
      [7, 3.7],
      [0, 5],
      [2, 5.2],
      [7, 5.7],
    ]
    expect(await found({})).toEqual(all)
    expect(await found({ limit: 4 })).toEqual(all.slice(0, 4))
    expect(await found({ from: iso(1.7), to: iso(5) })).toEqual(all.slice(2, 6))
    expect(await found({ evseId: 2, from: iso(2) })).toEqual([
      [2, 3.2],
      [2, 5.2],
    ])
    expect(await found({ evseId: 1 })).toEqual([])
  })
})

describe('meter values of a session', () => {
  test('are all found, whatever order and times they came with, and none of others', async () => {
    await inside(0, [10], {})
    await outside(12, 1)
    await inside(2, [30, 20])
    await inside(1, [-60])
    await outside(40, 1)
    expect(await found({ transactionId: 'tx' })).toEqual([
      [1, -60],
      [0, 10],
      [1, 20],
      [1, 30],
    ])
    expect(await found({ transactionId: 'tx', from: iso(10), to: iso(30) })).toEqual([
      [0, 10],
      [1, 20],
    ])
    expect((await store.sessions.events('S', 'tx')).map(({ event }) => event.meterValue?.length)).toEqual([
      1, 1, 2,
    ])
    expect(await found({ transactionId: 'another' })).toEqual([])
  })

  test('are found in a database from before their times were kept', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'gridkeep-values-'))
    try {
      const path = join(directory, 'a.db')
      const step = migrations.findIndex((sql) => sql.includes('ADD COLUMN values_from_ms'))
      const old = new Sqlite(path)
      for (const sql of migrations.slice(0, step)) old.exec(sql)
      old.pragma(`user_version = ${step}`)
      old.exec(`
        INSERT INTO station_numbers VALUES (1, 'S');
        INSERT INTO sessions (no, station_no, transaction_id, evse_id, first_seq_no, last_seq_no, event_count,
          charging_state_seq_no, phases_seq_no, meter_seq_no, updated_at)
          VALUES (1, 1, 'tx', 1, 0, 1, 2, -1, -1, 1, ''), (2, 1, 'empty', 1, 0, 0, 1, -1, -1, -1, '');
      `)
      const insert = old.prepare('INSERT INTO meter_values VALUES (1, 1, ?, ?, 0, 0, ?)')
      for (const [minutes, sessionNo] of [
        [1, 1],
        [2, 0],
        [3, 1],
      ] as const)
        insert.run(START_MS + minutes * 60_000, sessionNo, JSON.stringify(meterValue(minutes)))
      old.close()
      await store.close()
      store = createSqliteStore(path)
      expect(await found({ transactionId: 'tx' })).toEqual([
        [1, 1],
        [1, 3],
      ])
      expect(await found({ transactionId: 'empty' })).toEqual([])
      expect(await found({})).toEqual([
        [1, 1],
        [1, 2],
        [1, 3],
      ])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
