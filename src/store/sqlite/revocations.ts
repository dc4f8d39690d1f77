import type { CertificateStore, CrlKind, CrlRecord } from '../certificates.ts'
import type { Database, Row } from './database.ts'
import { bytes, int, oneOf, text, textOrNull } from './rows.ts'

type RevocationQueries = Pick<
  CertificateStore,
  | 'anyRevoked'
  | 'reserveSerial'
  | 'takeOrphanedSerials'
  | 'revocation'
  | 'revocations'
  | 'revoke'
  | 'revocationsToForward'
  | 'forwarded'
  | 'forwardLater'
  | 'release'
>

/** Serial numbers and what was taken back: what OCSP and CRLs are made of. */
export function revocationQueries(db: Database): RevocationQueries {
  return {
    anyRevoked: async (fingerprints) =>
      db.get(
        `SELECT 1 FROM certificates WHERE fingerprint IN (SELECT value FROM json_each(?)) AND revoked_at IS NOT NULL LIMIT 1`,
        JSON.stringify(fingerprints),
      ) !== undefined,

    reserveSerial: ({ authorityId, serialNumber, profile, at }) =>
      db.write(() => {
        const used = db.get(
          'SELECT 1 FROM certificates WHERE authority_id = ? AND serial_number = ?',
          authorityId,
          serialNumber,
        )
        if (used) throw new Error(`The serial number ${serialNumber} of ${authorityId} is in use`)
        db.run('INSERT INTO serials VALUES (?, ?, ?, ?)', authorityId, serialNumber, profile, at)
      }),

    takeOrphanedSerials: (at) =>
      db.write(() => {
        const rows = db.all('SELECT authority_id, serial_number FROM serials WHERE at < ? LIMIT 10000', at)
        const orphans = rows.map((row) => ({
          authorityId: text(row, 'authority_id'),
          serialNumber: text(row, 'serial_number'),
        }))
        for (const { authorityId, serialNumber } of orphans)
          db.run(
            'DELETE FROM serials WHERE authority_id = ? AND serial_number = ?',
            authorityId,
            serialNumber,
          )
        return orphans
      }),

    revocation: async (authorityId, serialNumber) => {
      const row = db.get(
        'SELECT revoked_at, revocation_reason FROM certificates WHERE authority_id = ? AND serial_number = ?',
        authorityId,
        serialNumber,
      )
      if (!row) return undefined
      const revokedAt = textOrNull(row, 'revoked_at')
      return revokedAt === null ? null : { revokedAt, revocationReason: textOrNull(row, 'revocation_reason') }
    },

    revocations: async (authorityId, at, limit) =>
      db
        .all(
          `SELECT serial_number, revoked_at, revocation_reason FROM certificates
           WHERE authority_id = ? AND revoked_at IS NOT NULL AND not_after >= ? ORDER BY serial_number LIMIT ?`,
          authorityId,
          at,
          limit,
        )
        .map((row) => ({
          serialNumber: text(row, 'serial_number'),
          revokedAt: text(row, 'revoked_at'),
          revocationReason: textOrNull(row, 'revocation_reason'),
        })),

    revoke: (fingerprint, reason, at, { forward } = { forward: false }) =>
      db.write(() => {
        const { changes } = db.run(
          `UPDATE certificates SET revoked_at = coalesce(revoked_at, ?), revocation_reason = ? WHERE fingerprint = ?
             AND (revoked_at IS NULL OR (revocation_reason = 'certificateHold' AND ? <> 'certificateHold'))`,
          at,
          reason,
          fingerprint,
          reason,
        )
        if (changes > 0 && forward)
          db.run('INSERT OR REPLACE INTO forwarded_revocations VALUES (?, ?, 0, ?)', fingerprint, reason, at)
        return changes > 0
      }),

    revocationsToForward: async (at, limit) =>
      db
        .all(
          'SELECT * FROM forwarded_revocations WHERE not_before <= ? ORDER BY not_before, fingerprint LIMIT ?',
          at,
          limit,
        )
        .map((row) => ({
          fingerprint: text(row, 'fingerprint'),
          reason: text(row, 'reason'),
          attempts: int(row, 'attempts'),
        })),

    forwarded: (fingerprint) =>
      db.write(() => void db.run('DELETE FROM forwarded_revocations WHERE fingerprint = ?', fingerprint)),

    forwardLater: (fingerprint, notBefore) =>
      db.write(
        () =>
          void db.run(
            'UPDATE forwarded_revocations SET attempts = attempts + 1, not_before = ? WHERE fingerprint = ?',
            notBefore,
            fingerprint,
          ),
      ),

    release: (fingerprint) =>
      db.write(
        () =>
          db.run(
            `UPDATE certificates SET revoked_at = NULL, revocation_reason = NULL
             WHERE fingerprint = ? AND revocation_reason = 'certificateHold'`,
            fingerprint,
          ).changes > 0,
      ),
  }
}

export function crlQueries(db: Database): Pick<CertificateStore, 'putCrls' | 'crl' | 'crls'> {
  return {
    putCrls: (records) =>
      db.write(() => {
        for (const { authorityId, kind, number, thisUpdate, nextUpdate, der } of records) {
          db.run(
            'INSERT OR REPLACE INTO crls VALUES (?, ?, ?, ?, ?, ?)',
            authorityId,
            kind,
            number,
            thisUpdate,
            nextUpdate,
            der,
          )
        }
      }),
    crl: async (authorityId, kind: CrlKind) => {
      const row = db.get('SELECT * FROM crls WHERE authority_id = ? AND kind = ?', authorityId, kind)
      return row && toCrl(row)
    },
    crls: async () => db.all('SELECT * FROM crls ORDER BY authority_id, kind').map(toCrl),
  }
}

function toCrl(row: Row): CrlRecord {
  return {
    authorityId: text(row, 'authority_id'),
    kind: oneOf(row, 'kind'),
    number: int(row, 'number'),
    thisUpdate: text(row, 'this_update'),
    nextUpdate: text(row, 'next_update'),
    der: bytes(row, 'der'),
  }
}
