import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { diagnose } from '../../../src/cli/diagnosis.ts'
import type { Finding } from '../../../src/cli/finding.ts'
import { loadConfig } from '../../../src/config.ts'
import { openWrappedKeys } from '../../../src/keys/wrapped.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { authority } from '../http/fixtures.ts'
import { createTestApi } from '../http/harness.ts'
import { createParts, run } from './harness.ts'

const dir = mkdtempSync(join(tmpdir(), 'gridkeep-doctor-'))
const NOW = Date.parse('2027-01-01T00:00:00Z')
afterAll(() => rmSync(dir, { recursive: true }))

/** No port of the machine that runs the tests is asked for, unless a test does. */
const QUIET = { 'http.port': '0', 'pkiHttp.port': '0', 'ocpp.wss.port': '0' }

async function findings(flags: Record<string, string>, nowMs = NOW): Promise<readonly Finding[]> {
  const { config } = loadConfig({ flags: { dataDir: join(dir, 'none'), ...QUIET, ...flags } })
  return diagnose({
    config,
    env: {},
    nowMs,
    openStore: async (one) => createSqliteStore(join(one.dataDir, 'gridkeep.db')),
  })
}

function makePair(
  name: string,
  days: number,
  names = 'DNS:localhost,IP:127.0.0.1',
): { cert: string; key: string } {
  const cert = join(dir, `${name}.pem`)
  const key = join(dir, `${name}.key`)
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -days ${days}`
  execFileSync(
    'openssl',
    [...args.split(' '), '-addext', `subjectAltName=${names}`, '-keyout', key, '-out', cert],
    {
      stdio: 'ignore',
    },
  )
  return { cert, key }
}

describe('the doctor', () => {
  test('finds nothing wrong before a first start, and creates nothing', async () => {
    const all = await findings({})
    expect(all.filter((finding) => finding.state === 'fail')).toEqual([])
    expect(all).toContainEqual(expect.objectContaining({ check: 'passphrase', state: 'warn' }))
    expect((await findings({})).find((finding) => finding.check === 'data folder')?.detail).toContain(
      'will be created',
    )
  })

  test('names a data folder that cannot be used and a database that is none', async () => {
    const file = join(dir, 'file')
    writeFileSync(file, '')
    const broken = join(dir, 'broken')
    mkdirSync(broken)
    writeFileSync(join(broken, 'gridkeep.db'), 'this is no database')
    expect(await findings({ dataDir: broken })).toContainEqual(
      expect.objectContaining({
        check: 'database',
        state: 'fail',
        detail: expect.stringContaining('no SQLite database'),
      }),
    )
  })

  test('looks at the authorities in the database, and at the clock against them', async () => {
    const dataDir = join(dir, 'used')
    mkdirSync(dataDir)
    const store = createSqliteStore(join(dataDir, 'gridkeep.db'))
    await store.certificates.putAuthority(authority({ createdAt: '2026-12-01T00:00:00.000Z' }))
    await store.close()
    const fine = await findings({ dataDir })
    expect(fine).toContainEqual(expect.objectContaining({ check: 'authority root', state: 'ok' }))
    expect(fine).toContainEqual(expect.objectContaining({ check: 'clock', state: 'ok' }))
    expect(await findings({ dataDir }, Date.parse('2026-11-25T00:00:00Z'))).toContainEqual(
      expect.objectContaining({ check: 'clock', state: 'fail' }),
    )
    expect(await findings({ dataDir }, Date.parse('2200-01-01T00:00:00Z'))).toContainEqual(
      expect.objectContaining({
        check: 'authority root',
        state: 'fail',
        detail: expect.stringContaining('expired'),
      }),
    )
  })

  test('opens the keys of the authorities with the passphrase, and says which do not fit', async () => {
    const dataDir = join(dir, 'keys')
    mkdirSync(dataDir)
    const secret = join(dir, 'secret')
    const wrong = join(dir, 'wrong')
    writeFileSync(secret, 'correct horse battery staple\n', { mode: 0o600 })
    writeFileSync(wrong, 'another horse battery staple\n', { mode: 0o600 })
    const store = createSqliteStore(join(dataDir, 'gridkeep.db'))
    const keys = await openWrappedKeys(store.keyBlobs, 'correct horse battery staple', {
      cost: 2 ** 14,
      blockSize: 8,
      parallelization: 1,
    })
    await keys.create('stranger', 'P-256')
    await store.certificates.putAuthority(authority({ id: 'lost', keyName: 'absent' }))
    await store.certificates.putAuthority(authority({ id: 'swapped', keyName: 'stranger' }))
    await store.close()
    const all = await findings({ dataDir, 'pki.passphraseFile': secret })
    expect(all).toContainEqual(expect.objectContaining({ check: 'key of lost', state: 'fail' }))
    expect(all).toContainEqual(
      expect.objectContaining({ check: 'key of swapped', detail: expect.stringContaining('another') }),
    )
    expect(await findings({ dataDir, 'pki.passphraseFile': wrong })).toContainEqual(
      expect.objectContaining({ check: 'keys', state: 'fail' }),
    )
  })

  test('refuses a passphrase that is too short', async () => {
    const file = join(dir, 'short')
    writeFileSync(file, 'short\n', { mode: 0o600 })
    expect(await findings({ 'pki.passphraseFile': file })).toContainEqual(
      expect.objectContaining({ check: 'passphrase', state: 'fail' }),
    )
  })
})

describe('the doctor on TLS files', () => {
  let nowMs = 0
  const check = async (cert: string, key: string, names = 'localhost', atMs = nowMs) =>
    (
      await findings({ 'ocpp.wss.certFile': cert, 'ocpp.wss.keyFile': key, 'pki.serverNames': names }, atMs)
    ).find((finding) => finding.check === 'TLS of ocpp.wss')

  let pair: { cert: string; key: string }
  beforeAll(() => {
    pair = makePair('good', 100)
    nowMs = Date.now()
  })

  test('is content with a pair in force for the names that stations dial', async () => {
    expect(await check(pair.cert, pair.key, 'localhost,127.0.0.1')).toMatchObject({ state: 'ok' })
  })

  test('names what is wrong with any other', async () => {
    const other = makePair('other', 100)
    expect(await check(pair.cert, other.key)).toMatchObject({
      state: 'fail',
      detail: expect.stringContaining('is not the key'),
    })
    expect(await check(pair.cert, pair.key, 'csms.example.com')).toMatchObject({
      state: 'warn',
      detail: expect.stringContaining('csms.example.com'),
    })
    expect(await check(join(dir, 'absent'), pair.key)).toMatchObject({ state: 'fail' })
    expect(await check(pair.key, pair.key)).toMatchObject({ state: 'fail' })
    expect(await check(pair.cert, pair.key, 'localhost', nowMs + 80 * 86_400_000)).toMatchObject({
      state: 'warn',
    })
    expect(await check(pair.cert, pair.key, 'localhost', nowMs + 101 * 86_400_000)).toMatchObject({
      state: 'fail',
    })
    expect(await check(pair.cert, pair.key, 'localhost', nowMs - 86_400_000)).toMatchObject({
      state: 'fail',
      advice: expect.stringContaining('clock'),
    })
  })
})

describe('the doctor on ports', () => {
  test('tells a port that is taken from one that is free', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const taken = await findings({ 'ocpp.wss.host': '127.0.0.1', 'ocpp.wss.port': String(port) })
    await new Promise((resolve) => server.close(resolve))
    const free = await findings({ 'ocpp.wss.host': '127.0.0.1', 'ocpp.wss.port': String(port) })
    expect(taken).toContainEqual(expect.objectContaining({ check: `port ${port}`, state: 'fail' }))
    expect(free).toContainEqual(expect.objectContaining({ check: `port ${port}`, state: 'ok' }))
  })

  test('recognises the running service, and leaves its database alone', async () => {
    const api = await createTestApi()
    const { port } = new URL(await api.listen())
    const all = await findings({ 'http.port': port })
    await api.close()
    expect(all).toContainEqual(expect.objectContaining({ check: 'service', state: 'ok' }))
    expect(all.map((finding) => finding.check)).not.toContain('database')
  })
})

describe('gridkeep doctor', () => {
  const flags = Object.entries(QUIET).map(([path, value]) => `--set ${path}=${value}`)
  const line = `doctor --data-dir ${join(dir, 'none')} ${flags.join(' ')}`

  test('prints its findings and ends with 0 when nothing stands in the way', async () => {
    const { code, out } = await run(line, { parts: createParts() })
    expect(code).toBe(0)
    expect(out).toMatch(/ok +configuration/)
    expect(out).toContain('Nothing stands in the way.')
    expect(JSON.parse((await run(`${line} --json`)).out)).toMatchObject({ ok: true })
  })

  test('ends with 1 when something does, also when that is the configuration', async () => {
    const { code, out } = await run(`${line} --set http.prot=1`)
    expect(code).toBe(1)
    expect(out).toMatch(/FAIL +configuration +http\.prot/)
  })
})
