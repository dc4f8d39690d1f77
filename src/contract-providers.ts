/** Builds the configured hosted contract pool and its routes; the secret is read once, at start. */

import { readFile } from 'node:fs/promises'
import { OpcpProvider } from './certificates/providers/opcp.ts'
import type { ProvisioningProvider, Route } from './certificates/providers/ports.ts'
import { type Config, ConfigError } from './config.ts'
import type { Clock } from './observe/clock.ts'

type Settings = Config['contracts']

export async function createContractProviders(
  { provider, routes }: Settings,
  clock: Clock,
): Promise<{ readonly providers: readonly ProvisioningProvider[]; readonly routes: readonly Route[] }> {
  const parsed = routes.map((text, index) => parseRoute(text, `contracts.routes.${index}`, provider))
  if (!provider.enabled) return { providers: [], routes: parsed }
  const { name, audience, tokenEncoding, caFile } = provider
  const client = new OpcpProvider({
    name,
    baseUrl: required(provider, 'baseUrl'),
    token: {
      url: required(provider, 'tokenUrl'),
      clientId: required(provider, 'clientId'),
      clientSecret: (await read(required(provider, 'clientSecretFile'), 'clientSecretFile')).trim(),
      encoding: tokenEncoding,
      ...(audience === null ? {} : { audience }),
    },
    ...(caFile === null ? {} : { ca: await read(caFile, 'caFile') }),
    now: () => clock.now(),
  })
  return { providers: [client], routes: parsed.length === 0 ? [{ order: ['local', name] }] : parsed }
}

/** `local > hosted`, `pcid WBA+WVW: hosted > local`, `emaid DE-8AA: hosted`. */
export function parseRoute(text: string, path: string, provider: Settings['provider']): Route {
  const [, kind, names = '', rest = ''] =
    /^(?:(pcid|emaid)\s+([A-Za-z0-9+-]+)\s*:)?\s*(.+)$/.exec(text.trim()) ?? []
  const order = rest.split('>').map((one) => one.trim())
  const known = ['local', ...(provider.enabled ? [provider.name] : [])]
  const stranger = order.find((name) => !known.includes(name))
  if (stranger !== undefined)
    throw problem(
      path,
      `"${text}" asks "${stranger}", but there is only ${known.join(' and ')}; write e.g. "local > ${provider.name}" or "pcid WBA: ${provider.name} > local"`,
    )
  const selected = names.toUpperCase().split('+')
  if (kind === 'pcid') return { manufacturers: selected, order }
  return kind === 'emaid' ? { emaidPrefixes: selected, order } : { order }
}

function required(
  provider: Settings['provider'],
  name: 'baseUrl' | 'tokenUrl' | 'clientId' | 'clientSecretFile',
): string {
  const value = provider[name]
  if (value === null)
    throw problem(`contracts.provider.${name}`, 'is missing; contracts.provider.enabled needs it')
  return value
}

function read(file: string, setting: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw problem(`contracts.provider.${setting}`, `${file} cannot be read: ${reason}`)
  })
}

function problem(path: string, message: string): ConfigError {
  return new ConfigError([{ path, message, origin: 'configuration' }])
}
