/** A SoftHSM token for tests, with the process of `src/keys/pkcs11-process.ts` compiled for them. */

import { execFileSync } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transformWithOxc } from 'vite'
import { openPkcs11Keys, type Pkcs11Keys, type Pkcs11Options } from '../../src/keys/pkcs11.ts'

const LIBRARY = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'].find(
  (file) => existsSync(file),
)
const SOURCE = new URL('../../src/keys/pkcs11-process.ts', import.meta.url)
/** Inside the packages, so that the program finds its own. */
const PROGRAMS = new URL('../../node_modules/.gridkeep-test/', import.meta.url)
/** SoftHSM waits for the disk at every object: in memory a hierarchy takes 0.1 s instead of 3 s. */
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const PIN = '1234'

/** Says why, where tests with a token cannot run. */
export function hasSoftHsm(): boolean {
  if (LIBRARY !== undefined) return true
  const reason = 'SoftHSM is not installed (apt-get install softhsm2)'
  if (process.env.GRIDKEEP_REQUIRE_ALL === '1') throw new Error(`${reason}, and GRIDKEEP_REQUIRE_ALL is set`)
  console.warn(`PKCS#11 tests are skipped: ${reason}`)
  return false
}

export interface SoftHsm {
  /** Another, empty token. */
  newToken(): TestToken
  close(): void
}

export interface TestToken {
  readonly options: Pkcs11Options
  readonly keys: Pkcs11Keys
  /** With the tool of the token's maker, as an operator would. */
  importKey(name: string, key: KeyObject): void
}

export async function startSoftHsm(): Promise<SoftHsm> {
  const folder = mkdtempSync(join(BASE, 'gridkeep-hsm-'))
  mkdirSync(join(folder, 'tokens'))
  const conf = join(folder, 'softhsm2.conf')
  writeFileSync(
    conf,
    `directories.tokendir = ${join(folder, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  )
  process.env.SOFTHSM2_CONF = conf
  const program = await compile()
  const tokens: TestToken[] = []
  return {
    newToken: () => {
      const label = `gridkeep-test-${tokens.length}`
      tool('--init-token', '--free', '--label', label, '--pin', PIN, '--so-pin', '4321')
      const options = { library: LIBRARY ?? '', tokenLabel: label, pin: PIN, deadlineMs: 20_000, program }
      const token = { options, keys: openPkcs11Keys(options), importKey: importer(folder, label) }
      tokens.push(token)
      return token
    },
    close: () => {
      for (const { keys } of tokens) keys.close()
      delete process.env.SOFTHSM2_CONF
      rmSync(folder, { recursive: true, force: true })
      rmSync(program, { force: true })
    },
  }
}

function tool(...args: readonly string[]): void {
  execFileSync('softhsm2-util', [...args], { stdio: 'pipe' })
}

function importer(folder: string, label: string): TestToken['importKey'] {
  let imported = 0
  return (name, key) => {
    const file = join(folder, 'import.pem')
    writeFileSync(file, key.export({ type: 'pkcs8', format: 'pem' }))
    const id = (0x1000 + imported++).toString(16)
    tool('--import', file, '--token', label, '--pin', PIN, '--label', name, '--id', id)
  }
}

async function compile(): Promise<URL> {
  const { code } = await transformWithOxc(readFileSync(SOURCE, 'utf8'), SOURCE.pathname)
  mkdirSync(PROGRAMS, { recursive: true })
  const program = new URL(`pkcs11-process-${process.pid}-${Date.now()}.mjs`, PROGRAMS)
  writeFileSync(program, code)
  return pathToFileURL(program.pathname)
}
