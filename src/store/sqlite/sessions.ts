import type { MeterValueType, TransactionEventRequest } from '../../ocpp/v201/messages.generated.ts'
import { foldTransactionEvent, type SessionState } from '../session-fold.ts'
import type { Session, SessionFilter, SessionStore } from '../sessions.ts'
import type { Database, Row } from './database.ts'
import { createRecentSessions, type KnownSession } from './recent-sessions.ts'
import { int, intOrNull, json, pageSize, text, textOrNull, where } from './rows.ts'
import type { StationNumbers } from './station-numbers.ts'

const OUTSIDE_TRANSACTIONS = 0

export function createSessionStore(db: Database, numbers: StationNumbers): SessionStore {
  const recent = createRecentSessions()
  db.onUndo(() => recent.clear())

  function read(stationId: string, transactionId: string): KnownSession | undefined {
    const stationNo = numbers.find(stationId)
    const row = stationNo === undefined ? undefined : sessionRow(db, stationNo, transactionId)
    if (row === undefined || stationNo === undefined) return undefined
    return { stationNo, no: int(row, 'no'), state: toState(row), updatedAt: text(row, 'updated_at') }
  }

  return {
    record: (stationId, event, receivedAt) =>
      db.write(() => {
        const { transactionId } = event.transactionInfo
        const known = recent.get(stationId, transactionId) ?? read(stationId, transactionId)
        if (known !== undefined && isRepeated(db, known, event.seqNo))
          return { session: toPublic(known, stationId, transactionId), repeated: true }
        const state = foldTransactionEvent(known?.state, event)
        const stationNo = known?.stationNo ?? numbers.assign(stationId)
        const sessionNo = known?.no ?? insertSession(db, stationNo, transactionId, state, receivedAt)
        if (known !== undefined) updateSession(db, known, state, receivedAt)
        insertEvent(db, { stationNo, sessionNo, evseId: state.evseId ?? 0 }, event, receivedAt)
        const current = { stationNo, no: sessionNo, state, updatedAt: receivedAt }
        recent.set(stationId, transactionId, current)
        return { session: toPublic(current, stationId, transactionId), repeated: false }
      }),

    get: async (stationId, transactionId) => {
      const stationNo = numbers.find(stationId)
      const row = stationNo === undefined ? undefined : sessionRow(db, stationNo, transactionId)
      return row && toSession(row, stationId)
    },

    list: async (filter = {}) => listSessions(db, numbers, filter),

    events: async (stationId, transactionId) => {
      const stationNo = numbers.find(stationId)
      const row = stationNo === undefined ? undefined : sessionRow(db, stationNo, transactionId)
      if (!row || stationNo === undefined) return []
      return eventsOf(db, stationNo, row)
    },

    recordMeterValues: (stationId, evseId, values, receivedAt) =>
      db.write(() => {
        const stationNo = numbers.assign(stationId)
        // Several messages may carry the same time stamp: the time of arrival tells them apart.
        const seqNo = Date.parse(receivedAt)
        insertMeterValues(db, { stationNo, evseId, sessionNo: OUTSIDE_TRANSACTIONS, seqNo }, values)
      }),

    meterValues: async (query) => {
      const stationNo = numbers.find(query.stationId)
      if (stationNo === undefined) return []
      if (query.transactionId === undefined) return valuesOf(db, { ...query, stationNo })
      const session = sessionRow(db, stationNo, query.transactionId)
      return session ? valuesOf(db, { ...query, stationNo, session }) : []
    },
  }
}

function sessionRow(db: Database, stationNo: number, transactionId: string): Row | undefined {
  return db.get(
    'SELECT * FROM sessions WHERE station_no = ? AND transaction_id = ?',
    stationNo,
    transactionId,
  )
}

/** The index is asked only where the gaps between the events that are there leave room for doubt. */
function isRepeated(db: Database, { no, state }: KnownSession, seqNo: number): boolean {
  if (seqNo > state.lastSeqNo) return false
  return (
    db.get('SELECT 1 FROM transaction_events WHERE session_no = ? AND seq_no = ?', no, seqNo) !== undefined
  )
}

function insertEvent(
  db: Database,
  key: { stationNo: number; sessionNo: number; evseId: number },
  event: TransactionEventRequest,
  receivedAt: string,
): void {
  const { meterValue, ...rest } = event
  db.run(
    'INSERT INTO transaction_events (session_no, seq_no, received_at, event) VALUES (?, ?, ?, ?)',
    key.sessionNo,
    event.seqNo,
    receivedAt,
    JSON.stringify(rest),
  )
  if (meterValue !== undefined) insertMeterValues(db, { ...key, seqNo: event.seqNo }, meterValue)
}

function stateValues(state: SessionState) {
  return [
    state.evseId,
    state.connectorId,
    state.idToken?.type ?? null,
    state.idToken?.idToken ?? null,
    state.startedAt,
    state.endedAt,
    state.chargingState,
    state.stoppedReason,
    state.remoteStartId,
    state.reservationId,
    state.phasesUsed,
    state.firstSeqNo,
    state.lastSeqNo,
    state.eventCount,
    state.meterStartWh,
    state.meterLastWh,
    state.chargingStateSeqNo,
    state.phasesSeqNo,
    state.meterSeqNo,
    state.valuesFromMs,
    state.valuesToMs,
  ] as const
}

const STATE_COLUMNS =
  'evse_id, connector_id, token_type, token, started_at, ended_at, charging_state, stopped_reason, remote_start_id, ' +
  'reservation_id, phases_used, first_seq_no, last_seq_no, event_count, meter_start_wh, meter_last_wh, charging_state_seq_no, ' +
  'phases_seq_no, meter_seq_no, values_from_ms, values_to_ms'

function insertSession(
  db: Database,
  stationNo: number,
  transactionId: string,
  state: SessionState,
  at: string,
): number {
  return db.run(
    `INSERT INTO sessions (station_no, transaction_id, ${STATE_COLUMNS}, updated_at) VALUES (?, ?, ${'?, '.repeat(21)}?)`,
    stationNo,
    transactionId,
    ...stateValues(state),
    at,
  ).lastId
}

const UPDATE_SESSION = `UPDATE sessions SET ${STATE_COLUMNS.split(', ')
  .map((column) => `${column} = ?`)
  .join(', ')}, updated_at = ? WHERE no = ?`

/** What nearly every event changes, and no index holds: rewriting index entries costs more than the row. */
const PROGRESS_SESSION =
  'UPDATE sessions SET charging_state = ?, last_seq_no = ?, event_count = ?, meter_start_wh = ?, meter_last_wh = ?, ' +
  'charging_state_seq_no = ?, meter_seq_no = ?, values_from_ms = ?, values_to_ms = ?, updated_at = ? WHERE no = ?'

function updateSession(db: Database, known: KnownSession, state: SessionState, at: string): void {
  if (!isProgress(known.state, state)) {
    db.run(UPDATE_SESSION, ...stateValues(state), at, known.no)
    return
  }
  db.run(
    PROGRESS_SESSION,
    state.chargingState,
    state.lastSeqNo,
    state.eventCount,
    state.meterStartWh,
    state.meterLastWh,
    state.chargingStateSeqNo,
    state.meterSeqNo,
    state.valuesFromMs,
    state.valuesToMs,
    at,
    known.no,
  )
}

function isProgress(before: SessionState, after: SessionState): boolean {
  return (
    before.evseId === after.evseId &&
    before.connectorId === after.connectorId &&
    before.idToken === after.idToken &&
    before.startedAt === after.startedAt &&
    before.endedAt === after.endedAt &&
    before.stoppedReason === after.stoppedReason &&
    before.remoteStartId === after.remoteStartId &&
    before.reservationId === after.reservationId &&
    before.phasesUsed === after.phasesUsed &&
    before.phasesSeqNo === after.phasesSeqNo &&
    before.firstSeqNo === after.firstSeqNo
  )
}

function insertMeterValues(
  db: Database,
  key: { stationNo: number; evseId: number; sessionNo: number; seqNo: number },
  values: readonly MeterValueType[],
): void {
  for (const [ordinal, value] of values.entries()) {
    db.run(
      'INSERT OR IGNORE INTO meter_values VALUES (?, ?, ?, ?, ?, ?, ?)',
      key.stationNo,
      key.evseId,
      Date.parse(value.timestamp),
      key.sessionNo,
      key.seqNo,
      ordinal,
      JSON.stringify(value),
    )
  }
}

/**
 * The large table is clustered by EVSE and time, so that is how a session's values are found: under its EVSE (0 for
 * those that came before it was known), between the earliest and the latest of them.
 */
function whereabouts(session: Row): [evseId: number, fromMs: number, toMs: number] {
  return [
    intOrNull(session, 'evse_id') ?? 0,
    intOrNull(session, 'values_from_ms') ?? 0,
    intOrNull(session, 'values_to_ms') ?? -1,
  ]
}

interface ValuesQuery {
  readonly stationNo: number
  readonly session?: Row
  readonly evseId?: number
  readonly from?: string
  readonly to?: string
  readonly limit?: number
}

/** Each EVSE's range of time is read in the order of the key and merged here: nothing else is walked through. */
function valuesOf(db: Database, { stationNo, session, ...query }: ValuesQuery) {
  const places = session && whereabouts(session)
  const evseIds = places ? new Set([0, places[0]]) : evsesOf(db, stationNo)
  const limit = pageSize(query.limit)
  const rows: Row[] = []
  for (const evseId of evseIds) {
    if (query.evseId !== undefined && query.evseId !== evseId) continue
    const { clause, args } = where([
      ['station_no = ?', stationNo],
      ['evse_id = ?', evseId],
      ['session_no = ?', session && int(session, 'no')],
      ['at_ms >= ?', places?.[1]],
      ['at_ms <= ?', places?.[2]],
      ['at_ms >= ?', query.from === undefined ? undefined : Date.parse(query.from)],
      ['at_ms < ?', query.to === undefined ? undefined : Date.parse(query.to)],
    ])
    const sql = `SELECT evse_id, at_ms, seq_no, ordinal, value FROM meter_values ${clause} ORDER BY at_ms, seq_no, ordinal LIMIT ?`
    rows.push(...db.all(sql, ...args, limit))
  }
  const order = (one: Row, other: Row): number =>
    int(one, 'at_ms') - int(other, 'at_ms') ||
    int(one, 'seq_no') - int(other, 'seq_no') ||
    int(one, 'ordinal') - int(other, 'ordinal')
  return rows
    .sort(order)
    .slice(0, limit)
    .map((row) => ({
      evseId: int(row, 'evse_id'),
      at: new Date(int(row, 'at_ms')).toISOString(),
      value: json<MeterValueType>(row, 'value'),
    }))
}

/** One seek in the key per EVSE. */
function evsesOf(db: Database, stationNo: number): number[] {
  const found: number[] = []
  for (;;) {
    const sql =
      'SELECT evse_id FROM meter_values WHERE station_no = ? AND evse_id > ? ORDER BY evse_id LIMIT 1'
    const row = db.get(sql, stationNo, found.at(-1) ?? -1)
    if (row === undefined) return found
    found.push(int(row, 'evse_id'))
  }
}

function eventsOf(db: Database, stationNo: number, session: Row) {
  const sessionNo = int(session, 'no')
  const values = new Map<number, MeterValueType[]>()
  for (const row of db.all(
    'SELECT seq_no, value FROM meter_values WHERE station_no = ? AND evse_id IN (0, ?) AND at_ms BETWEEN ? AND ? AND session_no = ? ORDER BY at_ms, ordinal',
    stationNo,
    ...whereabouts(session),
    sessionNo,
  )) {
    const seqNo = int(row, 'seq_no')
    const list = values.get(seqNo) ?? []
    list.push(json<MeterValueType>(row, 'value'))
    values.set(seqNo, list)
  }
  return db
    .all(
      'SELECT seq_no, received_at, event FROM transaction_events WHERE session_no = ? ORDER BY seq_no',
      sessionNo,
    )
    .map((row) => {
      const seqNo = int(row, 'seq_no')
      const meterValue = values.get(seqNo)
      const event = json<TransactionEventRequest>(row, 'event')
      return {
        seqNo,
        receivedAt: text(row, 'received_at'),
        event: meterValue ? { ...event, meterValue } : event,
      }
    })
}

function listSessions(db: Database, numbers: StationNumbers, filter: SessionFilter): Session[] {
  const stationNo = filter.stationId === undefined ? undefined : (numbers.find(filter.stationId) ?? -1)
  const { clause, args } = where([
    ['station_no = ?', stationNo],
    ['ended_at IS NULL = ?', filter.active === undefined ? undefined : filter.active ? 1 : 0],
    ['started_at >= ?', filter.from],
    ['started_at < ?', filter.to],
    ['s.no < ?', filter.after && cursorNo(db, numbers, filter.after)],
  ])
  return db
    .all(
      `SELECT s.*, n.id AS station_id FROM sessions s JOIN station_numbers n ON n.no = s.station_no ${clause} ORDER BY s.no DESC LIMIT ?`,
      ...args,
      pageSize(filter.limit),
    )
    .map((row) => toSession(row, text(row, 'station_id')))
}

/** A session that is unknown ends the listing: nothing came before it. */
function cursorNo(
  db: Database,
  numbers: StationNumbers,
  after: { stationId: string; transactionId: string },
): number {
  const row = sessionRow(db, numbers.find(after.stationId) ?? -1, after.transactionId)
  return row ? int(row, 'no') : 0
}

function toState(row: Row): SessionState {
  const type = textOrNull(row, 'token_type')
  return {
    evseId: intOrNull(row, 'evse_id'),
    connectorId: intOrNull(row, 'connector_id'),
    idToken: type === null ? null : { type, idToken: text(row, 'token') },
    startedAt: textOrNull(row, 'started_at'),
    endedAt: textOrNull(row, 'ended_at'),
    chargingState: textOrNull(row, 'charging_state'),
    stoppedReason: textOrNull(row, 'stopped_reason'),
    remoteStartId: intOrNull(row, 'remote_start_id'),
    reservationId: intOrNull(row, 'reservation_id'),
    phasesUsed: intOrNull(row, 'phases_used'),
    firstSeqNo: int(row, 'first_seq_no'),
    lastSeqNo: int(row, 'last_seq_no'),
    eventCount: int(row, 'event_count'),
    meterStartWh: intOrNull(row, 'meter_start_wh'),
    meterLastWh: intOrNull(row, 'meter_last_wh'),
    chargingStateSeqNo: int(row, 'charging_state_seq_no'),
    phasesSeqNo: int(row, 'phases_seq_no'),
    meterSeqNo: int(row, 'meter_seq_no'),
    valuesFromMs: intOrNull(row, 'values_from_ms'),
    valuesToMs: intOrNull(row, 'values_to_ms'),
  }
}

/** Field by field: this runs for every event, and spreading costs several times as much. */
function toPublic(
  { state, updatedAt }: Pick<KnownSession, 'state' | 'updatedAt'>,
  stationId: string,
  transactionId: string,
): Session {
  const expected = state.lastSeqNo - state.firstSeqNo + 1
  return {
    stationId,
    transactionId,
    evseId: state.evseId,
    connectorId: state.connectorId,
    idToken: state.idToken,
    startedAt: state.startedAt,
    endedAt: state.endedAt,
    chargingState: state.chargingState,
    stoppedReason: state.stoppedReason,
    remoteStartId: state.remoteStartId,
    reservationId: state.reservationId,
    phasesUsed: state.phasesUsed,
    lastSeqNo: state.lastSeqNo,
    missingSeqNos: Math.max(0, expected - state.eventCount),
    meterStartWh: state.meterStartWh,
    meterLastWh: state.meterLastWh,
    updatedAt,
  }
}

function toSession(row: Row, stationId: string): Session {
  const known = { state: toState(row), updatedAt: text(row, 'updated_at') }
  return toPublic(known, stationId, text(row, 'transaction_id'))
}
