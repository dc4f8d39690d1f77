/** API keys: 256 random bits, stored only as their SHA-256. */

import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../observe/clock.ts'
import { isoNow } from '../observe/clock.ts'
import type { ApiKey, ApiKeyStore, Role } from '../store/access.ts'
import type { Store } from '../store/ports.ts'

const PREFIX = 'gk_'
const SECRET = /^gk_[A-Za-z0-9_-]{43}$/

/** A fast hash suffices: nobody can search 2^256 secrets, slow or fast. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex')
}

/** Creates and stores a key. The secret is in the answer and nowhere else. */
export async function createKey(
  store: Pick<Store, 'apiKeys'>,
  clock: Clock,
  wanted: { readonly name: string; readonly role: Role },
): Promise<{ readonly key: ApiKey; readonly secret: string }> {
  const secret = PREFIX + randomBytes(32).toString('base64url')
  const key: ApiKey = {
    id: randomUUID(),
    name: wanted.name,
    role: wanted.role,
    secretHash: hashSecret(secret),
    createdAt: isoNow(clock),
    revokedAt: null,
  }
  await store.apiKeys.put(key)
  return { key, secret }
}

/**
 * The key that a store without any key gets, so that somebody can sign in at all. Undefined where there are keys
 * already, also where all of them are revoked: then `gridkeep key create` on the machine is the way back in.
 */
export async function ensureFirstAdminKey(
  store: Pick<Store, 'apiKeys' | 'audit'>,
  clock: Clock,
): Promise<{ readonly name: string; readonly secret: string } | undefined> {
  if ((await store.apiKeys.list()).length > 0) return undefined
  const { key, secret } = await createKey(store, clock, { name: 'first-admin', role: 'admin' })
  await store.audit.append({
    at: key.createdAt,
    actor: 'system',
    action: 'api-key.create',
    subject: key.name,
    detail: { id: key.id, role: key.role, first: true },
  })
  return { name: key.name, secret }
}

/** The key that belongs to a secret, unless it is revoked. */
export async function findKey(store: ApiKeyStore, secret: string): Promise<ApiKey | undefined> {
  if (!SECRET.test(secret)) return undefined
  const hash = hashSecret(secret)
  const key = await store.bySecretHash(hash)
  // The index lookup compares hashes of secrets, which says nothing about the secret; this comparison guards
  // against a store that finds more than what was asked for.
  if (!key || !timingSafeEqual(Buffer.from(key.secretHash, 'hex'), Buffer.from(hash, 'hex'))) return undefined
  return key.revokedAt === null ? key : undefined
}
