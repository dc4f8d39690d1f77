/** `gridkeep demo`: the service, a site and its stations in one process, talking over real sockets. */

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Gridkeep, startGridkeep } from './app.ts'
import { CliFailure, type CliIo } from './cli/io.ts'
import type { DemoOptions } from './cli/parts.ts'
import { loadConfig } from './config.ts'
import { Operator } from './demo/operator.ts'
import { PlugAndChargeCars } from './demo/plug-and-charge.ts'
import { type RolloverResult, rollOver } from './demo/rollover.ts'
import { Screen } from './demo/screen.ts'
import {
  type DemoStation,
  demoStations,
  GRID_LIMIT_A,
  physicalNodes,
  SITE_ID,
  siteConfig,
} from './demo/site.ts'
import { createLog } from './observe/log.ts'
import {
  type Arrivals,
  createArrivals,
  createFleet,
  createRandom,
  type Fleet,
  type SiteModel,
  type Station,
  type StationOptions,
} from './simulator/index.ts'

const STEP_MS = 1_000
const ROLLOVER_AFTER_MS = 20_000
const ROLLOVER_PATIENCE_MS = 60_000
const STANDING_EVERY_MS = 5_000
const ORGANISATION = 'Gridkeep Demo'
const MEAN_ARRIVAL_MS = 3_000
/** Cars without a card: they install a contract and charge with it. */
const CONTRACT_CAR_MEAN_ARRIVAL_MS = 6_000
const STAY_MS = { min: 40_000, max: 180_000 }
const FIRST_TOKEN = { type: 'ISO14443', idToken: '04A1B2C3' } as const
const MORE_TOKENS = ['04D4E5F6', '04A7B8C9', '04112233', '04445566'].map((idToken) => ({
  type: 'ISO14443' as const,
  idToken,
}))

/** The last line with `--json`. */
export interface DemoSummary {
  readonly stations: number
  readonly certificatesIssued: number
  readonly contractsInstalled: number
  readonly contractsUpdated: number
  readonly sessions: number
  readonly kWh: number
  readonly highestA: readonly number[]
  readonly limitA: readonly number[]
  readonly secondsAboveLimit: number
  readonly calls: number
  readonly errors: number
}

export async function runDemo(options: DemoOptions, io: CliIo): Promise<0 | 1> {
  const dataDir = await mkdtemp(join(tmpdir(), 'gridkeep-demo-'))
  try {
    const gridkeep = await startService(options, dataDir)
    const demo = new Demo(options, io, gridkeep)
    try {
      await demo.run()
    } finally {
      await demo.stop()
      await gridkeep.stop()
    }
    return demo.conclude()
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function startService(options: DemoOptions, dataDir: string): Promise<Gridkeep> {
  const { config } = loadConfig({
    flags: {
      dataDir,
      'http.port': String(options.httpPort),
      'pkiHttp.port': '0',
      'ocpp.ws.enabled': 'true',
      'ocpp.ws.port': '0',
      'ocpp.wss.host': '127.0.0.1',
      'ocpp.wss.port': '0',
      'pki.organisation': ORGANISATION,
      'log.level': 'error',
    },
  })
  try {
    return await startGridkeep({ config, env: {}, log: createLog({ level: 'error' }) })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new CliFailure(
        'demo.port-in-use',
        `Port ${options.httpPort} is in use: choose another with --http-port, 0 for any.`,
      )
    }
    throw error
  }
}

class Demo {
  readonly #options: DemoOptions
  readonly #io: CliIo
  readonly #gridkeep: Gridkeep
  readonly #operator: Operator
  readonly #startedMs = Date.now()
  readonly #screen: Screen
  readonly #plan: readonly DemoStation[]
  readonly #fleet: Fleet
  readonly #problems: string[] = []
  readonly #upgrades: Promise<void>[] = []
  readonly #contractCars: PlugAndChargeCars
  #arrivals: Arrivals | undefined
  #rollover: Promise<void> | undefined
  #rolledOver: RolloverResult | undefined

  constructor(options: DemoOptions, io: CliIo, gridkeep: Gridkeep) {
    const key = gridkeep.firstAdminKey
    if (!key) throw new Error('The service of a new demo has no admin key')
    this.#options = options
    this.#io = io
    this.#gridkeep = gridkeep
    this.#operator = new Operator({ apiUrl: gridkeep.urls.api, key: key.secret })
    this.#screen = new Screen(io, this.#startedMs)
    this.#plan = demoStations(options.stations, () => randomBytes(15).toString('base64url'))
    this.#fleet = createFleet({
      stations: this.#plan.map((plan) => this.#stationOptions(plan)),
      seed: options.seed,
      connectsPerS: 5,
      site: {
        nodes: physicalNodes(),
        feeders: this.#plan.map(({ id, circuit, rotation }) => ({
          stationId: id,
          evseId: 1,
          node: circuit,
          rotation,
        })),
      },
    })
    this.#contractCars = this.#createContractCars()
  }

  #createContractCars(): PlugAndChargeCars {
    return new PlugAndChargeCars({
      fleet: this.#fleet,
      random: createRandom(this.#options.seed).fork('contract cars'),
      count: this.#plan.length * 2,
      meanGapMs: CONTRACT_CAR_MEAN_ARRIVAL_MS,
      stayMs: STAY_MS,
      say: (stationId, text) => this.#screen.event(Date.now(), `${stationId}  ${text}`),
      problem: (stationId, text) => this.#problems.push(`${stationId} ${text}`),
    })
  }

  async run(): Promise<void> {
    const { durationMs } = this.#options
    this.#introduce()
    await this.#configure()
    for (const plan of this.#plan) this.#follow(this.#fleet.station(plan.id), plan)
    this.#fleet.start()
    this.#arrivals = createArrivals({
      fleet: this.#fleet,
      random: createRandom(this.#options.seed).fork('arrivals'),
      meanGapMs: MEAN_ARRIVAL_MS,
      stayMs: STAY_MS,
      tokens: [FIRST_TOKEN, ...MORE_TOKENS],
    })
    this.#contractCars.start()
    if (this.#options.rollover) this.#rollover = this.#rollOver()
    const endMs = durationMs === null ? Number.POSITIVE_INFINITY : this.#startedMs + durationMs
    let standingAtMs = Date.now() + STANDING_EVERY_MS
    while (!this.#io.signal.aborted && Date.now() < endMs) {
      if (Date.now() >= standingAtMs) {
        this.#showStanding()
        standingAtMs += STANDING_EVERY_MS
      }
      await sleep(Math.min(STEP_MS, Math.max(1, endMs - Date.now())), undefined, {
        signal: this.#io.signal,
      }).catch(() => undefined)
    }
  }

  /** Once the stations have their certificates and cars charge. */
  async #rollOver(): Promise<void> {
    try {
      await sleep(ROLLOVER_AFTER_MS, undefined, { signal: this.#io.signal })
      await Promise.allSettled(this.#upgrades)
      this.#rolledOver = await rollOver({
        operator: this.#operator,
        signal: this.#io.signal,
        say: (text) => this.#screen.event(Date.now(), text),
        charging: () =>
          this.#fleet.stations.filter((station) => station.evse(1).transaction !== undefined).length,
      })
    } catch (error) {
      if (!this.#io.signal.aborted)
        this.#problems.push(`rollover: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** The cars leave, their transactions end, the stations close their connections. */
  async stop(): Promise<void> {
    await Promise.race([this.#rollover, sleep(ROLLOVER_PATIENCE_MS, undefined, { ref: false })])
    this.#arrivals?.stop()
    await this.#contractCars.stop()
    for (const station of this.#fleet.stations) station.unplug(1)
    await Promise.allSettled(this.#upgrades)
    const deadlineMs = Date.now() + 5_000
    while (
      Date.now() < deadlineMs &&
      this.#fleet.stations.some(
        (station) => station.evse(1).transaction !== undefined || station.queuedEvents > 0,
      )
    ) {
      await sleep(50)
    }
    await this.#fleet.stop()
  }

  conclude(): 0 | 1 {
    const summary = this.#summary()
    if (this.#rolledOver !== undefined) {
      const { state, stations, done, charging, rest } = this.#rolledOver
      this.#io.err(
        `rollover ${state}: ${done} of ${stations} stations on the new root, up to ${charging} cars charging meanwhile\n`,
      )
      for (const line of rest) this.#io.err(`  ${line}\n`)
    }
    const failed = summary.errors > 0 || summary.secondsAboveLimit > 0
    for (const problem of this.#problems.slice(0, 20)) this.#io.err(`problem: ${problem}\n`)
    if (this.#options.json) this.#io.out(`${JSON.stringify(summary)}\n`)
    else {
      this.#io.out(
        `${summary.certificatesIssued} certificates issued, ${summary.contractsInstalled} contracts installed and ${summary.contractsUpdated} renewed, ${summary.sessions} sessions, ${summary.kWh} kWh; ` +
          `highest load ${summary.highestA.join(' / ')} A of ${GRID_LIMIT_A} A, ${summary.secondsAboveLimit} s above the limit; ` +
          `${summary.calls} calls, ${summary.errors} errors\n`,
      )
    }
    return failed ? 1 : 0
  }

  #introduce(): void {
    const { urls, firstAdminKey } = this.#gridkeep
    this.#io.err(
      [
        'Gridkeep demo: a service, a site behind 100 A per phase, and cars on the way. Ctrl-C ends it.',
        `  Dashboard  ${urls.api}/  (sign in with ${firstAdminKey?.secret})`,
        `  API        ${urls.api}/api/v1`,
        `  try        curl -H 'Authorization: Bearer ${firstAdminKey?.secret}' ${urls.api}/api/v1/sites/${SITE_ID}/status`,
        '',
        '',
      ].join('\n'),
    )
  }

  async #configure(): Promise<void> {
    for (const { id, serialNumber, securityProfile, password } of this.#plan) {
      await this.#operator.putStation(id, {
        securityProfile: securityProfile === 1 ? 1 : 2,
        serialNumber,
        password,
      })
    }
    for (const { idToken } of [FIRST_TOKEN, ...MORE_TOKENS]) {
      await this.#operator.request('PUT', `/id-tokens/ISO14443/${idToken}`, { status: 'Accepted' })
    }
    await this.#operator.putSite(SITE_ID, siteConfig(this.#plan))
    await this.#contractCars.prepare(this.#operator)
  }

  #stationOptions(plan: DemoStation): StationOptions {
    const { ws, wss } = this.#gridkeep.urls
    const secure = plan.securityProfile !== 1
    const url = secure ? wss : ws
    if (url === undefined) throw new Error('The service of the demo has no OCPP listener')
    return {
      id: plan.id,
      serialNumber: plan.serialNumber,
      organization: ORGANISATION,
      endpoint: {
        url,
        securityProfile: secure ? 2 : 1,
        password: plan.password,
        ...(secure ? { trustedPems: [this.#gridkeep.csmsRootPem] } : {}),
      },
      evses: [{ kind: 'AC', maxCurrentA: 32, phases: 3 }],
      variables: {
        'ISO15118Ctrlr.CentralContractValidationAllowed': 'true',
        'SampledDataCtrlr.TxUpdatedInterval': '2',
        'OCPPCommCtrlr.RetryBackOffWaitMinimum': '1',
      },
      bootDurationMs: 1_000,
    }
  }

  #follow(station: Station, plan: DemoStation): void {
    const say = (text: string): void => this.#screen.event(Date.now(), `${plan.id}  ${text}`)
    let asked = false
    station.on('registered', ({ status }) => {
      say(
        `connected with security profile ${station.device.text('SecurityCtrlr.SecurityProfile')}, boot ${status}`,
      )
      if (asked || status !== 'Accepted') return
      asked = true
      this.#watch(
        this.#operator.call(plan.id, 'TriggerMessage', {
          requestedMessage: 'SignChargingStationCertificate',
        }),
        plan.id,
      )
    })
    station.on('certificateSigned', ({ use, serialNumber }) => {
      say(
        `got its ${use === 'V2GCertificate' ? 'SECC' : 'station'} certificate ${serialNumber.slice(0, 12)}...`,
      )
      const { wss } = this.#gridkeep.urls
      if (plan.securityProfile !== 3 || wss === undefined) return
      const upgrade = this.#operator.upgradeToProfile3({
        id: plan.id,
        serialNumber: plan.serialNumber,
        wssUrl: wss,
      })
      this.#upgrades.push(this.#watch(upgrade, plan.id))
    })
    station.on('transactionStarted', () => say('a car starts charging'))
    station.on('transactionEnded', ({ energyWh, reason }) =>
      say(`the session ends after ${(energyWh / 1000).toFixed(2)} kWh (${reason})`),
    )
    station.on('problem', ({ where, error }) => this.#problems.push(`${plan.id} ${where}: ${error.message}`))
  }

  #watch(work: Promise<unknown>, stationId: string): Promise<void> {
    return work.then(
      () => undefined,
      (error: unknown) => {
        if (this.#io.signal.aborted) return
        this.#problems.push(`${stationId}: ${error instanceof Error ? error.message : String(error)}`)
      },
    )
  }

  #showStanding(): void {
    const counters = this.#fleet.counters()
    this.#screen.standing({
      elapsedMs: Date.now() - this.#startedMs,
      loadA: this.#site.currentA('grid'),
      limitA: GRID_LIMIT_A,
      charging: this.#fleet.stations.filter((station) => station.currents(1).some((currentA) => currentA > 0))
        .length,
      online: this.#fleet.online(),
      stations: this.#plan.length,
      certificates: counters.certificatesSigned,
      contracts: this.#contractCars.contractsInstalled,
      kWh: counters.energyWh / 1000,
    })
  }

  #summary(): DemoSummary {
    const counters = this.#fleet.counters()
    const grid = this.#site.record('grid')
    // Any node of the site counts: a circuit's fuse is a limit like the grid's.
    const secondsAbove = Math.max(...this.#site.records().map((record) => record.msAbove)) / 1000
    return {
      stations: this.#plan.length,
      certificatesIssued: counters.certificatesSigned,
      contractsInstalled: this.#contractCars.contractsInstalled,
      contractsUpdated: this.#contractCars.contractsUpdated,
      sessions: counters.transactions,
      kWh: Math.round(counters.energyWh) / 1000,
      highestA: grid.highestA.map((currentA) => Math.round(currentA * 10) / 10),
      limitA: grid.limitA,
      secondsAboveLimit: Math.round(secondsAbove * 10) / 10,
      calls: counters.callsSent + counters.callsReceived,
      errors: counters.callErrors + counters.timeouts + this.#problems.length,
    }
  }

  get #site(): SiteModel {
    if (!this.#fleet.site) throw new Error('The fleet of the demo has no site')
    return this.#fleet.site
  }
}
