/**
 * What `gridkeep doctor` looks at. Nothing is created or repaired; a database of an older version is brought up to
 * date when it is opened, as the next start would do.
 */

import { constants } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { createServer, isIP } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import type { Config } from '../config.ts'
import { ConfigError } from '../config.ts'
import { readPassphrase } from '../passphrase.ts'
import type { Store } from '../store/ports.ts'
import { examineAuthorities, examineTlsFiles } from './diagnosis-certificates.ts'
import { examineKeys } from './diagnosis-keys.ts'
import { type Finding, failure, good, messageOf, note } from './finding.ts'

export interface Examination {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly nowMs: number
  openStore(config: Config): Promise<Store>
}

const PROBE_TIMEOUT_MS = 3000

export async function diagnose(examination: Examination): Promise<readonly Finding[]> {
  const { config } = examination
  const running = await findService(config)
  return [
    await examineDataDir(config),
    await examinePassphrase(examination),
    ...(await examineTlsFiles(config, examination.nowMs)),
    ...(running ? [] : await examineStore(examination)),
    running ?? note('service', `nothing answers on ${serviceUrl(config)}`, 'Start it with: gridkeep serve'),
    ...(running ? [] : await examinePorts(config)),
  ]
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function examineDataDir({ dataDir }: Config): Promise<Finding> {
  const exists = await isThere(dataDir)
  // What is missing is created at the first start, wherever the nearest folder that exists lets it.
  let folder = resolve(dataDir)
  while (!(await isThere(folder))) folder = dirname(folder)
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return failure(
      'data folder',
      `${folder} cannot be written`,
      'Give it to the user of the service, or set dataDir.',
    )
  }
  return good(
    'data folder',
    exists ? `${dataDir} can be written` : `${dataDir} will be created at the first start`,
  )
}

async function examinePassphrase({ config, env }: Examination): Promise<Finding> {
  if (!(await hasPassphrase(config, env)))
    return note(
      'passphrase',
      'none is configured; the first start will make one',
      'For production set pki.passphraseFile.',
    )
  try {
    const { source, warning } = await readPassphrase(config, env)
    if (warning !== null) return note('passphrase', warning, 'See docs/configuration.md, pki.passphraseFile.')
    return good('passphrase', `comes from the ${source}`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return failure('passphrase', error.message, 'Without it the keys of the authorities cannot be opened.')
  }
}

function serviceUrl({ http }: Config): string {
  const host = http.host === '0.0.0.0' ? '127.0.0.1' : http.host === '::' ? '::1' : http.host
  const scheme = http.tlsCertFile === null ? 'http' : 'https'
  return `${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${http.port}`
}

/** The service that is running with this configuration, if there is one. */
async function findService(config: Config): Promise<Finding | undefined> {
  if (config.http.port === 0) return undefined
  const url = serviceUrl(config)
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    const text = await response.text()
    if (response.ok) return good('service', `is running and ready on ${url}`)
    return failure(
      'service',
      `is running on ${url}, but not ready: ${text.slice(0, 300)}`,
      'Its log says why.',
    )
  } catch {
    return undefined
  }
}

/** Only where no service runs: opening the store of another version would change it under its feet. */
async function examineStore(examination: Examination): Promise<Finding[]> {
  const { config, nowMs } = examination
  const path = join(config.dataDir, 'gridkeep.db')
  if (!(await isThere(path))) return [good('database', `${path} will be created at the first start`)]
  if (!(await readFile(path).then(isSqlite, () => false)))
    return [failure('database', `${path} is no SQLite database`, 'Restore it from a backup.')]
  let store: Store
  try {
    store = await examination.openStore(config)
  } catch (error) {
    return [
      failure('database', messageOf(error), 'Restore it from a backup, or start the version that wrote it.'),
    ]
  }
  try {
    await store.check()
    const authorities = await store.certificates.authorities()
    return [
      good('database', `${path} can be read`),
      examineClock(authorities, nowMs),
      ...examineAuthorities(authorities, nowMs),
      ...(await examineKeys({ config, store, passphrase: await knownPassphrase(examination) })),
    ]
  } catch (error) {
    return [failure('database', messageOf(error), 'Restore it from a backup.')]
  } finally {
    await store.close()
  }
}

/** The passphrase, unless reading it would make one. */
async function knownPassphrase({ config, env }: Examination): Promise<string | undefined> {
  if (!(await hasPassphrase(config, env))) return undefined
  // Why it cannot be read is a finding of its own.
  return readPassphrase(config, env).then(
    ({ value }) => value,
    () => undefined,
  )
}

async function hasPassphrase(config: Config, env: Examination['env']): Promise<boolean> {
  const own = join(config.dataDir, 'passphrase')
  return (
    env.GRIDKEEP_PKI_PASSPHRASE !== undefined || config.pki.passphraseFile !== null || (await isThere(own))
  )
}

function isSqlite(bytes: Buffer): boolean {
  return bytes.length === 0 || bytes.subarray(0, 15).toString('latin1') === 'SQLite format 3'
}

/** Certificates are judged by this clock: one that runs behind would refuse everything that was issued before. */
function examineClock(authorities: readonly { readonly createdAt: string }[], nowMs: number): Finding {
  const latest = Math.max(0, ...authorities.map((authority) => Date.parse(authority.createdAt)))
  if (nowMs >= latest) return good('clock', new Date(nowMs).toISOString())
  return failure(
    'clock',
    `says ${new Date(nowMs).toISOString()}, before the newest authority of ${new Date(latest).toISOString()}`,
    'Set the clock, and keep it with NTP.',
  )
}

async function examinePorts({ http, pkiHttp, ocpp }: Config): Promise<Finding[]> {
  const listeners = [
    { name: 'http', on: true, ...http },
    { name: 'pkiHttp', on: pkiHttp.enabled, ...pkiHttp },
    { name: 'pkiHttp.est', on: pkiHttp.est.enabled, ...pkiHttp.est },
    { name: 'ocpp.ws', on: ocpp.ws.enabled, ...ocpp.ws },
    { name: 'ocpp.wss', on: ocpp.wss.enabled, ...ocpp.wss },
  ].filter((listener) => listener.on && listener.port !== 0)
  return Promise.all(listeners.map(examinePort))
}

async function examinePort(listener: { name: string; host: string; port: number }): Promise<Finding> {
  const { name, host, port } = listener
  const check = `port ${port}`
  const code = await tryListen(host, port)
  switch (code) {
    case undefined:
      return good(check, `${host}:${port} is free for ${name}`)
    case 'EADDRINUSE':
      return failure(check, `${host}:${port} is taken by another program`, `Stop it, or set ${name}.port.`)
    case 'EACCES':
      return failure(check, `${host}:${port} needs more rights`, `Use a port from 1024 up for ${name}.port.`)
    default:
      return failure(check, `${host}:${port} cannot be used (${code})`, `Check ${name}.host.`)
  }
}

function tryListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
    server.listen({ host, port }, () => server.close(() => done(undefined)))
  })
}
