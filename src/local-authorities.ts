/** The authorities of a data folder without the service: for ceremonies on an offline machine, imports and repairs. */

import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openAuthorityKeys } from './authority-keys.ts'
import type { Authorities } from './certificates/authorities.ts'
import { HIERARCHY, type HierarchyOptions, openHierarchy } from './certificates/hierarchy.ts'
import { Issuance } from './certificates/issuance.ts'
import type { Config } from './config.ts'
import { openWrappedKeys, rotatePassphrase } from './keys/wrapped.ts'
import { signCheckpoint } from './observe/audit-trail.ts'
import { systemClock } from './observe/clock.ts'
import { readPassphrase } from './passphrase.ts'
import type { Store } from './store/ports.ts'
import { createSqliteStore } from './store/sqlite/index.ts'

export interface LocalAuthorities {
  readonly store: Store
  readonly authorities: Authorities
  readonly options: HierarchyOptions
  /** Signs the audit trail and closes everything. */
  close(): Promise<void>
}

type Environment = Readonly<Record<string, string | undefined>>

/** Loads what is there and creates nothing by itself. */
export async function openLocalAuthorities(config: Config, env: Environment): Promise<LocalAuthorities> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const store = createSqliteStore(join(config.dataDir, 'gridkeep.db'))
  try {
    const passphrase = await readPassphrase(config, env)
    const files = await openWrappedKeys(store.keyBlobs, passphrase.value)
    const { keys, close } = await openAuthorityKeys(config.pki.authorityKeys, files)
    const clock = systemClock
    const random = (bytes: number): Uint8Array => randomBytes(bytes)
    const options: HierarchyOptions = {
      store,
      keys,
      clock,
      issuance: new Issuance({ store, clock, random }),
      organisation: config.pki.organisation,
      publicUrl: config.pkiHttp.publicUrl ?? undefined,
      offlineLines: HIERARCHY.map(({ line }) => line),
    }
    return {
      store,
      authorities: await openHierarchy(options),
      options,
      async close() {
        await signCheckpoint({ store, keys: files, clock })
        close()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Puts every key of a data folder under a new passphrase; see src/keys/README.md. */
export async function changePassphrase(
  config: Config,
  env: Environment,
  to: string,
): Promise<{ readonly keys: number }> {
  const store = createSqliteStore(join(config.dataDir, 'gridkeep.db'))
  try {
    const { value: from } = await readPassphrase(config, env)
    const done = await rotatePassphrase(store.keyBlobs, { from, to })
    await store.audit.append({
      at: new Date(systemClock.now()).toISOString(),
      actor: 'cli',
      action: 'key-store.passphrase-changed',
      subject: 'key-store',
      detail: { ...done, change: randomUUID() },
    })
    return done
  } finally {
    await store.close()
  }
}
