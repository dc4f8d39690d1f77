/** Builds the configured external authority: reads its files, and its secret anew for each request. */

import { readFile } from 'node:fs/promises'
import { EstClient, type EstClientOptions } from './certificates/external/est-client.ts'
import { clientCredentials } from './certificates/external/oauth.ts'
import type { ExternalAuthority } from './certificates/external/ports.ts'
import { type Config, ConfigError } from './config.ts'
import type { Clock } from './observe/clock.ts'

type Settings = Config['pki']['external']

export async function createExternalAuthority(
  settings: Settings,
  clock: Clock,
): Promise<ExternalAuthority | undefined> {
  if (!settings.enabled) return undefined
  const { ca, version, algorithm, timeoutMs } = settings
  const tls = await readTls(settings)
  return new EstClient({
    enrollUrl: required(settings, 'enrollUrl'),
    caCertsUrl: required(settings, 'caCertsUrl'),
    ...(settings.revokeUrl === null ? {} : { revokeUrl: settings.revokeUrl }),
    values: { ca, version, algorithm },
    auth: authOf(settings, clock),
    ...(tls === undefined ? {} : { tls }),
    timeoutMs,
    clock,
  })
}

function authOf(settings: Settings, clock: Clock): EstClientOptions['auth'] {
  if (settings.auth === 'none') return { kind: 'none' }
  const file = required(settings, 'secretFile')
  const secret = async (): Promise<string> => (await read(file, 'secretFile')).split(/\r?\n/, 1)[0] ?? ''
  if (settings.auth === 'oauth') {
    const { audience, tokenEncoding: encoding, timeoutMs } = settings
    const [tokenUrl, clientId] = [required(settings, 'tokenUrl'), required(settings, 'username')]
    const token = clientCredentials({
      ...{ tokenUrl, clientId, clientSecret: secret, encoding, timeoutMs, clock },
      ...(audience === null ? {} : { audience }),
    })
    return { kind: 'bearer', token }
  }
  return settings.auth === 'bearer'
    ? { kind: 'bearer', token: secret }
    : { kind: 'basic', username: required(settings, 'username'), password: secret }
}

async function readTls(settings: Settings): Promise<EstClientOptions['tls']> {
  const { certFile, keyFile, caFile } = settings
  if (certFile === null && keyFile === null && caFile === null) return undefined
  return {
    ...(certFile === null ? {} : { cert: await read(certFile, 'certFile') }),
    ...(keyFile === null ? {} : { key: await read(keyFile, 'keyFile') }),
    ...(caFile === null ? {} : { ca: await read(caFile, 'caFile') }),
  }
}

function required(
  settings: Settings,
  name: 'enrollUrl' | 'caCertsUrl' | 'secretFile' | 'username' | 'tokenUrl',
): string {
  const value = settings[name]
  if (value === null) throw problem(name, 'is missing; pki.external needs it')
  return value
}

function read(file: string, setting: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw problem(
      setting,
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    )
  })
}

function problem(setting: string, message: string): ConfigError {
  return new ConfigError([{ path: `pki.external.${setting}`, message, origin: 'configuration' }])
}
