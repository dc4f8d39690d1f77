import type { AuthorityOperation, CertificateStore } from '../certificates.ts'
import type { Database, Row } from './database.ts'
import { json, jsonOrNull, oneOf, pageSize, text, textOrNull, where } from './rows.ts'

type OperationQueries = Pick<
  CertificateStore,
  'putOperation' | 'decideOperation' | 'operation' | 'operations'
>

export function operationQueries(db: Database): OperationQueries {
  return {
    putOperation: (operation) =>
      db.write(() => {
        db.run(
          'INSERT INTO authority_operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          operation.id,
          operation.kind,
          JSON.stringify(operation.parameters),
          operation.state,
          operation.requestedBy,
          operation.decidedBy,
          operation.result === null ? null : JSON.stringify(operation.result),
          operation.detail,
          operation.createdAt,
          operation.updatedAt,
        )
      }),

    decideOperation: (id, from, change) =>
      db.write(
        () =>
          db.run(
            `UPDATE authority_operations SET state = ?, decided_by = ?, result = ?, detail = ?, updated_at = ?
             WHERE id = ? AND state = ?`,
            change.state,
            change.decidedBy,
            change.result === null ? null : JSON.stringify(change.result),
            change.detail,
            change.updatedAt,
            id,
            from,
          ).changes > 0,
      ),

    operation: async (id) => {
      const row = db.get('SELECT * FROM authority_operations WHERE id = ?', id)
      return row && toOperation(row)
    },

    operations: async (filter = {}) => {
      const { clause, args } = where([['state = ?', filter.state]])
      return db
        .all(
          `SELECT * FROM authority_operations ${clause} ORDER BY created_at DESC, id LIMIT ?`,
          ...args,
          pageSize(filter.limit),
        )
        .map(toOperation)
    },
  }
}

function toOperation(row: Row): AuthorityOperation {
  return {
    id: text(row, 'id'),
    kind: text(row, 'kind'),
    parameters: json<object>(row, 'parameters'),
    state: oneOf(row, 'state'),
    requestedBy: text(row, 'requested_by'),
    decidedBy: textOrNull(row, 'decided_by'),
    result: jsonOrNull<object>(row, 'result'),
    detail: textOrNull(row, 'detail'),
    createdAt: text(row, 'created_at'),
    updatedAt: text(row, 'updated_at'),
  }
}
