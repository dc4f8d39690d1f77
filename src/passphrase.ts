/** The passphrase of the key store: from the environment, from a file, or made once for a first try. */

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from './config.ts'
import { ConfigError } from './config.ts'

export interface Passphrase {
  readonly value: string
  readonly source: 'environment' | 'file' | 'generated'
  /** Worth telling the operator. */
  readonly warning: string | null
}

const VARIABLE = 'GRIDKEEP_PKI_PASSPHRASE'
const MIN_LENGTH = 12

/** Throws ConfigError where what is configured cannot be used; never falls back from it to a generated one. */
export async function readPassphrase(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Passphrase> {
  const fromEnv = env[VARIABLE]
  if (fromEnv !== undefined)
    return { value: checked(fromEnv, VARIABLE), source: 'environment', warning: null }
  const { passphraseFile } = config.pki
  if (passphraseFile !== null) {
    const text = await readFile(passphraseFile, 'utf8').catch((error: unknown) => {
      throw problem(
        `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        passphraseFile,
      )
    })
    return {
      value: checked(firstLine(text), passphraseFile),
      source: 'file',
      warning: await exposure(passphraseFile),
    }
  }
  return ownPassphrase(config)
}

/** Enough for a first try: the keys are encrypted, but the key to them lies next to them. */
async function ownPassphrase(config: Config): Promise<Passphrase> {
  const path = join(config.dataDir, 'passphrase')
  const warning = `the passphrase of the key store lies in ${path}, next to the keys; for production move it elsewhere and set pki.passphraseFile`
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  try {
    const value = randomBytes(32).toString('base64url')
    // Fails where the file exists: an existing passphrase is never overwritten.
    await writeFile(path, `${value}\n`, { flag: 'wx', mode: 0o600 })
    return { value, source: 'generated', warning }
  } catch (error) {
    if (!isExisting(error)) throw error
    return { value: checked(firstLine(await readFile(path, 'utf8')), path), source: 'file', warning }
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? ''
}

function checked(value: string, origin: string): string {
  if (value.length < MIN_LENGTH) throw problem(`must have at least ${MIN_LENGTH} characters`, origin)
  return value
}

function problem(message: string, origin: string): ConfigError {
  return new ConfigError([{ path: 'pki.passphraseFile', message, origin }])
}

async function exposure(path: string): Promise<string | null> {
  const { mode } = await stat(path)
  return (mode & 0o077) === 0 ? null : `${path} can be read by others; restrict it with chmod 600`
}
