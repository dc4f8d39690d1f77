/** The certificate service over an in-memory store with a clock of its own, without listeners. */

import { randomBytes, randomUUID } from 'node:crypto'
import pino from 'pino'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { StationBus } from '../../../src/bus/ports.ts'
import {
  type CertificateService,
  type CertificateServiceOptions,
  createCertificateService,
} from '../../../src/certificates/service.ts'
import type { KeyStore } from '../../../src/keys/ports.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { openTestKeys } from '../../support/key-stores.ts'

export { cheapScrypt, PASSPHRASE } from '../../support/key-stores.ts'
export const ORGANISATION = 'Example CPO'

export interface TestCertificates {
  readonly service: CertificateService
  readonly store: Store
  readonly keys: KeyStore
  readonly clock: { now(): number; advance(ms: number): void }
  readonly options: CertificateServiceOptions
  close(): Promise<void>
}

export const offlineBus: StationBus = {
  call: async () => ({ kind: 'offline' }),
  isOnline: () => false,
  onlineStations: () => [],
  disconnect: () => undefined,
}

export async function createTestCertificates(
  change: Partial<CertificateServiceOptions> & { readonly startMs?: number } = {},
): Promise<TestCertificates> {
  const store = change.store ?? createSqliteStore(':memory:')
  const keys = change.keys ?? (await openTestKeys(store.keyBlobs))
  let nowMs = change.startMs ?? Date.parse('2026-11-22T10:00:00Z')
  const clock = {
    now: () => nowMs,
    advance: (ms: number) => {
      nowMs += ms
    },
  }
  const options: CertificateServiceOptions = {
    hub: createEventHub((error) => {
      throw error
    }),
    clock,
    log: pino({ level: 'silent' }),
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    organisation: ORGANISATION,
    sweepMs: 1_000_000,
    upkeepMs: 1_000_000,
    ...change,
    store,
    keys,
  }
  const service = await createCertificateService(options)
  return {
    service,
    store,
    keys,
    clock,
    options,
    async close() {
      await service.stop()
      await store.close()
    },
  }
}
