import type { Logger } from 'pino'
import type { PlanSolver, Snapshot } from '../../profiles/index.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { DemandBook } from './demand-book.ts'
import {
  ADVICE_LIFE_MS,
  type Outlook,
  Planner,
  type PlannerInput,
  USUAL_SESSION,
  type UsualSession,
} from './planner.ts'
import type { SiteLoop } from './site-loop.ts'

export interface PlanRoundsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly solver: PlanSolver
  readonly demands: DemandBook
  readonly planEveryMs?: number
}

const EVERY_MS = 180_000
/** Cars that arrive together are planned together. */
const HURRY_MS = 5_000
const HISTORY = 200

/** Plans every site in turn, every few minutes and soon after an arrival. One plan at a time; failures are silence. */
export class PlanRounds {
  readonly #options: PlanRoundsOptions
  readonly #planners = new WeakMap<SiteLoop, Planner>()
  #loops: () => readonly SiteLoop[] = () => []
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined
  #stopped = false

  constructor(options: PlanRoundsOptions) {
    this.#options = options
  }

  start(loops: () => readonly SiteLoop[]): void {
    this.#loops = loops
    this.#schedule(HURRY_MS)
  }

  /** Something changed that a plan should know: the next round comes soon. */
  hurry(): void {
    if (!this.#round) this.#schedule(HURRY_MS)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#round
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer)
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#round = this.planAll().finally(() => {
        this.#round = undefined
        this.#schedule(this.#options.planEveryMs ?? EVERY_MS)
      })
    }, inMs)
  }

  async planAll(): Promise<void> {
    for (const loop of this.#loops()) {
      try {
        await this.#plan(loop)
      } catch (error) {
        // Without advice the allocator shares what there is: nothing that a plan could break.
        this.#options.log.warn({ err: error, site: loop.live.site.id }, 'A site could not be planned')
      }
    }
  }

  async #plan(loop: SiteLoop): Promise<void> {
    const input = await this.#input(loop)
    if (!input) return
    const advice = await this.#planner(loop).advise(input)
    // Where nothing came, the advice of before lives out its time.
    if (advice) loop.advise(advice, this.#options.clock.now() + ADVICE_LIFE_MS)
  }

  /** The hours ahead of a site; undefined before its first decision. */
  async outlook(loop: SiteLoop): Promise<{ input: PlannerInput; outlook: Outlook } | undefined> {
    const input = await this.#input(loop)
    return input && { input, outlook: this.#planner(loop).outlook(input) }
  }

  #planner(loop: SiteLoop): Planner {
    const planner = this.#planners.get(loop) ?? new Planner(this.#options.solver)
    this.#planners.set(loop, planner)
    return planner
  }

  async #input(loop: SiteLoop): Promise<PlannerInput | undefined> {
    if (!loop.decision) return undefined
    const { site } = loop.live
    const snapshot = { ...loop.snapshot(this.#options.clock.now()), site }
    return {
      snapshot,
      deliveredWh: await this.#delivered(snapshot),
      prices: loop.steering.prices,
      usual: await this.#usual(loop),
    }
  }

  async #delivered({ evses, site }: Snapshot): Promise<ReadonlyMap<string, number>> {
    const running = await this.#options.store.sessions.list({ active: true, limit: 10_000 })
    const byTransaction = new Map(
      running.map((one) => [
        `${one.stationId}/${one.transactionId}`,
        Math.max(0, (one.meterLastWh ?? 0) - (one.meterStartWh ?? 0)),
      ]),
    )
    return new Map(
      evses.flatMap(({ key, session }): [string, number][] => {
        const stationId = site.evseByKey.get(key)?.stationId
        const wh = session && byTransaction.get(`${stationId}/${session.transactionId}`)
        return wh ? [[key, wh]] : []
      }),
    )
  }

  /** The middle of what the sessions of before took and how long they stayed. */
  async #usual(loop: SiteLoop): Promise<UsualSession> {
    const recent = await this.#options.store.sessions.list({ active: false, limit: HISTORY })
    const own = recent.filter((one) => loop.live.has(one.stationId))
    const energies = own.map((one) => (one.meterLastWh ?? 0) - (one.meterStartWh ?? 0))
    const stays = own.map((one) => Date.parse(one.endedAt ?? '') - Date.parse(one.startedAt ?? ''))
    return {
      energyWh: middle(energies) ?? USUAL_SESSION.energyWh,
      stayMs: middle(stays) ?? USUAL_SESSION.stayMs,
    }
  }
}

/** Few sessions are no habit. */
const LEAST_HISTORY = 10

function middle(values: readonly number[]): number | undefined {
  const known = values.filter((value) => value > 0).sort((a, b) => a - b)
  return known.length < LEAST_HISTORY ? undefined : known[Math.floor(known.length / 2)]
}
