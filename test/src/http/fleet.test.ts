import { sign } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issue } from '../../pki/contract/hierarchy.ts'
import { createOem } from '../../support/pnc.ts'
import { createFleetBench, type FleetBench, ID } from '../certificates/fleet/support.ts'
import { createTestApi, type TestApi, type TestResponse, unseen } from './harness.ts'

let bench: FleetBench
let api: TestApi
beforeAll(async () => {
  bench = await createFleetBench()
  api = await createTestApi({ store: bench.pki.store, fleet: bench.fleet.api() })
})
afterAll(async () => {
  await bench.fleet.stop()
  await bench.pki.service.stop()
  await api.close()
})

const call = (
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<TestResponse> =>
  api.request(method, `/api/v1${path}`, { role: 'security', ...(body === undefined ? {} : { body }) })
const itemsOf = async (path: string) => (await call('GET', path)).json.items
const maker = createOem('15118-2', 'Maker')
const makerPem = maker.root.certificate.toPem()
const use = 'ManufacturerRootCertificate'
const anchorPath = `/trust/anchors/${use}/${maker.root.certificate.fingerprint}`
const ofV2g = (change: object = {}) => ({
  scope: 'all',
  use: 'V2GRootCertificate',
  fingerprints: [bench.root('v2g-root').fingerprint],
  repair: 'report',
  ...change,
})

describe('trust anchors', () => {
  test('are our own roots, and those that are added', async () => {
    const added = await call('POST', '/trust/anchors', { use, pem: makerPem })
    expect(added).toMatchObject({
      status: 201,
      json: { use, subject: expect.stringContaining('Maker Root') },
    })
    const anchors = await itemsOf('/trust/anchors')
    expect(anchors).toContainEqual(added.json)
    expect(anchors).toContainEqual(
      expect.objectContaining({
        use: 'CSMSRootCertificate',
        fingerprint: bench.root('csms-root').fingerprint,
      }),
    )
  })

  test.each([
    ['a sub-CA', maker.subs[0].certificate.toPem()],
    ['something else', 'nonsense'],
  ])('are never %s', async (_, pem) => {
    expect((await call('POST', '/trust/anchors', { use, pem })).json.code).toBe('trust.invalid')
  })
})

test('server chains are listed by endpoint, with what leads to them', async () => {
  const items = await itemsOf('/trust/server-chains')
  const chain = { authorityId: 'csms-ca', rootFingerprint: bench.root('csms-root').fingerprint, bridges: 0 }
  expect(items).toMatchObject([
    { endpoint: 'main', ...chain },
    { endpoint: 'former', ...chain },
  ])
})

describe('an expired certificate', () => {
  const permit = `/stations/${ID}/expired-certificate-permit`
  const inDays = (days: number) => new Date(api.clock.now() + days * 86_400_000).toISOString()
  const trust = () => bench.pki.store.fleet.trust(ID)

  test('is let in until a time of the next 31 days, for a station that is known', async () => {
    const until = inDays(7)
    expect((await call('PUT', permit, { until })).status).toBe(204)
    expect(await trust()).toMatchObject({ expiredUntil: until })
    for (const days of [-1, 32])
      expect((await call('PUT', permit, { until: inDays(days) })).json.code).toBe('trust.invalid')
    expect((await call('PUT', permit.replace(ID, 'CS-unknown'), { until })).status).toBe(404)
    const viewer = await api.request('PUT', `/api/v1${permit}`, { role: 'viewer', body: { until } })
    expect(viewer.status).toBe(403)
    expect(await trust()).toMatchObject({ expiredUntil: until })
  })

  test('is refused again when that is taken back', async () => {
    expect((await call('DELETE', permit)).status).toBe(204)
    expect(await trust()).toMatchObject({ expiredUntil: null })
  })
})

describe('trust policies', () => {
  const policies = '/trust/policies'

  test('are put with who did it, listed, and keep their anchors', async () => {
    const kept = { id: 'v2g', ...ofV2g(), scopeId: '', setBy: 'the-security' }
    expect(await call('PUT', `${policies}/v2g`, ofV2g())).toMatchObject({ status: 200, json: kept })
    expect(await itemsOf(policies)).toMatchObject([kept])
    const { fingerprint } = bench.root('v2g-root')
    expect((await call('DELETE', `/trust/anchors/V2GRootCertificate/${fingerprint}`)).json.code).toBe(
      'trust.unknown',
    )
  })

  test.each([
    ['an anchor that nobody added', { fingerprints: ['ab'.repeat(32)] }],
    ['an anchor of another use', { use }],
    ['a group without its name', { scope: 'group' }],
    ['a name for all', { scopeId: 'north' }],
  ])('are refused with %s', async (_, change) => {
    expect((await call('PUT', `${policies}/x`, ofV2g(change))).json.code).toBe('trust.invalid')
    expect(await itemsOf(policies)).toHaveLength(1)
  })
})

describe('what a station holds', () => {
  const path = `/stations/${ID}/installed-certificates`

  test('is unknown until it is asked for, and then shows what is missing', async () => {
    expect((await call('GET', path)).json).toMatchObject({ inventoryAt: null, items: [] })
    expect(await itemsOf('/trust/drift')).toMatchObject([{ stationId: ID, kind: 'not-reported' }])
    bench.station.held.push({ use: 'CSMSRootCertificate', certificate: bench.root('csms-root') })
    const asked = await api.request('POST', `/api/v1${path}`, { role: 'operator' })
    expect(asked.json).toMatchObject({ items: [{ use: 'CSMSRootCertificate', parentKey: null }] })
    expect((await call('GET', path)).json).toEqual(asked.json)
    expect(await itemsOf(`/trust/drift?stationId=${ID}`)).toContainEqual(
      expect.objectContaining({ kind: 'missing', use: 'V2GRootCertificate' }),
    )
  })

  test('is not asked for where nobody answers', async () => {
    bench.station.online = false
    const asked = await api.request('POST', `/api/v1${path}`, { role: 'operator' })
    bench.station.online = true
    expect(asked).toMatchObject({ status: 409, json: { code: 'station.offline' } })
    expect((await call('GET', '/stations/none/installed-certificates')).json.code).toBe('station.unknown')
  })
})

describe('a signed firmware update', () => {
  const { certificate, privateKey } = issue(maker.subs[0], '15118-2', 'oem-provisioning', 'Firmware 1')
  const chain = [certificate, maker.subs[0].certificate, maker.subs[1].certificate]
  const firmware = {
    location: 'https://firmware.example.com/2.4.0.bin',
    retrieveDateTime: '2026-11-22T22:00:00Z',
    signingCertificate: chain.map((one) => one.toPem()).join(''),
    signature: sign('sha256', Buffer.from('the firmware'), privateKey).toString('base64'),
  }
  const update = (change: object = {}) =>
    api.request('POST', `/api/v1/stations/${ID}/firmware-updates`, {
      role: 'operator',
      body: { ...firmware, ...change },
    })

  test('becomes an order that is followed', async () => {
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted' } }
    const answer = await update()
    expect(answer, answer.text).toMatchObject({
      status: 200,
      json: { state: 'following', outcome: 'Accepted' },
    })
    expect(api.bus.calls).toMatchObject([{ stationId: ID, action: 'UpdateFirmware', payload: { firmware } }])
    expect((await call('GET', `/orders/${answer.json.orderId}`)).json.actor).toBe('the-operator')
  })

  test('gets a number of its own, by which the station will refer to it', async () => {
    const [sent] = api.bus.calls.slice(-1)
    expect(sent?.payload).toMatchObject({ requestId: expect.any(Number) })
    expect(sent?.payload).not.toMatchObject({ requestId: 0 })
  })

  test('that reaches nobody says so, and the order remembers it', async () => {
    api.bus.outcome = { kind: 'offline' }
    const offline = await update()
    expect(offline).toMatchObject({ status: 409, json: { code: 'station.offline' } })
    expect((await call('GET', `/orders/${offline.json.orderId}`)).json.state).toBe('failed')
    const unknown = await api.request('POST', '/api/v1/stations/none/firmware-updates', {
      role: 'operator',
      body: firmware,
    })
    expect(unknown).toMatchObject({ status: 404, json: { code: 'station.unknown' } })
  })

  test.each([
    ['by a CA itself', { signingCertificate: maker.subs[0].certificate.toPem() }],
    ['without the chain to its maker', { signingCertificate: certificate.toPem() }],
    ['by a signature that the key cannot have made', { signature: 'AAAA' }],
    ['from nowhere', { location: 'file:///etc/passwd' }],
  ])('is not sent when it is signed %s', async (_, change) => {
    const before = api.bus.calls.length
    expect((await update(change)).json.code).toBe('firmware.untrusted')
    expect(api.bus.calls).toHaveLength(before)
  })
})

describe('campaigns', () => {
  const order = { kind: 'basic-auth-password', name: 'Passwords of spring', targets: { groups: ['north'] } }

  test('are planned, read, started, paused, resumed and cancelled', async () => {
    const planned = await call('POST', '/campaigns', {
      ...order,
      limits: { waves: [{ stations: 1 }], soakS: 0 },
    })
    expect(planned, planned.text).toMatchObject({
      status: 201,
      json: { campaign: { state: 'planned', createdBy: 'the-security' }, counts: { pending: 1 } },
    })
    const { id } = planned.json.campaign as { id: string }
    expect((await call('GET', `/campaigns/${id}`)).json).toEqual(planned.json)
    expect(await itemsOf('/campaigns')).toMatchObject([{ id, name: order.name }])
    expect(await itemsOf(`/campaigns/${id}/stations?limit=10`)).toMatchObject([
      { stationId: ID, state: 'pending', step: 'planned', startedAt: null },
    ])
    expect(await itemsOf(`/campaigns/${id}/stations?after=${ID}`)).toEqual([])
    const act = (action: string) => call('POST', `/campaigns/${id}/actions`, { action })
    expect((await act('pause')).json.code).toBe('campaign.conflict')
    for (const [action, state] of [
      ['start', 'running'],
      ['pause', 'paused'],
      ['resume', 'running'],
      ['cancel', 'cancelled'],
    ] as const)
      expect((await act(action)).json.state).toBe(state)
    expect((await act('start')).json.code).toBe('campaign.conflict')
  })

  test.each([
    ['roots, but says not which', { ...order, kind: 'roots' }, 'campaign.invalid'],
    ['a rollover, but there is no new root', { ...order, kind: 'csms-root-rollover' }, 'campaign.invalid'],
    ['another profile, but says not where', { ...order, kind: 'security-profile' }, 'campaign.invalid'],
    ['nobody', { ...order, targets: {} }, 'request.invalid'],
    ['something else', { ...order, kind: 'luck' }, 'request.invalid'],
  ])('are refused when one wants %s', async (_, body, code) => {
    expect((await call('POST', '/campaigns', body)).json.code).toBe(code)
    expect(await itemsOf('/campaigns')).toHaveLength(1)
  })

  test('that nobody planned are 404', async () => {
    expect((await call('GET', '/campaigns/none')).json.code).toBe('campaign.unknown')
    expect((await call('GET', '/campaigns/none/stations')).json.code).toBe('campaign.unknown')
    expect((await call('POST', '/campaigns/none/actions', { action: 'start' })).json.code).toBe(
      'campaign.unknown',
    )
  })
})

describe('a compromised station', () => {
  test('is blocked and its password forgotten; the answer says what is left to do', async () => {
    const answer = await call('POST', `/stations/${ID}/compromise`, {})
    expect(answer.json).toMatchObject({ stationId: ID, blocked: true, rekey: 'blocked', revoked: [] })
    expect(answer.json.nextSteps).not.toEqual([])
    expect(await api.store.stations.get(ID)).toMatchObject({ enrolment: 'blocked', passwordHash: null })
    expect((await call('POST', '/stations/none/compromise', {})).json.code).toBe('station.unknown')
  })
})

describe('at the end', () => {
  test('policies and anchors are forgotten, each once', async () => {
    expect((await call('DELETE', '/trust/policies/v2g')).status).toBe(204)
    expect((await call('DELETE', '/trust/policies/v2g')).json.code).toBe('trust.unknown')
    expect((await call('DELETE', anchorPath)).status).toBe(204)
    expect((await call('DELETE', anchorPath)).json.code).toBe('trust.unknown')
  })

  test('every change is in the audit trail with the name of the key', async () => {
    const entries = await api.store.audit.list({ limit: 1000 })
    for (const [action, actor] of [
      ['trust.anchor.create', 'the-security'],
      ['trust.policy.put', 'the-security'],
      ['trust.inventory', 'the-operator'],
      ['station.firmware', 'the-operator'],
      ['campaign.create', 'the-security'],
      ['campaign.cancel', 'the-security'],
      ['station.compromise', 'the-security'],
      ['trust.policy.delete', 'the-security'],
      ['trust.anchor.delete', 'the-security'],
    ])
      expect(entries).toContainEqual(expect.objectContaining({ action, actor }))
  })

  test('every operation about trust and campaigns was seen to succeed', () => {
    expect(
      unseen(
        /^\/(trust|campaigns)(\/|$)|\/(installed-certificates|compromise|firmware-updates|expired-certificate-permit)$/,
      ),
    ).toEqual([])
  })
})
