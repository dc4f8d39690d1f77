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
    expect(await build({})).toEqual({ providers: [], routes: [] })
  })

  test('are asked after the local pool unless routes say otherwise', async () => {
    const { providers, routes } = await build(PROVIDER)
    expect(providers.map(({ name }) => name)).toEqual(['hosted'])
    expect(routes).toEqual([{ order: ['local', 'hosted'] }])
  })

  test('have routes by manufacturer and by eMAID', async () => {
    const routes = 'pcid WBA+wvw: hosted > local, emaid DE-8AA: hosted, local > hosted'
    expect((await build({ ...PROVIDER, 'contracts.routes': routes })).routes).toEqual([
      { manufacturers: ['WBA', 'WVW'], order: ['hosted', 'local'] },
      { emaidPrefixes: ['DE-8AA'], order: ['hosted'] },
      { order: ['local', 'hosted'] },
    ])
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
