import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fill } from './fixtures.ts'
import { createTestApi, type TestApi } from './harness.ts'

const TOKEN = '04A1B2C3'
let api: TestApi
beforeEach(async () => {
  api = await createTestApi()
  await fill(api)
})
afterEach(() => api.close())

const read = async (path: string, role: 'viewer' | 'operator') =>
  (await api.request('GET', `/api/v1${path}`, { role })).json

describe('a token with which somebody charges', () => {
  test.each(['/sessions', '/sessions/CS-001/tx-1', '/sessions/CS-001/tx-1/events'])(
    'in %s is read by operators, and only its kind by viewers',
    async (path) => {
      expect(JSON.stringify(await read(path, 'operator'))).toContain(TOKEN)
      const seen = JSON.stringify(await read(path, 'viewer'))
      expect(seen).not.toContain(TOKEN)
      expect(seen).toContain('"idToken":{"type":"ISO14443","idToken":"[withheld]"}')
    },
  )

  test('does not reach viewers in the order that names it', async () => {
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted' } }
    const request = { remoteStartId: 1, evseId: 1, idToken: { type: 'ISO14443', idToken: TOKEN } }
    const placed = await api.request('POST', '/api/v1/stations/CS-001/orders/RequestStartTransaction', {
      body: request,
      role: 'operator',
    })
    const path = `/orders/${placed.json.id}`
    expect(await read(path, 'operator')).toMatchObject({ request })
    expect(await read(path, 'viewer')).toMatchObject({
      action: 'RequestStartTransaction',
      request: {},
      response: null,
      result: null,
    })
    expect((await read('/orders', 'viewer')).items).toMatchObject([{ request: {} }])
  })

  test('does not hide from viewers what an order without drivers said', async () => {
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted' } }
    await api.request('POST', '/api/v1/stations/CS-001/orders/Reset', {
      body: { type: 'OnIdle' },
      role: 'operator',
    })
    expect((await read('/orders', 'viewer')).items).toMatchObject([{ request: { type: 'OnIdle' } }])
  })
})
