/** The database, the keys and the hub: what the parts of the service stand on. */

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { openAuthorityKeys } from './authority-keys.ts'
import { createEventHub } from './bus/hub.ts'
import type { EventHub } from './bus/ports.ts'
import type { Config } from './config.ts'
import type { KeyStore } from './keys/ports.ts'
import { openWrappedKeys } from './keys/wrapped.ts'
import { AUDIT_HEAD, fileAuditHead } from './observe/audit-head.ts'
import { keepCheckpoints } from './observe/audit-trail.ts'
import { type Clock, systemClock } from './observe/clock.ts'
import { readPassphrase } from './passphrase.ts'
import type { Store } from './store/ports.ts'
import { createSqliteStore } from './store/sqlite/index.ts'

/** What was written to the audit trail since the last signature could be cut off unnoticed. */
const CHECKPOINT_MS = 600_000
/** What of the audit trail a crash may leave unsigned. */
const AUDIT_HEAD_MS = 5_000

export interface StartOptions {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly clock?: Clock
}

/** What everything else stands on. */
export interface Foundation {
  readonly config: Config
  readonly log: Logger
  readonly clock: Clock
  readonly store: Store
  readonly hub: EventHub
  /** Keys in encrypted files: of TLS, OCSP and the audit trail. */
  readonly files: KeyStore
  /** Keys of authorities, wherever they are. */
  readonly keys: KeyStore
  readonly warnings: readonly string[]
  /** What is to be done, last first, when the service stops. */
  onStop(step: () => Promise<void>): void
}

export async function layFoundation(
  { config, env, log, clock = systemClock }: StartOptions,
  onStop: Foundation['onStop'],
): Promise<Foundation> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const passphrase = await readPassphrase(config, env)
  const store = createSqliteStore(join(config.dataDir, 'gridkeep.db'))
  onStop(() => store.close())
  const hub = createEventHub((error, event) =>
    log.error({ err: error, event: event.kind }, 'A listener failed'),
  )
  const files = await openWrappedKeys(store.keyBlobs, passphrase.value)
  const { keys, close: closeKeys } = await openAuthorityKeys(config.pki.authorityKeys, files)
  onStop(async () => closeKeys())

  const checkpoints = await keepCheckpoints({
    ...{ store, keys: files, clock, log, intervalMs: CHECKPOINT_MS, headIntervalMs: AUDIT_HEAD_MS },
    head: fileAuditHead(join(config.dataDir, AUDIT_HEAD)),
  })
  onStop(() => checkpoints.stop())
  const warnings = passphrase.warning === null ? [] : [passphrase.warning]
  return { config, log, clock, store, hub, files, keys, warnings, onStop }
}
