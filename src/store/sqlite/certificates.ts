import type {
  AuthorityRecord,
  CertificateFilter,
  CertificateStore,
  IssuedCertificate,
  KeyBlobStore,
  SigningOrder,
} from '../certificates.ts'
import { operationQueries } from './authority-operations.ts'
import type { Database, Row } from './database.ts'
import { crlQueries, revocationQueries } from './revocations.ts'
import { bytes, int, oneOf, pageSize, text, textOrNull, where } from './rows.ts'

export function createCertificateStore(db: Database): CertificateStore {
  return {
    putAuthority: (record) =>
      db.write(() => {
        db.run(
          'INSERT OR REPLACE INTO authorities VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          record.id,
          record.profile,
          record.generation,
          record.issuerId,
          record.certificateDer,
          record.keyName ?? '',
          record.createdAt,
          record.line,
          record.state,
          record.origin,
        )
      }),

    authorities: async () => db.all('SELECT * FROM authorities ORDER BY created_at, id').map(toAuthority),

    recordIssued: (certificate, order) =>
      db.write(() => {
        insertCertificate(db, certificate)
        db.run(
          'DELETE FROM serials WHERE authority_id = ? AND serial_number = ?',
          certificate.authorityId,
          certificate.serialNumber,
        )
        if (order === undefined) return
        const { changes } = db.run(
          "UPDATE signing_orders SET state = 'issued', fingerprint = ?, chain = ?, attempts = 0, detail = NULL, not_before = NULL, updated_at = ? WHERE id = ?",
          certificate.fingerprint,
          order.chainPem ?? null,
          order.at,
          order.id,
        )
        if (changes !== 1) throw new Error(`There is no signing order ${order.id} to issue a certificate for`)
      }),

    byFingerprint: async (fingerprint) => {
      const row = db.get('SELECT * FROM certificates WHERE fingerprint = ?', fingerprint)
      return row && toCertificate(row)
    },

    bySerial: async (authorityId, serialNumber) => {
      const row = db.get(
        'SELECT * FROM certificates WHERE authority_id = ? AND serial_number = ?',
        authorityId,
        serialNumber,
      )
      return row && toCertificate(row)
    },

    list: async (filter = {}) => listCertificates(db, filter),

    ...revocationQueries(db),

    openOrder: (order, at) =>
      db.write(() => {
        const { changes } = db.run(
          `INSERT OR IGNORE INTO signing_orders (id, station_id, certificate_type, key_hash, csr, state, attempts, created_at, updated_at)
           VALUES (?, ?, ?, ?, ?, 'requested', 0, ?, ?)`,
          order.id,
          order.stationId,
          order.certificateType ?? '',
          order.keyHash,
          order.csrPem,
          at,
          at,
        )
        const row = db.get(
          'SELECT * FROM signing_orders WHERE station_id = ? AND certificate_type = ? AND key_hash = ?',
          order.stationId,
          order.certificateType ?? '',
          order.keyHash,
        )
        if (!row) throw new Error(`The signing order of ${order.stationId} was written but cannot be read`)
        return { order: toOrder(row), existed: changes === 0 }
      }),

    updateOrder: (id, change, at) =>
      db.write(() => {
        db.run(
          `UPDATE signing_orders SET state = coalesce(?, state), fingerprint = coalesce(?, fingerprint),
             attempts = coalesce(?, attempts), detail = coalesce(?, detail), not_before = coalesce(?, not_before),
             updated_at = ? WHERE id = ?`,
          change.state ?? null,
          change.fingerprint ?? null,
          change.attempts ?? null,
          change.detail ?? null,
          change.notBefore ?? null,
          at,
          id,
        )
      }),

    orders: async (filter = {}) => {
      const { clause, args } = where([
        ['station_id = ?', filter.stationId],
        [
          'state IN (SELECT value FROM json_each(?))',
          filter.states === undefined ? undefined : JSON.stringify(filter.states),
        ],
        ['(not_before IS NULL OR not_before <= ?)', filter.dueAt],
      ])
      return db
        .all(
          `SELECT * FROM signing_orders ${clause} ORDER BY created_at, id LIMIT ?`,
          ...args,
          pageSize(filter.limit),
        )
        .map(toOrder)
    },

    order: async (id) => {
      const row = db.get('SELECT * FROM signing_orders WHERE id = ?', id)
      return row && toOrder(row)
    },

    ...crlQueries(db),
    ...operationQueries(db),
  }
}

function listCertificates(db: Database, filter: CertificateFilter): IssuedCertificate[] {
  const { clause, args } = where([
    ['station_id = ?', filter.stationId],
    ['profile = ?', filter.profile],
    ['authority_id = ?', filter.authorityId],
    ['serial_number = ?', filter.serialNumber],
    ['instr(lower(subject), lower(?)) > 0', filter.subject],
    ['(revoked_at IS NOT NULL) = ?', filter.revoked === undefined ? undefined : Number(filter.revoked)],
    ['not_after < ?', filter.expiresBefore],
    ['fingerprint > ?', filter.after],
  ])
  return db
    .all(`SELECT * FROM certificates ${clause} ORDER BY fingerprint LIMIT ?`, ...args, pageSize(filter.limit))
    .map(toCertificate)
}

export function createKeyBlobStore(db: Database): KeyBlobStore {
  return {
    put: (name, blob) =>
      db.write(() => {
        db.run('INSERT OR REPLACE INTO key_blobs VALUES (?, ?)', name, blob)
      }),
    get: async (name) => {
      const row = db.get('SELECT blob FROM key_blobs WHERE name = ?', name)
      return row && bytes(row, 'blob')
    },
    putAll: (blobs) =>
      db.write(() => {
        for (const [name, blob] of blobs) db.run('INSERT OR REPLACE INTO key_blobs VALUES (?, ?)', name, blob)
      }),
    names: async () => db.all('SELECT name FROM key_blobs ORDER BY name').map((row) => text(row, 'name')),
  }
}

export function insertCertificate(db: Database, certificate: IssuedCertificate): void {
  db.run(
    'INSERT INTO certificates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    certificate.fingerprint,
    certificate.authorityId,
    certificate.profile,
    certificate.serialNumber,
    certificate.subject,
    certificate.stationId,
    certificate.notBefore,
    certificate.notAfter,
    certificate.der,
    certificate.keyName,
    certificate.revokedAt,
    certificate.revocationReason,
  )
}

function toAuthority(row: Row): AuthorityRecord {
  return {
    id: text(row, 'id'),
    line: text(row, 'line'),
    state: oneOf(row, 'state'),
    origin: oneOf(row, 'origin'),
    profile: text(row, 'profile'),
    generation: int(row, 'generation'),
    issuerId: textOrNull(row, 'issuer_id'),
    certificateDer: bytes(row, 'certificate'),
    keyName: text(row, 'key_name') || null,
    createdAt: text(row, 'created_at'),
  }
}

function toCertificate(row: Row): IssuedCertificate {
  return {
    fingerprint: text(row, 'fingerprint'),
    authorityId: textOrNull(row, 'authority_id'),
    profile: text(row, 'profile'),
    serialNumber: text(row, 'serial_number'),
    subject: text(row, 'subject'),
    stationId: textOrNull(row, 'station_id'),
    notBefore: text(row, 'not_before'),
    notAfter: text(row, 'not_after'),
    der: bytes(row, 'der'),
    keyName: textOrNull(row, 'key_name'),
    revokedAt: textOrNull(row, 'revoked_at'),
    revocationReason: textOrNull(row, 'revocation_reason'),
  }
}

function toOrder(row: Row): SigningOrder {
  const type = text(row, 'certificate_type')
  if (type !== '' && type !== 'ChargingStationCertificate' && type !== 'V2GCertificate') {
    throw new Error(`Signing order ${text(row, 'id')} has the certificate type ${type} in the database`)
  }
  return {
    id: text(row, 'id'),
    stationId: text(row, 'station_id'),
    certificateType: type === '' ? null : type,
    keyHash: text(row, 'key_hash'),
    csrPem: text(row, 'csr'),
    state: oneOf(row, 'state'),
    fingerprint: textOrNull(row, 'fingerprint'),
    attempts: int(row, 'attempts'),
    detail: textOrNull(row, 'detail'),
    chainPem: textOrNull(row, 'chain'),
    notBefore: textOrNull(row, 'not_before'),
    createdAt: text(row, 'created_at'),
    updatedAt: text(row, 'updated_at'),
  }
}
