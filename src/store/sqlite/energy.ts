import type { EnergyStateStore } from '../energy.ts'
import type { Database } from './database.ts'
import { json, text } from './rows.ts'

export function createEnergyStateStore(db: Database): EnergyStateStore {
  return {
    put: (key, state) =>
      db.write(() => {
        db.run('INSERT OR REPLACE INTO energy_state VALUES (?, ?)', key, JSON.stringify(state))
      }),
    list: async (prefix) =>
      new Map(
        db
          .all(
            'SELECT key, state FROM energy_state WHERE substr(key, 1, ?) = ? ORDER BY key',
            prefix.length,
            prefix,
          )
          .map((row) => [text(row, 'key'), json<object>(row, 'state')]),
      ),
  }
}
