/** From a limit cut to the last lowered profile, at 1,000 EVSEs on one site: the service and the stations are real, in two processes. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  DEFAULT_DEVICE,
  DEFAULT_SETTINGS,
  decide,
  type EvseState,
  type LimitBelief,
  type Memory,
  NO_BELIEF,
  openSite,
  type SiteSpec,
} from '../../profiles/index.ts'
import { createFleet, createVehicle, type Fleet } from '../../src/simulator/index.ts'
import { freePort } from '../e2e/support/port.ts'
import { type RunningService, spawnService } from '../e2e/support/service.ts'
import type { Print } from './measure.ts'

const EVSES = 1_000
const CIRCUIT_OF = 50
const CUTS = 3
const PASSWORD = 'a-password-of-the-station'
const TOKEN = { idToken: '04A1B2C3', type: 'ISO14443' } as const
const QUIET_MS = 3_000
const ROTATIONS = [
  [1, 2, 3],
  [2, 3, 1],
  [3, 1, 2],
] as const

export async function run(print: Print): Promise<void> {
  decisionTimes(print)
  await reaction(print)
}

const stationId = (index: number): string => `CS-${String(index + 1).padStart(4, '0')}`

function siteSpec(): Omit<SiteSpec, 'id'> {
  const circuits = Array.from({ length: EVSES / CIRCUIT_OF }, (_, circuit) => ({
    kind: 'circuit' as const,
    id: `circuit-${circuit + 1}`,
    limitA: CIRCUIT_OF * 16,
    children: Array.from({ length: CIRCUIT_OF }, (_, index) => {
      const at = circuit * CIRCUIT_OF + index
      return {
        kind: 'station' as const,
        id: stationId(at),
        evses: [
          {
            evseId: 1,
            supply: { kind: 'ac' as const, rotation: [...(ROTATIONS[at % 3] ?? [1, 2, 3])], maxA: 32 },
          },
        ],
      }
    }),
  }))
  return { voltageV: 230, root: { kind: 'circuit', id: 'grid', limitA: EVSES * 14, children: circuits } }
}

/** `decide` alone, with every EVSE charging and the limit changing each time. */
function decisionTimes(print: Print): void {
  const opened = openSite({ ...siteSpec(), id: 'depot' })
  if (!opened.ok) throw new Error(JSON.stringify(opened.problems[0]))
  const { site } = opened
  const startMs = Date.parse('2026-03-01T08:00:00Z')
  const belief = (limitA: number, expiresAtMs: number | null, transactionId?: string): LimitBelief => ({
    profileId: 1,
    limitA,
    expiresAtMs,
    sentAtMs: startMs,
    unit: 'A',
    ...(transactionId === undefined ? {} : { transactionId }),
  })
  const stations = site.nodes
    .filter(({ kind }) => kind === 'station')
    .map(({ id }) => ({
      stationId: id,
      link: 'connected' as const,
      device: DEFAULT_DEVICE,
      stationMax: NO_BELIEF,
    }))
  const times: number[] = []
  let memory: Memory | undefined
  for (let round = 0; round < 220; round++) {
    const nowMs = startMs + round * 1000
    const evses = site.evses.map(
      (evse): EvseState => ({
        key: evse.key,
        link: 'connected',
        session: {
          transactionId: `tx-${evse.index}`,
          startedAtMs: startMs - 60_000,
          chargingState: 'Charging',
        },
        measured: { currentA: [13 + (evse.index % 5) * 0.2, 13, 13], atMs: nowMs - 500 },
        slots: {
          lease: { ...NO_BELIEF, acked: belief(14, nowMs + 200_000, `tx-${evse.index}`) },
          safe: { ...NO_BELIEF, acked: belief(6, null) },
          hold: NO_BELIEF,
        },
        device: DEFAULT_DEVICE,
      }),
    )
    const limits = [
      {
        sourceId: 'cut',
        origin: 'operator' as const,
        target: 'grid',
        unit: 'A' as const,
        envelope: [{ fromMs: 0, value: EVSES * (round % 2 === 0 ? 14 : 9) }],
      },
    ]
    const begun = performance.now()
    const decision = decide({
      nowMs,
      site,
      limits,
      baseLoads: [],
      evses,
      stations,
      policy: 'fair',
      settings: DEFAULT_SETTINGS,
      ...(memory === undefined ? {} : { memory }),
    })
    if (round >= 20) times.push(performance.now() - begun)
    memory = decision.memory
  }
  times.sort((a, b) => a - b)
  print(`decision at ${EVSES} EVSEs: p50 ${at(times, 0.5)} ms, p99 ${at(times, 0.99)} ms`)
}

function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1)
}

async function reaction(print: Print): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-reaction-'))
  // Stations come back to the address they know.
  const flags = { 'ocpp.ws.port': String(await freePort()) }
  let service = await spawnService(dataDir, flags)
  const { adminKey } = service
  const fleet = createFleet({
    connectsPerS: 100,
    stations: Array.from({ length: EVSES }, (_, index) => ({
      id: stationId(index),
      endpoint: { url: service.wsUrl, securityProfile: 1, password: PASSWORD },
      variables: { 'SampledDataCtrlr.TxUpdatedInterval': '30' },
      checkPayloads: false,
      stepMs: 2_000,
      driverDelayMs: 200,
    })),
  })
  try {
    await prepare(service, fleet, print)
    await measureCut(service, fleet, { name: 'cut while the cars begin', print })
    await quiet(fleet)
    for (let cut = 1; cut <= CUTS; cut++) {
      await measureCut(service, fleet, { name: `cut ${cut}`, print })
      await quiet(fleet)
    }
    await service.kill('SIGKILL')
    service = { ...(await spawnService(dataDir, flags)), adminKey }
    await until(() => fleet.online() === EVSES, 180_000)
    await measureCut(service, fleet, { name: 'cut as soon as all are back after a restart', print })
  } finally {
    await fleet.stop()
    await service.kill('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function prepare(service: RunningService, fleet: Fleet, print: Print): Promise<void> {
  await api(service, 'PUT', `/id-tokens/${TOKEN.type}/${TOKEN.idToken}`, { status: 'Accepted' })
  for (let from = 0; from < EVSES; from += 20) {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api(service, 'PUT', `/stations/${stationId(from + index)}`, {
          securityProfile: 1,
          password: PASSWORD,
        }),
      ),
    )
  }
  await api(service, 'PUT', '/sites/depot', siteSpec())
  fleet.start()
  await until(() => fleet.online() === EVSES, 180_000)
  for (const station of fleet.stations)
    station.plugIn(1, createVehicle({ phases: 3, maxCurrentA: 32, soc: 0.2, token: TOKEN }))
  await until(() => fleet.counters().transactions >= EVSES, 120_000)
  print(`${EVSES} stations charge on one site`)
}

/** Down to 9 A each from up to 14 A: until what all stations hold together is within it. */
async function measureCut(
  service: RunningService,
  fleet: Fleet,
  { name, print }: { name: string; print: Print },
): Promise<void> {
  const cutA = EVSES * 9
  const beforeA = heldA(fleet)
  const begun = performance.now()
  await api(service, 'PUT', '/sites/depot/limits/cut', { nodeId: 'grid', value: cutA, unit: 'A' })
  const answeredMs = performance.now() - begun
  await until(() => heldA(fleet) <= cutA, 60_000)
  const heldMs = performance.now() - begun
  print(
    `${name}: API answered after ${answeredMs.toFixed(0)} ms; stations held ${beforeA.toFixed(0)} A, and no more than ${cutA} A after ${heldMs.toFixed(0)} ms`,
  )
  await api(service, 'DELETE', '/sites/depot/limits/cut')
}

/** Amperes that all stations together may give, by the profiles that they hold. */
function heldA(fleet: Fleet): number {
  const nowMs = Date.now()
  return fleet.stations.reduce((sum, station) => {
    const own = station.profiles.filter(({ evseId }) => evseId === 1).map(({ profile }) => profile)
    const lease = own.find(({ chargingProfilePurpose }) => chargingProfilePurpose === 'TxProfile')
    const defaults = own.filter(({ chargingProfilePurpose }) => chargingProfilePurpose === 'TxDefaultProfile')
    const [highest] = defaults.sort((one, other) => other.stackLevel - one.stackLevel)
    return sum + limitA(lease ?? highest, nowMs)
  }, 0)
}

type Held = Fleet['stations'][number]['profiles'][number]['profile']

function limitA(profile: Held | undefined, nowMs: number): number {
  const schedule = profile?.chargingSchedule[0]
  if (!schedule) return 32
  const sinceS = (nowMs - Date.parse(schedule.startSchedule ?? '')) / 1000
  const periods = schedule.chargingSchedulePeriod
  const limit = (periods.findLast(({ startPeriod }) => startPeriod <= sinceS) ?? periods[0])?.limit ?? 32
  return schedule.chargingRateUnit === 'A' ? limit : limit / (3 * 230)
}

/** Until no station has been told anything for a while. */
async function quiet(fleet: Fleet): Promise<void> {
  let lastMs = performance.now()
  const stop = fleet.on('received', (_, { action }) => {
    if (action === 'SetChargingProfile') lastMs = performance.now()
  })
  await until(() => performance.now() - lastMs > QUIET_MS, 120_000)
  stop()
}

async function until(condition: () => boolean, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Still not so after ${timeoutMs} ms: ${condition}`)
    await sleep(20)
  }
}

async function api(service: RunningService, method: string, path: string, body?: object): Promise<void> {
  const response = await fetch(`${service.apiUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${service.adminKey}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  await response.arrayBuffer()
}
