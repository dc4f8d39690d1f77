import type { ComplianceMinute, EnergyStateStore, SessionCost } from '../energy.ts'
import type { Database, Row } from './database.ts'
import { int, json, text } from './rows.ts'

type KeptCost = Omit<SessionCost, 'siteId' | 'stationId' | 'transactionId' | 'endedMs'>
type Kept = Omit<ComplianceMinute, 'siteId' | 'nodeId' | 'minuteMs'>

export function createEnergyStateStore(db: Database): EnergyStateStore {
  return {
    put: (key, state) =>
      db.write(() => {
        db.run('INSERT OR REPLACE INTO energy_state VALUES (?, ?)', key, JSON.stringify(state))
      }),
    remove: (key) => db.write(() => db.run('DELETE FROM energy_state WHERE key = ?', key).changes > 0),
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

    keepSnapshot: (siteId, { atMs, data }, { keepFromMs, keepBytes }) =>
      db.write(() => {
        db.run('INSERT OR REPLACE INTO site_snapshots VALUES (?, ?, ?, ?)', siteId, atMs, data.length, data)
        db.run('DELETE FROM site_snapshots WHERE site_id = ? AND at_ms < ?', siteId, keepFromMs)
        // From the newest back: whatever is older than the budget reaches.
        db.run(
          `DELETE FROM site_snapshots WHERE site_id = ? AND at_ms <= (
             SELECT at_ms FROM (
               SELECT at_ms, sum(bytes) OVER (ORDER BY at_ms DESC) AS total
               FROM site_snapshots WHERE site_id = ?
             ) WHERE total > ? ORDER BY at_ms DESC LIMIT 1
           )`,
          siteId,
          siteId,
          keepBytes,
        )
      }),
    snapshotAt: async (siteId, atMs) => {
      const row = db.get(
        'SELECT at_ms, data FROM site_snapshots WHERE site_id = ? AND at_ms <= ? ORDER BY at_ms DESC LIMIT 1',
        siteId,
        atMs,
      )
      return row?.data instanceof Uint8Array ? { atMs: int(row, 'at_ms'), data: row.data } : undefined
    },

    keepMinutes: (minutes, keepFromMs) =>
      db.write(() => {
        for (const { siteId, nodeId, minuteMs, ...kept } of minutes) {
          db.run(
            'INSERT OR REPLACE INTO site_minutes VALUES (?, ?, ?, ?)',
            siteId,
            minuteMs,
            nodeId,
            JSON.stringify(kept satisfies Kept),
          )
        }
        for (const siteId of new Set(minutes.map((minute) => minute.siteId)))
          db.run('DELETE FROM site_minutes WHERE site_id = ? AND minute_ms < ?', siteId, keepFromMs)
      }),
    minutes: async ({ siteId, fromMs, toMs, nodeId, limit }) =>
      db
        .all(
          `SELECT * FROM site_minutes WHERE site_id = ? AND minute_ms >= ? AND minute_ms < ?
           AND (? IS NULL OR node_id = ?) ORDER BY minute_ms, node_id LIMIT ?`,
          siteId,
          fromMs,
          toMs,
          nodeId ?? null,
          nodeId ?? null,
          limit,
        )
        .map(toMinute),

    keepCost: (cost, keepFromMs) =>
      db.write(() => {
        const { siteId, stationId, transactionId, endedMs, ...kept } = cost
        db.run(
          'INSERT OR REPLACE INTO session_costs VALUES (?, ?, ?, ?, ?)',
          siteId,
          endedMs,
          stationId,
          transactionId,
          JSON.stringify(kept satisfies KeptCost),
        )
        db.run('DELETE FROM session_costs WHERE site_id = ? AND ended_ms < ?', siteId, keepFromMs)
      }),
    costs: async ({ siteId, fromMs, toMs, limit }) =>
      db
        .all(
          `SELECT * FROM session_costs WHERE site_id = ? AND ended_ms >= ? AND ended_ms < ?
           ORDER BY ended_ms, station_id, transaction_id LIMIT ?`,
          siteId,
          fromMs,
          toMs,
          limit,
        )
        .map((row) => ({
          siteId: text(row, 'site_id'),
          stationId: text(row, 'station_id'),
          transactionId: text(row, 'transaction_id'),
          endedMs: int(row, 'ended_ms'),
          ...json<KeptCost>(row, 'cost'),
        })),
  }
}

/** What minutes did not say before they said it. */
const BEFORE = { limitW: null, highestW: null, observedMs: 60_000, wattSecondsAbove: 0 }

function toMinute(row: Row): ComplianceMinute {
  return {
    siteId: text(row, 'site_id'),
    nodeId: text(row, 'node_id'),
    minuteMs: int(row, 'minute_ms'),
    ...BEFORE,
    ...json<Kept>(row, 'minute'),
  }
}
