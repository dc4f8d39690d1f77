import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { table } from '../../../src/cli/io.ts'
import { createParts, run } from './harness.ts'

const COMMANDS = [
  'serve',
  'demo',
  'simulate',
  'config check',
  'config reference',
  'station add',
  'station list',
  'station show',
  'key create',
  'ca list',
  'ca show',
  'doctor',
  'station call',
  'site list',
  'site status',
  'site put',
  'site limits',
  'site limit',
  'site lift',
  'site why',
  'site replay',
  'site record',
  'session list',
  'certificate list',
  'order list',
  'contract create',
  'contract import',
  'contract list',
  'contract suspend',
  'contract resume',
  'contract terminate',
  'vehicle list',
  'vehicle put',
  'trust list',
  'trust add',
  'trust remove',
  'audit list',
  'issuance list',
  'trust drift',
  'key list',
  'message list',
  'event list',
]

describe('help', () => {
  test('names every command and how to begin', async () => {
    const { code, out, err } = await run('--help')
    expect(code).toBe(0)
    expect(err).toBe('')
    for (const word of [
      'serve',
      'demo',
      'simulate',
      'config',
      'station',
      'key',
      'ca',
      'First steps',
      'Exit status',
    ])
      expect(out).toContain(word)
  })

  test.each(COMMANDS)('of %s says what it does, with --json and an example', async (command) => {
    const { code, out } = await run(`${command} --help`)
    expect(code).toBe(0)
    expect(out).toContain(`Usage: gridkeep ${command}`)
    expect(out).toContain('--json')
    if (command !== 'config reference') expect(out).toMatch(/Examples?:\n {2}\$ /)
  })

  test('the version is that of the API', async () => {
    expect(await run('--version')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      err: '',
    })
  })
})

describe('wrong usage', () => {
  test.each([
    '',
    'fly',
    'serve --fast',
    'demo --duration never',
    'demo --duration 0s',
    'demo --stations 0',
    'demo --http-port 99999',
    'simulate',
    'simulate --url http://x',
    'simulate --url wss://x --security-profile 4 --password x',
    'simulate --url wss://x',
    'station add',
    'station list --online --offline',
    'station add X --generate-password --password-stdin',
    'key create',
    'key create x --role king',
    'key create CAPITALS',
    'key create system',
    'config check --set nonsense',
    'config check --config /does/not/exist.yaml',
  ])('"%s" ends with 2 and says why on standard error', async (line) => {
    const { code, out, err } = await run(line, { env: { GRIDKEEP_API_KEY: 'x' } })
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).not.toBe('')
  })
})

describe('serve', () => {
  test('starts with the checked configuration', async () => {
    const parts = createParts()
    const { code, err } = await run(
      'serve --http-port 0 --data-dir /x --set ocpp.ws.enabled=true --log-level warn',
      {
        parts,
        env: { GRIDKEEP_PKI_ORGANISATION: 'Example CPO' },
      },
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(parts.started.config).toMatchObject({
      dataDir: '/x',
      http: { port: 0 },
      ocpp: { ws: { enabled: true } },
      log: { level: 'warn' },
      pki: { organisation: 'Example CPO' },
    })
  })

  test('passes warnings on and goes on', async () => {
    const parts = createParts()
    const { err } = await run('serve --set http.host=0.0.0.0', { parts })
    expect(err).toContain('warning: http listens on 0.0.0.0')
    expect(parts.started.config).toBeDefined()
  })

  test('does not start with a wrong configuration', async () => {
    const parts = createParts()
    const { code, err } = await run('serve --set http.port=x', { parts })
    expect(code).toBe(2)
    expect(err).toContain('http.port: "x" is not a whole number')
    expect(parts.started.config).toBeUndefined()
  })

  test('that fails ends with 1 and the message, as JSON where that is asked for', async () => {
    const parts = createParts({
      serve: async () => {
        throw new Error('listen EADDRINUSE 127.0.0.1:8080')
      },
    })
    expect(await run('serve', { parts })).toEqual({
      code: 1,
      out: '',
      err: 'error: listen EADDRINUSE 127.0.0.1:8080\n',
    })
    const json = await run('serve --json', { parts })
    expect(JSON.parse(json.err)).toEqual({
      error: { code: 'internal', message: 'listen EADDRINUSE 127.0.0.1:8080' },
    })
  })
})

describe('demo and simulate', () => {
  test('demo hands its options on and ends with its verdict', async () => {
    const parts = createParts({ demo: 1 })
    const { code } = await run('demo --duration 90s --json --http-port 0 --seed 7 --stations 3 --rollover', {
      parts,
    })
    expect(code).toBe(1)
    expect(parts.started.demo).toEqual({
      durationMs: 90_000,
      json: true,
      httpPort: 0,
      seed: 7,
      stations: 3,
      rollover: true,
    })
  })

  test('demo runs until Ctrl-C without a duration, with twelve stations', async () => {
    const parts = createParts()
    await run('demo', { parts })
    expect(parts.started.demo).toMatchObject({ durationMs: null, json: false, stations: 12 })
  })

  test('simulate takes the password from the environment, too', async () => {
    const parts = createParts()
    const env = { GRIDKEEP_STATION_PASSWORD: 'a-random-string-of-24-ch' }
    await run('simulate --url wss://localhost:9443 --stations 4 --ca roots.pem --duration 5m', { parts, env })
    expect(parts.started.simulate).toMatchObject({
      url: 'wss://localhost:9443',
      stations: 4,
      securityProfile: 2,
      password: env.GRIDKEEP_STATION_PASSWORD,
      caFile: 'roots.pem',
      durationMs: 300_000,
    })
  })
})

describe('config check', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gridkeep-cli-'))
  afterAll(() => rmSync(dir, { recursive: true }))

  test('says that all is well, and with --json what it comes to', async () => {
    const file = join(dir, 'good.yaml')
    writeFileSync(file, 'http:\n  port: 1234\n')
    expect(await run(`config check --config ${file}`)).toEqual({
      code: 0,
      out: 'The configuration is good.\n',
      err: '',
    })
    const { out } = await run('config check --json', { env: { GRIDKEEP_CONFIG: file } })
    expect(JSON.parse(out)).toMatchObject({ ok: true, config: { http: { port: 1234 } } })
  })

  test('names each mistake with its path and its place', async () => {
    const file = join(dir, 'bad.yaml')
    writeFileSync(file, 'http:\n  prot: 1234\nlog:\n  level: loud\n')
    const { code, err } = await run(`config check --config ${file}`)
    expect(code).toBe(2)
    expect(err).toMatch(/http\.prot: .*did you mean http\.port\?.*bad\.yaml/)
    expect(err).toMatch(/log\.level: /)
    const json = await run(`config check --json --config ${file}`)
    expect(JSON.parse(json.err).error.issues).toHaveLength(2)
  })
})

describe('completion', () => {
  test('knows every command and flag, for each shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, out } = await run(`completion ${shell}`)
      expect(code).toBe(0)
      for (const word of ['station', 'show', 'generate-password', 'doctor']) expect(out).toContain(word)
    }
    expect((await run('completion tcsh')).code).toBe(2)
  })

  test('works in bash, also behind an argument', async () => {
    const { out } = await run('completion bash')
    const complete = (...words: string[]) =>
      execFileSync('bash', [
        '-c',
        `${out}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gridkeep; echo "\${COMPREPLY[@]}"`,
        'gridkeep',
        'gridkeep',
        ...words,
      ])
        .toString()
        .trim()
    expect(complete('st')).toBe('station')
    expect(complete('station', 'l')).toBe('list')
    expect(complete('station', 'add', '--gen')).toBe('--generate-password')
    expect(complete('station', 'add', 'CS-001', '--gr')).toBe('--group')
    expect(complete('doctor', '--js')).toBe('--json')
    expect(complete('key', 'create', 'x', '--role', 'admin', '--u')).toBe('--url')
  })
})

describe('tables', () => {
  test('line up, with words for what is missing', () => {
    expect(
      table(
        ['ID', 'ONLINE'],
        [
          ['CS-001', true],
          ['X', null],
        ],
      ),
    ).toBe('ID      ONLINE\nCS-001  yes\nX       -')
  })
})
