import type {
  CertificateUse,
  FleetStore,
  InstalledCertificate,
  PolicyScope,
  StationTrust,
  TrustAnchor,
  TrustPolicy,
} from '../fleet.ts'
import { createCampaignStore } from './campaigns.ts'
import type { Database, Row, SqlValue } from './database.ts'
import { bytes, int, json, oneOf, text, textOrNull } from './rows.ts'

const COLUMNS: Readonly<Record<keyof Omit<StationTrust, 'stationId'>, string>> = {
  inventoryAt: 'inventory_at',
  leafFingerprint: 'leaf_fingerprint',
  connectedAt: 'connected_at',
  shown: 'shown',
  attempts: 'attempts',
  notBefore: 'not_before',
  refused: 'refused',
  detail: 'detail',
  passwordCandidate: 'password_candidate',
  expiredUntil: 'expired_until',
  signingWaitS: 'signing_wait_s',
}

export function createFleetStore(db: Database): FleetStore {
  return { ...createCampaignStore(db), ...stationStore(db), ...anchorStore(db), ...settingStore(db) }
}

function stationStore(
  db: Database,
): Pick<
  FleetStore,
  | 'putInventory'
  | 'installed'
  | 'installedOf'
  | 'trust'
  | 'trustOf'
  | 'updateTrust'
  | 'recordLinks'
  | 'shownCounts'
  | 'raisedWaits'
> {
  return {
    putInventory: (stationId, uses, rows, at, complete) =>
      db.write(() => {
        db.run(
          'DELETE FROM installed_certificates WHERE station_id = ? AND use IN (SELECT value FROM json_each(?))',
          stationId,
          JSON.stringify(uses),
        )
        for (const row of rows) putInstalled(db, row)
        if (complete) update(db, stationId, { inventoryAt: at })
      }),
    installed: async (stationId) =>
      db
        .all('SELECT * FROM installed_certificates WHERE station_id = ? ORDER BY use, parent_key', stationId)
        .map(toInstalled),
    installedOf: async (stationIds) =>
      db
        .all(
          'SELECT * FROM installed_certificates WHERE station_id IN (SELECT value FROM json_each(?))',
          JSON.stringify(stationIds),
        )
        .map(toInstalled),
    trust: async (stationId) => {
      const row = db.get('SELECT * FROM station_trust WHERE station_id = ?', stationId)
      return row && toTrust(row)
    },
    trustOf: async (stationIds) =>
      db
        .all(
          'SELECT * FROM station_trust WHERE station_id IN (SELECT value FROM json_each(?))',
          JSON.stringify(stationIds),
        )
        .map(toTrust),
    updateTrust: (stationId, change) => db.write(() => update(db, stationId, change)),
    recordLinks: (links) =>
      db.write(() => {
        for (const { stationId, at, shown } of links) update(db, stationId, { connectedAt: at, shown })
      }),
    raisedWaits: async () =>
      db
        .all(
          'SELECT station_id, signing_wait_s FROM station_trust WHERE signing_wait_s IS NOT NULL LIMIT 1000',
        )
        .map((row) => ({ stationId: text(row, 'station_id'), signingWaitS: int(row, 'signing_wait_s') })),
    shownCounts: async () =>
      db
        .all('SELECT shown, count(*) AS stations FROM station_trust WHERE shown IS NOT NULL GROUP BY shown')
        .map((row) => ({ shown: text(row, 'shown'), stations: int(row, 'stations') })),
  }
}

function update(db: Database, stationId: string, change: Partial<Omit<StationTrust, 'stationId'>>): void {
  db.run('INSERT INTO station_trust (station_id) VALUES (?) ON CONFLICT DO NOTHING', stationId)
  for (const [name, column] of Object.entries(COLUMNS)) {
    const value = change[name as keyof typeof change]
    if (value === undefined) continue
    const stored: SqlValue = typeof value === 'object' && value !== null ? JSON.stringify(value) : value
    db.run(`UPDATE station_trust SET ${column} = ? WHERE station_id = ?`, stored, stationId)
  }
}

function putInstalled(db: Database, row: InstalledCertificate): void {
  db.run(
    'INSERT INTO installed_certificates VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    row.stationId,
    row.use,
    row.hashAlgorithm,
    row.issuerNameHash,
    row.issuerKeyHash,
    row.serialNumber,
    row.parentKey ?? '',
    row.reportedAt,
  )
}

function anchorStore(
  db: Database,
): Pick<FleetStore, 'putAnchor' | 'anchors' | 'removeAnchor' | 'putPolicy' | 'policies' | 'removePolicy'> {
  const policies = (): TrustPolicy[] => db.all('SELECT * FROM trust_policies ORDER BY id').map(toPolicy)
  return {
    putAnchor: (anchor) =>
      db.write(() => {
        db.run(
          'INSERT INTO trust_anchors VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
          anchor.use,
          anchor.fingerprint,
          anchor.subject,
          anchor.notBefore,
          anchor.notAfter,
          anchor.der,
          anchor.createdAt,
        )
      }),
    anchors: async () => db.all('SELECT * FROM trust_anchors ORDER BY use, not_before').map(toAnchor),
    removeAnchor: (use, fingerprint) =>
      db.write(() => {
        const isWanted = policies().some((one) => one.use === use && one.fingerprints.includes(fingerprint))
        if (isWanted) return false
        return (
          db.run('DELETE FROM trust_anchors WHERE use = ? AND fingerprint = ?', use, fingerprint).changes > 0
        )
      }),
    putPolicy: (policy) =>
      db.write(() => {
        db.run(
          `INSERT INTO trust_policies VALUES (?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET scope = excluded.scope, scope_id = excluded.scope_id, use = excluded.use,
             fingerprints = excluded.fingerprints, repair = excluded.repair, set_by = excluded.set_by,
             updated_at = excluded.updated_at`,
          policy.id,
          policy.scope,
          policy.scopeId,
          policy.use,
          JSON.stringify(policy.fingerprints),
          policy.repair,
          policy.setBy,
          policy.updatedAt,
        )
      }),
    policies: async () => policies(),
    removePolicy: (id) => db.write(() => db.run('DELETE FROM trust_policies WHERE id = ?', id).changes > 0),
  }
}

function settingStore(db: Database): Pick<FleetStore, 'setting' | 'putSetting'> {
  return {
    setting: async (name) => {
      const row = db.get('SELECT value FROM fleet_settings WHERE name = ?', name)
      return row && text(row, 'value')
    },
    putSetting: (name, value) =>
      db.write(() => {
        db.run(
          'INSERT INTO fleet_settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
          name,
          value,
        )
      }),
  }
}

function toInstalled(row: Row): InstalledCertificate {
  const parentKey = text(row, 'parent_key')
  return {
    stationId: text(row, 'station_id'),
    use: oneOf<CertificateUse>(row, 'use'),
    hashAlgorithm: oneOf<InstalledCertificate['hashAlgorithm']>(row, 'hash_algorithm'),
    issuerNameHash: text(row, 'issuer_name_hash'),
    issuerKeyHash: text(row, 'issuer_key_hash'),
    serialNumber: text(row, 'serial_number'),
    parentKey: parentKey === '' ? null : parentKey,
    reportedAt: text(row, 'reported_at'),
  }
}

function toTrust(row: Row): StationTrust {
  return {
    stationId: text(row, 'station_id'),
    inventoryAt: textOrNull(row, 'inventory_at'),
    leafFingerprint: textOrNull(row, 'leaf_fingerprint'),
    connectedAt: textOrNull(row, 'connected_at'),
    shown: textOrNull(row, 'shown'),
    attempts: int(row, 'attempts'),
    notBefore: textOrNull(row, 'not_before'),
    refused: json<string[]>(row, 'refused'),
    detail: textOrNull(row, 'detail'),
    passwordCandidate: textOrNull(row, 'password_candidate'),
    expiredUntil: textOrNull(row, 'expired_until'),
    signingWaitS: row.signing_wait_s === null ? null : int(row, 'signing_wait_s'),
  }
}

function toAnchor(row: Row): TrustAnchor {
  return {
    fingerprint: text(row, 'fingerprint'),
    use: oneOf<TrustAnchor['use']>(row, 'use'),
    subject: text(row, 'subject'),
    notBefore: text(row, 'not_before'),
    notAfter: text(row, 'not_after'),
    der: bytes(row, 'der'),
    createdAt: text(row, 'created_at'),
  }
}

function toPolicy(row: Row): TrustPolicy {
  return {
    id: text(row, 'id'),
    scope: oneOf<PolicyScope>(row, 'scope'),
    scopeId: text(row, 'scope_id'),
    use: oneOf<TrustPolicy['use']>(row, 'use'),
    fingerprints: json<string[]>(row, 'fingerprints'),
    repair: oneOf<TrustPolicy['repair']>(row, 'repair'),
    setBy: text(row, 'set_by'),
    updatedAt: text(row, 'updated_at'),
  }
}
