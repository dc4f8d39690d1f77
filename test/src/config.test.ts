import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { configReference } from '../../src/cli/config-reference.ts'
import type { ConfigIssue, ConfigSources } from '../../src/config.ts'
import { ConfigError, describeConfig, loadConfig } from '../../src/config.ts'
import { DEFAULT_POLICY } from '../../src/ocpp/policy.ts'
import { ocppPolicy } from '../../src/ocpp-policy.ts'
import { readPassphrase } from '../../src/passphrase.ts'

const yaml = (text: string): ConfigSources => ({ file: { name: 'gridkeep.yaml', text } })

function issuesOf(sources: ConfigSources): readonly ConfigIssue[] {
  try {
    loadConfig(sources)
  } catch (error) {
    if (error instanceof ConfigError) return error.issues
    throw error
  }
  return []
}

describe('the configuration', () => {
  test('is complete without any source, and safe: only loopback for operators, no plain OCPP', () => {
    const { config, warnings } = loadConfig()
    expect(config).toMatchObject({
      dataDir: 'data',
      http: { host: '127.0.0.1', port: 8080 },
      ocpp: { ws: { enabled: false }, wss: { enabled: true, port: 9443 } },
      pki: { passphraseFile: null, serverNames: ['localhost', '127.0.0.1'] },
      log: { level: 'info' },
    })
    expect(warnings).toEqual([])
  })

  test('has every plain setting of the OCPP server, with its default', () => {
    const plain = Object.entries(DEFAULT_POLICY).filter(([, value]) => typeof value !== 'object')
    expect(loadConfig().config.ocpp.policy).toEqual({
      ...Object.fromEntries(plain),
      cacheExpiryS: null,
    })
  })

  test('gives the OCPP server what it is tuned by', () => {
    const text = `
ocpp:
  tariff: { perSession: 0.5, perKWh: 0.42 }
  policy: { cacheExpiryS: 3600 }
  dataTransfer: { known: [com.example] }
  messageLog: all
  provisioning:
    variables: ["OCPPCommCtrlr.HeartbeatInterval=300", "Connector[a]@2.Limit[b]=1=2"]
    report: FullInventory
retention: { messages: 5000 }
`
    expect(ocppPolicy(loadConfig(yaml(text)).config)).toMatchObject({
      tariff: { perSession: 0.5, perKWh: 0.42 },
      cacheExpiryS: 3600,
      knownVendorMessages: ['com.example'],
      messageLog: { mode: 'all', keep: 5000 },
      provisioning: {
        variables: [
          {
            component: { name: 'OCPPCommCtrlr' },
            variable: { name: 'HeartbeatInterval' },
            attributeValue: '300',
          },
          {
            component: { name: 'Connector', instance: 'a', evse: { id: 2 } },
            variable: { name: 'Limit', instance: 'b' },
            attributeValue: '1=2',
          },
        ],
        report: 'FullInventory',
        acceptPending: false,
      },
    })
    expect(ocppPolicy(loadConfig().config)).not.toHaveProperty('cacheExpiryS')
  })

  test('keeps passwords out of the settings, and variables that nobody can read', () => {
    for (const variable of ['SecurityCtrlr.BasicAuthPassword=hunter22', 'NoValue', 'No.Value'])
      expect(() => loadConfig(yaml(`ocpp: { provisioning: { variables: ["${variable}"] } }`))).toThrow(
        'ocpp.provisioning.variables',
      )
  })

  test('takes a file, overridden by the environment, overridden by flags', () => {
    const text = 'http:\n  port: 1111\n  host: 10.0.0.1\nlog:\n  level: debug\n'
    const { config } = loadConfig({
      ...yaml(text),
      env: { GRIDKEEP_HTTP_PORT: '2222', GRIDKEEP_LOG_LEVEL: 'warn' },
      flags: { 'log.level': 'error' },
    })
    expect(config.http).toMatchObject({ host: '10.0.0.1', port: 2222 })
    expect(config.log.level).toBe('error')
  })

  test('reads numbers, booleans, lists and null from text', () => {
    const { config } = loadConfig({
      ...yaml('ocpp:\n  wss:\n    certFile: a.pem\n    keyFile: a.key\n'),
      env: {
        GRIDKEEP_OCPP_WS_ENABLED: 'true',
        GRIDKEEP_PKI_SERVER_NAMES: 'csms.example.com, 192.0.2.1',
        GRIDKEEP_ENERGY_LEASE_S: '300',
        GRIDKEEP_OCPP_WSS_CERT_FILE: '',
      },
      flags: { 'ocpp.wss.keyFile': '' },
    })
    expect(config.ocpp.ws.enabled).toBe(true)
    expect(config.pki.serverNames).toEqual(['csms.example.com', '192.0.2.1'])
    expect(config.energy.leaseS).toBe(300)
    expect(config.ocpp.wss).toMatchObject({ certFile: null, keyFile: null })
  })

  test('may be an empty file', () => {
    expect(loadConfig(yaml('')).config).toEqual(loadConfig().config)
    expect(loadConfig(yaml('# nothing\n')).config).toEqual(loadConfig().config)
  })

  test('warns about what is legal but dangerous', () => {
    const { warnings } = loadConfig({
      flags: { 'ocpp.ws.enabled': 'true', 'ocpp.ws.host': '0.0.0.0', 'http.host': '::' },
      env: { GRIDKEEP_HTP_PORT: '1', GRIDKEEP_URL: 'http://x', PATH: '/bin' },
    })
    expect(warnings).toHaveLength(3)
    expect(warnings.join()).toMatch(/GRIDKEEP_HTP_PORT is no setting.*did you mean GRIDKEEP_HTTP_PORT/)
  })
})

describe('a mistake in the configuration', () => {
  test.each<[string, ConfigSources, Partial<ConfigIssue>]>([
    [
      'an unknown setting',
      yaml('http:\n  prot: 1\n'),
      {
        path: 'http.prot',
        origin: 'gridkeep.yaml',
        message: expect.stringContaining('did you mean http.port?'),
      },
    ],
    [
      'an unknown section',
      yaml('htpp:\n  port: 1\n'),
      { path: 'htpp', message: expect.stringContaining('did you mean http?') },
    ],
    [
      'a wrong type',
      yaml('http:\n  port: "8080"\n'),
      { path: 'http.port', message: 'must be integer', origin: 'gridkeep.yaml' },
    ],
    [
      'a value out of bounds',
      yaml('http:\n  port: 70000\n'),
      { path: 'http.port', message: 'must be <= 65535' },
    ],
    [
      'a value that is not offered',
      yaml('log:\n  level: loud\n'),
      { path: 'log.level', message: expect.stringContaining('trace, debug, info') },
    ],
    [
      'a list with a wrong entry',
      yaml('pki:\n  serverNames: [a, 5]\n'),
      { path: 'pki.serverNames.1', origin: 'gridkeep.yaml' },
    ],
    ['an empty list', yaml('pki:\n  serverNames: []\n'), { path: 'pki.serverNames' }],
    [
      'a section without content',
      yaml('http:\n'),
      { path: 'http', message: expect.stringContaining('section') },
    ],
    ['a list instead of a section', yaml('http: [1]\n'), { path: 'http' }],
    ['a file that is no mapping', yaml('- a\n'), { path: '' }],
    [
      'a file that is not YAML',
      yaml('http: {\n'),
      { path: '', message: expect.stringContaining('is not YAML') },
    ],
    [
      'a key that stands there twice',
      yaml('dataDir: a\ndataDir: b\n'),
      { path: '', message: expect.stringContaining('unique') },
    ],
    [
      'a secret in the file',
      yaml('pki:\n  passphrase: hunter2-hunter2\n'),
      { path: 'pki.passphrase', message: expect.stringContaining('secrets do not belong here') },
    ],
    [
      'text that is no number',
      { env: { GRIDKEEP_HTTP_PORT: 'http' } },
      {
        path: 'http.port',
        origin: 'environment GRIDKEEP_HTTP_PORT',
        message: '"http" is not a whole number from 0 to 65535',
      },
    ],
    [
      'text that is no boolean',
      { env: { GRIDKEEP_OCPP_WS_ENABLED: 'yes' } },
      { path: 'ocpp.ws.enabled', message: '"yes" is not true or false' },
    ],
    [
      'a fraction',
      { flags: { 'energy.leaseS': '60.5' } },
      { path: 'energy.leaseS', message: 'must be integer', origin: 'flag' },
    ],
    [
      'an unknown flag',
      { flags: { 'htp.port': '1' } },
      { path: 'htp.port', origin: 'flag', message: expect.stringContaining('http.port') },
    ],
    [
      'a certificate without its key',
      yaml('http:\n  tlsCertFile: a.pem\n'),
      { path: 'http.tlsKeyFile', message: expect.stringContaining('needs its private key') },
    ],
    [
      'a key without its certificate',
      yaml('ocpp:\n  wss:\n    keyFile: a.key\n'),
      { path: 'ocpp.wss.certFile' },
    ],
    [
      'one port for two listeners',
      yaml('http:\n  port: 9443\n'),
      { path: 'ocpp.wss.port', message: '9443 is the port of http already' },
    ],
    ['no way in for stations', yaml('ocpp:\n  wss:\n    enabled: false\n'), { path: 'ocpp.wss.enabled' }],
    [
      'a lease that cannot be refreshed in time',
      yaml('energy:\n  leaseS: 30\n  intervalMs: 10000\n'),
      { path: 'energy.leaseS' },
    ],
  ])('%s is named with its path, its place and what to do', (_name, sources, expected) => {
    expect(issuesOf(sources)).toContainEqual(expect.objectContaining(expected))
  })

  test('does not hide the others', () => {
    const issues = issuesOf({
      ...yaml('http:\n  prot: 1\nlog:\n  level: loud\n'),
      env: { GRIDKEEP_HTTP_PORT: 'x' },
    })
    expect(issues.map((issue) => issue.path).sort()).toEqual(['http.port', 'http.prot', 'log.level'])
  })

  test('never ends in anything but a ConfigError, whatever the file says', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          loadConfig(yaml(text))
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('never ends in anything but a ConfigError, whatever a setting says', () => {
    const { settings } = describeConfig()
    fc.assert(
      fc.property(fc.constantFrom(...settings), fc.string(), (setting, text) => {
        try {
          const { config } = loadConfig({ env: { [setting.env]: text } })
          expect(config.http.port).toBeLessThanOrEqual(65535)
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('the reference of the settings', () => {
  test('has a meaning and a default for each, and a variable of its own', () => {
    const { settings } = describeConfig()
    expect(new Set(settings.map((setting) => setting.env)).size).toBe(settings.length)
    for (const { path, schema } of settings) {
      expect(schema.description, path).toMatch(/\.$/)
      expect(schema.default, path).not.toBeUndefined()
    }
  })

  test('docs/configuration.md is what the schema says (npm run build && node tools/config-reference.mjs)', () => {
    const file = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
    expect(file).toBe(`${configReference()}\n`)
  })
})

describe('the passphrase of the key store', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gridkeep-config-'))
  afterAll(() => rmSync(dir, { recursive: true }))
  const configWith = (flags: Record<string, string>) =>
    loadConfig({ flags: { dataDir: join(dir, 'data'), ...flags } }).config
  const write = (name: string, text: string, mode = 0o600) => {
    const path = join(dir, name)
    writeFileSync(path, text, { mode })
    return path
  }

  test('comes from the environment before a file', async () => {
    const config = configWith({ 'pki.passphraseFile': write('a', 'from-the-file-1\n') })
    expect(await readPassphrase(config, { GRIDKEEP_PKI_PASSPHRASE: 'from-environment' })).toMatchObject({
      value: 'from-environment',
      source: 'environment',
    })
    expect(await readPassphrase(config, {})).toEqual({
      value: 'from-the-file-1',
      source: 'file',
      warning: null,
    })
  })

  test('is refused when it is short, empty or cannot be read, and never replaced by another', async () => {
    for (const file of [write('short', 'short\n'), write('empty', ''), join(dir, 'absent')])
      await expect(readPassphrase(configWith({ 'pki.passphraseFile': file }), {})).rejects.toBeInstanceOf(
        ConfigError,
      )
    await expect(readPassphrase(configWith({}), { GRIDKEEP_PKI_PASSPHRASE: '' })).rejects.toBeInstanceOf(
      ConfigError,
    )
  })

  test('is made once where none is configured, readable by the owner only, with a warning', async () => {
    const config = configWith({})
    const first = await readPassphrase(config, {})
    expect(first).toMatchObject({
      source: 'generated',
      warning: expect.stringContaining('move it elsewhere'),
    })
    expect(statSync(join(config.dataDir, 'passphrase')).mode & 0o777).toBe(0o600)
    expect(await readPassphrase(config, {})).toMatchObject({ value: first.value, source: 'file' })
  })

  test('in a file that others can read is worth a warning', async () => {
    const file = write('open', 'open-to-everybody\n', 0o644)
    const { warning } = await readPassphrase(configWith({ 'pki.passphraseFile': file }), {})
    expect(warning).toContain('chmod 600')
  })
})
