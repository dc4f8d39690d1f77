import type { ContractCertificate, ContractRecord, ContractState, ContractStore } from '../contracts.ts'
import type { Database, Row } from './database.ts'
import { provisioningQueries } from './provisioning.ts'
import { int, oneOf, pageSize, text, textOrNull, where } from './rows.ts'
import { proposalQueries } from './trust-proposals.ts'
import { trustQueries } from './vehicles.ts'

export function createContractStore(db: Database): ContractStore {
  return {
    create: (contract) =>
      db.write(
        () =>
          db.run(
            `INSERT OR IGNORE INTO contracts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
            contract.id,
            contract.emaid,
            accountKey(contract.emaid),
            contract.pcid,
            contract.state,
            contract.stateBefore,
            contract.priority,
            contract.source,
            contract.protocol,
            contract.validUntil,
            contract.importedChainPem,
            contract.wrappedKey,
            contract.fingerprint,
            contract.certificateNotAfter,
            contract.createdAt,
            contract.updatedAt,
          ).changes > 0,
      ),

    get: async (id) => {
      const row = db.get('SELECT * FROM contracts WHERE id = ?', id)
      return row && toContract(row)
    },

    list: async (filter = {}) => {
      const { clause, args } = where([
        ['pcid = ?', filter.pcid],
        ['account = ?', filter.emaid === undefined ? undefined : accountKey(filter.emaid)],
        ['state = ?', filter.state],
        ['id > ?', filter.after],
      ])
      return db
        .all(`SELECT * FROM contracts ${clause} ORDER BY id LIMIT ?`, ...args, pageSize(filter.limit))
        .map(toContract)
    },

    forVehicle: async (pcid) =>
      db
        .all(
          `SELECT * FROM contracts WHERE pcid = ? AND state <> 'terminated' ORDER BY priority, created_at, id LIMIT 100`,
          pcid,
        )
        .map(toContract),

    forAccount: async (emaid) =>
      db
        .all(
          'SELECT * FROM contracts WHERE account = ? ORDER BY created_at DESC LIMIT 100',
          accountKey(emaid),
        )
        .map(toContract),

    change: (id, from, change, at) => db.write(() => changeContract(db, id, from, change, at)),

    certificates: async (contractId) =>
      db
        .all(
          'SELECT * FROM contract_certificates WHERE contract_id = ? ORDER BY issued_at LIMIT 1000',
          contractId,
        )
        .map(toCertificate),

    certificate: async (fingerprint) => {
      const row = db.get('SELECT * FROM contract_certificates WHERE fingerprint = ?', fingerprint)
      return row && toCertificate(row)
    },

    certificatesBySerial: async (serialNumber, authorityId) =>
      (authorityId === null
        ? db.all(
            'SELECT * FROM contract_certificates WHERE serial_number = ? AND authority_id IS NULL LIMIT 100',
            serialNumber,
          )
        : db.all(
            `SELECT * FROM contract_certificates WHERE fingerprint IN
               (SELECT fingerprint FROM certificates WHERE authority_id = ? AND serial_number = ?)`,
            authorityId,
            serialNumber,
          )
      ).map(toCertificate),

    markUsed: (fingerprint, at) =>
      db.write(
        () =>
          db.run(
            'UPDATE contract_certificates SET used_at = ? WHERE fingerprint = ? AND used_at IS NULL',
            at,
            fingerprint,
          ).changes > 0,
      ),

    ...provisioningQueries(db),
    ...trustQueries(db),
    ...proposalQueries(db),
  }
}

/** The check digit of an eMAID adds nothing to its identity. */
function accountKey(emaid: string): string {
  return emaid.slice(0, 14)
}

function changeContract(
  db: Database,
  id: string,
  from: readonly ContractState[],
  change: Parameters<ContractStore['change']>[2],
  at: string,
): boolean {
  const { state, priority, validUntil } = change
  const { changes } = db.run(
    `UPDATE contracts SET
       state_before = CASE WHEN ? = 'suspended' THEN state WHEN ? IS NULL THEN state_before ELSE NULL END,
       state = coalesce(?, state),
       priority = coalesce(?, priority),
       valid_until = CASE WHEN ? THEN ? ELSE valid_until END,
       wrapped_key = CASE WHEN ? = 'terminated' THEN NULL ELSE wrapped_key END,
       updated_at = ?
     WHERE id = ? AND state IN (SELECT value FROM json_each(?))`,
    state ?? null,
    state ?? null,
    state ?? null,
    priority ?? null,
    Number(validUntil !== undefined),
    validUntil ?? null,
    state ?? null,
    at,
    id,
    JSON.stringify(from),
  )
  return changes > 0
}

function toContract(row: Row): ContractRecord {
  const stateBefore = textOrNull(row, 'state_before')
  const protocol = textOrNull(row, 'protocol')
  return {
    id: text(row, 'id'),
    emaid: text(row, 'emaid'),
    pcid: text(row, 'pcid'),
    state: oneOf(row, 'state'),
    stateBefore: stateBefore === null ? null : oneOf(row, 'state_before'),
    priority: int(row, 'priority'),
    source: oneOf(row, 'source'),
    protocol: protocol === null ? null : oneOf(row, 'protocol'),
    validUntil: textOrNull(row, 'valid_until'),
    importedChainPem: textOrNull(row, 'imported_chain'),
    wrappedKey: textOrNull(row, 'wrapped_key'),
    fingerprint: textOrNull(row, 'fingerprint'),
    certificateNotAfter: textOrNull(row, 'certificate_not_after'),
    createdAt: text(row, 'created_at'),
    updatedAt: text(row, 'updated_at'),
  }
}

function toCertificate(row: Row): ContractCertificate {
  return {
    fingerprint: text(row, 'fingerprint'),
    contractId: text(row, 'contract_id'),
    authorityId: textOrNull(row, 'authority_id'),
    serialNumber: text(row, 'serial_number'),
    issuerKeyHash: text(row, 'issuer_key_hash'),
    notAfter: text(row, 'not_after'),
    issuedAt: text(row, 'issued_at'),
    usedAt: textOrNull(row, 'used_at'),
  }
}
