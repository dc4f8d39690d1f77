import type { StationEvent, StationEventStore } from '../events.ts'
import type { Database, Row } from './database.ts'
import { byId, flag, int, json, pageSize, text, where } from './rows.ts'

export function createStationEventStore(db: Database): StationEventStore {
  return {
    record: (event) =>
      db.write(() => {
        db.run(
          'INSERT INTO station_events (station_id, kind, type, at, received_at, critical, detail) VALUES (?, ?, ?, ?, ?, ?, ?)',
          event.stationId,
          event.kind,
          event.type,
          event.at,
          event.receivedAt,
          Number(event.critical),
          JSON.stringify(event.detail),
        )
      }),

    list: async (filter = {}) => {
      const { clause, args } = where([
        ['station_id = ?', filter.stationId],
        ['kind = ?', filter.kind],
        ['type = ?', filter.type],
        ['critical = ?', filter.critical === undefined ? undefined : Number(filter.critical)],
        ['id > ?', filter.after],
        ['id < ?', filter.before],
      ])
      return db
        .all(
          `SELECT * FROM station_events ${clause} ORDER BY ${byId(filter.order)} LIMIT ?`,
          ...args,
          pageSize(filter.limit),
        )
        .map(toEvent)
    },
  }
}

function toEvent(row: Row): StationEvent {
  return {
    id: int(row, 'id'),
    stationId: text(row, 'station_id'),
    kind: text(row, 'kind'),
    type: text(row, 'type'),
    at: text(row, 'at'),
    receivedAt: text(row, 'received_at'),
    critical: flag(row, 'critical'),
    detail: json<object>(row, 'detail'),
  }
}
