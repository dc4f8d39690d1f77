/** Where the keys of authorities are, as configured: beside the others, on a token, or behind a program. */

import { readFile } from 'node:fs/promises'
import { type Config, ConfigError } from './config.ts'
import { openCommandKeys } from './keys/command.ts'
import { openPkcs11Keys } from './keys/pkcs11.ts'
import type { KeyStore } from './keys/ports.ts'
import { routeAuthorityKeys } from './keys/routed.ts'

type Settings = Config['pki']['authorityKeys']

export interface OpenedKeys {
  readonly keys: KeyStore
  close(): void
}

export async function openAuthorityKeys(settings: Settings, files: KeyStore): Promise<OpenedKeys> {
  const nothing = (): void => undefined
  const { deadlineMs } = settings
  if (settings.store === 'files') return { keys: files, close: nothing }
  if (settings.store === 'command') {
    if (settings.command.length === 0) throw problem('command', 'is empty; name the program that signs')
    return {
      keys: routeAuthorityKeys(openCommandKeys({ command: settings.command, deadlineMs }), files),
      close: nothing,
    }
  }
  const token = openPkcs11Keys({
    library: required(settings, 'pkcs11Library'),
    tokenLabel: required(settings, 'pkcs11Token'),
    pin: await readPin(required(settings, 'pkcs11PinFile')),
    deadlineMs,
  })
  return { keys: routeAuthorityKeys(token, files), close: () => token.close() }
}

function required(settings: Settings, name: 'pkcs11Library' | 'pkcs11Token' | 'pkcs11PinFile'): string {
  const value = settings[name]
  if (value === null) throw problem(name, 'is missing; the store pkcs11 needs it')
  return value
}

async function readPin(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw problem(
      'pkcs11PinFile',
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    )
  })
  return text.split(/\r?\n/, 1)[0] ?? ''
}

function problem(setting: string, message: string): ConfigError {
  return new ConfigError([{ path: `pki.authorityKeys.${setting}`, message, origin: 'configuration' }])
}
