/** Everything about certificates, put together. */

import { randomBytes, randomUUID } from 'node:crypto'
import type { Foundation } from './app-foundation.ts'
import { createContractService } from './certificates/contracts/service.ts'
import { FirmwareFiles } from './certificates/fleet/firmware-file.ts'
import { DEFAULT_RENEWAL_LIMITS } from './certificates/fleet/renewals.ts'
import { FleetService } from './certificates/fleet/service.ts'
import { AllowList } from './certificates/foreign/allow-list.ts'
import { ForeignRevocation } from './certificates/foreign/foreign-revocation.ts'
import { createTrustedIssuers } from './certificates/foreign/trusted-issuers.ts'
import { createCertificateService, createLateBus } from './certificates/service.ts'
import { createContractProviders } from './contract-providers.ts'
import { createExternalAuthority } from './external-authority.ts'
import { startPkiListeners } from './pki-listeners.ts'
import { hashPassword } from './stations/credentials.ts'
import { createTlsSource } from './tls-source.ts'

/** How often answers about certificates of others are looked at for those near their end. */
const FOREIGN_REFRESH_MS = 60_000
const ORDER_SWEEP_MS = 5_000

/** Certificates of stations and cars, and the listeners for whoever has to check one. */
export async function establishTrust(foundation: Foundation) {
  const certificates = await openCertificates(foundation)
  const revocation = watchForeignCertificates(foundation)
  const contracts = await openContracts(foundation, certificates, revocation.foreign)
  const lateBus = createLateBus()
  const fleet = await openFleet(foundation, certificates, revocation.foreign, lateBus)
  const { config, store, clock, log, onStop } = foundation
  const tlsSource = createTlsSource(config, certificates, fleet.chains)
  const pki = await startPkiListeners({
    config,
    certificates,
    store,
    clock,
    log,
    readTls: () => tlsSource.read(),
  })
  onStop(() => pki.close())
  return { certificates, contracts, fleet, lateBus, tlsSource, pki, ...revocation }
}

export type Trust = Awaited<ReturnType<typeof establishTrust>>

async function openCertificates({ config, store, keys, hub, clock, log }: Foundation) {
  const { publicUrl } = config.pkiHttp
  return createCertificateService({
    store,
    keys,
    hub,
    clock,
    log,
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    organisation: config.pki.organisation,
    publicUrl: publicUrl ?? undefined,
    offlineLines: config.pki.offlineAuthorities,
    fourEyes: config.pki.fourEyes,
    v2gAuthority: await createExternalAuthority(config.pki.external, clock),
    sweepMs: ORDER_SWEEP_MS,
  })
}

type Certificates = Awaited<ReturnType<typeof openCertificates>>

function watchForeignCertificates({ config, store, clock, onStop }: Foundation) {
  const foreign = new ForeignRevocation({
    clock,
    hosts: config.pki.foreignOcsp.allowHosts,
    privateHosts: config.pki.foreignOcsp.allowPrivateHosts,
  })
  const trustedIssuers = createTrustedIssuers(store, clock)
  const refreshing = setInterval(() => void foreign.refresh(), FOREIGN_REFRESH_MS)
  onStop(async () => clearInterval(refreshing))
  return { foreign, trustedIssuers }
}

async function openContracts(
  { config, store, keys, clock, log }: Foundation,
  certificates: Certificates,
  foreign: ForeignRevocation,
) {
  const { provider: _, routes: __, ...contractPolicy } = config.contracts
  return createContractService({
    external: foreign,
    ...(await createContractProviders(config.contracts, clock)),
    policy: contractPolicy,
    store,
    keys,
    clock,
    log,
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    organisation: config.pki.organisation,
    authorities: certificates.authorities,
    issuance: certificates.issuance,
    revoke: (fingerprint, reason) => certificates.revoke(fingerprint, reason),
    release: (fingerprint) => certificates.release(fingerprint),
  })
}

async function openFleet(
  { config, store, hub, clock, log }: Foundation,
  certificates: Certificates,
  foreign: ForeignRevocation,
  lateBus: ReturnType<typeof createLateBus>,
) {
  const fleet = new FleetService({
    store,
    bus: lateBus.bus,
    hub,
    clock,
    log,
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    certificates,
    foreign,
    firmwareFiles: new FirmwareFiles(
      new AllowList({
        hosts: config.fleet.firmwareHosts,
        privateHosts: config.pki.foreignOcsp.allowPrivateHosts,
      }),
    ),
    hashPassword,
    renewal: { ...DEFAULT_RENEWAL_LIMITS, perHour: config.fleet.renewalsPerHour },
    acceptFirst: config.fleet.acceptSigningFirst,
    timing: {
      nudgeMs: config.fleet.nudgeS * 1000,
      triggerWaitMs: config.fleet.triggerS * 1000,
      reconnectMs: config.fleet.reconnectS * 1000,
      retryMs: config.fleet.retryS * 1000,
      callDeadlineMs: config.fleet.callDeadlineS * 1000,
    },
  })
  await fleet.open()
  return fleet
}
