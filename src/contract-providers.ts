/** Builds the configured hosted contract pools and their routes; secrets are read once, at start. */

import { readFile } from 'node:fs/promises'
import { OpcpProvider } from './certificates/providers/opcp.ts'
import type { ProviderPool } from './certificates/providers/pool-import.ts'
import type { ProvisioningProvider, Route } from './certificates/providers/ports.ts'
import { type Config, ConfigError } from './config.ts'
import type { Clock } from './observe/clock.ts'

type Settings = Config['contracts']

interface ProviderSettings {
  /** Where its settings are, for messages. */
  readonly path: string
  readonly name: string
  readonly baseUrl: string | null
  readonly tokenUrl: string | null
  readonly clientId: string | null
  readonly clientSecretFile: string | null
  readonly audience?: string | null | undefined
  readonly tokenEncoding?: 'json' | 'form' | undefined
  readonly caFile?: string | null | undefined
  readonly roots?: ProviderPool['roots'] | undefined
}

const LOCAL = 'local'

export async function createContractProviders(
  { provider, moreProviders, routes, importHours }: Settings,
  clock: Clock,
): Promise<{
  readonly providers: readonly ProvisioningProvider[]
  readonly pools: readonly ProviderPool[]
  readonly importMs: number
  readonly routes: readonly Route[]
}> {
  const configured: ProviderSettings[] = [
    ...(provider.enabled ? [{ ...provider, path: 'contracts.provider' }] : []),
    ...moreProviders.map((one, index) => ({ ...one, path: `contracts.moreProviders.${index}` })),
  ]
  const names = configured.map(({ name }) => name)
  for (const [index, { name, path }] of configured.entries())
    if (name === LOCAL || names.indexOf(name) !== index)
      throw problem(`${path}.name`, `"${name}" is taken; give every provider a name of its own`)
  const parsed = routes.map((text, index) => parseRoute(text, `contracts.routes.${index}`, names))
  const clients = await Promise.all(configured.map((settings) => createClient(settings, clock)))
  return {
    providers: clients,
    pools: clients.map((pool, index) => ({
      name: pool.name,
      pool,
      roots: configured[index]?.roots ?? 'propose',
    })),
    importMs: importHours * 3_600_000,
    routes: parsed.length === 0 && names.length > 0 ? [{ order: [LOCAL, ...names] }] : parsed,
  }
}

async function createClient(settings: ProviderSettings, clock: Clock): Promise<OpcpProvider> {
  const { path, name, audience, tokenEncoding = 'json', caFile } = settings
  const baseUrl = required(settings, 'baseUrl')
  const url = required(settings, 'tokenUrl')
  const clientId = required(settings, 'clientId')
  const secret = await read(required(settings, 'clientSecretFile'), `${path}.clientSecretFile`)
  return new OpcpProvider({
    name,
    baseUrl,
    token: {
      url,
      clientId,
      clientSecret: secret.trim(),
      encoding: tokenEncoding,
      ...(audience ? { audience } : {}),
    },
    ...(caFile ? { ca: await read(caFile, `${path}.caFile`) } : {}),
    now: () => clock.now(),
  })
}

/** `local > hosted`, `pcid WBA+WVW: hosted > local`, `issuer Example Motors: hosted`, `emaid DE-8AA: hosted`. */
export function parseRoute(text: string, path: string, providers: readonly string[]): Route {
  const [, kind, names = '', rest = ''] =
    /^(?:(pcid|issuer|emaid)\s+([^:>]{1,200}?)\s*:)?\s*(.+)$/.exec(text.trim()) ?? []
  const order = rest.split('>').map((one) => one.trim())
  const known = [LOCAL, ...providers]
  const stranger = order.find((name) => !known.includes(name))
  if (stranger !== undefined)
    throw problem(
      path,
      `"${text}" asks "${stranger}", but there is only ${known.join(' and ')}; write e.g. "local > ${providers[0] ?? 'hosted'}" or "pcid WBA: ${providers[0] ?? 'hosted'} > local"`,
    )
  const selected = names.split('+').map((one) => one.trim())
  const upper = selected.map((one) => one.toUpperCase())
  const odd = kind === 'issuer' ? undefined : upper.find((one) => !/^[A-Z0-9-]*$/.test(one))
  if (odd !== undefined) throw problem(path, `"${odd}" is no beginning of an identifier: letters and digits`)
  switch (kind) {
    case 'pcid':
      return { manufacturers: upper, order }
    case 'issuer':
      return { issuers: selected, order }
    case 'emaid':
      return { emaidPrefixes: upper, order }
    default:
      return { order }
  }
}

function required(
  settings: ProviderSettings,
  name: 'baseUrl' | 'tokenUrl' | 'clientId' | 'clientSecretFile',
): string {
  const value = settings[name]
  if (value === null) throw problem(`${settings.path}.${name}`, `is missing; ${settings.name} needs it`)
  return value
}

function read(file: string, setting: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw problem(setting, `${file} cannot be read: ${reason}`)
  })
}

function problem(path: string, message: string): ConfigError {
  return new ConfigError([{ path, message, origin: 'configuration' }])
}
