import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config.ts'
import { createContractProviders } from '../../src/contract-providers.ts'

const folder = mkdtempSync(join(tmpdir(), 'gridkeep-provider-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const secretFile = join(folder, 'secret')
writeFileSync(secretFile, 'hush\n')

const PROVIDER = {
  'contracts.provider.enabled': 'true',
  'contracts.provider.baseUrl': 'https://pool.example',
  'contracts.provider.tokenUrl': 'https://pool.example/oauth/token',
  'contracts.provider.clientId': 'us',
  'contracts.provider.clientSecretFile': secretFile,
}
const build = (flags: Record<string, string>) => {
  const { config } = loadConfig({ flags })
  return createContractProviders(config.contracts, { now: Date.now })
}

describe('hosted contract pools in the configuration', () => {
  test('are none unless one is enabled', async () => {
    expect(await build({})).toMatchObject({ providers: [], pools: [], routes: [] })
  })

  test('are asked after the local pool unless routes say otherwise', async () => {
    const { providers, routes } = await build(PROVIDER)
    expect(providers.map(({ name }) => name)).toEqual(['hosted'])
    expect(routes).toEqual([{ order: ['local', 'hosted'] }])
  })

  test('have routes by manufacturer, by issuer and by eMAID', async () => {
    const routes =
      'pcid WBA+wvw: hosted > local, issuer Example Motors: hosted, emaid DE-8AA: hosted, local > hosted'
    expect((await build({ ...PROVIDER, 'contracts.routes': routes })).routes).toEqual([
      { manufacturers: ['WBA', 'WVW'], order: ['hosted', 'local'] },
      { issuers: ['Example Motors'], order: ['hosted'] },
      { emaidPrefixes: ['DE-8AA'], order: ['hosted'] },
      { order: ['local', 'hosted'] },
    ])
  })

  test('may be several, from the file: all of them are asked, and their root pools are read by policy', async () => {
    const more = (name: string, rest = '') =>
      `  - { name: ${name}, baseUrl: "https://${name}.example", tokenUrl: "https://${name}.example/t", clientId: us, clientSecretFile: ${secretFile}${rest} }`
    const text = ['contracts:', ' moreProviders:', more('north'), more('south', ', roots: trust')].join('\n')
    const load = (yaml: string) =>
      createContractProviders(
        loadConfig({ file: { name: 'gridkeep.yaml', text: yaml }, flags: PROVIDER }).config.contracts,
        { now: Date.now },
      )
    const { providers, pools, routes, importMs } = await load(text)
    expect(providers.map(({ name }) => name)).toEqual(['hosted', 'north', 'south'])
    expect(pools.map(({ roots }) => roots)).toEqual(['propose', 'propose', 'trust'])
    expect(routes).toEqual([{ order: ['local', 'hosted', 'north', 'south'] }])
    expect(importMs).toBe(24 * 3_600_000)
    await expect(load(text.replace('name: south', 'name: north'))).rejects.toThrow('is taken')
    await expect(load(text.replace('name: south', 'name: local'))).rejects.toThrow('is taken')
    expect(() => load(text.replace('clientId: us', 'client: us'))).toThrow(ConfigError)
  })

  test.each([
    [{ 'contracts.provider.enabled': 'true' }, 'contracts.provider.baseUrl'],
    [{ ...PROVIDER, 'contracts.provider.clientSecretFile': '/none' }, 'cannot be read'],
    [{ ...PROVIDER, 'contracts.routes': 'local > nobody' }, 'nobody'],
    [{ 'contracts.routes': 'local > hosted' }, 'there is only local'],
  ])('stop the start with the place of the mistake: %#', async (flags: Record<string, string>, words) => {
    const error = await build(flags).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error instanceof Error ? error.message : '').toContain(words)
  })
})
