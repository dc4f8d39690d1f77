import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { siteConfig } from './fixtures.ts'
import { createTestApi, type TestApi } from './harness.ts'

let api: TestApi
beforeEach(async () => {
  api = await createTestApi()
})
afterEach(() => api.close())

const put = (path: string, body: unknown) =>
  api.request('PUT', `/api/v1/sites/${path}`, { body, role: 'operator' })

describe('a site', () => {
  test('is created, read back as it was sent, replaced and deleted', async () => {
    expect((await put('depot', siteConfig)).status).toBe(201)
    expect((await put('depot', siteConfig)).status).toBe(200)
    expect((await api.request('GET', '/api/v1/sites/depot')).json.config).toEqual(siteConfig)
    expect((await api.request('GET', '/api/v1/sites')).json.items).toHaveLength(1)
    expect((await api.request('DELETE', '/api/v1/sites/depot')).status).toBe(204)
    expect((await api.request('DELETE', '/api/v1/sites/depot')).status).toBe(404)
  })

  test('may keep room for a building without a meter, on all phases or on each', async () => {
    const reserved = (reserveA: unknown) => ({ ...siteConfig, root: { ...siteConfig.root, reserveA } })
    expect((await put('one', reserved(20))).status).toBe(201)
    expect((await put('each', reserved([20, 0, 5]))).status).toBe(201)
    expect((await put('none', reserved(-1))).json.code).toBe('request.invalid')
  })

  test('that cannot keep its promise is refused with each reason, and nothing changes', async () => {
    api.sites.refusal = {
      ok: false,
      issues: [{ path: 'root/row-1', message: 'safe defaults exceed 63 A on L1' }],
    }
    const refused = await put('depot', siteConfig)
    expect(refused).toMatchObject({
      status: 422,
      json: { code: 'site.invalid', issues: [{ path: 'root/row-1' }] },
    })
    expect(await api.store.sites.listSites()).toEqual([])
    expect(await api.store.audit.list()).toEqual([])
  })

  const withStation = (station: object) => ({
    ...siteConfig,
    root: { ...siteConfig.root, children: [{ kind: 'station', id: 'CS-1', evses: [], ...station }] },
  })

  test.each([
    ['body/root', { voltageV: 230 }],
    ['body/name', { ...siteConfig, name: 'x' }],
    ['body/voltageV', { ...siteConfig, voltageV: '230' }],
    ['body/root/children/0/evses', withStation({})],
    [
      'body/root/children/0/limitW',
      withStation({ evses: [{ evseId: 1, supply: { kind: 'dc', maxW: 1, efficiency: 1 } }], limitW: -1 }),
    ],
    [
      'body/root/children/0/evses/0/supply/kind',
      withStation({ evses: [{ evseId: 1, supply: { kind: 'steam' } }] }),
    ],
    [
      'body/root/children/0/evses/0/supply/rotation/0',
      withStation({ evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [4], maxA: 32 } }] }),
    ],
    [
      'body/root/children/0/evses/0/supply/maxA',
      withStation({ evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1] } }] }),
    ],
    ['body/root/limitA', { ...siteConfig, root: { ...siteConfig.root, limitA: [1, 2] } }],
  ])('with a mistake at %s is refused with that path', async (path, body) => {
    const refused = await put('depot', body)
    expect(refused).toMatchObject({ status: 400, json: { code: 'request.invalid' } })
    expect((refused.json.issues as { path: string }[]).map((issue) => issue.path)).toContain(path)
    expect(await api.store.sites.listSites()).toEqual([])
  })
})

describe('a limit', () => {
  beforeEach(async () => {
    await put('depot', siteConfig)
  })

  test('says who set it and until when', async () => {
    const body = { nodeId: 'grid', value: 40_000, unit: 'W', validTo: '2026-03-01T20:00:00Z' }
    const set = await put('depot/limits/evening', body)
    expect(set).toMatchObject({
      status: 200,
      json: { ...body, source: 'operator', setBy: 'the-operator', validFrom: null },
    })
    expect((await api.request('GET', '/api/v1/sites/depot/limits')).json.items).toMatchObject([
      { id: 'evening' },
    ])
  })

  test('may hold for one EVSE, and is refused for a node that is not there', async () => {
    const refused = await put('depot/limits/x', { nodeId: 'CS-001#9', value: 1, unit: 'A' })
    expect(refused).toMatchObject({
      status: 422,
      json: { code: 'limit.invalid', issues: [{ path: 'body/nodeId' }] },
    })
  })

  test.each([
    [400, { nodeId: 'grid', value: -1, unit: 'A' }],
    [400, { nodeId: 'grid', value: '5', unit: 'A' }],
    [400, { nodeId: 'grid', value: 5, unit: 'kW' }],
    [400, { nodeId: 'grid', value: 5, unit: 'A', validTo: 'tomorrow' }],
    [400, { nodeId: 'grid', value: 5, unit: 'A', setBy: 'me' }],
    [
      422,
      {
        nodeId: 'grid',
        value: 5,
        unit: 'A',
        validFrom: '2026-03-01T20:00:00Z',
        validTo: '2026-03-01T19:00:00Z',
      },
    ],
  ])('is refused with %i: %o', async (status, body) => {
    expect((await put('depot/limits/x', body)).status).toBe(status)
    expect(await api.store.sites.limits('depot')).toEqual([])
  })

  test('that is not there cannot be lifted', async () => {
    const gone = await api.request('DELETE', '/api/v1/sites/depot/limits/x')
    expect(gone).toMatchObject({ status: 404, json: { code: 'limit.unknown' } })
    expect((await put('none/limits/x', { nodeId: 'grid', value: 1, unit: 'A' })).json.code).toBe(
      'site.unknown',
    )
  })
})

describe('a meter of a site', () => {
  const report = (url: string, body: unknown, role: 'operator' | 'viewer' = 'operator') =>
    api.request('PUT', `/api/v1/sites/${url}`, { body, role })
  const reading = { currentA: [1, 2, -3] }

  test('is read without an entry in the audit trail, many times a minute', async () => {
    await put('depot', siteConfig)
    expect((await report('depot/meters/grid', reading)).status).toBe(204)
    expect((await report('depot/meters/grid', { powerW: [230, 230, 0] })).status).toBe(204)
    expect((await api.store.audit.list()).map((entry) => entry.action)).toEqual(['site.put'])
  })

  test('that is unknown, of an unknown site, or shows nonsense is refused', async () => {
    expect((await report('none/meters/none', reading)).json.code).toBe('site.unknown')
    await put('depot', siteConfig)
    expect((await report('depot/meters/none', reading)).json.code).toBe('meter.unknown')
    for (const body of [
      {},
      { currentA: [1, 2] },
      { currentA: [1, 2, 'x'] },
      { ...reading, powerW: [1, 1, 1] },
    ])
      expect((await report('depot/meters/grid', body)).status).toBe(400)
    expect((await report('depot/meters/grid', reading, 'viewer')).status).toBe(403)
  })
})
