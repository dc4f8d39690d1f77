/** The certificate service with its listeners over a database on disk, for the benchmarks. */

import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { createEventHub } from '../../src/bus/hub.ts'
import { type CertificateService, createCertificateService } from '../../src/certificates/service.ts'
import { loadConfig } from '../../src/config.ts'
import { openWrappedKeys } from '../../src/keys/wrapped.ts'
import { systemClock } from '../../src/observe/clock.ts'
import { startPkiListeners } from '../../src/pki-listeners.ts'
import type { Store } from '../../src/store/ports.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'
import { createTlsSource } from '../../src/tls-source.ts'

export const ORGANISATION = 'Bench'

export interface BenchService {
  readonly certificates: CertificateService
  readonly store: Store
  readonly port: number
  readonly estPort: number
  close(): Promise<void>
}

export async function startBenchService(): Promise<BenchService> {
  const folder = mkdtempSync(join(tmpdir(), 'gridkeep-bench-'))
  const store = createSqliteStore(join(folder, 'gridkeep.db'))
  const keys = await openWrappedKeys(store.keyBlobs, 'correct horse battery')
  const log = pino({ level: 'silent' })
  const { config } = loadConfig({
    flags: {
      'pki.organisation': ORGANISATION,
      'pkiHttp.port': '0',
      'pkiHttp.est.port': '0',
      'pkiHttp.est.enabled': 'true',
      'pkiHttp.est.perStationPerHour': '1000000',
    },
  })
  const certificates = await createCertificateService({
    store,
    keys,
    hub: createEventHub(() => undefined),
    clock: systemClock,
    log,
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    organisation: ORGANISATION,
    sweepMs: 1_000_000,
  })
  const tls = createTlsSource(config, certificates)
  const listeners = await startPkiListeners({
    config,
    certificates,
    store,
    clock: systemClock,
    log,
    readTls: () => tls.read(),
  })
  const portOf = (url: string | undefined): number => Number(new URL(url ?? 'http://localhost').port)
  return {
    certificates,
    store,
    port: portOf(listeners.urls.pki),
    estPort: portOf(listeners.urls.est),
    async close() {
      await listeners.close()
      await certificates.stop()
      await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
