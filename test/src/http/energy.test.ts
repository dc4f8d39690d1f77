import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { fill } from './fixtures.ts'
import { createTestApi, START, type TestApi, type TestResponse, unseen } from './harness.ts'

let api: TestApi
beforeAll(async () => {
  api = await createTestApi({ withSiteLoops: true })
  await fill(api)
  await api.request('DELETE', '/api/v1/sites/depot/limits/evening')
})
afterAll(() => api.close())

const call = (method: 'GET' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<TestResponse> =>
  api.request(method, `/api/v1${path}`, { role: 'operator', ...(body === undefined ? {} : { body }) })
const itemsOf = async (path: string) => (await call('GET', path)).json.items
const iso = (afterMs: number) => new Date(START + afterMs).toISOString()
const HOUR_MS = 3_600_000
/** For a loop that decides beside the requests, on a machine with other things to do. */
const PATIENCE = { timeout: 4000, interval: 100 }

describe('a weekly schedule', () => {
  const path = '/sites/depot/schedules/nights'
  const windows = [{ days: [1, 2, 3, 4, 5], from: '22:00', to: '06:00', value: 40 }]
  const schedule = { nodeId: 'grid', unit: 'A', timeZone: 'Europe/Berlin', windows }

  test('is kept with who set it, listed, in force as such, and deleted once', async () => {
    const kept = { id: 'nights', ...schedule, setBy: 'the-operator' }
    expect(await call('PUT', path, schedule)).toMatchObject({ status: 200, json: kept })
    expect(await itemsOf('/sites/depot/schedules')).toMatchObject([kept])
    // The first of March 2026 is a Sunday.
    expect(await itemsOf('/sites/depot/limits-in-force')).toMatchObject([
      { sourceId: 'nights', kind: 'schedule', state: 'inactive', value: null },
    ])
    expect((await call('DELETE', path)).status).toBe(204)
    expect((await call('DELETE', path)).json.code).toBe('schedule.unknown')
  })

  test.each([
    ['a time zone that is none', { ...schedule, timeZone: 'Nowhere' }, 422, 'body/timeZone'],
    ['a node that is not there', { ...schedule, nodeId: 'roof' }, 422, 'body/nodeId'],
    [
      'a day too many',
      { ...schedule, windows: [{ ...windows[0], days: [8] }] },
      400,
      'body/windows/0/days/0',
    ],
    ['no windows', { ...schedule, windows: [] }, 400, 'body/windows'],
    ['an end that is over', { ...schedule, validTo: iso(-HOUR_MS) }, 422, 'body/validTo'],
    [
      'a minute too many',
      { ...schedule, windows: [{ ...windows[0], to: '24:01' }] },
      400,
      'body/windows/0/to',
    ],
  ])('is refused with %s', async (_, body, status, where) => {
    expect(await call('PUT', path, body)).toMatchObject({ status, json: { issues: [{ path: where }] } })
    expect(await itemsOf('/sites/depot/schedules')).toEqual([])
  })
})

describe('a grid source', () => {
  const path = '/sites/depot/sources/dso'

  test('holds its failsafe value until it speaks, then what it says, and is deleted once', async () => {
    const source = { nodeId: 'grid', unit: 'A', failsafeValue: 14 }
    const kept = {
      id: 'dso',
      ...source,
      heartbeatTimeoutS: 120,
      failsafeDurationS: 7200,
      afterFailsafe: 'hold',
    }
    expect(await call('PUT', path, source)).toMatchObject({ status: 200, json: kept })
    expect(await itemsOf('/sites/depot/sources')).toMatchObject([kept])
    const inForce = () => itemsOf('/sites/depot/limits-in-force')
    expect(await inForce()).toMatchObject([{ sourceId: 'dso', kind: 'grid', state: 'failsafe', value: 14 }])
    expect((await call('PUT', `${path}/signal`, { active: true, value: 25 })).status).toBe(204)
    expect(await inForce()).toMatchObject([{ sourceId: 'dso', state: 'normal', value: 25 }])
    expect((await call('PUT', `${path}/signal`, {})).status).toBe(204)
    expect((await call('DELETE', path)).status).toBe(204)
    expect((await call('DELETE', path)).json.code).toBe('source.unknown')
    expect((await call('PUT', `${path}/signal`, {})).json.code).toBe('source.unknown')
  })

  test('leaves no entry in the audit trail when it speaks, many times a minute', async () => {
    const actions = (await api.store.audit.list({ limit: 1000 })).map(({ action }) => action)
    expect(actions).toEqual(expect.arrayContaining(['source.put', 'source.delete', 'schedule.put']))
    expect(actions.filter((action) => action.includes('signal'))).toEqual([])
  })

  test.each([
    ['a value without saying whether it is active', { value: 5 }],
    ['an active limit without its value', { active: true }],
    ['a negative value', { active: true, value: -1 }],
  ])('is refused to say %s', async (_, body) => {
    expect((await call('PUT', `${path}/signal`, body)).json.code).toBe('request.invalid')
  })
})

describe('steering', () => {
  const prices = [{ from: iso(0), to: iso(HOUR_MS), pricePerKwh: 0.3 }]

  test('is fair until told otherwise; policy and prices change one without the other', async () => {
    const path = '/sites/depot/steering'
    expect((await call('GET', path)).json).toEqual({ policy: 'fair', prices: [] })
    expect((await call('PUT', path, { prices })).json).toEqual({ policy: 'fair', prices })
    expect((await call('PUT', path, { policy: 'cost' })).json).toEqual({ policy: 'cost', prices })
    expect((await call('GET', path)).json).toEqual({ policy: 'cost', prices })
    expect((await call('PUT', path, {})).status).toBe(400)
    expect((await call('PUT', path, { policy: 'luck' })).status).toBe(400)
  })

  test.each([
    ['end before they begin', [{ from: iso(HOUR_MS), to: iso(0), pricePerKwh: 1 }], 'body/prices/0/to'],
    [
      'overlap',
      [{ from: iso(HOUR_MS / 2), to: iso(HOUR_MS), pricePerKwh: 1 }, ...prices],
      'body/prices/0/from',
    ],
  ])('is refused prices that %s, and keeps what it had', async (_, odd, where) => {
    const path = '/sites/depot/steering'
    const before = (await call('GET', path)).json
    expect(await call('PUT', path, { prices: odd })).toMatchObject({
      status: 400,
      json: { issues: [{ path: where }] },
    })
    expect((await call('GET', path)).json).toEqual(before)
  })
})

describe('what a session needs', () => {
  const path = '/sessions/CS-001/tx-1/demand'

  test('is told by an operator and read back', async () => {
    expect((await call('GET', path)).json).toEqual({ told: null, needs: null })
    const wish = { departure: iso(8 * HOUR_MS), energyWh: 20_000, priorityClass: 0, maxPricePerKwh: 0.3 }
    expect((await call('PUT', path, wish)).status).toBe(204)
    const told = { ...wish, guaranteeA: null, setBy: 'the-operator' }
    expect((await call('GET', path)).json).toMatchObject({ told })
  })

  test('is not a departure that is over', async () => {
    const told = (await call('GET', path)).json
    const refused = await call('PUT', path, { departure: iso(-HOUR_MS) })
    expect(refused).toMatchObject({ status: 400, json: { issues: [{ path: 'body/departure' }] } })
    expect((await call('GET', path)).json).toEqual(told)
  })

  test('of no running session is refused', async () => {
    expect((await call('PUT', '/sessions/CS-001/tx-9/demand', {})).json.code).toBe('session.unknown')
  })
})

test('the profiles of a station are shown as believed, and as read back once it was asked', async () => {
  const { json } = await call('GET', '/sites/depot/stations/CS-001/profiles')
  expect(json).toMatchObject({ trust: { avoidUnit: null, distrusted: false }, readBack: null })
  expect(json.believed).toBeInstanceOf(Array)
  const nowhere = await call('GET', '/sites/depot/stations/CS-999/profiles')
  expect(nowhere).toMatchObject({ status: 404, json: { code: 'station.unknown' } })
})

test('a station is asked for its profiles on request, as soon as it is there', async () => {
  const path = '/sites/depot/stations/CS-001/profiles'
  const ask = () => api.request('POST', `/api/v1${path}`, { role: 'operator' })
  expect(await ask()).toMatchObject({ status: 409, json: { code: 'station.offline' } })
  api.bus.online.add('CS-001')
  const connected = { kind: 'station.connected', stationId: 'CS-001', at: iso(0) } as const
  api.hub.publish(connected)
  await vi.waitFor(async () => expect((await ask()).status).toBe(204), PATIENCE)
  api.bus.online.delete('CS-001')
  api.hub.publish({ ...connected, kind: 'station.disconnected' })
  const nowhere = await api.request('POST', '/api/v1/sites/depot/stations/CS-999/profiles', {
    role: 'operator',
  })
  expect(nowhere.json.code).toBe('station.unknown')
  expect((await api.request('POST', `/api/v1${path}`, { role: 'viewer' })).status).toBe(403)
})

describe('what sessions have cost', () => {
  const range = `from=${encodeURIComponent(iso(-HOUR_MS))}&to=${encodeURIComponent(iso(HOUR_MS))}`

  test('is listed and a table, with what is not known left out, and no formula of a station in it', async () => {
    const kept = { siteId: 'depot', stationId: 'CS-001', evseId: 1, startedMs: START - HOUR_MS }
    const numbers = { energyWh: 12_345.6, cost: 1.5, uncontrolledCost: 2.25, maxW: 11_040, unknown: null }
    await api.store.energy.keepCost({ ...kept, ...numbers, transactionId: '=1+"2"', endedMs: START }, 0)
    await api.store.energy.keepCost(
      {
        ...kept,
        ...numbers,
        transactionId: 'tx-8',
        endedMs: START + 1,
        uncontrolledCost: null,
        maxW: null,
        unknown: 'maximum',
      },
      0,
    )
    await api.store.energy.keepCost(
      { ...kept, ...numbers, transactionId: 'tx-9', endedMs: START + HOUR_MS },
      0,
    )
    expect(await itemsOf(`/sites/depot/session-costs?${range}`)).toEqual([
      {
        stationId: 'CS-001',
        evseId: 1,
        transactionId: '=1+"2"',
        startedAt: iso(-HOUR_MS),
        endedAt: iso(0),
        energyKwh: 12.346,
        maxKw: 11.04,
        cost: 1.5,
        uncontrolledCost: 2.25,
        unknown: null,
      },
      expect.objectContaining({
        transactionId: 'tx-8',
        maxKw: null,
        uncontrolledCost: null,
        unknown: 'maximum',
      }),
    ])
    const { text } = await call('GET', `/sites/depot/session-costs.csv?${range}`)
    expect(text.split('\r\n')).toEqual([
      'endedAt,startedAt,stationId,evseId,transactionId,energyKwh,maxKw,cost,uncontrolledCost,unknown',
      `${iso(0)},${iso(-HOUR_MS)},CS-001,1,"'=1+""2""",12.346,11.04,1.5,2.25,`,
      `${iso(1)},${iso(-HOUR_MS)},CS-001,1,tx-8,12.346,,1.5,,maximum`,
      '',
    ])
    expect((await call('GET', `/sites/nowhere/session-costs?${range}`)).json.code).toBe('site.unknown')
  })
})

describe('the record of a site', () => {
  const range = `from=${encodeURIComponent(iso(-HOUR_MS))}&to=${encodeURIComponent(iso(HOUR_MS))}`

  test('is read by the minute, as JSON and as a table', async () => {
    // A minute of its own, as a record tells of the lowest limit that held in the minute.
    api.clock.advance(60_000)
    const minute = { nodeId: 'grid', at: iso(60_000), limitA: [50, 50, 50] }
    await vi.waitFor(async () => {
      api.clock.advance(1000)
      await call('PUT', '/sites/depot/limits/morning', { nodeId: 'grid', value: 50, unit: 'A' })
      const items = await itemsOf(`/sites/depot/compliance?${range}&nodeId=grid`)
      expect(items).toContainEqual(expect.objectContaining(minute))
    }, PATIENCE)
    const csv = await call('GET', `/sites/depot/compliance.csv?${range}`)
    expect(csv.headers['content-type']).toContain('text/csv')
    const [head, ...lines] = csv.text.trimEnd().split('\r\n')
    expect(head).toMatch(/^at,nodeId,limitA_L1,/)
    expect(lines.map((line) => line.split(',')[1])).toContain('row-1')
    expect(lines.every((line) => line.split(',').length === head?.split(',').length)).toBe(true)
    expect((await call('GET', '/sites/depot/compliance?from=2026-03-01T00:00:00Z')).status).toBe(400)
  })

  test('gives back a decision of the past, and says so where it has none', async () => {
    const at = (afterMs: number) => `/sites/depot/replay?at=${encodeURIComponent(iso(afterMs))}`
    const nowMs = () => api.clock.now() - START
    await vi.waitFor(async () => expect((await call('GET', at(nowMs()))).status).toBe(200), PATIENCE)
    const played = await call('GET', at(nowMs()))
    expect(played.json).toMatchObject({ same: true, status: { siteId: 'depot' } })
    expect((await call('GET', at(-HOUR_MS))).json.code).toBe('replay.unknown')
    const yetToCome = await call('GET', at(HOUR_MS))
    expect(yetToCome).toMatchObject({ status: 400, json: { issues: [{ path: 'query/at' }] } })
  })

  test('comes page by page, in whole minutes, and names the node that there is not', async () => {
    const kept = { siteId: 'depot', limitA: [1, 1, 1], limitW: null, highestA: [0, 0, 0], highestW: null }
    const none = { msAbove: 0, longestExcursionMs: 0, ampereSecondsAbove: 0, wattSecondsAbove: 0 }
    const rest = { meanA: [0, 0, 0], observedMs: 60_000, deliveredWh: 0, unmetWh: 0, cost: null, ...none }
    const minutes = [-3, -2].flatMap((minute) =>
      ['grid', 'row-1'].map((nodeId) => ({ ...kept, ...rest, nodeId, minuteMs: START + minute * 60_000 })),
    )
    await api.store.energy.keepMinutes(minutes, 0)
    const page = async (from: string, limit: number) =>
      (
        await call(
          'GET',
          `/sites/depot/compliance?from=${encodeURIComponent(from)}&to=${encodeURIComponent(iso(-60_000))}&limit=${limit}`,
        )
      ).json
    expect(await page(iso(-HOUR_MS), 3)).toMatchObject({
      items: [{ nodeId: 'grid' }, { nodeId: 'row-1' }],
      next: iso(-120_000),
    })
    expect(await page(iso(-120_000), 3)).toMatchObject({ items: [{}, {}], next: null })
    const turned = await call('GET', `/sites/depot/compliance?from=${iso(1)}&to=${iso(0)}`)
    expect(turned).toMatchObject({ status: 400, json: { issues: [{ path: 'query/to' }] } })
    const roof = await call('GET', `/sites/depot/compliance?${range}&nodeId=roof`)
    expect(roof.json.issues).toMatchObject([
      { path: 'query/nodeId', message: expect.stringContaining('row-1') },
    ])
  })

  test('explains one EVSE, now and then', async () => {
    const path = '/sites/depot/evses/CS-001/1/explanation'
    const now = await call('GET', path)
    expect(now).toMatchObject({ status: 200, json: { stationId: 'CS-001', evseId: 1, otherwise: null } })
    expect(now.json.reason).toMatchObject({ code: expect.any(String), text: expect.any(String) })
    const then = await call(
      'GET',
      `${path}?at=${encodeURIComponent(new Date(api.clock.now()).toISOString())}`,
    )
    expect(then).toMatchObject({ status: 200, json: { siteId: 'depot' } })
    expect((await call('GET', '/sites/depot/evses/CS-001/9/explanation')).json.code).toBe('evse.unknown')
    expect((await call('GET', `${path}?at=${encodeURIComponent(iso(-HOUR_MS))}`)).json.code).toBe(
      'evse.unknown',
    )
  })
})

describe('the hours ahead', () => {
  test('without a plan the outlook is what is free for cars, slot by slot', async () => {
    await vi.waitFor(
      async () => expect((await call('GET', '/sites/depot/outlook')).status).toBe(200),
      PATIENCE,
    )
    const { json } = await call('GET', '/sites/depot/outlook')
    expect(json).toMatchObject({ siteId: 'depot', plannedAt: null })
    const free = [expect.any(Number), expect.any(Number), expect.any(Number)]
    const first = expect.objectContaining({ availableA: free, plannedA: null, plannedW: null })
    expect(json.slots).toEqual(expect.arrayContaining([first]))
  })
})

describe('a site that is not there', () => {
  test.each([
    ['GET', 'limits-in-force'],
    ['GET', 'schedules'],
    ['DELETE', 'schedules/x'],
    ['GET', 'sources'],
    ['PUT', 'sources/x', { nodeId: 'grid', unit: 'A', failsafeValue: 1 }],
    ['DELETE', 'sources/x'],
    ['PUT', 'sources/x/signal', {}],
    ['GET', 'steering'],
    ['PUT', 'steering', { policy: 'fair' }],
    ['GET', `compliance?from=${iso(0)}&to=${iso(1)}`],
    ['GET', `compliance.csv?from=${iso(0)}&to=${iso(1)}`],
    ['GET', `replay?at=${iso(0)}`],
    ['GET', 'outlook'],
  ] as const)('is named as the reason: %s %s', async (method, path, body?: unknown) => {
    expect((await call(method, `/sites/none/${path}`, body)).json.code).toBe('site.unknown')
  })
})

test('every operation about the energy of a site and a session was seen to succeed', () => {
  const mine =
    /\/(limits-in-force|schedules|sources|steering|demand|compliance|compliance\.csv|replay|outlook|explanation)(\/|$)/
  expect(unseen(mine)).toEqual([])
})
