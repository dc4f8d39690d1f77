import type { AuthorizationData } from '../../ocpp/v201/messages.generated.ts'
import type { LocalListStore } from '../local-lists.ts'
import type { Database } from './database.ts'
import { int, json, text } from './rows.ts'

export function createLocalListStore(db: Database): LocalListStore {
  return {
    get: async (stationId) => {
      const row = db.get('SELECT * FROM local_lists WHERE station_id = ?', stationId)
      if (row === undefined) return undefined
      return {
        stationId,
        version: int(row, 'version'),
        entries: json<AuthorizationData[]>(row, 'entries'),
        updatedAt: text(row, 'updated_at'),
      }
    },
    put: (list) =>
      db.write(() => {
        db.run(
          'INSERT OR REPLACE INTO local_lists VALUES (?, ?, ?, ?)',
          list.stationId,
          list.version,
          JSON.stringify(list.entries),
          list.updatedAt,
        )
      }),
  }
}
