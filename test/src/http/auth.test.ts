import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFailedAttempts } from '../../../src/http/attempts.ts'
import { ensureFirstAdminKey, hashSecret } from '../../../src/http/keys.ts'
import { mayActAs } from '../../../src/http/roles.ts'
import type { Role } from '../../../src/store/access.ts'
import { contract, createTestApi, type TestApi } from './harness.ts'

const ROLES: readonly Role[] = ['viewer', 'operator', 'security', 'admin']
let api: TestApi

beforeEach(async () => {
  api = await createTestApi()
})
afterEach(() => api.close())

/** What is read by security and admin keys only, and why. */
const NOT_FOR_VIEWERS: ReadonlyMap<string, readonly Role[]> = new Map([
  // Says who may do what.
  ['listApiKeys', ['security']],
  // Whoever reads a token can put it on a card.
  ['listIdTokens', ['operator', 'security']],
  ['getIdToken', ['operator', 'security']],
  ['getLocalList', ['operator', 'security']],
  // An eMAID stands for a person with an account, a PCID for the car of one: who looks at stations needs neither.
  ['listContracts', ['security']],
  ['getContract', ['security']],
  ['listContractCertificates', ['security']],
  ['listVehicles', ['security']],
  ['getVehicle', ['security']],
])

/** Any path of the operation will do: who may not ask learns nothing about what exists. */
function urlOf(path: string): string {
  const fingerprint = 'ab'.repeat(32)
  return `/api/v1${path}`
    .replace('{fingerprint}', fingerprint)
    .replace('{action}', 'Reset')
    .replace('{type}', 'Local')
    .replaceAll(/\{\w+\}/g, 'x')
}

describe('a request without a valid key', () => {
  test('is refused by every operation before its body is read', async () => {
    for (const { operationId, method, path } of contract.operations.values()) {
      const none = await api.app.inject({ method: method as 'GET', url: urlOf(path), payload: '{broken' })
      expect(none.statusCode, operationId).toBe(401)
      expect(none.json().code, operationId).toBe('auth.missing')
      expect(none.headers['www-authenticate']).toContain('Bearer')
    }
  })

  test.each([
    ['a made-up key', `Bearer gk_${'A'.repeat(43)}`, 'auth.invalid'],
    ['a key of another shape', 'Bearer x', 'auth.invalid'],
    ['another scheme', 'Basic abc', 'auth.missing'],
    ['two keys', 'Bearer a b', 'auth.missing'],
    ['an empty header', '', 'auth.missing'],
  ])('is refused: %s', async (_name, authorization, code) => {
    const answer = await api.request('GET', '/api/v1/stations', { headers: { authorization } })
    expect(answer.status).toBe(401)
    expect(answer.json.code).toBe(code)
  })

  test('is refused once its key is revoked', async () => {
    const key = (await api.store.apiKeys.list()).find((one) => one.role === 'viewer')
    expect((await api.request('GET', '/api/v1/self', { role: 'viewer' })).status).toBe(200)
    await api.request('DELETE', `/api/v1/api-keys/${key?.id}`)
    expect((await api.request('GET', '/api/v1/self', { role: 'viewer' })).status).toBe(401)
  })
})

describe('a role', () => {
  test.each(ROLES)('%s may do exactly what x-role says', async (role) => {
    for (const { operationId, method, path, roles } of contract.operations.values()) {
      if (/^(streamEvents|callStation|createOrder)$/.test(operationId)) continue
      const answer = await api.request(method as 'GET', urlOf(path), { role })
      const forbidden = answer.status === 403
      expect(forbidden, `${role} ${operationId} ${answer.status}`).toBe(!mayActAs(role, roles))
    }
  })

  test('of a viewer reads everything but keys, tokens, contracts and vehicles, and changes nothing but its own sign-in', () => {
    for (const { operationId, method, roles } of contract.operations.values()) {
      const readable =
        (method === 'GET' && !NOT_FOR_VIEWERS.has(operationId)) || operationId.endsWith('SignIn')
      expect(mayActAs('viewer', roles), operationId).toBe(readable)
    }
    for (const [operationId, roles] of NOT_FOR_VIEWERS)
      expect(contract.operations.get(operationId)?.roles, operationId).toEqual(roles)
  })

  test('of security is no operator, and an operator no security', () => {
    expect(mayActAs('security', ['operator'])).toBe(false)
    expect(mayActAs('operator', ['security'])).toBe(false)
    expect(mayActAs('admin', ['security'])).toBe(true)
  })
})

describe('failed attempts', () => {
  const wrong = { headers: { authorization: `Bearer gk_${'A'.repeat(43)}` } }

  test('are rate limited per address, for a minute', async () => {
    for (let i = 0; i < 10; i++) expect((await api.request('GET', '/api/v1/self', wrong)).status).toBe(401)
    const blocked = await api.request('GET', '/api/v1/self', wrong)
    expect(blocked.status).toBe(429)
    expect(blocked.json.code).toBe('auth.rate-limited')
    expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0)
    api.clock.advance(60_000)
    expect((await api.request('GET', '/api/v1/self', wrong)).status).toBe(401)
  })

  test('do not lock out a key that has worked before, but hold back one that has not', async () => {
    await api.request('GET', '/api/v1/self', { role: 'viewer' })
    for (let i = 0; i < 10; i++) await api.request('GET', '/api/v1/self', wrong)
    expect((await api.request('GET', '/api/v1/self', { role: 'viewer' })).status).toBe(200)
    expect((await api.request('GET', '/api/v1/self', { role: 'admin' })).status).toBe(429)
  })

  test('without any key do not count', async () => {
    for (let i = 0; i < 20; i++)
      expect((await api.request('GET', '/api/v1/self', { headers: { authorization: '' } })).status).toBe(401)
  })

  test('from many addresses take bounded memory: the oldest is forgotten', () => {
    const attempts = createFailedAttempts(api.clock, { maxFailures: 1, windowMs: 60_000, maxAddresses: 3 })
    for (const address of ['a', 'b', 'c', 'd']) attempts.record(address)
    expect(['a', 'b', 'c', 'd'].map((address) => attempts.blockedForMs(address))).toEqual([
      0, 60_000, 60_000, 60_000,
    ])
  })
})

describe('the first admin key', () => {
  test('is created once, on an empty store, and only its hash is kept', async () => {
    const { createSqliteStore } = await import('../../../src/store/sqlite/index.ts')
    const store = createSqliteStore(':memory:')
    const first = await ensureFirstAdminKey(store, api.clock)
    expect(first?.secret).toMatch(/^gk_[\w-]{43}$/)
    expect(await ensureFirstAdminKey(store, api.clock)).toBeUndefined()
    const [key] = await store.apiKeys.list()
    expect(key).toMatchObject({
      name: 'first-admin',
      role: 'admin',
      secretHash: hashSecret(first?.secret ?? ''),
    })
    expect(JSON.stringify([await store.apiKeys.list(), await store.audit.list()])).not.toContain(
      first?.secret,
    )
    await store.close()
  })
})
