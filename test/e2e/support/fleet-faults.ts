/**
 * A fleet with seeded faults goes through a CSMS root rollover and a rotation of its leaves, while the service is
 * killed in every phase. What must hold is judged by the caller from the report.
 */

import { join } from 'node:path'
import { Certificate, keyHash } from '../../../pki/index.ts'
import { STATION_LEAF } from '../../../src/certificates/fleet/profiles.ts'
import { createFleet, type Fleet, type StationOptions } from '../../../src/simulator/index.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { drawFaults, type FaultName, fillerRoots, strike } from './fault-schedule.ts'
import { until } from './fleet-world.ts'
import { ServiceUnderFire } from './service-under-fire.ts'

const PASSWORD = 'a-password-of-24-letters'
const SLOW_MS = 600_000

export interface FaultReport {
  readonly stations: number
  readonly faults: Readonly<Record<string, number>>
  readonly kills: readonly string[]
  readonly rollover: Readonly<Record<string, number>>
  readonly leaves: Readonly<Record<string, number>>
  /** Everyone who is not done, by name, with the fault that the schedule gave it. */
  readonly rest: readonly RestEntry[]
  /** Seen at any moment without a root that leads to what is presented. */
  readonly everWithoutRoot: readonly string[]
  readonly reachable: number
  readonly onNewRoot: number
  readonly lost: readonly string[]
  readonly certificates: number
  readonly keys: number
  readonly orders: number
  readonly ordersIssued: number
  readonly seconds: number
}

export interface RestEntry {
  readonly stationId: string
  readonly fault: FaultName
  readonly campaign: 'rollover' | 'leaves'
  readonly state: string
  readonly step: string
  readonly reason: string
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
  const run = new FaultRun(options.dataDir, options.stations)
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
      rest: [...restOf('rollover', rollover, faults), ...restOf('leaves', leaves, faults)],
      everWithoutRoot: [...run.everWithoutRoot],
      seconds: Math.round((Date.now() - startedMs) / 1000),
    }
  } finally {
    await run.stop()
  }
}

class FaultRun {
  readonly kills: string[] = []
  readonly #service: ServiceUnderFire
  readonly #callDeadlineS: number
  #fleet: Fleet | undefined
  /** Stations that were seen without a root which leads to what is presented. */
  readonly everWithoutRoot = new Set<string>()
  #watch: NodeJS.Timeout | undefined

  constructor(dataDir: string, stations: number) {
    // Two cores that hold thousands of stations and their service answer later than a handful.
    this.#callDeadlineS = stations > 100 ? 10 : 4
    this.#service = new ServiceUnderFire(dataDir, this.#callDeadlineS)
  }

  async start(): Promise<void> {
    await this.#service.start()
  }

  /** Registered with a password, given a leaf, moved up to profile 3: the fleet as it stands before the rollover. */
  async build(
    faults: ReadonlyMap<string, FaultName>,
    seed: number,
    say: (line: string) => void,
  ): Promise<void> {
    const rootPem = String(await this.#service.api('GET', '/authorities/csms-root/pem'))
    const fillers = await fillerRoots(18)
    // Where a policy speaks of them, stations are asked at boot what they hold.
    const policy = { scope: 'all', use: 'CSMSRootCertificate', fingerprints: [], repair: 'report' }
    await this.#service.api('PUT', '/trust/policies/watch', policy)
    await inBatches([...faults.keys()], 20, (id) =>
      this.#service.api('PUT', `/stations/${id}`, {
        securityProfile: 2,
        password: PASSWORD,
        serialNumber: id,
      }),
    )
    const stations = [...faults].map(
      ([id, fault]): StationOptions => ({
        id,
        endpoint: {
          url: this.#service.wssUrl,
          securityProfile: 2,
          password: PASSWORD,
          trustedPems: [rootPem],
        },
        organization: 'Example CPO',
        obtainCertificates: ['ChargingStationCertificate'],
        backOff: { minimumMs: 1_000, randomRangeMs: 2_000, repeatTimes: 3 },
        bootDurationMs: 500,
        ...(fault === 'full'
          ? { installedRoots: fillers.map((pem) => ({ use: 'V2GRootCertificate' as const, pem })) }
          : {}),
      }),
    )
    this.#fleet = createFleet({ stations, seed, connectsPerS: Math.max(40, faults.size / 20) })
    this.#fleet.start()
    await until(
      'every station has a leaf',
      async () => (await this.#ordersIn('delivered')) >= faults.size,
      SLOW_MS,
    )
    await inBatches([...faults.keys()], 20, (id) =>
      until(
        `${id} said what it holds`,
        async () => isReported(await this.#service.api('GET', `/stations/${id}/installed-certificates`)),
        SLOW_MS,
      ),
    )
    say(`${faults.size} stations have a leaf`)
    const upgrade = await this.campaign('security-profile', { toProfile: 3, url: this.#service.wssUrl })
    await this.#finish(upgrade)
    await until('everyone is on profile 3', () => this.fleet.online() === faults.size, SLOW_MS)
    say('everyone is on profile 3')
  }

  async rollover(
    faults: ReadonlyMap<string, FaultName>,
    say: (line: string) => void,
  ): Promise<CampaignAnswer> {
    for (const [id, fault] of faults) await strike(this.fleet.station(id), fault)
    await this.#service.api('POST', '/authority-operations', { kind: 'new-generation', line: 'csms-root' })
    await this.#watchRoots()
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

  /** The old root and the new one vouch for each other on the wire: whoever holds one of them finds a path. */
  async #watchRoots(): Promise<void> {
    const good = new Set<string>()
    for (const id of ['csms-root', 'csms-root-g2'])
      good.add(
        Certificate.parse(String(await this.#service.api('GET', `/authorities/${id}/pem`))).fingerprint,
      )
    this.#watch = setInterval(() => {
      for (const { id, certificates } of this.fleet.stations)
        if (!certificates.roots('CSMSRootCertificate').some(({ fingerprint }) => good.has(fingerprint)))
          this.everWithoutRoot.add(id)
    }, 500)
  }

  async rotateLeaves(say: (line: string) => void): Promise<CampaignAnswer> {
    await this.#service.api('POST', '/authority-operations', { kind: 'new-generation', line: 'station-ca' })
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
    const newRoot = Certificate.parse(String(await this.#service.api('GET', '/authorities/csms-root-g2/pem')))
    const onNewRoot = all.filter((station) =>
      station.certificates
        .roots('CSMSRootCertificate')
        .some((one) => one.fingerprint === newRoot.fingerprint),
    )
    await this.#service.kill()
    const store = createSqliteStore(join(this.#service.dataDir, 'gridkeep.db'))
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
    clearInterval(this.#watch)
    await this.#fleet?.stop()
    await this.#service.kill()
  }

  get fleet(): Fleet {
    if (this.#fleet === undefined) throw new Error('The fleet was not built')
    return this.#fleet
  }

  async campaign(kind: string, parameters: object): Promise<string> {
    const answer = (await this.#service.api('POST', '/campaigns', {
      kind,
      name: kind,
      targets: { all: true },
      parameters,
      limits: {
        waves: [{ percent: 50 }],
        perSite: 1000,
        perHour: 1_000_000,
        atOnce: Math.max(60, Math.round(this.fleet.stations.length / 5)),
        maxFailures: 0.9,
        soakS: 0,
        offlineGraceS: 2 * this.#callDeadlineS,
      },
    })) as CampaignAnswer
    const { id } = answer.campaign
    await this.#service.api('POST', `/campaigns/${id}/actions`, { action: 'start' })
    return id
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
    await this.#service.kill()
    await this.#service.start()
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
    return (await this.#service.api('GET', `/campaigns/${id}`)) as CampaignAnswer
  }

  async #ordersIn(state: string): Promise<number> {
    const { items } = (await this.#service.api('GET', `/signing-orders?state=${state}&limit=1000`)) as {
      items: unknown[]
    }
    if (items.length < 1000) return items.length
    // The page is full: the certificates say it as well.
    let count = 0
    let after: string | undefined
    for (;;) {
      const page = (await this.#service.api(
        'GET',
        `/certificates?profile=${encodeURIComponent(STATION_LEAF)}&limit=1000${after ? `&after=${after}` : ''}`,
      )) as { items: { fingerprint: string }[] }
      count += page.items.length
      after = page.items.at(-1)?.fingerprint
      if (page.items.length < 1000) return count
    }
  }
}

const isReported = (answer: unknown): boolean =>
  (answer as { inventoryAt: string | null }).inventoryAt !== null

const ended = ({ campaign }: CampaignAnswer): boolean => !['planned', 'running'].includes(campaign.state)

function restOf(
  campaign: RestEntry['campaign'],
  { rest }: CampaignAnswer,
  faults: ReadonlyMap<string, FaultName>,
): RestEntry[] {
  return rest.map(({ stationId, state, step, reason }) => {
    const fault = faults.get(stationId) ?? 'none'
    return { stationId, fault, campaign, state, step, reason: reason ?? '' }
  })
}

function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
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
