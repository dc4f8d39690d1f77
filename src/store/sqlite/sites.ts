import type { LimitRecord, SiteRecord, SiteStore } from '../sites.ts'
import type { Database, Row } from './database.ts'
import { int, json, oneOf, text, textOrNull } from './rows.ts'

export function createSiteStore(db: Database): SiteStore {
  return {
    putSite: (site) =>
      db.write(() => {
        db.run(
          'INSERT OR REPLACE INTO sites VALUES (?, ?, ?)',
          site.id,
          JSON.stringify(site.config),
          site.updatedAt,
        )
      }),
    getSite: async (id) => {
      const row = db.get('SELECT * FROM sites WHERE id = ?', id)
      return row && toSite(row)
    },
    listSites: async () => db.all('SELECT * FROM sites ORDER BY id').map(toSite),
    removeSite: (id) =>
      db.write(() => {
        db.run('DELETE FROM site_limits WHERE site_id = ?', id)
        return db.run('DELETE FROM sites WHERE id = ?', id).changes > 0
      }),

    putLimit: (limit) =>
      db.write(() => {
        db.run(
          'INSERT OR REPLACE INTO site_limits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          limit.siteId,
          limit.id,
          limit.nodeId,
          limit.source,
          limit.value,
          limit.unit,
          limit.validFrom,
          limit.validTo,
          limit.setBy,
          limit.updatedAt,
          limit.group ?? null,
          limit.priority ?? 0,
        )
      }),
    removeLimit: (siteId, id) =>
      db.write(() => db.run('DELETE FROM site_limits WHERE site_id = ? AND id = ?', siteId, id).changes > 0),
    limits: async (siteId) =>
      db.all('SELECT * FROM site_limits WHERE site_id = ? ORDER BY id', siteId).map(toLimit),
  }
}

function toSite(row: Row): SiteRecord {
  return { id: text(row, 'id'), config: json<object>(row, 'config'), updatedAt: text(row, 'updated_at') }
}

function toLimit(row: Row): LimitRecord {
  return {
    id: text(row, 'id'),
    siteId: text(row, 'site_id'),
    nodeId: text(row, 'node_id'),
    source: text(row, 'source'),
    value: int(row, 'value'),
    unit: oneOf(row, 'unit'),
    validFrom: textOrNull(row, 'valid_from'),
    validTo: textOrNull(row, 'valid_to'),
    setBy: text(row, 'set_by'),
    updatedAt: text(row, 'updated_at'),
    group: textOrNull(row, 'rank_group'),
    priority: int(row, 'priority'),
  }
}
