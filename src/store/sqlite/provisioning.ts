import type {
  ContractState,
  ContractStore,
  Provisioned,
  ProvisioningAnswer,
  WaitingAnswer,
} from '../contracts.ts'
import { insertCertificate } from './certificates.ts'
import type { Database, Row } from './database.ts'
import { bytes, int, text, textOrNull } from './rows.ts'

type ProvisioningQueries = Pick<
  ContractStore,
  | 'recordProvisioned'
  | 'answer'
  | 'answeredInSession'
  | 'answersInSession'
  | 'recordProviderAnswer'
  | 'takeWaitingAnswer'
  | 'pruneAnswers'
  | 'reserveSerials'
  | 'releaseSerials'
>

/** What a car may be given a certificate for. */
const LIVING: readonly ContractState[] = ['offered', 'installed', 'updated']

const PRUNED_TOGETHER = 500

/** What cars were answered, and the serial numbers of what they were given. */
export function provisioningQueries(db: Database): ProvisioningQueries {
  return {
    recordProvisioned: (provisioned) => db.write(() => recordProvisioned(db, provisioned)),

    answer: async (requestHash, at) => {
      const row = db.get(
        `SELECT answers.* FROM provisioning_answers AS answers LEFT JOIN contracts ON contracts.id = contract_id
         WHERE request_hash = ? AND expires_at > ?
           AND (contract_id = '' OR contracts.state IN ('offered', 'installed', 'updated'))`,
        requestHash,
        at,
      )
      return row && toAnswer(row)
    },

    answeredInSession: async (sessionKey, at) =>
      db
        .all(
          `SELECT contract_id FROM provisioning_answers
           WHERE session_key = ? AND session_key <> '' AND contract_id <> '' AND expires_at > ? ORDER BY at LIMIT 1000`,
          sessionKey,
          at,
        )
        .map((row) => text(row, 'contract_id')),

    answersInSession: async (sessionKey, at) => {
      const row = db.get(
        "SELECT count(*) AS number FROM provisioning_answers WHERE session_key = ? AND session_key <> '' AND expires_at > ?",
        sessionKey,
        at,
      )
      return row ? int(row, 'number') : 0
    },

    recordProviderAnswer: (answer, waiting) =>
      db.write(() => {
        insertAnswer(db, answer)
        if (answer.sessionKey === '') return
        db.run('DELETE FROM waiting_answers WHERE session_key = ?', answer.sessionKey)
        for (const [position, one] of waiting.entries()) insertWaiting(db, position, one)
      }),

    takeWaitingAnswer: (taken) => db.write(() => takeWaitingAnswer(db, taken)),

    // Appended in the order of time, so the oldest come first; a part at a time, so that writes of cars get theirs.
    pruneAnswers: async (at) => {
      let removed = 0
      for (;;) {
        const part = await db.write(() => {
          db.run('DELETE FROM waiting_answers WHERE expires_at <= ?', at)
          return db.run(
            `DELETE FROM provisioning_answers WHERE expires_at <= ? AND rowid IN
               (SELECT rowid FROM provisioning_answers ORDER BY rowid LIMIT ${PRUNED_TOGETHER})`,
            at,
          ).changes
        })
        removed += part
        if (part < PRUNED_TOGETHER) return removed
      }
    },

    reserveSerials: ({ authorityId, serialNumbers, profile, at }) =>
      db.write(() => {
        for (const serialNumber of serialNumbers)
          db.run('INSERT INTO serials VALUES (?, ?, ?, ?)', authorityId, serialNumber, profile, at)
      }),

    releaseSerials: (authorityId, serialNumbers) =>
      db.write(() => {
        db.run(
          'DELETE FROM serials WHERE authority_id = ? AND serial_number IN (SELECT value FROM json_each(?))',
          authorityId,
          JSON.stringify(serialNumbers),
        )
      }),
  }
}

function recordProvisioned(db: Database, provisioned: Provisioned): boolean {
  const { contractId, state, certificate, issued, answer } = provisioned
  const { changes } = db.run(
    `UPDATE contracts SET state = ?, wrapped_key = NULL, fingerprint = ?, certificate_not_after = ?, updated_at = ?
     WHERE id = ? AND state IN (SELECT value FROM json_each(?)) AND (source = 'issue' OR wrapped_key IS NOT NULL)`,
    state,
    certificate.fingerprint,
    certificate.notAfter,
    answer.at,
    contractId,
    JSON.stringify(LIVING),
  )
  if (changes === 0) return false
  if (issued !== null) {
    insertCertificate(db, issued)
    db.run(
      'DELETE FROM serials WHERE authority_id = ? AND serial_number = ?',
      issued.authorityId,
      issued.serialNumber,
    )
  }
  db.run(
    'INSERT INTO contract_certificates VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    certificate.fingerprint,
    contractId,
    certificate.authorityId,
    certificate.serialNumber,
    certificate.issuerKeyHash,
    certificate.notAfter,
    certificate.issuedAt,
    certificate.usedAt,
  )
  insertAnswer(db, answer)
  return true
}

function insertAnswer(db: Database, answer: ProvisioningAnswer): void {
  db.run(
    'INSERT OR REPLACE INTO provisioning_answers VALUES (?, ?, ?, ?, ?, ?, ?)',
    answer.requestHash,
    answer.contractId ?? '',
    answer.sessionKey,
    answer.exiResponse,
    answer.at,
    answer.expiresAt,
    answer.provider,
  )
}

function insertWaiting(db: Database, position: number, waiting: WaitingAnswer): void {
  db.run(
    'INSERT INTO waiting_answers VALUES (?, ?, ?, ?, ?)',
    waiting.sessionKey,
    position,
    waiting.provider,
    waiting.exiResponse,
    waiting.expiresAt,
  )
}

function takeWaitingAnswer(
  db: Database,
  { sessionKey, requestHash, at }: Parameters<ContractStore['takeWaitingAnswer']>[0],
): { readonly answer: ProvisioningAnswer; readonly waiting: number } | undefined {
  const rows = db.all(
    'SELECT * FROM waiting_answers WHERE session_key = ? AND expires_at > ? ORDER BY position',
    sessionKey,
    at,
  )
  const [row] = rows
  if (!row) return undefined
  db.run(
    'DELETE FROM waiting_answers WHERE session_key = ? AND position = ?',
    sessionKey,
    int(row, 'position'),
  )
  const answer: ProvisioningAnswer = {
    requestHash,
    contractId: null,
    provider: text(row, 'provider'),
    sessionKey,
    exiResponse: bytes(row, 'exi_response'),
    at,
    expiresAt: text(row, 'expires_at'),
  }
  insertAnswer(db, answer)
  return { answer, waiting: rows.length - 1 }
}

function toAnswer(row: Row): ProvisioningAnswer {
  const contractId = text(row, 'contract_id')
  return {
    requestHash: text(row, 'request_hash'),
    contractId: contractId === '' ? null : contractId,
    provider: textOrNull(row, 'provider'),
    sessionKey: text(row, 'session_key'),
    exiResponse: bytes(row, 'exi_response'),
    at: text(row, 'at'),
    expiresAt: text(row, 'expires_at'),
  }
}
