import type { ContractStore, TrustedCertificate, VehicleRecord } from '../contracts.ts'
import type { Database, Row } from './database.ts'
import { bytes, flag, oneOf, pageSize, text, textOrNull, where } from './rows.ts'

type TrustQueries = Pick<
  ContractStore,
  'putVehicle' | 'vehicle' | 'vehicles' | 'removeVehicle' | 'putTrusted' | 'trusted' | 'removeTrusted'
>

/** Vehicles, and the authorities that vouch for them and for contracts. */
export function trustQueries(db: Database): TrustQueries {
  return {
    putVehicle: (vehicle) =>
      db.write(() => {
        const created = db.get('SELECT 1 FROM vehicles WHERE pcid = ?', vehicle.pcid) === undefined
        db.run(
          `INSERT INTO vehicles VALUES (?, ?, ?, ?, ?) ON CONFLICT (pcid) DO UPDATE
             SET state = excluded.state, description = excluded.description, updated_at = excluded.updated_at`,
          vehicle.pcid,
          vehicle.state,
          vehicle.description,
          vehicle.createdAt,
          vehicle.updatedAt,
        )
        return { created }
      }),

    vehicle: async (pcid) => {
      const row = db.get('SELECT * FROM vehicles WHERE pcid = ?', pcid)
      return row && toVehicle(row)
    },

    vehicles: async (filter = {}) => {
      const { clause, args } = where([['pcid > ?', filter.after]])
      return db
        .all(`SELECT * FROM vehicles ${clause} ORDER BY pcid LIMIT ?`, ...args, pageSize(filter.limit))
        .map(toVehicle)
    },

    removeVehicle: (pcid) => db.write(() => db.run('DELETE FROM vehicles WHERE pcid = ?', pcid).changes > 0),

    putTrusted: (certificate) => db.write(() => ({ created: insertTrusted(db, certificate) })),

    trusted: async () =>
      db.all('SELECT * FROM trusted_certificates ORDER BY usage, created_at, fingerprint').map(toTrusted),

    removeTrusted: (usage, fingerprint) =>
      db.write(() => {
        const { changes } = db.run(
          'DELETE FROM trusted_certificates WHERE usage = ? AND fingerprint = ?',
          usage,
          fingerprint,
        )
        if (changes === 0) return false
        // What was answered rested on this trust; whoever asks again is judged again.
        db.run('DELETE FROM provisioning_answers')
        db.run('DELETE FROM waiting_answers')
        return true
      }),
  }
}

function toVehicle(row: Row): VehicleRecord {
  return {
    pcid: text(row, 'pcid'),
    state: oneOf(row, 'state'),
    description: textOrNull(row, 'description'),
    createdAt: text(row, 'created_at'),
    updatedAt: text(row, 'updated_at'),
  }
}

/** Inside `write`. False where it is trusted already. */
export function insertTrusted(db: Database, certificate: TrustedCertificate): boolean {
  const { changes } = db.run(
    'INSERT OR IGNORE INTO trusted_certificates VALUES (?, ?, ?, ?, ?, ?, ?)',
    certificate.usage,
    certificate.fingerprint,
    certificate.subject,
    Number(certificate.isRoot),
    certificate.notAfter,
    certificate.der,
    certificate.createdAt,
  )
  return changes > 0
}

export function toTrusted(row: Row): TrustedCertificate {
  return {
    usage: oneOf(row, 'usage'),
    fingerprint: text(row, 'fingerprint'),
    subject: text(row, 'subject'),
    isRoot: flag(row, 'is_root'),
    notAfter: text(row, 'not_after'),
    der: bytes(row, 'der'),
    createdAt: text(row, 'created_at'),
  }
}
