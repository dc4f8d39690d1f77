import { isoNow } from '../../observe/clock.ts'
import type { ApiKey, AuditEntry } from '../../store/access.ts'
import type { components } from '../api.generated.ts'
import { requireRole } from '../auth.ts'
import { createKey } from '../keys.ts'
import type { Operations, Principal } from '../operation.ts'
import { defined, pageOf, pick } from '../pages.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices } from '../services.ts'
import { seesDrivers, WITHHELD } from '../withheld.ts'

export type AccessOperations = Pick<
  Operations,
  'getSelf' | 'listApiKeys' | 'createApiKey' | 'revokeApiKey' | 'listAudit'
>

/** Actors of the audit trail that are not keys. */
const RESERVED_NAMES = new Set(['cli', 'system'])

export function accessOperations({ store, clock }: ApiServices): AccessOperations {
  return {
    getSelf: async ({ principal }) => ({ status: 200, body: pick(principal, ['id', 'name', 'role']) }),

    listApiKeys: async () => ({ status: 200, body: { items: (await store.apiKeys.list()).map(toBody) } }),

    createApiKey: async ({ body, principal }) => {
      requireRole(principal, [body.role])
      const keys = await store.apiKeys.list()
      if (
        RESERVED_NAMES.has(body.name) ||
        keys.some((key) => key.name === body.name && key.revokedAt === null)
      )
        throw new ApiProblem(
          'api-key.name-taken',
          `Choose another name than "${body.name}": it is the actor in the audit trail.`,
        )
      const { key, secret } = await createKey(store, clock, body)
      return {
        status: 201,
        body: { id: key.id, name: key.name, role: key.role, createdAt: key.createdAt, secret },
        audit: { action: 'api-key.create', subject: key.name, detail: { id: key.id, role: key.role } },
      }
    },

    revokeApiKey: async ({ path, principal }) => {
      const keys = await store.apiKeys.list()
      const key = keys.find((one) => one.id === path.keyId && one.revokedAt === null)
      if (!key) throw unknownKey(path.keyId)
      requireRole(principal, [key.role])
      const admins = keys.filter((one) => one.role === 'admin' && one.revokedAt === null)
      if (key.role === 'admin' && admins.length === 1)
        throw new ApiProblem(
          'api-key.last-admin',
          'Create another admin key first: nobody could manage keys any more.',
        )
      if (!(await store.apiKeys.revoke(key.id, isoNow(clock)))) throw unknownKey(path.keyId)
      return { status: 204, audit: { action: 'api-key.revoke', subject: key.name, detail: { id: key.id } } }
    },

    listAudit: async ({ query, principal }) => {
      const { limit, ...filter } = query
      const page = await pageOf(
        limit,
        (size) => store.audit.list({ ...defined(filter), limit: size }),
        (last) => last.id,
      )
      return {
        status: 200,
        body: { ...page, items: page.items.flatMap((item) => auditFor(principal, item, query.subject)) },
      }
    },
  }
}

/** What viewers may read in full; of the rest, which may name a driver or a car, they see that it was done. */
const IMPERSONAL =
  /^(api-key|authority|authority-operation|campaign|ceremony|certificate|crl|key-store|limit|schedule|server-chain|sign-in|site|source|station|steering|trust)\./
/** Their details hold what was sent to a station. */
const CARRIES_PAYLOAD = /^station\.(call|order)$/

function auditFor(
  principal: Principal,
  entry: AuditEntry,
  wantedSubject: string | undefined,
): components['schemas']['AuditEntry'][] {
  const detail: object =
    CARRIES_PAYLOAD.test(entry.action) && !seesDrivers(principal)
      ? { ...entry.detail, payload: WITHHELD }
      : entry.detail
  if (seesDrivers(principal)) return [{ ...entry, detail: { ...detail } }]
  if (IMPERSONAL.test(entry.action)) return [{ ...entry, detail: { ...detail } }]
  // Asking for a subject by name must not tell whether there is one.
  return wantedSubject === undefined ? [{ ...entry, subject: WITHHELD, detail: {} }] : []
}

function unknownKey(id: string): ApiProblem {
  return new ApiProblem('api-key.unknown', `There is no key "${id}" in force; see GET /api/v1/api-keys.`)
}

function toBody(key: ApiKey): components['schemas']['ApiKey'] {
  return pick(key, ['id', 'name', 'role', 'createdAt', 'revokedAt'])
}
