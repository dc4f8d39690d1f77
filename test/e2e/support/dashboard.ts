/** The dashboard in a real browser, in front of the real service and a simulated site. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { createFleet, createVehicle, type Fleet } from '../../../src/simulator/index.ts'
import { type RunningService, spawnService } from './service.ts'

export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (file) => existsSync(file),
)

if (CHROMIUM === undefined) {
  const reason = 'Chromium is not installed (apt-get install chromium)'
  if (process.env.GRIDKEEP_REQUIRE_ALL === '1') throw new Error(`${reason}, and GRIDKEEP_REQUIRE_ALL is set`)
  console.warn(`Tests of the dashboard are skipped: ${reason}`)
}

export const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const PASSWORD = 'a-password-of-the-station'
const TOKEN = { idToken: '04A1B2C3', type: 'ISO14443' } as const

/** Every panel of the screen shows what it has read. */
export async function allLoaded(page: Page): Promise<void> {
  await page.waitForFunction(() =>
    [...document.querySelectorAll('p.empty')].every((one) => one.textContent !== 'Loading'),
  )
}

export const SITE_ID = 'depot'
export const GRID_LIMIT_A = 63

export class DashboardWorld {
  readonly service: RunningService
  readonly fleet: Fleet
  readonly adminKey: string
  readonly #browser: Browser
  readonly #dataDir: string

  static async start(stations: number): Promise<DashboardWorld> {
    const dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-dashboard-'))
    const [service, browser] = await Promise.all([
      spawnService(dataDir),
      chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS }),
    ])
    const world = new DashboardWorld(dataDir, service, browser, stations)
    await world.#open()
    return world
  }

  private constructor(dataDir: string, service: RunningService, browser: Browser, stations: number) {
    this.#dataDir = dataDir
    this.service = service
    this.#browser = browser
    this.adminKey = service.adminKey ?? ''
    this.fleet = createFleet({
      seed: 3,
      connectsPerS: 20,
      stations: Array.from({ length: stations }, (_, index) => ({
        id: `CS-${String(index + 1).padStart(2, '0')}`,
        endpoint: { url: service.wsUrl, securityProfile: 1 as const, password: PASSWORD },
        variables: { 'SampledDataCtrlr.TxUpdatedInterval': '1' },
        bootDurationMs: 500,
        driverDelayMs: 100,
        stepMs: 250,
      })),
    })
  }

  async #open(): Promise<void> {
    await this.api('PUT', `/id-tokens/${TOKEN.type}/${TOKEN.idToken}`, { status: 'Accepted' })
    for (const { id } of this.fleet.stations)
      await this.api('PUT', `/stations/${id}`, { securityProfile: 1, password: PASSWORD, group: 'north' })
    await this.api('PUT', `/sites/${SITE_ID}`, {
      voltageV: 230,
      root: {
        kind: 'circuit',
        id: 'grid',
        limitA: GRID_LIMIT_A,
        children: this.fleet.stations.map(({ id }) => ({
          kind: 'station',
          id,
          evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
        })),
      },
    })
    this.fleet.start()
  }

  get url(): string {
    return `${new URL(this.service.apiUrl).origin}/`
  }

  plugAll(): void {
    for (const station of this.fleet.stations)
      station.plugIn(
        1,
        createVehicle({
          phases: 3,
          maxCurrentA: 32,
          batteryWh: 90_000,
          soc: 0.1,
          targetSoc: 1,
          token: TOKEN,
        }),
      )
  }

  /** A browser of its own: nobody is signed in. */
  context(options: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
    return this.#browser.newContext(options)
  }

  async signedIn(page: Page, key: string = this.adminKey): Promise<void> {
    await page.goto(this.url)
    await page.getByLabel('API key').fill(key)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  }

  async api(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.service.apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.adminKey}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  async stop(): Promise<void> {
    await this.#browser.close()
    await this.fleet.stop()
    if (this.service.process.exitCode === null) await this.service.kill('SIGKILL')
    rmSync(this.#dataDir, { recursive: true, force: true })
  }
}
