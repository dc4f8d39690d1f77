/**
 * The CPU that one station costs the CSMS in each kind of campaign step: a root rollover from install to cleanup, and
 * a leaf with its CSR check, signature, delivery and revocation. Stations answer at once and cost nothing here.
 * `npm run bench -- fleet-steps`.
 */

import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { pino } from 'pino'
import { Certificate, certificateHashData } from '../../pki/index.ts'
import { createEventHub } from '../../src/bus/hub.ts'
import type { StationBus } from '../../src/bus/ports.ts'
import { FleetService } from '../../src/certificates/fleet/service.ts'
import { type CertificateService, createCertificateService } from '../../src/certificates/service.ts'
import { openWrappedKeys } from '../../src/keys/wrapped.ts'
import { writeCsr } from '../../src/simulator/index.ts'
import type { Store } from '../../src/store/ports.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'

const STATIONS = 500
const TARGET_MS = 5
const LIMITS = {
  waves: [],
  perSite: 1e5,
  perHour: 1e6,
  atOnce: 200,
  maxFailures: 1,
  soakS: 0,
  offlineGraceS: 60,
}

/** Holds roots, sends a CSR that was made beforehand when it is triggered, shows what it got at its next connection. */
class AnsweringStations {
  readonly roots = new Map<string, Certificate[]>()
  readonly csrs = new Map<string, string>()
  readonly leaves = new Map<string, Certificate>()
  readonly #asked: string[] = []

  readonly bus: StationBus = {
    call: async (id, action, payload) =>
      ({ kind: 'answered', payload: this.#answer(id, action, payload) }) as never,
    isOnline: () => true,
    onlineStations: () => [],
    disconnect: () => undefined,
  }

  /** Stations whose trigger has to be followed by a SignCertificate. */
  takeAsked(): string[] {
    return this.#asked.splice(0)
  }

  #answer(id: string, action: string, payload: object): object {
    const held = this.roots.get(id) ?? []
    const field = (name: string): string => String(Reflect.get(payload, name))
    if (action === 'InstallCertificate') held.push(Certificate.parse(field('certificate')))
    if (action === 'DeleteCertificate') held.shift()
    if (action === 'TriggerMessage') this.#asked.push(id)
    if (action === 'CertificateSigned') {
      const [leaf] = Certificate.parseChain(field('certificateChain'))
      if (leaf !== undefined) this.leaves.set(id, leaf)
    }
    if (action !== 'GetInstalledCertificateIds') return { status: 'Accepted' }
    const certificateHashDataChain = held.map((root) => ({
      certificateType: 'CSMSRootCertificate',
      certificateHashData: certificateHashData(root, root),
    }))
    return { status: 'Accepted', certificateHashDataChain }
  }
}

interface World {
  readonly store: Store
  readonly certificates: CertificateService
  readonly fleet: FleetService
  readonly stations: AnsweringStations
}

export async function run(print: (line: string) => void): Promise<void> {
  const world = await build()
  const rollover = await measure(world, 'csms-root', 'csms-root-rollover')
  print(
    `root rollover, install to cleanup: ${rollover.toFixed(2)} ms CPU per station (target < ${TARGET_MS})`,
  )
  const leaf = await measure(world, 'station-ca', 'station-leaf')
  print(
    `station certificate, trigger to revocation of the old one: ${leaf.toFixed(2)} ms CPU per station (target < ${TARGET_MS})`,
  )
  await world.fleet.stop()
  await world.certificates.stop()
  await world.store.close()
}

async function build(): Promise<World> {
  const store = createSqliteStore(':memory:')
  const cheap = { cost: 2 ** 14, blockSize: 8, parallelization: 1 }
  const keys = await openWrappedKeys(store.keyBlobs, 'correct horse battery', cheap)
  const base = {
    store,
    hub: createEventHub(() => undefined),
    clock: { now: () => Date.now() },
    log: pino({ level: 'silent' }),
    random: (bytes: number) => randomBytes(bytes),
    newId: randomUUID,
  }
  const stations = new AnsweringStations()
  const quiet = { organisation: 'Bench', sweepMs: 1e6, upkeepMs: 1e6 }
  const certificates = await createCertificateService({ ...base, keys, ...quiet })
  certificates.start(stations.bus)
  const fleet = new FleetService({ ...base, bus: stations.bus, certificates, hashPassword: async () => '' })
  await fleet.open()
  const root = certificates.authorities.current('csms-root')?.certificate
  if (root === undefined) throw new Error('There is no CSMS root')
  for (let index = 0; index < STATIONS; index++) {
    const id = `B-${String(index).padStart(6, '0')}`
    await store.stations.put(
      {
        id,
        enrolment: 'active',
        registration: 'Accepted',
        securityProfile: 3,
        passwordHash: null,
        serialNumber: null,
        organisation: null,
        group: null,
      },
      new Date().toISOString(),
    )
    stations.roots.set(id, [root])
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    stations.csrs.set(id, writeCsr({ commonName: id, organization: 'Bench' }, privateKey))
  }
  return { store, certificates, fleet, stations }
}

async function measure(
  { store, certificates, fleet, stations }: World,
  line: string,
  kind: 'csms-root-rollover' | 'station-leaf',
): Promise<number> {
  await certificates.operations.submit({ kind: 'new-generation', line }, 'bench')
  const guard = fleet.guard(certificates)
  const plan = { kind, name: kind, targets: { all: true }, limits: LIMITS }
  const { id } = await fleet.campaigns.create(plan, 'bench')
  await fleet.campaigns.act(id, 'start', 'bench')
  const cpu = process.cpuUsage()
  const endMs = Date.now() + 120_000
  while ((await store.fleet.campaign(id))?.state === 'running' && Date.now() < endMs) {
    await setTimeout(100)
    await fleet.campaigns.advance()
    await fleet.campaigns.settled()
    await Promise.all(
      stations.takeAsked().map(async (stationId) => {
        const station = await store.stations.get(stationId)
        const csr = stations.csrs.get(stationId)
        if (station === undefined || csr === undefined) return
        await guard.requestSigning(station, { csr, certificateType: 'ChargingStationCertificate' })
      }),
    )
    await certificates.orders.advance()
    // Everybody comes back: the chain that is shown is accepted, and the newest leaf is presented.
    const at = new Date().toISOString()
    await store.fleet.recordLinks(
      [...stations.roots.keys()].map((stationId) => ({ stationId, at, shown: null })),
    )
    await Promise.all(
      [...stations.leaves].map(async ([stationId, leaf]) => {
        const station = await store.stations.get(stationId)
        if (station !== undefined) await guard.verifyStationCertificate(station, [leaf.der])
        stations.leaves.delete(stationId)
      }),
    )
  }
  const { user, system } = process.cpuUsage(cpu)
  const { counts, rest } = await fleet.campaigns.report(id)
  if (counts.done !== STATIONS)
    throw new Error(`${kind}: ${JSON.stringify({ counts, rest: rest.slice(0, 3) })}`)
  return (user + system) / 1000 / STATIONS
}
