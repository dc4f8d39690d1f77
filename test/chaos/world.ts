/** A site under test: the real service as a process of its own, simulated stations, and the physics that judge both. */

import {
  createFleet,
  createVehicle,
  type Fleet,
  type PhaseCurrents,
  type Random,
  type SiteModel,
  type Station,
  type VehicleOptions,
} from '../../src/simulator/index.ts'
import { freePort } from '../e2e/support/port.ts'
import { type RunningService, spawnService } from '../e2e/support/service.ts'
import { carsAt } from './ideal.ts'
import { physicsOf } from './physics.ts'
import type { SitePlan } from './sites.ts'

const PASSWORD = 'a-password-of-the-station'
const TOKEN = { idToken: '04A1B2C3', type: 'ISO14443' } as const

export const SITE_ID = 'depot'

/** Short enough that leases, readings and visits come and go many times while there is trouble. */
export const CHAOS_SETTINGS = {
  'energy.leaseS': '60',
  'energy.meterStaleS': '20',
  'energy.readBackS': '20',
} as const

export interface WorldOptions {
  readonly dataDir: string
  readonly plan: SitePlan
  readonly seed: number
  /** Settings of the service, as for `--set`. */
  readonly settings?: Readonly<Record<string, string>>
}

export class World {
  readonly fleet: Fleet
  readonly site: SiteModel
  readonly plan: SitePlan
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
    this.plan = options.plan
    this.fleet = createFleet({
      seed: options.seed,
      connectsPerS: 20,
      stations: this.plan.stations.map((station) => ({
        ...station,
        endpoint: { url: service.wsUrl, securityProfile: 1, password: PASSWORD },
        variables: { 'SampledDataCtrlr.TxUpdatedInterval': '1' },
        backOff: { minimumMs: 500, randomRangeMs: 500, repeatTimes: 1 },
        bootDurationMs: 1500,
        driverDelayMs: 300,
        stepMs: 250,
      })),
      site: physicsOf(this.plan.spec),
    })
    if (!this.fleet.site) throw new Error('The fleet was given a site')
    this.site = this.fleet.site
    this.building(this.plan.buildingA, this.plan.solarA)
  }

  /** Registers everything over the API, and connects the stations. */
  async open(): Promise<void> {
    await this.api('PUT', `/id-tokens/${TOKEN.type}/${TOKEN.idToken}`, { status: 'Accepted' })
    for (const { id } of this.plan.stations)
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
      station.plugIn(id, createVehicle({ ...this.plan.car(random), ...vehicle, token: TOKEN }))
    }
  }

  /** What the grid connection carries besides the EVSEs: a building, less its solar power. */
  building(buildingA: PhaseCurrents, solarA: number): void {
    const [one, two, three] = buildingA
    this.site.setBaseLoad('grid', [one - solarA, two - solarA, three - solarA])
  }

  get meters(): readonly [string, ...string[]] {
    const [first, ...rest] = this.plan.meters.map(({ nodeId }) => nodeId)
    if (first === undefined) throw new Error('The site has no meter')
    return [first, ...rest]
  }

  /** Stations whose outlets share power modules. */
  get sharedModules(): readonly string[] {
    return stationsOf(this.plan.spec.root).flatMap(({ id, sharedDcW }) =>
      sharedDcW === undefined ? [] : [id],
    )
  }

  /**
   * The most that flows where no message arrives: stations without a link hold what they were granted last until it
   * ends. A blow that asks for more than the others can give is nobody's to answer in ten seconds.
   */
  outOfReach(): Map<string, PhaseCurrents> {
    const away = this.fleet.stations.filter((station) => !station.connected)
    return new Map(
      away.flatMap((station) =>
        station.evses.map((evse) => {
          const car = carsAt(station).find(({ key }) => key === `${station.id}/${evse.id}`)
          return [
            `${station.id}/${evse.id}`,
            car?.drawA(Math.min(car.maxA, evse.offeredA)) ?? evse.currents,
          ] as const
        }),
      ),
    )
  }

  /** What every EVSE draws and offers now, and what is wrong with its station: for whoever asks why. */
  scene(): unknown {
    const round = (value: number) => Math.round(value * 10) / 10
    return this.fleet.stations.map((station) => ({
      id: station.id,
      online: station.connected,
      ...(Object.keys(station.faults.active).length > 0 ? { faults: station.faults.active } : {}),
      evses: station.evses.map(({ currents, offeredA }) => [...currents.map(round), round(offeredA)]),
    }))
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
    for (const { nodeId, buildingOnly } of this.plan.meters) {
      if (this.#silentMeters.has(nodeId)) continue
      const currentA = buildingOnly ? this.site.baseLoadA(nodeId) : this.site.currentA(nodeId)
      // While the service is dead its meter has nobody to talk to.
      this.api('PUT', `/sites/${SITE_ID}/meters/${nodeId}`, { currentA }).catch(() => undefined)
    }
  }

  #config() {
    const meters = this.plan.meters.map(({ nodeId, staleA, buildingOnly }) => ({
      nodeId,
      maxAgeS: 3,
      staleA,
      marginA: 1,
      includesEvses: buildingOnly !== true,
    }))
    return { ...this.plan.spec, meters }
  }
}

type Child = SitePlan['spec']['root']['children'][number]

function stationsOf(node: SitePlan['spec']['root'] | Child): Extract<Child, { kind: 'station' }>[] {
  return node.kind === 'station' ? [node] : node.children.flatMap(stationsOf)
}

/** Waits for a condition of the simulated world. */
export async function until(condition: () => boolean, timeoutMs: number): Promise<void> {
  const endMs = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`Still not so after ${timeoutMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
