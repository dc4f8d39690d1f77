/** Everything that the service keeps, by domain. The SQLite adapter is in sqlite/. */

import type { ApiKeyStore, AuditStore } from './access.ts'
import type { CertificateStore, KeyBlobStore } from './certificates.ts'
import type { ContractStore } from './contracts.ts'
import type { EnergyStateStore } from './energy.ts'
import type { StationEventStore } from './events.ts'
import type { FleetStore } from './fleet.ts'
import type { LocalListStore } from './local-lists.ts'
import type { MessageStore } from './messages.ts'
import type { OrderStore } from './orders.ts'
import type { RetentionStore } from './retention.ts'
import type { SessionStore } from './sessions.ts'
import type { SiteStore } from './sites.ts'
import type { StationStore } from './stations.ts'
import type { IdTokenStore } from './tokens.ts'

export interface Store {
  readonly stations: StationStore
  readonly tokens: IdTokenStore
  readonly sessions: SessionStore
  readonly retention: RetentionStore
  readonly events: StationEventStore
  readonly messages: MessageStore
  readonly orders: OrderStore
  readonly localLists: LocalListStore
  readonly certificates: CertificateStore
  readonly contracts: ContractStore
  readonly fleet: FleetStore
  readonly keyBlobs: KeyBlobStore
  readonly sites: SiteStore
  readonly energy: EnergyStateStore
  readonly apiKeys: ApiKeyStore
  readonly audit: AuditStore
  /** Throws where the database cannot be read: the readiness probe. */
  check(): Promise<void>
  /** Commits what is queued, then closes. */
  close(): Promise<void>
}
