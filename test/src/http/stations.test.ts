import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fill, PASSWORD } from './fixtures.ts'
import { createTestApi, type TestApi } from './harness.ts'

let api: TestApi
beforeEach(async () => {
  api = await createTestApi()
})
afterEach(() => api.close())

const put = (id: string, body: object) =>
  api.request('PUT', `/api/v1/stations/${id}`, { body, role: 'operator' })

describe('registering a station', () => {
  test('stores the password only as a hash and never shows either', async () => {
    const created = await put('CS-1', { securityProfile: 2, password: PASSWORD })
    expect(created.status).toBe(201)
    expect(created.json).toMatchObject({ hasPassword: true, enrolment: 'active', registration: 'Accepted' })
    expect((await api.store.stations.get('CS-1'))?.passwordHash).toBe(`hashed:${PASSWORD.length}`)
    const audit = await api.request('GET', '/api/v1/audit')
    expect(created.text + audit.text).not.toMatch(new RegExp(`${PASSWORD}|hashed:`))
    expect(audit.json.items).toMatchObject([{ detail: { passwordChange: 'set', securityProfile: 2 } }])
  })

  test('keeps the password when it is left out, and removes it by null', async () => {
    await put('CS-1', { securityProfile: 2, password: PASSWORD, group: 'a' })
    const kept = await put('CS-1', { securityProfile: 2 })
    expect(kept).toMatchObject({ status: 200, json: { hasPassword: true, group: null } })
    expect((await put('CS-1', { securityProfile: 3, password: null })).json.hasPassword).toBe(false)
  })

  test('needs a password for the profiles 1 and 2', async () => {
    for (const securityProfile of [1, 2]) {
      const refused = await put('CS-1', { securityProfile })
      expect(refused).toMatchObject({ status: 422, json: { code: 'station.password-required' } })
    }
    expect((await put('CS-1', { securityProfile: 3 })).status).toBe(201)
    expect((await put('CS-1', { securityProfile: 2 })).status).toBe(422)
  })

  test('disconnects a station that must prove itself anew, and only then', async () => {
    await put('CS-1', { securityProfile: 2, password: PASSWORD })
    await put('CS-1', { securityProfile: 2, group: 'moved' })
    expect(api.bus.disconnected).toEqual([])
    await put('CS-1', { securityProfile: 2, password: `${PASSWORD}-new` })
    await put('CS-1', { securityProfile: 3 })
    await put('CS-1', { securityProfile: 3, enrolment: 'blocked' })
    expect(api.bus.disconnected).toHaveLength(3)
  })

  test('lets a station that waits boot at once when it is accepted', async () => {
    await put('CS-1', { securityProfile: 3, registration: 'Pending' })
    expect(api.bus.calls).toEqual([])
    await put('CS-1', { securityProfile: 3, registration: 'Accepted' })
    expect(api.bus.calls).toMatchObject([
      { stationId: 'CS-1', action: 'TriggerMessage', payload: { requestedMessage: 'BootNotification' } },
    ])
    expect(api.bus.disconnected).toEqual([])
  })

  test('takes any id that OCPP allows, and no other', async () => {
    expect((await put(encodeURIComponent('DE*ABC|E=1+@.-_'), { securityProfile: 3 })).json.id).toBe(
      'DE*ABC|E=1+@.-_',
    )
    for (const id of ['a:b', 'a b', 'ü', 'a%2Fb', 'x'.repeat(49)])
      expect((await put(encodeURIComponent(id), { securityProfile: 3 })).status, id).toBe(400)
  })
})

describe('listing stations', () => {
  beforeEach(async () => {
    for (const [id, group, securityProfile] of [
      ['A', 'north', 3],
      ['B', 'south', 3],
      ['C', 'north', 2],
      ['D', 'north', 3],
    ] as const)
      await put(id, { securityProfile, group, ...(securityProfile === 2 && { password: PASSWORD }) })
    api.bus.online.add('B').add('D')
  })

  const ids = async (query: string) => {
    const { json } = await api.request('GET', `/api/v1/stations?${query}`, { role: 'viewer' })
    return { ids: (json.items as { id: string }[]).map((item) => item.id), next: json.next }
  }

  test('goes page by page', async () => {
    expect(await ids('limit=3')).toEqual({ ids: ['A', 'B', 'C'], next: 'C' })
    expect(await ids('limit=3&after=C')).toEqual({ ids: ['D'], next: null })
    expect(await ids('limit=4')).toEqual({ ids: ['A', 'B', 'C', 'D'], next: null })
  })

  test('filters by group, profile and being online, together with pages', async () => {
    expect(await ids('group=north')).toMatchObject({ ids: ['A', 'C', 'D'] })
    expect(await ids('online=true')).toEqual({ ids: ['B', 'D'], next: null })
    expect(await ids('online=false&limit=1')).toEqual({ ids: ['A'], next: 'A' })
    expect(await ids('online=false&limit=1&after=A')).toEqual({ ids: ['C'], next: null })
    expect(await ids('securityProfile=2&group=north')).toMatchObject({ ids: ['C'] })
  })

  test('finds the few that match among many', async () => {
    const at = '2026-03-01T08:00:00.000Z'
    const base = {
      enrolment: 'active',
      registration: 'Accepted',
      securityProfile: 3,
      passwordHash: null,
    } as const
    for (let i = 0; i < 1200; i++)
      await api.store.stations.put(
        {
          ...base,
          id: `X${String(i).padStart(4, '0')}`,
          serialNumber: null,
          organisation: null,
          group: null,
        },
        at,
      )
    api.bus.online.clear()
    api.bus.online.add('X0001').add('X1199')
    expect(await ids('online=true')).toEqual({ ids: ['X0001', 'X1199'], next: null })
    expect(await ids('online=true&limit=1')).toEqual({ ids: ['X0001'], next: 'X0001' })
  })
})

describe('a station that is not there', () => {
  test.each([
    ['GET', '/stations/none'],
    ['DELETE', '/stations/none'],
    ['DELETE', '/stations/none/connection'],
    ['GET', '/stations/none/connectors'],
    ['GET', '/stations/none/variables'],
    ['GET', '/stations/none/events'],
    ['GET', '/stations/none/meter-values'],
    ['GET', '/stations/none/meter-quarters'],
  ] as const)('%s %s answers 404', async (method, path) => {
    expect(await api.request(method, `/api/v1${path}`)).toMatchObject({
      status: 404,
      json: { code: 'station.unknown' },
    })
  })

  test('has no sessions, tokens, certificates, sites or limits either', async () => {
    for (const [path, code] of [
      ['/sessions/none/tx', 'session.unknown'],
      ['/sessions/none/tx/events', 'session.unknown'],
      ['/sessions/none/tx/meter-values', 'session.unknown'],
      ['/id-tokens/Local/none', 'id-token.unknown'],
      [`/certificates/${'0'.repeat(64)}`, 'certificate.unknown'],
      [`/certificates/${'0'.repeat(64)}/pem`, 'certificate.unknown'],
      ['/authorities/none/pem', 'authority.unknown'],
      ['/sites/none', 'site.unknown'],
      ['/sites/none/status', 'site.unknown'],
      ['/sites/none/limits', 'site.unknown'],
    ])
      expect(await api.request('GET', `/api/v1${path}`)).toMatchObject({ status: 404, json: { code } })
  })
})

describe('deleting a station', () => {
  test('closes its connection', async () => {
    await fill(api)
    api.bus.online.add('CS-001')
    expect((await api.request('DELETE', '/api/v1/stations/CS-001')).status).toBe(204)
    expect(api.bus.disconnected).toMatchObject([{ stationId: 'CS-001' }])
    expect(await api.store.stations.get('CS-001')).toBeUndefined()
  })
})
