import { foldQuarters, type QuarterPart, type RegisterReading } from '../quarter-fold.ts'
import type { MeterQuarter, Prunable, RetentionStore, SiteQuarter } from '../retention.ts'
import type { Database, Row } from './database.ts'
import { type Value, valuesIn } from './readings.ts'
import { int, intOrNull, pageSize, textOrNull, where } from './rows.ts'
import type { StationNumbers } from './station-numbers.ts'

type PrunableTable = Exclude<Prunable, 'meter-details' | 'transaction-events'>

const PRUNE: Readonly<
  Record<PrunableTable, { readonly sql: string; toColumn(before: string): number | string }>
> = {
  'meter-quarters': {
    sql: `DELETE FROM meter_quarters WHERE (station_no, start_ms, evse_id) IN
              (SELECT station_no, start_ms, evse_id FROM meter_quarters WHERE start_ms < ? ORDER BY start_ms LIMIT ?)`,
    toColumn: (before) => Date.parse(before),
  },
  'station-events': {
    // The newest stays: ids count on from it, and readers remember the id up to which they have read.
    sql: `DELETE FROM station_events WHERE id IN
              (SELECT id FROM station_events WHERE received_at < ? AND id < (SELECT max(id) FROM station_events)
               ORDER BY received_at LIMIT ?)`,
    toColumn: (before) => before,
  },
  'station-messages': {
    sql: `DELETE FROM station_messages WHERE id IN
              (SELECT id FROM station_messages WHERE at_ms < ? AND id < (SELECT max(id) FROM station_messages)
               ORDER BY at_ms LIMIT ?)`,
    toColumn: (before) => Date.parse(before),
  },
}

export function createRetentionStore(db: Database, numbers: StationNumbers): RetentionStore {
  return {
    prune: (what, before, limit) =>
      db.write(() => {
        if (what === 'meter-details') return stripDetails(db, Date.parse(before), pageSize(limit))
        if (what === 'transaction-events') return removeEvents(db, Date.parse(before), pageSize(limit))
        const { sql, toColumn } = PRUNE[what]
        return db.run(sql, toColumn(before), pageSize(limit)).changes
      }),

    rollUp: (limit) => db.write(() => rollUp(db, pageSize(limit))),

    quarters: async (query) => {
      const { clause, args } = where([
        ['station_no = ?', numbers.find(query.stationId) ?? -1],
        ['evse_id = ?', query.evseId],
        ['start_ms >= ?', query.from === undefined ? undefined : Date.parse(query.from)],
        ['start_ms < ?', query.to === undefined ? undefined : Date.parse(query.to)],
      ])
      return db
        .all(
          `SELECT * FROM meter_quarters ${clause} ORDER BY start_ms, evse_id LIMIT ?`,
          ...args,
          pageSize(query.limit),
        )
        .map(toQuarter)
    },

    siteQuarters: async ({ stationIds, from, to, by, limit }) => {
      const [what, group] =
        by === 'site'
          ? [
              'NULL AS station_id, NULL AS evse_id, sum(energy_wh) AS energy_wh, sum(samples) AS samples',
              'GROUP BY start_ms',
            ]
          : ['n.id AS station_id, evse_id, energy_wh, samples', '']
      return db
        .all(
          `SELECT start_ms, ${what} FROM json_each(?) AS wanted
             CROSS JOIN station_numbers n ON n.id = wanted.value
             CROSS JOIN meter_quarters q ON q.station_no = n.no AND start_ms >= ? AND start_ms < ?
           ${group} ORDER BY start_ms LIMIT ?`,
          JSON.stringify(stationIds),
          Date.parse(from),
          Date.parse(to),
          pageSize(limit),
        )
        .map(siteQuarterReader())
    },
  }
}

/** Rows of the same time follow each other: its text is made once. */
function siteQuarterReader(): (row: Row) => SiteQuarter {
  let atMs = Number.NaN
  let at = ''
  return (row) => {
    const startMs = int(row, 'start_ms')
    if (startMs !== atMs) at = new Date(startMs).toISOString()
    atMs = startMs
    return {
      stationId: textOrNull(row, 'station_id'),
      evseId: intOrNull(row, 'evse_id'),
      at,
      energyWh: intOrNull(row, 'energy_wh'),
      samples: int(row, 'samples'),
    }
  }
}

interface Marks {
  readonly foldedNo: number
  readonly strippedNo: number
}

function marks(db: Database): Marks {
  const row = db.get('SELECT folded_no, stripped_no FROM reading_marks')
  return row === undefined
    ? { foldedNo: 0, strippedNo: 0 }
    : { foldedNo: int(row, 'folded_no'), strippedNo: int(row, 'stripped_no') }
}

/** Inside `Database.write`. Returns how many readings were looked at. */
function rollUp(db: Database, limit: number): number {
  const rows = db.all(
    'SELECT no, station_no, evse_id, meter_values FROM readings WHERE no > ? ORDER BY no LIMIT ?',
    marks(db).foldedNo,
    limit,
  )
  const last = rows.at(-1)
  if (last === undefined) return 0
  for (const { place, values } of byEvse(rows).values()) {
    values.sort((one, other) => one.atMs - other.atMs)
    for (const part of foldQuarters(values, lastRegister(db, place))) addPart(db, place, part)
  }
  db.run('UPDATE reading_marks SET folded_no = ?', int(last, 'no'))
  return rows.length
}

interface Place {
  readonly stationNo: number
  readonly evseId: number
}

function byEvse(rows: readonly Row[]): Map<string, { readonly place: Place; readonly values: Value[] }> {
  const found = new Map<string, { readonly place: Place; readonly values: Value[] }>()
  for (const row of rows) {
    const place = { stationNo: int(row, 'station_no'), evseId: int(row, 'evse_id') }
    const key = `${place.stationNo}/${place.evseId}`
    const entry = found.get(key) ?? { place, values: [] }
    found.set(key, entry)
    entry.values.push(...valuesIn(row).filter(({ atMs }) => Number.isFinite(atMs)))
  }
  return found
}

/** Of readings that are in quarters, the next ones, up to the first that is not old enough. */
function stripDetails(db: Database, beforeMs: number, limit: number): number {
  const { foldedNo, strippedNo } = marks(db)
  const rows = db.all(
    'SELECT no, received_ms FROM readings WHERE no > ? AND no <= ? ORDER BY no LIMIT ?',
    strippedNo,
    foldedNo,
    limit,
  )
  const young = rows.findIndex((row) => int(row, 'received_ms') >= beforeMs)
  const old = young < 0 ? rows : rows.slice(0, young)
  const last = old.at(-1)
  if (last === undefined) return 0
  const no = int(last, 'no')
  db.run('DELETE FROM readings WHERE no > ? AND no <= ? AND session_no = 0', strippedNo, no)
  db.run('UPDATE readings SET meter_values = NULL WHERE no > ? AND no <= ?', strippedNo, no)
  db.run('UPDATE reading_marks SET stripped_no = ?', no)
  return old.length
}

/** Only those whose details have gone: they are the first in the table. */
function removeEvents(db: Database, beforeMs: number, limit: number): number {
  return db.run(
    `DELETE FROM readings WHERE no IN
       (SELECT no FROM readings WHERE no <= ? AND received_ms < ? ORDER BY no LIMIT ?)`,
    marks(db).strippedNo,
    beforeMs,
    limit,
  ).changes
}

const OF_EVSE = 'station_no = ? AND evse_id = ?'

function lastRegister(db: Database, { stationNo, evseId }: Place): RegisterReading | undefined {
  const row = db.get(
    `SELECT register_at_ms, register_wh FROM meter_quarters WHERE ${OF_EVSE} AND register_at_ms IS NOT NULL
     ORDER BY start_ms DESC LIMIT 1`,
    stationNo,
    evseId,
  )
  return row && { atMs: int(row, 'register_at_ms'), wh: int(row, 'register_wh') }
}

function addPart(db: Database, { stationNo, evseId }: Place, part: QuarterPart): void {
  db.run(
    `INSERT INTO meter_quarters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (station_no, start_ms, evse_id) DO UPDATE SET
       energy_wh = CASE WHEN excluded.energy_wh IS NULL THEN energy_wh
         ELSE coalesce(energy_wh, 0) + excluded.energy_wh END,
       max_power_w = coalesce(max(max_power_w, excluded.max_power_w), max_power_w, excluded.max_power_w),
       max_l1_a = coalesce(max(max_l1_a, excluded.max_l1_a), max_l1_a, excluded.max_l1_a),
       max_l2_a = coalesce(max(max_l2_a, excluded.max_l2_a), max_l2_a, excluded.max_l2_a),
       max_l3_a = coalesce(max(max_l3_a, excluded.max_l3_a), max_l3_a, excluded.max_l3_a),
       samples = samples + excluded.samples,
       register_at_ms = coalesce(excluded.register_at_ms, register_at_ms),
       register_wh = coalesce(excluded.register_wh, register_wh)`,
    stationNo,
    evseId,
    part.startMs,
    part.energyWh,
    part.maxPowerW,
    ...part.maxCurrentA,
    part.samples,
    part.register?.atMs ?? null,
    part.register?.wh ?? null,
  )
}

function toQuarter(row: Row): MeterQuarter {
  return {
    evseId: int(row, 'evse_id'),
    at: new Date(int(row, 'start_ms')).toISOString(),
    energyWh: intOrNull(row, 'energy_wh'),
    maxPowerW: intOrNull(row, 'max_power_w'),
    maxCurrentA: [intOrNull(row, 'max_l1_a'), intOrNull(row, 'max_l2_a'), intOrNull(row, 'max_l3_a')],
    samples: int(row, 'samples'),
  }
}
