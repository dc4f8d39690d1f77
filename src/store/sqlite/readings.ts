import type { MeterValueType, TransactionEventRequest } from '../../ocpp/v201/messages.generated.ts'
import type { Database, Row, SqlValue } from './database.ts'
import { int, json, where } from './rows.ts'

/**
 * The large table: transaction events and meter values in the order of their arrival. It only grows at its end, so
 * that a fleet writes as many pages as it sends data, instead of a page per station. Events of a session are found
 * by a chain: each names the one of the session that arrived before it, the session's row names the last.
 */
export interface NewReading {
  readonly stationNo: number
  readonly evseId: number
  readonly sessionNo: number
  readonly seqNo: number
  /** Of the session's reading that arrived before; 0 where there is none. */
  readonly previousNo: number
  readonly receivedMs: number
  readonly event: TransactionEventRequest
}

export interface Value {
  readonly evseId: number
  readonly atMs: number
  readonly value: MeterValueType
}

const OUTSIDE_TRANSACTIONS = 0
const INSERT =
  'INSERT INTO readings (station_no, evse_id, session_no, seq_no, previous_no, at_ms, received_ms, event, meter_values) ' +
  'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'

/** Inside `Database.write`. Returns the number of the reading. */
export function appendEvent(db: Database, reading: NewReading): number {
  const { meterValue, ...event } = reading.event
  return db.run(
    INSERT,
    reading.stationNo,
    reading.evseId,
    reading.sessionNo,
    reading.seqNo,
    reading.previousNo,
    null,
    reading.receivedMs,
    JSON.stringify(event),
    meterValue === undefined ? null : JSON.stringify(meterValue),
  ).lastId
}

/** Inside `Database.write`: values that belong to no transaction, a reading each, so that each has its time. */
export function appendOutside(
  db: Database,
  place: { readonly stationNo: number; readonly evseId: number; readonly receivedMs: number },
  values: readonly MeterValueType[],
): void {
  for (const value of values)
    db.run(
      INSERT,
      place.stationNo,
      place.evseId,
      OUTSIDE_TRANSACTIONS,
      0,
      0,
      Date.parse(value.timestamp),
      place.receivedMs,
      null,
      JSON.stringify([value]),
    )
}

/** From the last to the first; what retention has removed ends the chain. */
export function* chain(db: Database, lastNo: number, columns = '*'): Generator<Row> {
  const sql = `SELECT ${columns}, previous_no FROM readings WHERE no = ?`
  for (let no = lastNo; no !== 0; ) {
    const row = db.get(sql, no)
    if (row === undefined) return
    yield row
    no = int(row, 'previous_no')
  }
}

export function storedEvents(db: Database, lastNo: number) {
  return [...chain(db, lastNo)]
    .filter((row) => row.event !== null)
    .map((row) => {
      const event = json<TransactionEventRequest>(row, 'event')
      return {
        seqNo: int(row, 'seq_no'),
        receivedAt: new Date(int(row, 'received_ms')).toISOString(),
        event:
          row.meter_values === null
            ? event
            : { ...event, meterValue: json<MeterValueType[]>(row, 'meter_values') },
      }
    })
    .sort((one, other) => one.seqNo - other.seqNo)
}

export function valuesIn(row: Row): Value[] {
  if (row.meter_values === null) return []
  const evseId = int(row, 'evse_id')
  return json<MeterValueType[]>(row, 'meter_values').map((value) => ({
    evseId,
    atMs: Date.parse(value.timestamp),
    value,
  }))
}

export interface ValueRange {
  readonly evseId: number | undefined
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
  readonly limit: number
}

/** Of one session, oldest first. */
export function valuesOfSession(db: Database, lastNo: number, range: ValueRange): Value[] {
  const values: Value[] = []
  for (const row of chain(db, lastNo, 'evse_id, meter_values')) values.push(...valuesIn(row))
  return earliest(values, range)
}

/** Of a station, inside and outside of sessions, oldest first. */
export function valuesOfStation(db: Database, stationNo: number, range: ValueRange): Value[] {
  let values = earliest(outside(db, stationNo, range), range)
  const { clause, args } = where([
    ['station_no = ?', stationNo],
    ['values_to_ms >= ?', range.fromMs],
    ['values_from_ms < ?', range.toMs],
    // What came before a session knew its EVSE is booked under 0.
    ['(evse_id IS NULL OR evse_id = ?)', range.evseId === 0 ? undefined : range.evseId],
  ])
  const sessions = db.all(
    `SELECT last_reading_no, values_from_ms FROM sessions ${clause} AND values_from_ms IS NOT NULL ORDER BY values_from_ms`,
    ...args,
  )
  for (const session of sessions) {
    // Sessions that begin after the last value of a full page add nothing to it.
    const lastMs = values.length < range.limit ? undefined : values.at(-1)?.atMs
    if (lastMs !== undefined && int(session, 'values_from_ms') > lastMs) break
    const found = valuesOfSession(db, int(session, 'last_reading_no'), range)
    values = earliest([...values, ...found], range)
  }
  return values
}

function outside(db: Database, stationNo: number, range: ValueRange): Value[] {
  const conditions: (readonly [string, SqlValue | undefined])[] = [
    ['station_no = ?', stationNo],
    ['evse_id = ?', range.evseId],
    ['at_ms >= ?', range.fromMs],
    ['at_ms < ?', range.toMs],
  ]
  const { clause, args } = where(conditions)
  const sql = `SELECT evse_id, meter_values FROM readings ${clause} AND session_no = ${OUTSIDE_TRANSACTIONS} ORDER BY at_ms, no LIMIT ?`
  return db.all(sql, ...args, range.limit).flatMap(valuesIn)
}

function earliest(values: Value[], { evseId, fromMs, toMs, limit }: ValueRange): Value[] {
  return values
    .filter(
      (one) =>
        (evseId === undefined || one.evseId === evseId) &&
        (fromMs === undefined || one.atMs >= fromMs) &&
        (toMs === undefined || one.atMs < toMs),
    )
    .sort((one, other) => one.atMs - other.atMs || one.evseId - other.evseId)
    .slice(0, limit)
}

/** Sequence numbers of a session's events that are still there. */
export function storedSeqNos(db: Database, lastNo: number): Set<number> {
  const found = new Set<number>()
  for (const row of chain(db, lastNo, 'seq_no')) found.add(int(row, 'seq_no'))
  return found
}
