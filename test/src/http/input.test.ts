import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fill } from './fixtures.ts'
import { contract, createTestApi, type TestApi } from './harness.ts'

let api: TestApi
beforeAll(async () => {
  api = await createTestApi()
  await fill(api)
  api.bus.outcome = { kind: 'answered', payload: {} }
})
afterAll(() => api.close())

/** Everything that a request could change. */
async function state(): Promise<string> {
  const { store, bus } = api
  return JSON.stringify([
    await store.stations.list(),
    await store.tokens.list(),
    await store.certificates.list(),
    await store.sites.listSites(),
    await store.sites.limits('depot'),
    await store.apiKeys.list(),
    await store.audit.list({ limit: 10_000 }),
    bus.calls,
    bus.disconnected,
  ])
}

const bodies = [
  ['PUT', '/api/v1/stations/CS-001'],
  ['PUT', '/api/v1/id-tokens/Local/x'],
  ['POST', `/api/v1/certificates/${'ab'.repeat(32)}/revocation`],
  ['PUT', '/api/v1/sites/depot'],
  ['PUT', '/api/v1/sites/depot/limits/x'],
  ['POST', '/api/v1/api-keys'],
] as const

describe('a request that breaks the contract changes nothing', () => {
  test.each(bodies)('%s %s with a body that is no object, no JSON, or missing', async (method, url) => {
    const before = await state()
    for (const payload of ['[]', 'null', '1', '"x"', '{', '{"a":', '']) {
      const response = await api.app.inject({
        method,
        url,
        payload,
        headers: { authorization: `Bearer ${api.keys.admin}`, 'content-type': 'application/json' },
      })
      expect(response.statusCode, payload).toBe(400)
      expect(response.json().code).toBe('request.invalid')
    }
    const none = await api.request(method, url)
    expect(none).toMatchObject({ status: 400, json: { issues: [{ path: 'body' }] } })
    expect(await state()).toBe(before)
  })

  test.each(bodies)('%s %s with another content type', async (method, url) => {
    const before = await state()
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/xml',
      'application/jsonx',
    ]) {
      const response = await api.app.inject({
        method,
        url,
        payload: '{"securityProfile":3}',
        headers: { authorization: `Bearer ${api.keys.admin}`, 'content-type': type },
      })
      expect(response.statusCode, type).toBe(415)
    }
    expect(await state()).toBe(before)
  })

  test.each([
    ['an upper-case content type', 'Application/JSON; charset=utf-8'],
    ['a content type with odd spaces', ' application/json ;charset=utf-8'],
    ['a content type with a tab', 'application/json\t;charset=utf-8'],
  ])('%s does not get a bad body past the check', async (_name, type) => {
    const before = await state()
    const response = await api.app.inject({
      method: 'PUT',
      url: '/api/v1/stations/CS-001',
      payload: '{"securityProfile":9}',
      headers: { authorization: `Bearer ${api.keys.admin}`, 'content-type': type },
    })
    expect([400, 415]).toContain(response.statusCode)
    expect(await state()).toBe(before)
  })

  test('whatever JSON is sent', async () => {
    const before = await state()
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...bodies), fc.jsonValue(), async ([method, url], value) => {
        const response = await api.app.inject({
          method,
          url,
          payload: JSON.stringify(value),
          headers: { authorization: `Bearer ${api.keys.admin}`, 'content-type': 'application/json' },
        })
        expect(response.statusCode).toBe(400)
      }),
      { numRuns: 300 },
    )
    expect(await state()).toBe(before)
  })

  test('with a property more than the contract knows, at any depth', async () => {
    const before = await state()
    for (const { operationId, method, path, object } of contract.operations.values()) {
      const content = object.requestBody?.content['application/json']
      if (!content || /^(callStation|createOrder)$/.test(operationId) || !('example' in content)) continue
      const url = `/api/v1${path}`
        .replace('{fingerprint}', 'ab'.repeat(32))
        .replace('{type}', 'Local')
        .replace('{usage}', 'OEM')
        .replace('{pcid}', 'WGKTESTCAR1234567X')
        .replaceAll(/\{\w+\}/g, 'x')
      const body = Object.assign({}, content.example, { unknown: 1 })
      const answer = await api.request(method as 'PUT', url, { body })
      expect(answer.status, operationId).toBe(400)
      expect((answer.json.issues as { path: string }[]).map((issue) => issue.path)).toContain('body/unknown')
    }
    expect(await state()).toBe(before)
  })

  test('with a number as text: bodies are taken literally', async () => {
    const refused = await api.request('PUT', '/api/v1/stations/CS-9', { body: { securityProfile: '3' } })
    expect(refused.status).toBe(400)
    expect(refused.json.detail).toContain('body/securityProfile: must be integer')
  })

  test('with a prototype for a property', async () => {
    const response = await api.app.inject({
      method: 'PUT',
      url: '/api/v1/stations/CS-9',
      payload: '{"securityProfile":3,"__proto__":{"admin":true}}',
      headers: { authorization: `Bearer ${api.keys.admin}`, 'content-type': 'application/json' },
    })
    expect(response.statusCode).toBe(400)
  })

  test('with a body larger than 2 MiB', async () => {
    const answer = await api.request('PUT', '/api/v1/stations/CS-9', { body: { group: 'x'.repeat(2 ** 21) } })
    expect(answer).toMatchObject({ status: 413, json: { code: 'request.too-large' } })
  })
})

describe('query parameters', () => {
  test.each([
    ['/stations?limit=0', 'query/limit'],
    ['/stations?limit=1001', 'query/limit'],
    ['/stations?limit=ten', 'query/limit'],
    ['/stations?limit=1&limit=2', 'query/limit'],
    ['/stations?online=maybe', 'query/online'],
    ['/stations?colour=red', 'query/colour'],
    ['/stations/CS-001?verbose=1', 'query/verbose'],
    ['/stations/CS-001/events?after=-1', 'query/after'],
    ['/sessions?from=yesterday', 'query/from'],
    ['/sessions?after=nonsense', 'query/after'],
    ['/signing-orders?state=lost', 'query/state'],
    ['/certificates?expiresBefore=2026', 'query/expiresBefore'],
    [`/certificates/${'AB'.repeat(32)}`, 'path/fingerprint'],
    ['/id-tokens/Robot/x', 'path/type'],
    ['/sites/..%2fx', 'path/siteId'],
  ])('%s is refused at %s', async (path, where) => {
    const answer = await api.request('GET', `/api/v1${path}`)
    expect(answer).toMatchObject({ status: 400, json: { code: 'request.invalid' } })
    expect((answer.json.issues as { path: string }[]).map((issue) => issue.path)).toContain(where)
  })

  test('that are unknown are refused on changes too', async () => {
    const answer = await api.request('DELETE', '/api/v1/stations/CS-001?force=1')
    expect(answer.status).toBe(400)
    expect(await api.store.stations.get('CS-001')).toBeDefined()
  })
})

describe('what is not there', () => {
  test('answers problem details, whatever the path', async () => {
    for (const url of ['/nothing', '/api/v1/nothing', '/api/v2/stations', '/api/v1/stations/CS-001/none'])
      expect(await api.request('GET', url)).toMatchObject({ status: 404, json: { code: 'route.unknown' } })
    expect((await api.request('PATCH', '/api/v1/stations/CS-001')).status).toBe(404)
    expect((await api.request('GET', '/api/v1/stations/%zz')).status).toBe(400)
  })

  test('of a failing store is told without its details', async () => {
    const broken = await createTestApi()
    await broken.store.close()
    const response = await broken.app.inject({
      url: '/api/v1/self',
      headers: { authorization: `Bearer ${broken.keys.admin}` },
    })
    expect(response.statusCode).toBe(500)
    expect(response.json()).toMatchObject({ code: 'internal' })
    expect(response.body).not.toMatch(/sqlite|database/i)
  })
})
