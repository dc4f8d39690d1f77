import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestApi, type TestApi } from './harness.ts'

let api: TestApi
beforeEach(async () => {
  api = await createTestApi()
})
afterEach(() => api.close())

describe('API keys', () => {
  test('show their secret once, which then works', async () => {
    const created = await api.request('POST', '/api/v1/api-keys', {
      body: { name: 'night', role: 'operator' },
    })
    const secret = String(created.json.secret)
    const self = await api.request('GET', '/api/v1/self', { headers: { authorization: `Bearer ${secret}` } })
    expect(self.json).toMatchObject({ name: 'night', role: 'operator' })
    const everything = [
      await api.request('GET', '/api/v1/api-keys'),
      await api.request('GET', '/api/v1/audit'),
    ]
    expect(everything.map((answer) => answer.text).join()).not.toContain(secret)
    expect(everything.map((answer) => answer.text).join()).not.toMatch(/secretHash|[0-9a-f]{64}/)
  })

  test('cannot make a key that may more than themselves', async () => {
    for (const role of ['operator', 'admin'])
      expect(
        (await api.request('POST', '/api/v1/api-keys', { role: 'security', body: { name: 'up', role } }))
          .status,
      ).toBe(403)
    for (const role of ['viewer', 'security'])
      expect(
        (await api.request('POST', '/api/v1/api-keys', { role: 'security', body: { name: role, role } }))
          .status,
      ).toBe(201)
  })

  test('cannot revoke a key that may more than themselves', async () => {
    const admin = (await api.store.apiKeys.list()).find((key) => key.role === 'admin')
    expect((await api.request('DELETE', `/api/v1/api-keys/${admin?.id}`, { role: 'security' })).status).toBe(
      403,
    )
  })

  test('keep one admin', async () => {
    const admin = (await api.store.apiKeys.list()).find((key) => key.role === 'admin')
    const refused = await api.request('DELETE', `/api/v1/api-keys/${admin?.id}`)
    expect(refused.json.code).toBe('api-key.last-admin')
    await api.request('POST', '/api/v1/api-keys', { body: { name: 'second', role: 'admin' } })
    expect((await api.request('DELETE', `/api/v1/api-keys/${admin?.id}`)).status).toBe(204)
  })

  test('have names that tell one from another in the audit trail', async () => {
    const create = (name: string) =>
      api.request('POST', '/api/v1/api-keys', { body: { name, role: 'viewer' } })
    expect((await create('the-viewer')).json.code).toBe('api-key.name-taken')
    expect((await create('system')).json.code).toBe('api-key.name-taken')
    expect((await create('station:CS-1')).json.code).toBe('request.invalid')
  })

  test('that are unknown or revoked cannot be revoked', async () => {
    expect((await api.request('DELETE', '/api/v1/api-keys/nobody')).json.code).toBe('api-key.unknown')
    const viewer = (await api.store.apiKeys.list()).find((key) => key.role === 'viewer')
    await api.request('DELETE', `/api/v1/api-keys/${viewer?.id}`)
    expect((await api.request('DELETE', `/api/v1/api-keys/${viewer?.id}`)).status).toBe(404)
  })
})

describe('the audit trail', () => {
  test('is read in pages and by action, subject and actor', async () => {
    for (const id of ['a', 'b', 'c'])
      await api.request('PUT', `/api/v1/id-tokens/Local/${id}`, {
        body: { status: 'Accepted' },
        role: 'operator',
      })
    await api.request('DELETE', '/api/v1/id-tokens/Local/a')
    const first = await api.request('GET', '/api/v1/audit?limit=2')
    expect(first.json.items).toHaveLength(2)
    const rest = await api.request('GET', `/api/v1/audit?limit=2&after=${first.json.next}`)
    expect(rest.json).toMatchObject({
      next: null,
      items: [{ subject: 'Local/c' }, { action: 'id-token.delete' }],
    })
    const byActor = await api.request('GET', '/api/v1/audit?actor=the-operator&subject=Local/b')
    expect(byActor.json.items).toMatchObject([{ action: 'id-token.put', actor: 'the-operator' }])
  })

  test('is read newest first as well', async () => {
    for (const id of ['a', 'b', 'c'])
      await api.request('PUT', `/api/v1/id-tokens/Local/${id}`, { body: { status: 'Accepted' } })
    const first = await api.request('GET', '/api/v1/audit?order=newest&limit=2')
    expect(first.json.items).toMatchObject([{ subject: 'Local/c' }, { subject: 'Local/b' }])
    const rest = await api.request('GET', `/api/v1/audit?order=newest&limit=2&before=${first.json.next}`)
    expect(rest.json).toMatchObject({ next: null, items: [{ subject: 'Local/a' }] })
  })

  test('names no driver and no car to viewers, and does not let them ask for one', async () => {
    await api.request('PUT', '/api/v1/id-tokens/Local/SECRET', { body: { status: 'Accepted' } })
    await api.store.audit.append({
      at: '2026-03-01T08:00:00Z',
      actor: 'the-operator',
      action: 'station.call',
      subject: 'CS-1',
      detail: { action: 'SendLocalList', payload: { idToken: 'SECRET' } },
    })
    const seen = await api.request('GET', '/api/v1/audit', { role: 'viewer' })
    expect(seen.json.items).toMatchObject([
      { action: 'id-token.put', subject: '[withheld]', detail: {} },
      { subject: 'CS-1', detail: { action: 'SendLocalList', payload: '[withheld]' } },
    ])
    const asked = await api.request('GET', '/api/v1/audit?subject=Local/SECRET', { role: 'viewer' })
    expect(asked.json.items).toEqual([])
    const operator = await api.request('GET', '/api/v1/audit?subject=Local/SECRET', { role: 'operator' })
    expect(operator.json.items).toHaveLength(1)
  })

  test('says nothing of what was refused', async () => {
    await api.request('PUT', '/api/v1/id-tokens/Local/a', { body: { status: 'Maybe' } })
    await api.request('DELETE', '/api/v1/id-tokens/Local/a')
    await api.request('PUT', '/api/v1/id-tokens/Local/a', { body: { status: 'Accepted' }, role: 'viewer' })
    expect((await api.request('GET', '/api/v1/audit')).json.items).toEqual([])
  })
})
