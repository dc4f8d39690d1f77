import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { fill, PASSWORD, siteConfig } from '../http/fixtures.ts'
import { createTestApi, type TestApi } from '../http/harness.ts'
import { createParts, run } from './harness.ts'

let api: TestApi
let env: Record<string, string>

beforeAll(async () => {
  api = await createTestApi()
  await fill(api)
  env = { GRIDKEEP_URL: await api.listen(), GRIDKEEP_API_KEY: api.keys.admin }
})
afterAll(() => api.close())

describe('station', () => {
  test('add registers with a password that is shown once', async () => {
    const { code, out } = await run('station add CS-100 --generate-password --group north', { env })
    expect(code).toBe(0)
    const password = /Password \(shown only now\): (\S{40})\n/.exec(out)?.[1]
    expect(password).toBeDefined()
    expect(await api.store.stations.get('CS-100')).toMatchObject({
      securityProfile: 2,
      group: 'north',
      passwordHash: 'hashed:40',
    })
  })

  test('add reads the password from standard input', async () => {
    const { code, out } = await run('station add CS-101 --password-stdin --json', {
      env,
      stdin: `${PASSWORD}\n`,
    })
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ id: 'CS-101', hasPassword: true })
    expect(out).not.toContain(PASSWORD)
  })

  test('add registers a station with a certificate', async () => {
    await run(
      [
        'station',
        'add',
        'CS-102',
        '--security-profile',
        '3',
        '--serial',
        'SN',
        '--organisation',
        'Example CPO',
      ],
      { env },
    )
    expect(await api.store.stations.get('CS-102')).toMatchObject({
      securityProfile: 3,
      serialNumber: 'SN',
      organisation: 'Example CPO',
    })
  })

  test('add says what the service refuses', async () => {
    const { code, out, err } = await run('station add CS-103', { env })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain('Security profile 2 authenticates by password')
    const json = await run('station add CS-103 --json', { env })
    expect(JSON.parse(json.err).error.code).toBe('station.password-required')
    expect((await run('station add bad:id --security-profile 3', { env })).err).toContain('path/stationId')
  })

  test('list shows a table, or all pages as JSON', async () => {
    api.bus.online.add('CS-001')
    const { out } = await run('station list', { env })
    expect(out).toMatch(/^ID +ONLINE +PROFILE/)
    expect(out).toMatch(/CS-001 +yes +2 +active +north +Model +1\.0/)
    const online = await run('station list --online --json', { env })
    expect(JSON.parse(online.out).items).toMatchObject([{ id: 'CS-001' }])
    const empty = await run('station list --group nowhere', { env })
    expect(empty.out).toContain('No stations.')
  })

  test('show prints the station with its connectors', async () => {
    const { out } = await run('station show CS-001', { env })
    expect(out).toMatch(/boot\.model +Model/)
    expect(out).toMatch(/EVSE +CONNECTOR +STATUS/)
    const json = await run('station show CS-001 --json', { env })
    expect(JSON.parse(json.out)).toMatchObject({ id: 'CS-001', connectors: [{ status: 'Available' }] })
    expect(await run('station show none', { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining('no station "none"'),
    })
  })
})

describe('station call', () => {
  test('prints the answer, from a payload, a file or standard input', async () => {
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted' } }
    const file = join(tmpdir(), `gridkeep-payload-${process.pid}.json`)
    writeFileSync(file, '{"type":"Immediate"}')
    const json = ['--json']
    const line = ['station', 'call', 'CS-001', 'Reset', '--payload']
    expect(await run([...line, '{"type":"OnIdle"}', ...json], { env })).toEqual({
      code: 0,
      out: '{"status":"Accepted"}\n',
      err: '',
    })
    expect((await run([...line, `@${file}`], { env })).code).toBe(0)
    expect((await run([...line, '-'], { env, stdin: '{"type":"ImmediateAndResume"}' })).code).toBe(0)
    rmSync(file)
    expect(api.bus.calls.slice(-3).map((call) => call.payload)).toEqual([
      { type: 'OnIdle' },
      { type: 'Immediate' },
      { type: 'ImmediateAndResume' },
    ])
  })

  test('says what became of a call that was not answered', async () => {
    api.bus.outcome = { kind: 'offline' }
    const { code, err } = await run('station call CS-001 ClearCache --json --deadline 5s', { env })
    expect(code).toBe(1)
    expect(JSON.parse(err).error.code).toBe('station.offline')
  })

  test('refuses a payload that is no object, before anything is sent', async () => {
    const before = api.bus.calls.length
    for (const payload of ['nonsense', '[1]', '@/does/not/exist'])
      expect((await run(['station', 'call', 'CS-001', 'Reset', '--payload', payload], { env })).code).toBe(2)
    expect(api.bus.calls).toHaveLength(before)
  })
})

describe('site', () => {
  test('put reads YAML, list and status show it, limit holds it', async () => {
    const file = join(tmpdir(), `gridkeep-site-${process.pid}.yaml`)
    writeFileSync(file, JSON.stringify({ ...siteConfig, root: { ...siteConfig.root, children: [] } }))
    expect(await run(`site put north ${file}`, { env })).toMatchObject({
      code: 0,
      out: 'Site north is held from now on.\n',
    })
    rmSync(file)
    expect((await run('site list', { env })).out).toMatch(/north +grid +100/)
    expect((await run('site status north', { env })).out).toMatch(/^north at /)
    const limit = 'site limit north evening --node grid --value 20'
    expect((await run(limit, { env })).out).toBe('grid of north is limited to 20 A.\n')
    expect(await api.store.sites.limits('north')).toMatchObject([{ id: 'evening', value: 20, unit: 'A' }])
    for (const wrong of ['--value much', '--value 5 --until soon', '--value 5 --priority 12'])
      expect((await run(`site limit north x --node grid ${wrong}`, { env })).code).toBe(2)
    const past = await run('site limit north x --node grid --value 5 --until 2020-01-01T00:00:00Z', { env })
    expect(past).toMatchObject({ code: 1, err: expect.stringContaining('is over') })
    expect((await run('site limit north x --node none --value 1', { env })).err).toContain('no such node')
    expect((await run('site put north /does/not/exist', { env })).code).toBe(2)
    expect(await run('site lift north evening', { env })).toMatchObject({
      code: 0,
      out: 'The limit evening of north is lifted.\n',
    })
    expect(await api.store.sites.limits('north')).toEqual([])
    expect((await run('site lift north evening', { env })).code).toBe(1)
  })

  test('why, replay and record ask for what they need, and name a site that is not there', async () => {
    expect(await run('site why north CS-001', { env })).toMatchObject({
      code: 2,
      err: expect.stringContaining('STATION#EVSE'),
    })
    expect((await run('site replay north', { env })).code).toBe(2)
    expect((await run('site replay north --at yesterday', { env })).err).toContain('is no time')
    expect((await run('site record north --from 2026-03-01', { env })).code).toBe(2)
    const day = '--from 2026-03-01 --to 2026-03-02'
    for (const command of [
      'why nowhere A#1',
      'replay nowhere --at 2026-03-01',
      `record nowhere ${day}`,
      'limits nowhere',
    ])
      expect((await run(`site ${command}`, { env })).err).toContain('There is no site "nowhere"')
  })
})

describe('lists', () => {
  test('show sessions, certificates, orders and the audit trail as tables', async () => {
    expect((await run('session list --active', { env })).out).toMatch(/CS-001 +tx-1 +1 +Charging +04A1B2C3/)
    expect((await run('certificate list --station CS-001', { env })).out).toMatch(/abab\w+ +CS-001 +station/)
    expect((await run('order list', { env })).out).toBe('Nothing to show.\n')
    expect(
      (await run('audit list --action site.put --limit 1', { env })).out.trim().split('\n'),
    ).toHaveLength(2)
  })

  test('show keys, requests and messages, whether or not the API gives them in pages', async () => {
    expect((await run('key list', { env })).out).toMatch(/ID +NAME +ROLE +CREATED +REVOKED/)
    for (const line of [
      'issuance list --station CS-001',
      'message list --station CS-001 --direction to-station',
      'event list --kind security --critical',
    ])
      expect(await run(line, { env }), line).toMatchObject({ code: 0, err: '' })
  })

  test('read all pages up to the limit', async () => {
    const { out } = await run('audit list --json', { env })
    const all = (await api.store.audit.list({ limit: 10_000 })).length
    expect(JSON.parse(out).items).toHaveLength(all)
    expect(JSON.parse((await run('audit list --json --limit 2', { env })).out).items).toHaveLength(2)
  })

  test('pass filters on that the service refuses', async () => {
    const { code, err } = await run('certificate list --expires-before soon', { env })
    expect(code).toBe(1)
    expect(err).toContain('query/expiresBefore')
  })
})

describe('ca', () => {
  test('list shows the hierarchy, roots first', async () => {
    const { out } = await run('ca list', { env })
    expect(out.split('\n').map((line) => line.split(' ')[0])).toEqual(['ID', 'root', 'sub', ''])
    expect(JSON.parse((await run('ca list --json', { env })).out).items).toHaveLength(2)
  })

  test('show prints the chain as PEM', async () => {
    const { out } = await run('ca show sub', { env })
    expect(out.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  })
})

describe('reaching the service', () => {
  test('needs a key', async () => {
    const { code, err } = await run('station list', { env: { GRIDKEEP_URL: env.GRIDKEEP_URL ?? '' } })
    expect(code).toBe(2)
    expect(err).toContain('GRIDKEEP_API_KEY')
  })

  test('with a wrong key says so', async () => {
    const { code, err } = await run('station list --api-key gk_wrong', { env })
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('Check the API key') })
  })

  test('where nobody listens says what to do', async () => {
    const { code, err } = await run('station list --url http://127.0.0.1:1', { env })
    expect(code).toBe(1)
    expect(err).toContain('Is the service running there?')
    const json = await run('station list --json --url http://127.0.0.1:1', { env })
    expect(JSON.parse(json.err).error.code).toBe('cli.unreachable')
  })

  test('at something that is no URL is wrong usage', async () => {
    expect((await run('station list --url localhost', { env })).code).toBe(2)
  })
})

describe('key create', () => {
  test('writes straight into the store, with an entry in the audit trail', async () => {
    const parts = createParts({ store: () => ({ ...api.store, close: async () => undefined }) })
    const { code, out } = await run('key create night-shift --role operator --data-dir /x --json', { parts })
    expect(code).toBe(0)
    const { secret } = JSON.parse(out)
    const self = await api.request('GET', '/api/v1/self', { headers: { authorization: `Bearer ${secret}` } })
    expect(self.json).toMatchObject({ name: 'night-shift', role: 'operator' })
    expect(await api.store.audit.list({ actor: 'cli' })).toMatchObject([
      { action: 'api-key.create', subject: 'night-shift' },
    ])
    expect(await run('key create night-shift', { parts })).toMatchObject({
      code: 1,
      err: expect.stringContaining('already'),
    })
  })

  test('closes the store, also when it fails', async () => {
    const store = createSqliteStore(':memory:')
    const parts = createParts({ store: () => store })
    expect((await run('key create one', { parts })).out).toMatch(/shown only now:\ngk_[\w-]{43}\n/)
    await expect(store.check()).rejects.toThrow()
  })

  test('goes through the API with --url', async () => {
    const { out } = await run(`key create by-api --role viewer --url ${env.GRIDKEEP_URL} --json`, { env })
    expect(JSON.parse(out)).toMatchObject({ name: 'by-api', role: 'viewer' })
    const refused = await run(
      `key create by-api-2 --role admin --url ${env.GRIDKEEP_URL} --api-key ${api.keys.security}`,
    )
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('this needs admin') })
  })
})
