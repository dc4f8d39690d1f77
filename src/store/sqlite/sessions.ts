import { foldTransactionEvent } from '../session-fold.ts'
import type { Session, SessionFilter, SessionStore } from '../sessions.ts'
import type { Database, Row } from './database.ts'
import {
  appendEvent,
  appendOutside,
  storedEvents,
  storedSeqNos,
  valuesOfSession,
  valuesOfStation,
} from './readings.ts'
import { createRecentSessions, type KnownSession } from './recent-sessions.ts'
import { int, pageSize, text, where } from './rows.ts'
import { insertSession, toPublic, toSession, toState, updateSession } from './session-rows.ts'
import type { StationNumbers } from './station-numbers.ts'

export function createSessionStore(db: Database, numbers: StationNumbers): SessionStore {
  const recent = createRecentSessions()
  db.onUndo(() => recent.clear())

  function row(stationId: string, transactionId: string): Row | undefined {
    const stationNo = numbers.find(stationId)
    return stationNo === undefined ? undefined : sessionRow(db, stationNo, transactionId)
  }

  return {
    record: (stationId, event, receivedAt) =>
      db.write(() => {
        const { transactionId } = event.transactionInfo
        const known = recent.get(stationId, transactionId) ?? toKnown(row(stationId, transactionId))
        if (known !== undefined && isRepeated(db, known, event.seqNo))
          return { session: toPublic(known, stationId, transactionId), repeated: true }
        const state = foldTransactionEvent(known?.state, event)
        const stationNo = known?.stationNo ?? numbers.assign(stationId)
        const no = known?.no ?? insertSession(db, stationNo, transactionId, state, receivedAt)
        const readingNo = appendEvent(db, {
          stationNo,
          evseId: state.evseId ?? 0,
          sessionNo: no,
          seqNo: event.seqNo,
          previousNo: known?.lastReadingNo ?? 0,
          receivedMs: Date.parse(receivedAt),
          event,
        })
        updateSession(db, { no, state: known?.state ?? state }, state, { readingNo, at: receivedAt })
        const seqNos = known?.seqNos?.add(event.seqNo)
        const current = { stationNo, no, state, lastReadingNo: readingNo, seqNos, updatedAt: receivedAt }
        recent.set(stationId, transactionId, current)
        return { session: toPublic(current, stationId, transactionId), repeated: false }
      }),

    get: async (stationId, transactionId) => {
      const found = row(stationId, transactionId)
      return found && toSession(found, stationId)
    },

    list: async (filter = {}) => listSessions(db, numbers, filter),

    events: async (stationId, transactionId) => {
      const found = row(stationId, transactionId)
      return found === undefined ? [] : storedEvents(db, int(found, 'last_reading_no'))
    },

    recordMeterValues: (stationId, evseId, values, receivedAt) =>
      db.write(() => {
        const place = { stationNo: numbers.assign(stationId), evseId, receivedMs: Date.parse(receivedAt) }
        appendOutside(db, place, values)
      }),

    meterValues: async ({ stationId, transactionId, evseId, from, to, limit }) => {
      const range = {
        evseId,
        fromMs: from === undefined ? undefined : Date.parse(from),
        toMs: to === undefined ? undefined : Date.parse(to),
        limit: pageSize(limit),
      }
      const stationNo = numbers.find(stationId)
      if (stationNo === undefined) return []
      const session = transactionId === undefined ? undefined : sessionRow(db, stationNo, transactionId)
      if (transactionId !== undefined && session === undefined) return []
      const values =
        session === undefined
          ? valuesOfStation(db, stationNo, range)
          : valuesOfSession(db, int(session, 'last_reading_no'), range)
      return values.map((one) => ({
        evseId: one.evseId,
        at: new Date(one.atMs).toISOString(),
        value: one.value,
      }))
    },
  }
}

function toKnown(row: Row | undefined): KnownSession | undefined {
  return (
    row && {
      stationNo: int(row, 'station_no'),
      no: int(row, 'no'),
      state: toState(row),
      lastReadingNo: int(row, 'last_reading_no'),
      seqNos: undefined,
      updatedAt: text(row, 'updated_at'),
    }
  )
}

function sessionRow(db: Database, stationNo: number, transactionId: string): Row | undefined {
  return db.get(
    'SELECT * FROM sessions WHERE station_no = ? AND transaction_id = ?',
    stationNo,
    transactionId,
  )
}

/** The events are asked only where the gaps between those that are there leave room for doubt, and once. */
function isRepeated(db: Database, known: KnownSession, seqNo: number): boolean {
  const { firstSeqNo, lastSeqNo, eventCount } = known.state
  if (seqNo > lastSeqNo) return false
  if (seqNo >= firstSeqNo && eventCount > lastSeqNo - firstSeqNo) return true
  known.seqNos ??= storedSeqNos(db, known.lastReadingNo)
  return known.seqNos.has(seqNo)
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
