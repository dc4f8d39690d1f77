/** Preflight of 10,000 stations, and the CPU of one campaign step: `npm run bench -- fleet-preflight`. */

import { randomBytes, randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { certificateHashData } from '../../pki/index.ts'
import { createEventHub } from '../../src/bus/hub.ts'
import type { StationBus } from '../../src/bus/ports.ts'
import { FleetService } from '../../src/certificates/fleet/service.ts'
import { createCertificateService } from '../../src/certificates/service.ts'
import { openWrappedKeys } from '../../src/keys/wrapped.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'

export interface FleetBenchResult {
  readonly stations: number
  readonly preflightMs: number
  readonly stationsDone: number
  readonly cpuMsPerStation: number
}

/** Stations answer at once: what is measured is our side of install and confirm. */
export async function benchFleet(stations: number, stepped: number): Promise<FleetBenchResult> {
  const store = createSqliteStore(':memory:')
  const keys = await openWrappedKeys(store.keyBlobs, 'correct horse battery', {
    cost: 2 ** 14,
    blockSize: 8,
    parallelization: 1,
  })
  const clock = { now: () => Date.now() }
  const hub = createEventHub(() => undefined)
  const base = {
    store,
    hub,
    clock,
    log: pino({ level: 'silent' }),
    random: (bytes: number) => randomBytes(bytes),
    newId: randomUUID,
  }
  const certificates = await createCertificateService({
    ...base,
    keys,
    organisation: 'Bench',
    sweepMs: 1e6,
    upkeepMs: 1e6,
  })
  const root = certificates.authorities.current('v2g-root')?.certificate
  const csms = certificates.authorities.current('csms-root')?.certificate
  if (root === undefined || csms === undefined) throw new Error('There are no roots')
  const holding = new Set<string>()
  const entry = (use: string, of: typeof root) => ({
    certificateType: use,
    certificateHashData: certificateHashData(of, of),
  })
  const [held, wanted] = [entry('CSMSRootCertificate', csms), entry('V2GRootCertificate', root)]
  const bus: StationBus = {
    call: async (id, action) => {
      if (action === 'InstallCertificate') holding.add(id)
      const payload =
        action === 'InstallCertificate'
          ? { status: 'Accepted' }
          : { status: 'Accepted', certificateHashDataChain: holding.has(id) ? [held, wanted] : [held] }
      return { kind: 'answered', payload } as never
    },
    isOnline: () => true,
    onlineStations: () => [],
    disconnect: () => undefined,
  }
  const fleet = new FleetService({ ...base, bus, certificates, hashPassword: async () => '' })
  await fleet.open()
  const at = new Date().toISOString()
  for (let index = 0; index < stations; index++) {
    const id = `B-${String(index).padStart(6, '0')}`
    void store.stations.put(
      {
        id,
        enrolment: 'active',
        registration: 'Accepted',
        securityProfile: 2,
        passwordHash: null,
        serialNumber: null,
        organisation: null,
        group: null,
      },
      at,
    )
    const row = {
      stationId: id,
      use: 'CSMSRootCertificate',
      ...held.certificateHashData,
      parentKey: null,
      reportedAt: at,
    } as const
    await store.fleet.putInventory(id, ['CSMSRootCertificate'], [row], at, true)
  }
  const startedMs = performance.now()
  const order = {
    kind: 'roots',
    name: 'bench',
    parameters: { install: [{ use: 'V2GRootCertificate', fingerprint: root.fingerprint }] },
  } as const
  await fleet.campaigns.create({ ...order, targets: { all: true } }, 'bench')
  const preflightMs = performance.now() - startedMs

  const limits = {
    waves: [],
    perSite: 1e5,
    perHour: 1e6,
    atOnce: 200,
    maxFailures: 1,
    soakS: 0,
    offlineGraceS: 60,
  }
  const some = Array.from({ length: stepped }, (_, index) => `B-${String(index).padStart(6, '0')}`)
  const { id } = await fleet.campaigns.create({ ...order, targets: { stations: some }, limits }, 'bench')
  await fleet.campaigns.act(id, 'start', 'bench')
  const cpu = process.cpuUsage()
  for (let round = 0; round < 200; round++) {
    await fleet.campaigns.advance()
    await fleet.campaigns.settled()
    if ((await store.fleet.campaign(id))?.state === 'finished') break
  }
  const used = process.cpuUsage(cpu)
  const { counts } = await fleet.campaigns.report(id)
  await fleet.stop()
  await certificates.stop()
  await store.close()
  const stationsDone = counts.done ?? 0
  return {
    stations,
    preflightMs: Math.round(preflightMs),
    stationsDone,
    cpuMsPerStation: (used.user + used.system) / 1000 / stationsDone,
  }
}

export async function run(print: (line: string) => void): Promise<void> {
  const { stations, preflightMs, stationsDone, cpuMsPerStation } = await benchFleet(10_000, 1_000)
  print(`preflight of ${stations} stations: ${preflightMs} ms (target < 10,000)`)
  print(
    `install one root and confirm it: ${cpuMsPerStation.toFixed(2)} ms CPU per station of ${stationsDone} (target < 5)`,
  )
}
