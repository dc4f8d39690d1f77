import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestApi, type TestApi } from './harness.ts'

let api: TestApi
beforeEach(async () => {
  api = await createTestApi()
})
afterEach(() => api.close())

const OWN = { host: 'gridkeep.example.com', 'sec-fetch-site': 'same-origin' }

async function signIn(role: 'viewer' | 'admin' = 'admin'): Promise<string> {
  const { status, headers } = await api.request('POST', '/api/v1/sign-in', { role })
  expect(status).toBe(204)
  return String(headers['set-cookie']).split(';')[0] ?? ''
}

const withCookie = (cookie: string, method: 'GET' | 'DELETE' | 'PUT', url: string, headers = {}) =>
  api.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: { cookie, ...headers },
    ...(method === 'PUT' && { payload: { status: 'Accepted' } }),
  })

describe('a browser that signed in', () => {
  test('reads with its cookie, with the role of the key', async () => {
    const cookie = await signIn('viewer')
    expect((await withCookie(cookie, 'GET', '/self')).json()).toMatchObject({
      name: 'the-viewer',
      role: 'viewer',
    })
    expect((await withCookie(`a=b; ${cookie}; c=d`, 'GET', '/self')).statusCode).toBe(200)
    expect((await withCookie(cookie, 'PUT', '/id-tokens/Local/x', OWN)).statusCode).toBe(403)
  })

  test('has a cookie that scripts and other sites cannot use', async () => {
    const { headers } = await api.request('POST', '/api/v1/sign-in')
    expect(headers['set-cookie']).toMatch(/; HttpOnly; SameSite=Strict; Max-Age=43200$/)
  })

  test('changes only what a page of this service asks for', async () => {
    const cookie = await signIn()
    const put = async (headers: object) =>
      (await withCookie(cookie, 'PUT', '/id-tokens/Local/x', headers)).statusCode
    const host = 'gridkeep.example.com'
    expect(await put({ host })).toBe(403)
    expect(await put({ host, 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await put({ host, 'sec-fetch-site': 'same-site' })).toBe(403)
    expect(await put({ host, origin: 'https://evil.example.com' })).toBe(403)
    expect(await put({ host, origin: 'null' })).toBe(403)
    expect(await api.store.tokens.list()).toEqual([])
    expect(await put({ host, origin: `https://${host}` })).toBe(201)
    expect(await put({ host, 'sec-fetch-site': 'same-origin' })).toBe(200)
    expect(await api.store.audit.list({ action: 'id-token.put' })).toMatchObject([{ actor: 'the-admin' }, {}])
  })

  test('is signed out by itself, after 12 hours, and when its key is revoked', async () => {
    const first = await signIn()
    const second = await signIn()
    expect((await withCookie(first, 'DELETE', '/sign-in', OWN)).statusCode).toBe(204)
    expect((await withCookie(first, 'GET', '/self')).statusCode).toBe(401)
    expect((await withCookie(second, 'GET', '/self')).statusCode).toBe(200)
    api.clock.advance(12 * 3_600_000)
    expect((await withCookie(second, 'GET', '/self')).json().code).toBe('auth.invalid')

    const viewer = await signIn('viewer')
    const key = (await api.store.apiKeys.list()).find((one) => one.role === 'viewer')
    await api.request('DELETE', `/api/v1/api-keys/${key?.id}`)
    expect((await withCookie(viewer, 'GET', '/self')).statusCode).toBe(401)
  })

  test('cannot be made up, and does not stand in for a wrong key', async () => {
    const cookie = await signIn()
    expect((await withCookie(`gridkeep_sign_in=${'A'.repeat(43)}`, 'GET', '/self')).statusCode).toBe(401)
    expect((await withCookie('gridkeep_sign_in=', 'GET', '/self')).json().code).toBe('auth.missing')
    expect((await withCookie(cookie, 'GET', '/self', { authorization: 'Bearer wrong' })).statusCode).toBe(401)
  })
})
