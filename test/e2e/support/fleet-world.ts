/** The service's own parts around one store, stations over real TLS, and the fleet's certificates between them. */

import { randomBytes, randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { FleetTiming } from '../../../src/certificates/fleet/context.ts'
import type { ServerChain } from '../../../src/certificates/fleet/server-chain.ts'
import { FleetService } from '../../../src/certificates/fleet/service.ts'
import {
  type CertificateService,
  createCertificateService,
  createLateBus,
} from '../../../src/certificates/service.ts'
import { openWrappedKeys } from '../../../src/keys/wrapped.ts'
import { createOcppServer, type OcppServer } from '../../../src/ocpp/server.ts'
import type { TlsMaterial } from '../../../src/ocpp/tls.ts'
import { createFleet, type Fleet, type StationOptions } from '../../../src/simulator/index.ts'
import { hashPassword } from '../../../src/stations/credentials.ts'
import type { Campaign } from '../../../src/store/fleet.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

export const ORGANISATION = 'Example CPO'
/** For this name the listener presents the chain before the last rollover. */
export const FORMER_NAME = 'former.localhost'
export const PASSWORD = 'a-password-of-24-letters'

export interface FleetWorld {
  readonly store: Store
  readonly certificates: CertificateService
  readonly fleetService: FleetService
  readonly ocpp: OcppServer
  readonly wssUrl: string
  /** Where the chain before the last rollover is presented. */
  readonly formerUrl: string
  /** PEM of the root that the server's chain ends in at the start. */
  readonly rootPem: string
  /** Registers stations and makes a simulated fleet of them; started by the caller. */
  stations(options: readonly (Partial<StationOptions> & { readonly id: string })[]): Promise<Fleet>
  campaign(id: string): Promise<Campaign>
  close(): Promise<void>
}

const FAST: FleetTiming = {
  sweepMs: 50,
  callDeadlineMs: 2_000,
  retryMs: 100,
  maxAttempts: 6,
  triggerWaitMs: 5_000,
  nudgeMs: 1_500,
  reconnectMs: 20_000,
  renewalMs: 1_000_000,
}

export async function startFleetWorld(
  options: { readonly timing?: Partial<FleetTiming>; readonly acceptFirst?: boolean } = {},
): Promise<FleetWorld> {
  const store = createSqliteStore(':memory:')
  const log = pino({ level: process.env.FLEET_LOG ?? 'silent' })
  const hub = createEventHub((error) => {
    throw error
  })
  const clock = { now: () => Date.now() }
  const keys = await openWrappedKeys(store.keyBlobs, 'correct horse battery', {
    cost: 2 ** 14,
    blockSize: 8,
    parallelization: 1,
  })
  const base = { store, hub, clock, log, random: (bytes: number) => randomBytes(bytes), newId: randomUUID }
  const certificates = await createCertificateService({
    ...base,
    keys,
    organisation: ORGANISATION,
    sweepMs: 100,
  })
  const late = createLateBus()
  const fleetService = new FleetService({
    ...base,
    bus: late.bus,
    certificates,
    hashPassword,
    acceptFirst: options.acceptFirst ?? false,
    timing: { ...FAST, ...options.timing },
  })
  await fleetService.open()
  const identityOf = async (chain: ServerChain | undefined) => {
    const names = ['localhost', FORMER_NAME]
    const identity = await certificates.serverIdentity(names, [Uint8Array.of(127, 0, 0, 1)], chain)
    return { certificateChainPem: identity.chainPem, privateKeyPem: identity.keyPem }
  }
  const readTls = async (): Promise<TlsMaterial> => {
    return {
      identities: [await identityOf(await fleetService.chains.current())],
      former: { names: [FORMER_NAME], identities: [await identityOf(await fleetService.chains.former())] },
      clientAuthoritiesPem: certificates.authorities
        .generations('station-ca')
        .map(({ certificate }) => certificate.toPem()),
    }
  }
  const ocpp = createOcppServer({
    listeners: {
      wss: { host: '127.0.0.1', port: 0, tls: await readTls(), former: { host: '127.0.0.1', port: 0 } },
    },
    ...base,
    certificates: fleetService.guard(certificates),
  })
  late.set(ocpp.bus)
  fleetService.chains.onChange(async () => ocpp.reloadTls(await readTls()))
  certificates.start(ocpp.bus)
  fleetService.start()
  const { wssUrl = '', formerUrl = '' } = await ocpp.start()
  const rootPem = certificates.authorities.current('csms-root')?.certificate.toPem() ?? ''
  const fleets: Fleet[] = []
  const passwordHash = await hashPassword(PASSWORD)

  return {
    store,
    certificates,
    fleetService,
    ocpp,
    wssUrl,
    formerUrl,
    rootPem,
    async stations(wanted) {
      for (const { id, endpoint } of wanted)
        await store.stations.put(
          {
            id,
            enrolment: 'active',
            registration: 'Accepted',
            securityProfile: endpoint?.securityProfile ?? 2,
            passwordHash,
            serialNumber: null,
            organisation: null,
            group: null,
          },
          new Date().toISOString(),
        )
      const fleet = createFleet({
        seed: 7,
        connectsPerS: 200,
        stations: wanted.map((one) => ({
          endpoint: { url: wssUrl, securityProfile: 2, password: PASSWORD, trustedPems: [rootPem] },
          organization: ORGANISATION,
          backOff: { minimumMs: 100, randomRangeMs: 100, repeatTimes: 2 },
          bootDurationMs: 200,
          ...one,
        })),
      })
      fleets.push(fleet)
      return fleet
    },
    async campaign(id) {
      const found = await store.fleet.campaign(id)
      if (found === undefined) throw new Error(`There is no campaign ${id}`)
      return found
    },
    async close() {
      for (const fleet of fleets) await fleet.stop()
      await fleetService.stop()
      await certificates.stop()
      await ocpp.stop(1000)
      await store.close()
    },
  }
}

/** Waits for a condition, and says what it waited for where it never holds. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  timeoutMs = 20_000,
): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
