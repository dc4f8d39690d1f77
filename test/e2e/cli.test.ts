import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningService, spawnService } from './support/service.ts'

const main = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url))

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

function gridkeep(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [main, ...args],
      { env: { PATH: process.env.PATH ?? '', ...env }, timeout: 60_000 },
      (error, out, err) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, out, err })
      },
    )
  })
}

describe('the command line, as an operator types it', () => {
  let dataDir: string
  let service: RunningService
  let env: Record<string, string>

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-cli-'))
    service = await spawnService(dataDir)
    env = { GRIDKEEP_URL: service.apiUrl.replace(/\/api\/v1$/, ''), GRIDKEEP_API_KEY: service.adminKey ?? '' }
  })
  afterAll(async () => {
    await service.kill('SIGTERM')
    rmSync(dataDir, { recursive: true, force: true })
  })

  test('registers, lists and shows a station', async () => {
    const added = await gridkeep(['station', 'add', 'CS-001', '--generate-password', '--json'], env)
    expect(added.code).toBe(0)
    expect(JSON.parse(added.out)).toMatchObject({
      id: 'CS-001',
      securityProfile: 2,
      password: expect.stringMatching(/^\S{16,40}$/),
    })
    const listed = await gridkeep(['station', 'list', '--json'], env)
    expect(listed.out).toContain('CS-001')
    expect((await gridkeep(['station', 'show', 'CS-001'], env)).out).toContain('CS-001')
    expect((await gridkeep(['station', 'show', 'NOBODY'], env)).code).toBe(1)
  })

  test('lists the certificate authorities that the first start created', async () => {
    const listed = await gridkeep(['ca', 'list', '--json'], env)
    expect(listed.code).toBe(0)
    for (const id of ['v2g-root', 'cpo-sub1', 'cpo-sub2', 'station-ca']) expect(listed.out).toContain(id)
  })

  test('makes a key beside the running service that works at once', async () => {
    const made = await gridkeep([
      'key',
      'create',
      'reader',
      '--role',
      'viewer',
      '--data-dir',
      dataDir,
      '--json',
    ])
    expect(made.code, made.err).toBe(0)
    const { secret } = JSON.parse(made.out) as { secret: string }
    expect((await gridkeep(['station', 'list'], { ...env, GRIDKEEP_API_KEY: secret })).code).toBe(0)
    const refused = await gridkeep(['station', 'add', 'CS-002', '--generate-password'], {
      ...env,
      GRIDKEEP_API_KEY: secret,
    })
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(/operator/)
  })

  test('says what to do where the service cannot be reached, or no key is given', async () => {
    const unreachable = await gridkeep(['station', 'list'], { ...env, GRIDKEEP_URL: 'http://127.0.0.1:9' })
    expect(unreachable.code).toBe(1)
    expect(unreachable.err).toMatch(/127\.0\.0\.1:9/)
    expect((await gridkeep(['station', 'list'], { GRIDKEEP_URL: env.GRIDKEEP_URL ?? '' })).code).toBe(2)
  })

  test('refuses a mistaken configuration with the exact place, and a mistyped command, with 2', async () => {
    const file = join(dataDir, 'wrong.yaml')
    writeFileSync(file, 'ocpp:\n  wss:\n    prot: 9443\nhttp:\n  port: 99999\n')
    const checked = await gridkeep(['config', 'check', '--config', file])
    expect(checked.code).toBe(2)
    expect(checked.err + checked.out).toMatch(/ocpp\.wss\.prot/)
    expect(checked.err + checked.out).toMatch(/http\.port/)
    expect((await gridkeep(['sttaion', 'list'])).code).toBe(2)
  })

  test('explains itself to a newcomer', async () => {
    const help = await gridkeep(['--help'])
    expect(help.code).toBe(0)
    for (const command of ['serve', 'demo', 'simulate', 'config', 'station', 'key', 'ca'])
      expect(help.out).toContain(command)
    for (const command of ['serve', 'demo', 'simulate'])
      expect((await gridkeep([command, '--help'])).out).toMatch(/Examples:/)
  })
})

describe('gridkeep demo', () => {
  test('issues certificates, charges cars and keeps the limit, and says so in its last line', async () => {
    const demo = await gridkeep(['demo', '--duration', '20s', '--json', '--http-port', '0'])
    const lines = demo.out.trim().split('\n')
    expect(lines).toHaveLength(1)
    const summary = JSON.parse(lines[0] ?? '') as Record<string, number> & {
      highestA: number[]
      limitA: number[]
    }
    expect(summary, demo.err.slice(-2000)).toMatchObject({
      stations: 12,
      secondsAboveLimit: 0,
      errors: 0,
      limitA: [100, 100, 100],
    })
    expect(summary.certificatesIssued).toBeGreaterThanOrEqual(12)
    expect(summary.sessions).toBeGreaterThan(0)
    expect(summary.kWh).toBeGreaterThan(0)
    for (const highestA of summary.highestA) expect(highestA).toBeLessThanOrEqual(100)
    expect(demo.code).toBe(0)
  }, 90_000)
})
