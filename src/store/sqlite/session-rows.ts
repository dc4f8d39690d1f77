import type { SessionState } from '../session-fold.ts'
import type { Session } from '../sessions.ts'
import type { Database, Row } from './database.ts'
import type { KnownSession } from './recent-sessions.ts'
import { int, intOrNull, text, textOrNull } from './rows.ts'

/** The row of a session: what is in it, and how little of it an event changes. */

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

export function insertSession(
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
  .join(', ')}, last_reading_no = ?, updated_at = ? WHERE no = ?`

/** What nearly every event changes, and no index holds: rewriting index entries costs more than the row. */
const PROGRESS_SESSION =
  'UPDATE sessions SET charging_state = ?, last_seq_no = ?, event_count = ?, meter_start_wh = ?, meter_last_wh = ?, ' +
  'charging_state_seq_no = ?, meter_seq_no = ?, values_from_ms = ?, values_to_ms = ?, last_reading_no = ?, updated_at = ? WHERE no = ?'

/** `last`: the number of the event's reading. */
export function updateSession(
  db: Database,
  known: Pick<KnownSession, 'no' | 'state'>,
  state: SessionState,
  last: { readonly readingNo: number; readonly at: string },
): void {
  if (!isProgress(known.state, state)) {
    db.run(UPDATE_SESSION, ...stateValues(state), last.readingNo, last.at, known.no)
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
    last.readingNo,
    last.at,
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

export function toState(row: Row): SessionState {
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
export function toPublic(
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

export function toSession(row: Row, stationId: string): Session {
  const known = { state: toState(row), updatedAt: text(row, 'updated_at') }
  return toPublic(known, stationId, text(row, 'transaction_id'))
}
