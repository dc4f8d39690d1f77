import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fill } from './fixtures.ts'
import { createTestApi, type TestApi } from './harness.ts'

let api: TestApi
const PATH = '/api/v1/messages'

beforeAll(async () => {
  api = await createTestApi()
  await fill(api)
  const base = { atMs: api.clock.now(), direction: 'from-station', kind: 'call', errorCode: null } as const
  await api.store.messages.append(
    [
      { ...base, stationId: 'CS-001', messageId: '1', action: 'StatusNotification', payload: '{"evseId":7}' },
      { ...base, stationId: 'CS-001', messageId: '2', action: 'Authorize', payload: '{"idToken":"SECRET7"}' },
      { ...base, stationId: 'CS-2', messageId: '3', action: 'Reset', payload: null },
    ],
    1000,
  )
})
afterAll(() => api.close())

const ids = (answer: { json: Readonly<Record<string, unknown>> }) =>
  [answer.json.items].flat().map((item) => (item as { messageId: string }).messageId)

describe('events of a station', () => {
  it('have no detail for viewers where it may name a driver or a car', async () => {
    const record = (kind: string, detail: object) =>
      api.store.events.record({
        stationId: 'CS-001',
        kind,
        type: 'x',
        at: '2026-03-01T08:00:00Z',
        receivedAt: '2026-03-01T08:00:00Z',
        critical: false,
        detail,
      })
    await record('NotifyCustomerInformation', { data: 'SECRET' })
    await record('monitoring', { component: { name: 'ConnectedEV' }, actualValue: 'SECRET' })
    await record('monitoring', { component: { name: 'FanSystem' }, actualValue: 'hot' })
    const path = '/api/v1/stations/CS-001/events?order=newest&limit=3'
    const seen = await api.request('GET', path, { role: 'viewer' })
    expect(seen.text).not.toContain('SECRET')
    expect(seen.text).toContain('hot')
    const operator = await api.request('GET', path, { role: 'operator' })
    expect(operator.text.match(/SECRET/g)).toHaveLength(2)
  })

  it('are found among those of all stations, by kind and type, newest first', async () => {
    for (const [stationId, type] of [
      ['CS-001', 'SettingSystemTime'],
      ['CS-2', 'AttemptedReplayAttacks'],
      ['CS-3', 'AttemptedReplayAttacks'],
    ] as const)
      await api.store.events.record({
        stationId,
        kind: 'security',
        type,
        at: '2026-03-01T09:00:00Z',
        receivedAt: '2026-03-01T09:00:00Z',
        critical: type.startsWith('Attempted'),
        detail: {},
      })
    const found = await api.request(
      'GET',
      '/api/v1/station-events?kind=security&type=AttemptedReplayAttacks&critical=true&order=newest',
      { role: 'viewer' },
    )
    expect(found.json.items).toMatchObject([{ stationId: 'CS-3' }, { stationId: 'CS-2' }])
    const unread = await api.request('GET', '/api/v1/station-events?order=newest&limit=50', {
      role: 'viewer',
    })
    expect(unread.text).not.toContain('SECRET')
  })
})

describe('the message log of the API', () => {
  it('lists the last messages of a station', async () => {
    expect(ids(await api.request('GET', '/api/v1/stations/CS-001/messages'))).toEqual(['2', '1'])
    expect((await api.request('GET', '/api/v1/stations/NONE/messages')).status).toBe(404)
  })

  it('searches all stations', async () => {
    expect(ids(await api.request('GET', `${PATH}?action=Reset`, { role: 'operator' }))).toEqual(['3'])
    expect(ids(await api.request('GET', `${PATH}?text=secret7`, { role: 'operator' }))).toEqual(['2'])
    expect(ids(await api.request('GET', `${PATH}?limit=1`))).toEqual(['3'])
    expect((await api.request('GET', `${PATH}?direction=sideways`)).status).toBe(400)
  })

  it('shows viewers nothing that may name a driver, and lets them find nothing in it', async () => {
    const answer = await api.request('GET', PATH, { role: 'viewer' })
    expect(answer.json.items).toMatchObject([
      { messageId: '3', payload: null, omitted: 'size' },
      { messageId: '2', payload: null, omitted: 'role' },
      { messageId: '1', payload: { evseId: 7 }, omitted: null },
    ])
    expect(ids(await api.request('GET', `${PATH}?text=secret7`, { role: 'viewer' }))).toEqual([])
  })

  it('exports one JSON object per line', async () => {
    const answer = await api.request('GET', '/api/v1/messages.ndjson', { role: 'security' })
    expect(answer.headers['content-type']).toContain('application/x-ndjson')
    const lines = answer.text.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).messageId)).toEqual(['3', '2', '1'])
    const two = await api.request('GET', '/api/v1/messages.ndjson?limit=2', { role: 'viewer' })
    expect(two.text).not.toContain('SECRET7')
    expect(two.text.trimEnd().split('\n')).toHaveLength(2)
  })
})
