import type { IdToken, IdTokenStore } from '../tokens.ts'
import type { Database, Row } from './database.ts'
import { flag, oneOf, pageSize, text, textOrNull } from './rows.ts'

export function createIdTokenStore(db: Database): IdTokenStore {
  return {
    get: async (type, idToken) => {
      const row = db.get('SELECT * FROM id_tokens WHERE type = ? AND token_key = ?', type, key(idToken))
      return row && toToken(row)
    },

    list: async (filter = {}) => {
      const { after } = filter
      const [clause, args] =
        after === undefined
          ? ['', []]
          : ['WHERE (token_key, type) > (?, ?)', [key(after.idToken), after.type]]
      return db
        .all(
          `SELECT * FROM id_tokens ${clause} ORDER BY token_key, type LIMIT ?`,
          ...args,
          pageSize(filter.limit),
        )
        .map(toToken)
    },

    put: (token) =>
      db.write(() => {
        db.run(
          'INSERT OR REPLACE INTO id_tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
          token.type,
          key(token.idToken),
          token.idToken,
          token.status,
          token.group?.type ?? null,
          token.group?.idToken ?? null,
          token.expiresAt,
          Number(token.masterPass),
          token.updatedAt,
        )
      }),

    remove: (type, idToken) =>
      db.write(
        () =>
          db.run('DELETE FROM id_tokens WHERE type = ? AND token_key = ?', type, key(idToken)).changes > 0,
      ),
  }
}

/** Identifier strings are compared without regard to case. */
function key(idToken: string): string {
  return idToken.toLowerCase()
}

function toToken(row: Row): IdToken {
  const groupType = textOrNull(row, 'group_type')
  return {
    type: text(row, 'type'),
    idToken: text(row, 'id_token'),
    status: oneOf(row, 'status'),
    group: groupType === null ? null : { type: groupType, idToken: text(row, 'group_token') },
    expiresAt: textOrNull(row, 'expires_at'),
    masterPass: flag(row, 'master_pass'),
    updatedAt: text(row, 'updated_at'),
  }
}
