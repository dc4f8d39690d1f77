import type { MeterValueType } from '../../ocpp/v201/messages.generated.ts'
import { foldQuarters, type QuarterPart, type RegisterReading } from '../quarter-fold.ts'
import type { MeterQuarter, Prunable, RetentionStore, RollUpPlace } from '../retention.ts'
import type { Database, Row } from './database.ts'
import { int, intOrNull, json, pageSize, where } from './rows.ts'
import type { StationNumbers } from './station-numbers.ts'

/** EVSEs that one step looks at: most have nothing old, and a fleet has many. */
const MAX_EVSES = 200

const PRUNE: Readonly<Record<Prunable, { readonly sql: string; toColumn(before: string): number | string }>> =
  {
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
        const { sql, toColumn } = PRUNE[what]
        return db.run(sql, toColumn(before), pageSize(limit)).changes
      }),

    rollUp: (before, limit, from) =>
      db.write(() => {
        const beforeMs = Date.parse(before)
        let left = pageSize(limit)
        let place = from === undefined ? placeFrom(db, 0, 0) : placeFrom(db, from.stationNo, from.evseId)
        for (let seen = 0; place !== null && left > 0 && seen < MAX_EVSES; seen++) {
          left -= rollUpEvse(db, place, beforeMs, left)
          // Where the step is full this EVSE may have more.
          if (left > 0) place = placeFrom(db, place.stationNo, place.evseId + 1)
        }
        return { values: pageSize(limit) - left, next: place }
      }),

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
  }
}

/** The first EVSE with meter values that is not before this one: two seeks in the key. */
function placeFrom(db: Database, stationNo: number, evseId: number): RollUpPlace | null {
  const columns = 'SELECT station_no, evse_id FROM meter_values WHERE'
  const row =
    db.get(
      `${columns} station_no = ? AND evse_id >= ? ORDER BY station_no, evse_id LIMIT 1`,
      stationNo,
      evseId,
    ) ?? db.get(`${columns} station_no > ? ORDER BY station_no, evse_id LIMIT 1`, stationNo)
  return row === undefined ? null : { stationNo: int(row, 'station_no'), evseId: int(row, 'evse_id') }
}

const OF_EVSE = 'station_no = ? AND evse_id = ?'

/** Inside `Database.write`. Returns how many values became part of quarters. */
function rollUpEvse(
  db: Database,
  { stationNo, evseId }: RollUpPlace,
  beforeMs: number,
  limit: number,
): number {
  const rows = db.all(
    `SELECT at_ms, session_no, seq_no, ordinal, value FROM meter_values WHERE ${OF_EVSE} AND at_ms < ?
     ORDER BY at_ms, session_no, seq_no, ordinal LIMIT ?`,
    stationNo,
    evseId,
    beforeMs,
    limit,
  )
  const last = rows.at(-1)
  if (last === undefined) return 0
  const values = rows.map((row) => ({
    atMs: int(row, 'at_ms'),
    value: json<MeterValueType>(row, 'value'),
  }))
  for (const part of foldQuarters(values, lastRegister(db, stationNo, evseId)))
    addPart(db, { stationNo, evseId }, part)
  return db.run(
    `DELETE FROM meter_values WHERE ${OF_EVSE} AND (at_ms, session_no, seq_no, ordinal) <= (?, ?, ?, ?)`,
    stationNo,
    evseId,
    int(last, 'at_ms'),
    int(last, 'session_no'),
    int(last, 'seq_no'),
    int(last, 'ordinal'),
  ).changes
}

function lastRegister(db: Database, stationNo: number, evseId: number): RegisterReading | undefined {
  const row = db.get(
    `SELECT register_at_ms, register_wh FROM meter_quarters WHERE ${OF_EVSE} AND register_at_ms IS NOT NULL
     ORDER BY start_ms DESC LIMIT 1`,
    stationNo,
    evseId,
  )
  return row && { atMs: int(row, 'register_at_ms'), wh: int(row, 'register_wh') }
}

function addPart(db: Database, { stationNo, evseId }: RollUpPlace, part: QuarterPart): void {
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
