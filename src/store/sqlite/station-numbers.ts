import type { Database } from './database.ts'
import { int } from './rows.ts'

/** Short numbers for station ids in the large tables. */
export interface StationNumbers {
  find(stationId: string): number | undefined
  /** Inside `Database.write` only. */
  assign(stationId: string): number
}

export function createStationNumbers(db: Database): StationNumbers {
  const find = (stationId: string): number | undefined => {
    const row = db.get('SELECT no FROM station_numbers WHERE id = ?', stationId)
    return row && int(row, 'no')
  }
  return {
    find,
    assign: (stationId) =>
      find(stationId) ?? db.run('INSERT INTO station_numbers (id) VALUES (?)', stationId).lastId,
  }
}
