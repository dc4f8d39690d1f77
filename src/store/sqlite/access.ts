import { createHash } from 'node:crypto'
import type { ApiKey, ApiKeyStore, AuditEntry, AuditLink, AuditStore } from '../access.ts'
import type { Database, Row } from './database.ts'
import { byId, int, json, oneOf, pageSize, text, textOrNull, where } from './rows.ts'

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

const BEFORE_FIRST = '0'.repeat(64)

export function createAuditStore(db: Database): AuditStore {
  let isChained = false
  return {
    append: (entry) =>
      db.write(() => {
        if (!isChained) chainOldEntries(db)
        isChained = true
        const last = db.get('SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1')
        const id = last === undefined ? 1 : int(last, 'id') + 1
        const { at, actor, action, subject } = entry
        const detail = JSON.stringify(entry.detail)
        const before = last === undefined ? BEFORE_FIRST : text(last, 'hash')
        const hash = hashAfter(before, hashedText({ id, at, actor, action, subject, detail }))
        db.run('INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)', id, at, actor, action, subject, detail, hash)
      }),
    links: async (after, limit) =>
      db.all('SELECT * FROM audit WHERE id > ? ORDER BY id LIMIT ?', after, pageSize(limit)).map(toLink),
    lastLink: async () => {
      const row = db.get('SELECT * FROM audit ORDER BY id DESC LIMIT 1')
      return row && toLink(row)
    },
    putCheckpoint: ({ lastId, hash, at, key, signature }) =>
      db.write(() => {
        db.run(
          'INSERT OR IGNORE INTO audit_checkpoints VALUES (?, ?, ?, ?, ?)',
          lastId,
          hash,
          at,
          key,
          signature,
        )
      }),
    checkpoints: async (after, limit) =>
      db
        .all(
          'SELECT * FROM audit_checkpoints WHERE last_id > ? ORDER BY last_id LIMIT ?',
          after,
          pageSize(limit),
        )
        .map((row) => ({
          lastId: int(row, 'last_id'),
          hash: text(row, 'hash'),
          at: text(row, 'at'),
          key: text(row, 'key'),
          signature: text(row, 'signature'),
        })),
    list: async (filter = {}) => {
      const { clause, args } = where([
        ['action = ?', filter.action],
        ['subject = ?', filter.subject],
        ['actor = ?', filter.actor],
        ['id > ?', filter.after],
        ['id < ?', filter.before],
      ])
      return db
        .all(
          `SELECT * FROM audit ${clause} ORDER BY ${byId(filter.order)} LIMIT ?`,
          ...args,
          pageSize(filter.limit),
        )
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

interface HashedEntry {
  readonly id: number
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly detail: string
}

function hashedText({ id, at, actor, action, subject, detail }: HashedEntry): string {
  return JSON.stringify([id, at, actor, action, subject, detail])
}

function hashAfter(before: string, hashed: string): string {
  return createHash('sha256').update(`${before}\n${hashed}`).digest('hex')
}

function toLink(row: Row): AuditLink {
  return { id: int(row, 'id'), text: hashedText(toHashed(row)), hash: textOrNull(row, 'hash') ?? '' }
}

function toHashed(row: Row): HashedEntry {
  return {
    id: int(row, 'id'),
    at: text(row, 'at'),
    actor: text(row, 'actor'),
    action: text(row, 'action'),
    subject: text(row, 'subject'),
    detail: text(row, 'detail'),
  }
}

/** Entries from before the trail was chained are chained as they are found. */
function chainOldEntries(db: Database): void {
  let before = BEFORE_FIRST
  const last = db.get('SELECT hash FROM audit WHERE hash IS NOT NULL ORDER BY id DESC LIMIT 1')
  if (last !== undefined) return
  for (const row of db.all('SELECT * FROM audit ORDER BY id')) {
    before = hashAfter(before, hashedText(toHashed(row)))
    db.run('UPDATE audit SET hash = ? WHERE id = ?', before, int(row, 'id'))
  }
}
