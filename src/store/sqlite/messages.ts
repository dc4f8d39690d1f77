import type { MessagePage, MessageQuery, MessageStore, StationMessage } from '../messages.ts'
import type { Database, Row } from './database.ts'
import { int, jsonOrNull, oneOf, pageSize, text, textOrNull, where } from './rows.ts'

/** Messages that one query looks at: with text to search, some 20 ms of the event loop. */
const MAX_SCANNED = 10_000
/** The log shrinks, where `keep` was lowered, by this much with each batch. */
const MAX_REMOVED = 2_000

export function createMessageStore(db: Database): MessageStore {
  return {
    append: (messages, keep) =>
      db.write(() => {
        let last = 0
        for (const message of messages)
          last = db.run(
            `INSERT INTO station_messages (station_id, at_ms, direction, kind, message_id, action, error_code, payload)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
            message.stationId,
            message.atMs,
            message.direction,
            message.kind,
            message.messageId,
            message.action,
            message.errorCode,
            message.payload,
          ).lastId
        db.run(
          `DELETE FROM station_messages WHERE id IN
             (SELECT id FROM station_messages WHERE id <= ? ORDER BY id LIMIT ${MAX_REMOVED})`,
          last - keep,
        )
      }),

    list: async (query = {}) => list(db, query),
  }
}

function list(db: Database, query: MessageQuery): MessagePage {
  const limit = pageSize(query.limit)
  const inPart = where([
    ['station_id = ?', query.stationId],
    ['id < ?', query.before],
    ['id >= ?', query.from === undefined ? undefined : firstAt(db, query.from)],
    ['id < ?', query.to === undefined ? undefined : firstAt(db, query.to)],
  ])
  const part = `SELECT * FROM station_messages ${inPart.clause} ORDER BY id DESC LIMIT ${MAX_SCANNED}`
  const wanted = where([
    ['action = ?', query.action],
    ['direction = ?', query.direction],
    ['kind = ?', query.kind],
    ['message_id = ?', query.messageId],
    ["payload LIKE ? ESCAPE '\\'", query.text === undefined ? undefined : `%${escaped(query.text)}%`],
    [
      'action IN (SELECT value FROM json_each(?))',
      query.text === undefined || query.textActions === undefined
        ? undefined
        : JSON.stringify(query.textActions),
    ],
  ])
  const rows = db.all(
    `SELECT * FROM (${part}) ${wanted.clause} LIMIT ?`,
    ...inPart.args,
    ...wanted.args,
    limit,
  )
  const items = rows.map(toMessage)
  if (items.length === limit) return { items, next: items.at(-1)?.id ?? null }
  const end = db.get(
    `SELECT id FROM station_messages ${inPart.clause} ORDER BY id DESC LIMIT 1 OFFSET ${MAX_SCANNED - 1}`,
    ...inPart.args,
  )
  return { items, next: end === undefined ? null : int(end, 'id') }
}

/** Ids follow the time: the first message at or after it, or the id that the next one will have. */
function firstAt(db: Database, at: string): number {
  const row =
    db.get('SELECT id FROM station_messages WHERE at_ms >= ? ORDER BY at_ms, id LIMIT 1', Date.parse(at)) ??
    db.get('SELECT coalesce(max(id), 0) + 1 AS id FROM station_messages')
  return row === undefined ? 1 : int(row, 'id')
}

function escaped(pattern: string): string {
  return pattern.replaceAll(/[\\%_]/g, '\\$&')
}

function toMessage(row: Row): StationMessage {
  return {
    id: int(row, 'id'),
    stationId: text(row, 'station_id'),
    at: new Date(int(row, 'at_ms')).toISOString(),
    direction: oneOf(row, 'direction'),
    kind: oneOf(row, 'kind'),
    messageId: text(row, 'message_id'),
    action: textOrNull(row, 'action'),
    errorCode: textOrNull(row, 'error_code'),
    payload: jsonOrNull(row, 'payload'),
  }
}
