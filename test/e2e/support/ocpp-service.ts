/** The OCPP server with an in-memory store, for tests over real sockets. */

import { pino } from 'pino'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { DomainEvent, EventHub } from '../../../src/bus/ports.ts'
import type { StationCertificates } from '../../../src/certificates/ports.ts'
import { type Clock, systemClock } from '../../../src/observe/clock.ts'
import { createOcppServer, type OcppServer, type OcppServerOptions } from '../../../src/ocpp/server.ts'
import { hashPassword } from '../../../src/stations/credentials.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import type { StationRegistration } from '../../../src/store/stations.ts'
import { type ConnectOptions, connect, type TestClient } from './ocpp-client.ts'

export const PASSWORD = 'correct-horse-battery'

export interface TestService {
  readonly server: OcppServer
  readonly store: Store
  readonly hub: EventHub
  readonly url: string
  readonly wssUrl: string
  readonly events: DomainEvent[]
  /** Registers a station (profile 1, PASSWORD, Accepted) with what the test wants otherwise. */
  register(id: string, change?: Partial<StationRegistration>): Promise<void>
  /** Registers (unless known) and connects over ws with PASSWORD. */
  station(id: string, options?: ConnectOptions): Promise<TestClient>
  /** The same, and boots. */
  booted(id: string): Promise<TestClient>
  stop(): Promise<void>
}

export const noCertificates: StationCertificates = {
  requestSigning: async () => ({ status: 'Rejected', reasonCode: 'NoCa', detail: '' }),
  certificateStatus: async () => ({ status: 'Failed', reasonCode: 'NoCa', detail: '' }),
  verifyStationCertificate: async () => ({ ok: false, reasonCode: 'NoCa', detail: '' }),
}

export const BOOT = { reason: 'PowerUp', chargingStation: { model: 'M1', vendorName: 'Acme' } }

export async function startService(
  options: Partial<Omit<OcppServerOptions, 'store' | 'hub' | 'log'>> & {
    clock?: Clock
    store?: Store
  } = {},
): Promise<TestService> {
  const store = options.store ?? createSqliteStore(':memory:')
  const events: DomainEvent[] = []
  const hub = createEventHub((error) => {
    throw error
  })
  hub.subscribe((event) => events.push(event))
  const server = createOcppServer({
    listeners: { ws: { host: '127.0.0.1', port: 0 } },
    clock: systemClock,
    certificates: noCertificates,
    ...options,
    store,
    hub,
    log: pino({ level: 'silent' }),
  })
  const { wsUrl = '', wssUrl = '' } = await server.start()
  const passwordHash = await hashPassword(PASSWORD)

  async function register(id: string, change: Partial<StationRegistration> = {}): Promise<void> {
    await store.stations.put(
      {
        id,
        enrolment: 'active',
        registration: 'Accepted',
        securityProfile: 1,
        passwordHash,
        serialNumber: null,
        organisation: null,
        group: null,
        ...change,
      },
      new Date().toISOString(),
    )
  }

  async function station(id: string, connectOptions: ConnectOptions = {}): Promise<TestClient> {
    if ((await store.stations.get(id)) === undefined) await register(id)
    return connect(`${wsUrl}/ocpp/${encodeURIComponent(id)}`, { password: PASSWORD, ...connectOptions })
  }

  return {
    server,
    store,
    hub,
    url: wsUrl,
    wssUrl,
    events,
    register,
    station,
    async booted(id) {
      const client = await station(id)
      await client.call('BootNotification', BOOT)
      return client
    },
    async stop() {
      await server.stop(1000)
      await store.close()
    },
  }
}
