import type { Store } from '../ports.ts'
import { createApiKeyStore, createAuditStore } from './access.ts'
import { createCertificateStore, createKeyBlobStore } from './certificates.ts'
import { createContractStore } from './contracts.ts'
import { Database } from './database.ts'
import { createEnergyStateStore } from './energy.ts'
import { createStationEventStore } from './events.ts'
import { createFleetStore } from './fleet.ts'
import { createLocalListStore } from './local-lists.ts'
import { createMessageStore } from './messages.ts'
import { createOrderStore } from './orders.ts'
import { createRetentionStore } from './retention.ts'
import { createSessionStore } from './sessions.ts'
import { createSiteStore } from './sites.ts'
import { createStationNumbers } from './station-numbers.ts'
import { createStationStore } from './stations.ts'
import { createIdTokenStore } from './tokens.ts'

/** Opens (and migrates) the embedded database. `path`: a file, or `:memory:` for tests. */
export function createSqliteStore(path: string): Store {
  const db = new Database(path)
  const numbers = createStationNumbers(db)
  return {
    stations: createStationStore(db),
    tokens: createIdTokenStore(db),
    sessions: createSessionStore(db, numbers),
    retention: createRetentionStore(db, numbers),
    events: createStationEventStore(db),
    messages: createMessageStore(db),
    orders: createOrderStore(db),
    localLists: createLocalListStore(db),
    certificates: createCertificateStore(db),
    contracts: createContractStore(db),
    fleet: createFleetStore(db),
    keyBlobs: createKeyBlobStore(db),
    sites: createSiteStore(db),
    energy: createEnergyStateStore(db),
    apiKeys: createApiKeyStore(db),
    audit: createAuditStore(db),
    check: async () => db.check(),
    close: async () => db.close(),
  }
}
