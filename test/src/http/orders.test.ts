import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CallOutcome } from '../../../src/bus/ports.ts'
import { fill } from './fixtures.ts'
import { createTestApi, type TestApi } from './harness.ts'

let api: TestApi
beforeEach(async () => {
  api = await createTestApi()
  await fill(api)
})
afterEach(() => api.close())

const order = (action: string, body: object, role: 'operator' | 'security' | 'viewer' = 'operator') =>
  api.request('POST', `/api/v1/stations/CS-001/orders/${action}`, { body, role })

const getLog = { log: { remoteLocation: 'https://logs.example.com' }, logType: 'SecurityLog' }

describe('an order', () => {
  test('whose outcome comes later answers 202 with the place to look for it', async () => {
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted', filename: 'x.log' } }
    const placed = await order('GetLog', getLog)
    expect(placed).toMatchObject({
      status: 202,
      json: { state: 'following', actor: 'the-operator', action: 'GetLog' },
    })
    expect(placed.headers.location).toBe(`/api/v1/orders/${placed.json.id}`)
    expect((await api.request('GET', String(placed.headers.location))).json).toEqual(placed.json)
  })

  test('gets the number that the operator left out', async () => {
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted' } }
    await order('GetLog', getLog)
    expect(api.bus.calls).toMatchObject([{ payload: { ...getLog, requestId: expect.any(Number) } }])
  })

  test.each<[CallOutcome, number, string]>([
    [{ kind: 'offline' }, 409, 'station.offline'],
    [{ kind: 'invalid', issues: ['x'] }, 400, 'call.payload-invalid'],
    [{ kind: 'refused', code: 'NotSupported', description: '', details: {} }, 502, 'station.refused'],
    [{ kind: 'unanswered', reason: 'deadline' }, 504, 'station.unanswered'],
  ])('whose call ends as %o ends in the same problem, and is remembered', async (outcome, status, code) => {
    api.bus.outcome = outcome
    const failed = await order('GetLog', getLog)
    expect(failed).toMatchObject({ status, json: { code, orderId: expect.any(String) } })
    expect((await api.request('GET', `/api/v1/orders/${failed.json.orderId}`)).json.state).toBe('failed')
    expect(await api.store.audit.list({ action: 'station.order' })).toMatchObject([
      { actor: 'the-operator', detail: { orderId: failed.json.orderId, outcome: outcome.kind } },
    ])
  })

  test('for an unknown station or from a role that may not is not placed', async () => {
    const unknown = await api.request('POST', '/api/v1/stations/none/orders/ClearCache', { body: {} })
    expect(unknown).toMatchObject({ status: 404, json: { code: 'station.unknown' } })
    expect((await order('ClearCache', {}, 'viewer')).status).toBe(403)
    expect((await order('ClearCache', {}, 'security')).status).toBe(403)
    expect((await order('InstallCertificate', {}, 'operator')).status).toBe(403)
    expect((await api.request('GET', '/api/v1/orders')).json.items).toEqual([])
    expect((await api.request('GET', '/api/v1/orders/none')).json.code).toBe('order.unknown')
  })

  test('is listed newest first, page by page', async () => {
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted' } }
    for (const type of ['OnIdle', 'Immediate', 'OnIdle']) {
      await order('Reset', { type })
      api.clock.advance(1000)
    }
    const first = await api.request('GET', '/api/v1/orders?limit=2')
    const rest = await api.request('GET', `/api/v1/orders?limit=2&after=${first.json.next}`)
    const types = [first, rest].flatMap(({ json }) =>
      (json.items as { request: { type: string } }[]).map((one) => one.request.type),
    )
    expect(types).toEqual(['OnIdle', 'Immediate', 'OnIdle'])
    expect(rest.json.next).toBeNull()
  })

  test('keeps secrets out of what can be read', async () => {
    const setVariableData = [
      {
        component: { name: 'SecurityCtrlr' },
        variable: { name: 'BasicAuthPassword' },
        attributeValue: 'very-secret-1234',
      },
    ]
    api.bus.outcome = { kind: 'offline' }
    await order('SetVariables', { setVariableData })
    const texts = [await api.request('GET', '/api/v1/orders'), await api.request('GET', '/api/v1/audit')]
    expect(texts.map((one) => one.text).join()).not.toContain('very-secret')
  })
})

describe('the local list of a station', () => {
  test('is version 0 until one is confirmed', async () => {
    const url = '/api/v1/stations/CS-001/local-list'
    expect((await api.request('GET', url)).json).toEqual({ version: 0, entries: [], updatedAt: null })
    expect((await api.request('PUT', url, { body: {}, role: 'operator' })).json).toEqual({
      status: 'Accepted',
      version: 4,
      messages: 1,
      detail: null,
    })
    expect((await api.request('GET', url)).json.version).toBe(4)
    expect((await api.request('PUT', url, { body: {}, role: 'viewer' })).status).toBe(403)
  })
})
