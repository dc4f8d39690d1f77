/** `gridkeep serve`: the service in the foreground, until it is asked to stop. */

import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startGridkeep } from './app.ts'
import type { CliIo } from './cli/io.ts'
import type { Config } from './config.ts'
import { createLog } from './observe/log.ts'
import type { Store } from './store/ports.ts'
import { createSqliteStore } from './store/sqlite/index.ts'

export async function runServe(config: Config, io: CliIo): Promise<void> {
  const gridkeep = await startGridkeep({ config, env: io.env, log: createLog({ level: config.log.level }) })
  for (const warning of gridkeep.warnings) io.err(`warning: ${warning}\n`)
  const { api, ws, wss, pki, est } = gridkeep.urls
  const lines = [
    `Dashboard  ${api}/`,
    `API        ${api}/api/v1`,
    ...(wss === undefined ? [] : [`stations   ${wss}/<station id>`]),
    ...(ws === undefined ? [] : [`stations   ${ws}/<station id>  (no TLS)`]),
    ...(est === undefined ? [] : [`EST        ${est}`]),
    ...(pki === undefined ? [] : [`PKI        ${pki}`]),
  ]
  if (gridkeep.firstAdminKey) {
    io.out(
      `The first admin key, shown only now:\n  export GRIDKEEP_API_KEY=${gridkeep.firstAdminKey.secret}\n\n`,
    )
  }
  io.out(`Gridkeep is running\n${lines.map((line) => `  ${line}\n`).join('')}`)
  if (!io.signal.aborted) await once(io.signal, 'abort')
  io.err('Stopping...\n')
  await gridkeep.stop()
}

/** The store of a service that may be running beside this process: SQLite lets both in. */
export async function openStore(config: Config): Promise<Store> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  return createSqliteStore(join(config.dataDir, 'gridkeep.db'))
}
