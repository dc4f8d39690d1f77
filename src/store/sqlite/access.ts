import type { ApiKey, ApiKeyStore, AuditEntry, AuditStore } from '../access.ts'
import type { Database, Row } from './database.ts'
import { int, json, oneOf, pageSize, text, textOrNull, where } from './rows.ts'

export function createApiKeyStore(db: Database): ApiKeyStore {
  return {
    put: (key) =>
      db.write(() => {
        db.run(
          'INSERT OR REPLACE INTO api_keys VALUES (?, ?, ?, ?, ?, ?)',
          key.id,
          key.name,
          key.role,
          key.secretHash,
          key.createdAt,
          key.revokedAt,
        )
      }),
    bySecretHash: async (secretHash) => {
      const row = db.get('SELECT * FROM api_keys WHERE secret_hash = ?', secretHash)
      return row && toKey(row)
    },
    list: async () => db.all('SELECT * FROM api_keys ORDER BY created_at, id').map(toKey),
    revoke: (id, at) =>
      db.write(
        () =>
          db.run('UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL', at, id).changes >
          0,
      ),
  }
}

export function createAuditStore(db: Database): AuditStore {
  return {
    append: (entry) =>
      db.write(() => {
        db.run(
          'INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)',
          entry.at,
          entry.actor,
          entry.action,
          entry.subject,
          JSON.stringify(entry.detail),
        )
      }),
    list: async (filter = {}) => {
      const { clause, args } = where([
        ['action = ?', filter.action],
        ['subject = ?', filter.subject],
        ['actor = ?', filter.actor],
        ['id > ?', filter.after],
      ])
      return db
        .all(`SELECT * FROM audit ${clause} ORDER BY id LIMIT ?`, ...args, pageSize(filter.limit))
        .map(toEntry)
    },
  }
}

function toKey(row: Row): ApiKey {
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    role: oneOf(row, 'role'),
    secretHash: text(row, 'secret_hash'),
    createdAt: text(row, 'created_at'),
    revokedAt: textOrNull(row, 'revoked_at'),
  }
}

function toEntry(row: Row): AuditEntry {
  return {
    id: int(row, 'id'),
    at: text(row, 'at'),
    actor: text(row, 'actor'),
    action: text(row, 'action'),
    subject: text(row, 'subject'),
    detail: json<object>(row, 'detail'),
  }
}
