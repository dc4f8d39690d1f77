/**
 * A fleet with seeded faults goes through a CSMS root rollover and a rotation of its leaves, while the service is
 * killed in every phase. What must hold is judged by the caller from the report.
 */

import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { join } from 'node:path'
import {
  Certificate,
  certificateProfile,
  createSoftwareSigner,
  issueRoot,
  keyHash,
} from '../../../pki/index.ts'
import { STATION_LEAF } from '../../../src/certificates/fleet/profiles.ts'
import {
  createFleet,
  createRandom,
  type Fleet,
  type Station,
  type StationOptions,
} from '../../../src/simulator/index.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { until } from './fleet-world.ts'
import { type RunningService, spawnService } from './service.ts'

const PASSWORD = 'a-password-of-24-letters'
const SLOW_MS = 600_000

export type FaultName =
  | 'none'
  | 'offline'
  | 'comes-late'
  | 'slow'
  | 'rejects'
  | 'full'
  | 'clock-behind'
  | 'silent'
  | 'drops'

/** Shares of the fleet; what is left has no fault. The order of the draws is part of the schedule. */
export const SCHEDULE: readonly (readonly [FaultName, number])[] = [
  ['offline', 0.05],
  ['comes-late', 0.05],
  ['slow', 0.05],
  ['rejects', 0.03],
  ['full', 0.03],
  ['clock-behind', 0.03],
  ['silent', 0.06],
  ['drops', 0.06],
]

export interface FaultReport {
  readonly stations: number
  readonly faults: Readonly<Record<string, number>>
  readonly kills: readonly string[]
  readonly rollover: Readonly<Record<string, number>>
  readonly leaves: Readonly<Record<string, number>>
  readonly rest: readonly string[]
  readonly reachable: number
  readonly onNewRoot: number
  readonly lost: readonly string[]
  readonly certificates: number
  readonly keys: number
  readonly orders: number
  readonly ordersIssued: number
  readonly seconds: number
}

interface CampaignAnswer {
  readonly campaign: {
    readonly id: string
    readonly state: string
    readonly phase: string
    readonly detail: string | null
  }
  readonly counts: Readonly<Record<string, number>>
  readonly rest: readonly {
    readonly stationId: string
    readonly state: string
    readonly step: string
    readonly reason: string | null
  }[]
}

export async function runFaults(options: {
  readonly dataDir: string
  readonly stations: number
  readonly seed: number
  readonly say?: (line: string) => void
}): Promise<FaultReport> {
  const startedMs = Date.now()
  const say = options.say ?? (() => undefined)
  const run = new FaultRun(options.dataDir)
  const faults = drawFaults(options.stations, options.seed)
  try {
    await run.start()
    await run.build(faults, options.seed, say)
    const rollover = await run.rollover(faults, say)
    const leaves = await run.rotateLeaves(say)
    return {
      ...(await run.judge(faults)),
      faults: countOf([...faults.values()]),
      kills: run.kills,
      rollover: rollover.counts,
      leaves: leaves.counts,
      rest: restOf([rollover, leaves]),
      seconds: Math.round((Date.now() - startedMs) / 1000),
    }
  } finally {
    await run.stop()
  }
}

function drawFaults(count: number, seed: number): Map<string, FaultName> {
  const random = createRandom(seed)
  const faults = new Map<string, FaultName>()
  for (let index = 0; index < count; index++) {
    let draw = random.between(0, 1)
    let fault: FaultName = 'none'
    for (const [name, share] of SCHEDULE) {
      if (draw < share) {
        fault = name
        break
      }
      draw -= share
    }
    faults.set(`F-${String(index + 1).padStart(5, '0')}`, fault)
  }
  return faults
}

class FaultRun {
  readonly kills: string[] = []
  readonly #dataDir: string
  #flags: Readonly<Record<string, string>> = {}
  #service: RunningService | undefined
  #key = ''
  #fleet: Fleet | undefined
  #wssUrl = ''

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  async start(): Promise<void> {
    const port = await freePort()
    this.#wssUrl = `wss://127.0.0.1:${port}`
    this.#flags = {
      'ocpp.wss.enabled': 'true',
      'ocpp.wss.host': '127.0.0.1',
      'ocpp.wss.port': String(port),
      'pki.organisation': 'Example CPO',
      'fleet.nudgeS': '5',
      'fleet.triggerS': '15',
      'fleet.retryS': '1',
      'fleet.callDeadlineS': '10',
      'fleet.reconnectS': '120',
    }
    this.#service = await spawnService(this.#dataDir, this.#flags)
    this.#key = this.#service.adminKey ?? ''
  }

  /** Registered with a password, given a leaf, moved up to profile 3: the fleet as it stands before the rollover. */
  async build(
    faults: ReadonlyMap<string, FaultName>,
    seed: number,
    say: (line: string) => void,
  ): Promise<void> {
    const rootPem = String(await this.api('GET', '/authorities/csms-root/pem'))
    const fillers = await fillerRoots(18)
    await inBatches([...faults.keys()], 20, (id) =>
      this.api('PUT', `/stations/${id}`, { securityProfile: 2, password: PASSWORD, serialNumber: id }),
    )
    const stations = [...faults].map(
      ([id, fault]): StationOptions => ({
        id,
        endpoint: { url: this.#wssUrl, securityProfile: 2, password: PASSWORD, trustedPems: [rootPem] },
        organization: 'Example CPO',
        obtainCertificates: ['ChargingStationCertificate'],
        backOff: { minimumMs: 1_000, randomRangeMs: 2_000, repeatTimes: 3 },
        bootDurationMs: 500,
        ...(fault === 'full'
          ? { installedRoots: fillers.map((pem) => ({ use: 'V2GRootCertificate' as const, pem })) }
          : {}),
      }),
    )
    this.#fleet = createFleet({ stations, seed, connectsPerS: 40 })
    this.#fleet.start()
    await until(
      'every station has a leaf',
      async () => (await this.#ordersIn('delivered')) >= faults.size,
      SLOW_MS,
    )
    await inBatches([...faults.keys()], 20, (id) =>
      until(
        `${id} said what it holds`,
        async () => isReported(await this.api('GET', `/stations/${id}/installed-certificates`)),
        SLOW_MS,
      ),
    )
    say(`${faults.size} stations have a leaf`)
    const upgrade = await this.campaign('security-profile', { toProfile: 3, url: this.#wssUrl })
    await this.#finish(upgrade)
    await until('everyone is on profile 3', () => this.fleet.online() === faults.size, SLOW_MS)
    say('everyone is on profile 3')
  }

  async rollover(
    faults: ReadonlyMap<string, FaultName>,
    say: (line: string) => void,
  ): Promise<CampaignAnswer> {
    for (const [id, fault] of faults) await this.#strike(this.fleet.station(id), fault)
    await this.api('POST', '/authority-operations', { kind: 'new-generation', line: 'csms-root' })
    const id = await this.campaign('csms-root-rollover', {})
    await this.#killIn(id, 'install', (answer) => (answer.counts.done ?? 0) > faults.size * 0.3, say)
    await this.#killIn(id, 'verify', (answer) => answer.campaign.phase === 'verify', say)
    for (const [stationId, fault] of faults) if (fault === 'comes-late') this.fleet.station(stationId).start()
    await this.#killIn(
      id,
      'verify-late',
      (answer) => answer.campaign.phase === 'verify' && (answer.counts.done ?? 0) > faults.size * 0.3,
      say,
    )
    await this.#killIn(id, 'cleanup', (answer) => answer.campaign.phase === 'cleanup', say)
    const answer = await this.#finish(id)
    say(`rollover: ${JSON.stringify(answer.counts)}`)
    return answer
  }

  async rotateLeaves(say: (line: string) => void): Promise<CampaignAnswer> {
    await this.api('POST', '/authority-operations', { kind: 'new-generation', line: 'station-ca' })
    const id = await this.campaign('station-leaf', {})
    const total = this.fleet.stations.length
    await this.#killIn(id, 'leaf-trigger', (answer) => (answer.counts.running ?? 0) > 0, say)
    await this.#killIn(id, 'leaf-half', (answer) => (answer.counts.done ?? 0) > total * 0.4, say)
    const answer = await this.#finish(id)
    say(`leaves: ${JSON.stringify(answer.counts)}`)
    return answer
  }

  /** All faults end: whoever cannot connect now has no way back. */
  async judge(faults: ReadonlyMap<string, FaultName>) {
    for (const station of this.fleet.stations) {
      station.faults.clear()
      station.start()
    }
    const all = this.fleet.stations
    await until('everyone is back', () => this.fleet.online() === all.length, SLOW_MS / 5).catch(
      () => undefined,
    )
    const lost = all
      .filter((station) => !station.connected)
      .map(({ id }) => `${id} (${faults.get(id) ?? ''})`)
    const newRoot = Certificate.parse(String(await this.api('GET', '/authorities/csms-root-g2/pem')))
    const onNewRoot = all.filter((station) =>
      station.certificates
        .roots('CSMSRootCertificate')
        .some((one) => one.fingerprint === newRoot.fingerprint),
    )
    await this.#service?.kill('SIGKILL')
    const store = createSqliteStore(join(this.#dataDir, 'gridkeep.db'))
    try {
      const certificates = await pages((after) =>
        store.certificates.list({ profile: STATION_LEAF, limit: 1000, ...after }),
      )
      const orders = await store.certificates.orders({ limit: 10_000 })
      const keys = new Set(certificates.map(({ der }) => keyHash(Certificate.parse(der).spki)))
      return {
        stations: all.length,
        reachable: all.length - lost.length,
        onNewRoot: onNewRoot.length,
        lost,
        certificates: certificates.length,
        keys: keys.size,
        orders: orders.length,
        ordersIssued: orders.filter(({ fingerprint }) => fingerprint !== null).length,
      }
    } finally {
      await store.close()
    }
  }

  async stop(): Promise<void> {
    await this.#fleet?.stop()
    if (this.#service?.process.exitCode === null && this.#service.process.signalCode === null)
      await this.#service.kill('SIGKILL')
  }

  get fleet(): Fleet {
    if (this.#fleet === undefined) throw new Error('The fleet was not built')
    return this.#fleet
  }

  async campaign(kind: string, parameters: object): Promise<string> {
    const answer = (await this.api('POST', '/campaigns', {
      kind,
      name: kind,
      targets: { all: true },
      parameters,
      limits: {
        waves: [{ percent: 50 }],
        perSite: 1000,
        perHour: 1_000_000,
        atOnce: 60,
        maxFailures: 0.9,
        soakS: 0,
        offlineGraceS: 20,
      },
    })) as CampaignAnswer
    const { id } = answer.campaign
    await this.api('POST', `/campaigns/${id}/actions`, { action: 'start' })
    return id
  }

  async #strike(station: Station, fault: FaultName): Promise<void> {
    if (fault === 'offline' || fault === 'comes-late') await station.stop()
    else if (fault === 'slow') station.faults.set({ answerDelayMs: { minMs: 1_000, maxMs: 4_000 } })
    else if (fault === 'rejects') station.faults.set({ reject: ['InstallCertificate'] })
    else if (fault === 'clock-behind') station.faults.set({ clockSkewMs: -3 * 86_400_000 })
    else if (fault === 'silent') station.faults.set({ silenceProbability: 0.2 })
    else if (fault === 'drops') station.faults.set({ dropProbability: 0.2 })
  }

  /** Kills the service once the campaign has come that far; it goes on by itself after the restart. */
  async #killIn(
    id: string,
    phase: string,
    reached: (answer: CampaignAnswer) => boolean,
    say: (line: string) => void,
  ): Promise<void> {
    await until(
      `campaign reaches ${phase}`,
      async () => {
        const answer = await this.#answer(id)
        return reached(answer) || ended(answer)
      },
      SLOW_MS,
    )
    if (ended(await this.#answer(id))) return
    await this.#service?.kill('SIGKILL')
    this.#service = await spawnService(this.#dataDir, this.#flags)
    this.kills.push(phase)
    say(`killed in ${phase}`)
  }

  async #finish(id: string): Promise<CampaignAnswer> {
    await until(`campaign ${id} ends`, async () => ended(await this.#answer(id)), SLOW_MS).catch(
      async (error: unknown) => {
        throw new Error(JSON.stringify(await this.#answer(id)).slice(0, 3000), { cause: error })
      },
    )
    const answer = await this.#answer(id)
    if (answer.campaign.state !== 'finished') throw new Error(JSON.stringify(answer).slice(0, 3000))
    return answer
  }

  async #answer(id: string): Promise<CampaignAnswer> {
    return (await this.api('GET', `/campaigns/${id}`)) as CampaignAnswer
  }

  async #ordersIn(state: string): Promise<number> {
    const { items } = (await this.api('GET', `/signing-orders?state=${state}&limit=1000`)) as {
      items: unknown[]
    }
    if (items.length < 1000) return items.length
    // The page is full: the certificates say it as well.
    let count = 0
    let after: string | undefined
    for (;;) {
      const page = (await this.api(
        'GET',
        `/certificates?profile=${encodeURIComponent(STATION_LEAF)}&limit=1000${after ? `&after=${after}` : ''}`,
      )) as { items: { fingerprint: string }[] }
      count += page.items.length
      after = page.items.at(-1)?.fingerprint
      if (page.items.length < 1000) return count
    }
  }

  async api(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.#service?.apiUrl ?? ''}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text.startsWith('{') ? JSON.parse(text) : text
  }
}

const isReported = (answer: unknown): boolean =>
  (answer as { inventoryAt: string | null }).inventoryAt !== null

const ended = ({ campaign }: CampaignAnswer): boolean => !['planned', 'running'].includes(campaign.state)

function restOf(answers: readonly CampaignAnswer[]): string[] {
  return answers.flatMap(({ rest }) =>
    rest.map(({ stationId, state, step, reason }) => `${stationId} ${state} at ${step}: ${reason ?? ''}`),
  )
}

function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

async function fillerRoots(count: number): Promise<string[]> {
  const atMs = Date.now() - 60_000
  const signer = createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const roots: string[] = []
  for (let index = 0; index < count; index++) {
    const subject = { commonName: `Filler ${index}`, organization: 'Example', country: 'DE' }
    const root = await issueRoot({
      profile: certificateProfile('v2g-root'),
      subject,
      signer,
      atMs,
      random: randomBytes(16),
    })
    roots.push(root.toPem())
  }
  return roots
}

async function inBatches<T>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let index = 0; index < items.length; index += size)
    await Promise.all(items.slice(index, index + size).map(work))
}

async function pages<T extends { fingerprint: string }>(
  read: (after: { after?: string }) => Promise<readonly T[]>,
): Promise<T[]> {
  const found: T[] = []
  for (;;) {
    const last = found.at(-1)
    const page = await read(last === undefined ? {} : { after: last.fingerprint })
    found.push(...page)
    if (page.length < 1000) return found
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (typeof address !== 'object' || address === null) throw new Error('There is no free port')
  return address.port
}
