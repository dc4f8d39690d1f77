/** A site under test: the real service as a process of its own, simulated stations, and the physics that judge both. */

import { createServer } from 'node:net'
import {
  createFleet,
  createVehicle,
  type Fleet,
  type PhaseRotation,
  type Random,
  type SiteModel,
  type Station,
  typicalVehicle,
  type VehicleOptions,
} from '../../src/simulator/index.ts'
import { type RunningService, spawnService } from '../e2e/support/service.ts'

const PASSWORD = 'a-password-of-the-station'
const TOKEN = { idToken: '04A1B2C3', type: 'ISO14443' } as const
const ROTATIONS = [
  ['RST', [1, 2, 3]],
  ['STR', [2, 3, 1]],
  ['TRS', [3, 1, 2]],
] as const

const ac = {
  simulated: { kind: 'AC' as const, phases: 3 as const, maxCurrentA: 32 },
  supply: (rotation: readonly number[]): object => ({ kind: 'ac', rotation, maxA: 32 }),
}
/** The simulated charger loses nothing; what it is configured to lose must not matter. */
const dc = {
  simulated: { kind: 'DC' as const, maxDcPowerW: 22_000 },
  supply: (): object => ({ kind: 'dc', maxW: 22_000, minW: 2_000, efficiency: 0.95 }),
}
const KINDS = { socket: { evses: [ac] }, pair: { evses: [ac, ac] }, dc: { evses: [dc] } } as const
const MIX = ['socket', 'dc', 'pair'] as const

export const SITE_ID = 'depot'
export const GRID_LIMIT_A = 80
export const CIRCUIT_LIMIT_A = 50
/** What each meter shows besides the EVSEs, and what to assume while it is silent. */
export const STALE_A = 20

/** What kinds of stations there are; the default is single sockets on three phases alone. */
export type Mix = 'sockets' | 'mixed'

export interface WorldOptions {
  readonly dataDir: string
  readonly stations: number
  readonly seed: number
  readonly mix?: Mix
  /** Settings of the service, as for `--set`. */
  readonly settings?: Readonly<Record<string, string>>
}

export class World {
  readonly fleet: Fleet
  readonly site: SiteModel
  readonly #options: WorldOptions
  readonly #flags: Readonly<Record<string, string>>
  #service: RunningService
  #key: string
  #meters: NodeJS.Timeout | undefined
  readonly #silentMeters = new Set<string>()

  static async start(options: WorldOptions): Promise<World> {
    // Stations come back to the address they know: it must be the same after a restart.
    const flags = { ...options.settings, 'ocpp.ws.port': String(await freePort()) }
    return new World(options, flags, await spawnService(options.dataDir, flags))
  }

  private constructor(
    options: WorldOptions,
    flags: Readonly<Record<string, string>>,
    service: RunningService,
  ) {
    this.#options = options
    this.#flags = flags
    this.#service = service
    this.#key = service.adminKey ?? ''
    this.fleet = createFleet({
      seed: options.seed,
      connectsPerS: 20,
      stations: this.#places().map(({ id, kind }) => ({
        id,
        evses: KINDS[kind].evses.map(({ simulated }) => simulated),
        endpoint: { url: service.wsUrl, securityProfile: 1, password: PASSWORD },
        variables: { 'SampledDataCtrlr.TxUpdatedInterval': '1' },
        backOff: { minimumMs: 500, randomRangeMs: 500, repeatTimes: 1 },
        bootDurationMs: 1500,
        driverDelayMs: 300,
        stepMs: 250,
      })),
      site: {
        nodes: [
          { id: 'grid', limitA: GRID_LIMIT_A },
          { id: 'garage', parent: 'grid', limitA: CIRCUIT_LIMIT_A },
          { id: 'yard', parent: 'grid', limitA: CIRCUIT_LIMIT_A },
        ],
        feeders: this.#places().flatMap(({ id, circuit, rotation, kind }) =>
          KINDS[kind].evses.map((_, index) => ({
            stationId: id,
            evseId: index + 1,
            node: circuit,
            rotation: rotation[0] satisfies PhaseRotation,
          })),
        ),
      },
    })
    if (!this.fleet.site) throw new Error('The fleet was given a site')
    this.site = this.fleet.site
  }

  /** Registers everything over the API, and connects the stations. */
  async open(): Promise<void> {
    await this.api('PUT', `/id-tokens/${TOKEN.type}/${TOKEN.idToken}`, { status: 'Accepted' })
    for (const { id } of this.#places())
      await this.api('PUT', `/stations/${id}`, { securityProfile: 1, password: PASSWORD })
    await this.api('PUT', `/sites/${SITE_ID}`, this.#config())
    this.fleet.start()
    this.#meters = setInterval(() => this.#readMeters(), 1000)
    await until(() => this.fleet.online() === this.fleet.stations.length, 20_000)
  }

  async stop(): Promise<void> {
    clearInterval(this.#meters)
    await this.fleet.stop()
    if (this.#service.process.exitCode === null) await this.#service.kill('SIGKILL')
  }

  plug(station: Station, random: Random, vehicle: VehicleOptions = {}): void {
    for (const { id } of station.evses) {
      if (station.evse(id).vehicle) continue
      const car = { ...typicalVehicle(random), soc: 0.1, targetSoc: 1, batteryWh: 90_000, ...vehicle }
      station.plugIn(id, createVehicle({ ...car, token: TOKEN }))
    }
  }

  silenceMeter(nodeId: string, silent: boolean): void {
    if (silent) this.#silentMeters.add(nodeId)
    else this.#silentMeters.delete(nodeId)
  }

  async killService(): Promise<void> {
    await this.#service.kill('SIGKILL')
  }

  async restartService(): Promise<void> {
    this.#service = await spawnService(this.#options.dataDir, this.#flags)
  }

  async setLimit(nodeId: string, value: number): Promise<void> {
    await this.api('PUT', `/sites/${SITE_ID}/limits/cut`, { nodeId, value, unit: 'A' })
  }

  async metrics(): Promise<string> {
    return (await fetch(new URL('/metrics', this.#service.apiUrl))).text()
  }

  async clearLimit(): Promise<void> {
    await this.api('DELETE', `/sites/${SITE_ID}/limits/cut`)
  }

  async api(method: string, path: string, body?: object): Promise<unknown> {
    const text = await this.text(path, method, body)
    return text === '' ? undefined : JSON.parse(text)
  }

  async text(path: string, method = 'GET', body?: object): Promise<string> {
    const response = await fetch(`${this.#service.apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text
  }

  #readMeters(): void {
    for (const nodeId of ['grid', 'garage', 'yard']) {
      if (this.#silentMeters.has(nodeId)) continue
      const currentA = this.site.currentA(nodeId)
      // While the service is dead its meter has nobody to talk to.
      this.api('PUT', `/sites/${SITE_ID}/meters/${nodeId}`, { currentA }).catch(() => undefined)
    }
  }

  #places() {
    return Array.from({ length: this.#options.stations }, (_, index) => ({
      id: `CS-${String(index + 1).padStart(2, '0')}`,
      circuit: index % 2 === 0 ? 'garage' : 'yard',
      rotation: ROTATIONS[index % 3] ?? ROTATIONS[0],
      kind: this.#options.mix === 'mixed' ? (MIX[index % MIX.length] ?? 'socket') : ('socket' as const),
    }))
  }

  #config() {
    const circuit = (id: string) => ({
      kind: 'circuit',
      id,
      limitA: CIRCUIT_LIMIT_A,
      children: this.#places()
        .filter((place) => place.circuit === id)
        .map((place) => ({
          kind: 'station',
          id: place.id,
          evses: KINDS[place.kind].evses.map(({ supply }, index) => ({
            evseId: index + 1,
            supply: supply(place.rotation[1]),
          })),
        })),
    })
    const meter = (nodeId: string) => ({
      nodeId,
      maxAgeS: 3,
      staleA: STALE_A,
      marginA: 1,
      includesEvses: true,
    })
    return {
      voltageV: 230,
      root: {
        kind: 'circuit',
        id: 'grid',
        limitA: GRID_LIMIT_A,
        children: [circuit('garage'), circuit('yard')],
      },
      meters: [meter('grid'), { ...meter('garage'), staleA: 0 }, { ...meter('yard'), staleA: 0 }],
    }
  }
}

/** Waits for a condition of the simulated world. */
export async function until(condition: () => boolean, timeoutMs: number): Promise<void> {
  const endMs = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`Still not so after ${timeoutMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No port is free')
  return address.port
}
