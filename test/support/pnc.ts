/** A Plug & Charge world: the certificate and contract services over a store, and cars of one manufacturer. */

import { randomBytes, randomUUID } from 'node:crypto'
import pino from 'pino'
import { type IssuerAddresses, type Protocol, parseEmaid } from '../../pki/index.ts'
import { createEventHub } from '../../src/bus/hub.ts'
import {
  type ContractService,
  type ContractServiceOptions,
  createContractService,
} from '../../src/certificates/contracts/service.ts'
import type { RootPool } from '../../src/certificates/providers/ports.ts'
import {
  type CertificateService,
  type CertificateServiceOptions,
  createCertificateService,
} from '../../src/certificates/service.ts'
import type { KeyStore } from '../../src/keys/ports.ts'
import { openWrappedKeys } from '../../src/keys/wrapped.ts'
import type { EvRequest, PlugAndChargeEv } from '../../src/simulator/ev/index.ts'
import { createPlugAndChargeEv } from '../../src/simulator/ev/index.ts'
import type { ContractRecord } from '../../src/store/contracts.ts'
import type { Store } from '../../src/store/ports.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'
import { type Ca, createRoot, createSub, issue } from '../pki/contract/hierarchy.ts'

export const ORGANISATION = 'Example CPO'
const cheapScrypt = { cost: 2 ** 14, blockSize: 8, parallelization: 1 }

export interface Oem {
  readonly root: Ca
  readonly subs: readonly [Ca, Ca]
  readonly pem: string
}

export interface PncWorld {
  readonly store: Store
  readonly keys: KeyStore
  readonly certificates: CertificateService
  readonly contracts: ContractService
  readonly oem: Readonly<Record<Protocol, Oem>>
  /** Moves the clock ahead of the real one. */
  advance(ms: number): void
  now(): number
  car(pcid: string, protocol?: Protocol, oem?: Oem): PlugAndChargeEv
  /** A contract of our own for this car; fails the test where the pool refuses. */
  contract(
    pcid: string,
    emaid: string,
    terms?: { priority?: number; validUntil?: string },
  ): Promise<ContractRecord>
  provide(request: EvRequest, stationId?: string): Promise<Answer>
  /** The car asks, and opens what it gets. */
  install(ev: PlugAndChargeEv): Promise<void>
  close(): Promise<void>
}

export interface Answer {
  readonly status: 'Accepted' | 'Failed'
  readonly exiResponse: Uint8Array
  readonly reasonCode: string | undefined
}

export function createOem(protocol: Protocol, name = 'OEM', addresses?: IssuerAddresses): Oem {
  const root = createRoot(protocol, 'oem-root', `${name} Root`)
  const sub1 = createSub(root, protocol, 'oem-sub1', `${name} Sub1`)
  const sub2 = createSub(sub1, protocol, 'oem-sub2', `${name} Sub2`, addresses)
  const pem = [root, sub1, sub2].map(({ certificate }) => certificate.toPem()).join('')
  return { root, subs: [sub2, sub1], pem }
}

/** The pools of a provider: one maker's root with something that is none, and the certificate of one car. */
export function createPool(pcid: string): RootPool & { readonly maker: Oem } {
  const maker = createOem('15118-2', 'Pooled')
  const subs = maker.subs.map(({ certificate }) => certificate.der)
  const leaf = issue(maker.subs[0], '15118-2', 'oem-provisioning', pcid).certificate.der
  return {
    maker,
    roots: async (usage) => (usage === 'OEM' ? [maker.root.certificate.der, leaf] : []),
    provisioningCertificate: async (asked) => (asked === pcid ? [leaf, ...subs] : undefined),
  }
}

export function toMessage({ action, iso15118SchemaVersion, exiRequest }: EvRequest) {
  return { action, iso15118SchemaVersion, exiRequest: Buffer.from(exiRequest).toString('base64') }
}

export async function startPnc(
  change: Partial<ContractServiceOptions> &
    Pick<Partial<CertificateServiceOptions>, 'publicUrl'> & { readonly oemTrusted?: boolean } = {},
): Promise<PncWorld> {
  const { publicUrl, oemTrusted = true, ...contractChange } = change
  const store = change.store ?? createSqliteStore(':memory:')
  let aheadMs = 0
  const clock = change.clock ?? { now: () => Date.now() + aheadMs }
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' })
  const keys = change.keys ?? (await openWrappedKeys(store.keyBlobs, 'correct horse battery', cheapScrypt))
  const shared = {
    store,
    keys,
    clock,
    log,
    random: (bytes: number) => randomBytes(bytes),
    newId: randomUUID,
    organisation: ORGANISATION,
  }
  const certificates = await createCertificateService({
    ...shared,
    hub: createEventHub((error) => {
      throw error
    }),
    sweepMs: 1_000_000,
    upkeepMs: 1_000_000,
    ...(publicUrl === undefined ? {} : { publicUrl }),
  })
  const contracts = await createContractService({
    ...shared,
    authorities: certificates.authorities,
    issuance: certificates.issuance,
    revoke: (fingerprint, reason) => certificates.revoke(fingerprint, reason),
    release: (fingerprint) => certificates.release(fingerprint),
    ...contractChange,
  })
  const oem = { '15118-2': createOem('15118-2'), '15118-20': createOem('15118-20', 'OEM20') } as const
  if (oemTrusted) {
    for (const { pem } of Object.values(oem)) {
      const trusted = await contracts.trust('OEM', pem)
      if (!trusted.ok) throw new Error(trusted.message)
    }
  }
  const world: PncWorld = {
    store,
    keys,
    certificates,
    contracts,
    oem,
    advance: (ms) => {
      aheadMs += ms
    },
    now: () => clock.now(),
    car(pcid, protocol = '15118-2', by = oem[protocol]) {
      const [sub2, sub1] = by.subs
      const provisioning = {
        ...issue(sub2, protocol, 'oem-provisioning', pcid),
        subCas: [sub2.certificate, sub1.certificate],
      }
      const [v2gLine, moLine] = protocol === '15118-2' ? ['v2g-root', 'mo-root'] : ['v2g20-root', 'mo20-root']
      const v2gRoots = certificates.authorities.generations(v2gLine).map(({ certificate }) => certificate)
      const moRoots = certificates.authorities.generations(moLine).map(({ certificate }) => certificate)
      return createPlugAndChargeEv(
        { protocol, provisioning, v2gRoots, moRoots },
        { nowMs: () => clock.now(), random: (octets) => randomBytes(octets) },
      )
    },
    async contract(pcid, emaid, terms = {}) {
      if (!parseEmaid(emaid)) throw new Error(`${emaid} is not an eMAID`)
      const created = await contracts.pool.create({ pcid, emaid, ...terms })
      if (!created.ok) throw new Error(created.message)
      return created.contract
    },
    async provide(request, stationId = 'CS-1') {
      const { status, exiResponse, reasonCode } = await contracts.provide(stationId, toMessage(request))
      return { status, exiResponse: Buffer.from(exiResponse, 'base64'), reasonCode }
    },
    async install(ev) {
      const { status, exiResponse, reasonCode } = await world.provide(ev.installationRequest())
      if (status !== 'Accepted') throw new Error(`the service refused: ${reasonCode}`)
      const verdict = ev.receive(exiResponse)
      if (!verdict.ok) throw new Error(`the car refused: ${verdict.check} ${verdict.message}`)
    },
    async close() {
      await contracts.stop()
      await certificates.stop()
      await store.close()
    },
  }
  return world
}
