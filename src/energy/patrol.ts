import type { Logger } from 'pino'
import type { EscalationStep, Site } from '../../profiles/index.ts'
import type { DomainEvent, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { LoopAlarm } from './alarm-book.ts'
import { believedProfiles } from './believed.ts'
import type { LiveSite } from './live-site.ts'
import type { PushDesk } from './push-desk.ts'
import { type ReadBack, readBack } from './read-back.ts'

export interface PatrolOptions {
  readonly site: Site
  readonly store: Store
  readonly bus: StationBus
  readonly clock: Clock
  readonly log: Logger
  readonly live: LiveSite
  readonly desk: PushDesk
  /** How often each station is asked; 0 never. */
  readonly everyMs: number
  readonly deadlineMs: number
  readonly onFinding: () => void
}

/** Stations that are asked at the same time: the rest of the fleet waits for its turn. */
const AT_ONCE = 3
/** One that did not hold what it had accepted is asked again soon. */
const RECHECK_MS = 30_000

/** The latest visit that a station answered. */
export interface Visit extends ReadBack {
  readonly at: string
}

/** Asks the stations one after the other what they hold, all the time, and keeps what was found as alarms. */
export class Patrol {
  readonly #options: PatrolOptions
  readonly #dueMs = new Map<string, number>()
  readonly #found = new Map<string, LoopAlarm>()
  readonly #waiting = new Map<string, (() => void)[]>()
  readonly #walks = new Set<Promise<void>>()
  readonly #strikes = new Map<string, number>()
  readonly #visits = new Map<string, Visit>()

  constructor(options: PatrolOptions) {
    this.#options = options
  }

  get alarms(): readonly LoopAlarm[] {
    return [...this.#found.values()]
  }

  latest(stationId: string): Visit | undefined {
    return this.#visits.get(stationId)
  }

  /** Has a station asked in the next turn, before its time comes. */
  askSoon(stationId: string): void {
    this.#dueMs.set(stationId, Number.NEGATIVE_INFINITY)
  }

  observe(event: DomainEvent): void {
    if (event.kind === 'profile.reported') this.#wake(event.stationId)
    // Away for a while: what it holds may have changed in the meantime.
    if (event.kind === 'station.connected' && this.#asks && this.#options.live.has(event.stationId))
      this.#dueMs.set(event.stationId, this.#options.clock.now() + this.#options.everyMs / 10)
  }

  get #asks(): boolean {
    return this.#options.everyMs > 0
  }

  /** Starts what is due. */
  walk(nowMs: number): void {
    const { site, everyMs, live, desk } = this.#options
    for (const evse of site.evses) {
      const { stationId } = evse
      if (this.#walks.size >= AT_ONCE) return
      if (!this.#asks && !this.#dueMs.has(stationId)) continue
      // The first round is spread, so that a fleet is not asked all at once.
      const due = this.#dueMs.get(stationId) ?? nowMs + everyMs * (0.1 + 0.9 * Math.random())
      this.#dueMs.set(stationId, due)
      if (due > nowMs || !live.isOnline(stationId)) continue
      // Before the visit, which may ask for another one sooner.
      if (this.#asks) this.#dueMs.set(stationId, nowMs + everyMs)
      else this.#dueMs.delete(stationId)
      if (!desk.occupy(stationId, () => this.#visit(stationId))) this.#dueMs.set(stationId, due)
    }
  }

  async stop(): Promise<void> {
    for (const stationId of this.#waiting.keys()) this.#wake(stationId)
    await Promise.all(this.#walks)
  }

  #visit(stationId: string): Promise<void> {
    const visit = this.#ask(stationId).finally(() => this.#walks.delete(visit))
    this.#walks.add(visit)
    return visit
  }

  async #ask(stationId: string): Promise<void> {
    const { log, onFinding, clock } = this.#options
    try {
      const nowMs = clock.now()
      const visit = await readBack(
        { ...this.#options, nowMs, reported: (id) => this.#reported(id) },
        stationId,
      )
      const { result, findings } = visit
      if (result === 'unanswered') return
      this.#visits.set(stationId, { ...visit, at: new Date(nowMs).toISOString() })
      await this.#judge(stationId, visit.disobeys)
      if (result === 'kept') {
        this.#found.delete(stationId)
        return
      }
      const detail = findings.join('; ')
      log.warn({ stationId, findings }, 'A station holds other charging profiles than we believed')
      const evse = this.#options.site.evses.find((one) => one.stationId === stationId)
      this.#found.set(stationId, { code: 'read-back-differs', where: evse?.key ?? stationId, detail })
      onFinding()
    } catch (error) {
      log.error({ err: error, stationId }, 'Asking a station for its charging profiles failed')
    }
  }

  /**
   * What follows from a visit, one step of `profiles/escalation.ts` with each in a row that finds so. A visit without
   * findings ends the last two; the unit is avoided until the station starts again.
   */
  async #judge(stationId: string, disobeys: boolean): Promise<void> {
    const { live, clock, onFinding } = this.#options
    const { distrusted, capped, avoidUnit } = live.trust(stationId)
    if (!disobeys) {
      this.#strikes.delete(stationId)
      if (!distrusted && !capped) return
      await live.setTrust(stationId, { avoidUnit, distrusted: false })
      onFinding()
      return
    }
    const strikes = (this.#strikes.get(stationId) ?? 0) + 1
    this.#strikes.set(stationId, strikes)
    this.#dueMs.set(stationId, clock.now() + RECHECK_MS)
    const steps = this.#stepsOf(stationId)
    const step = distrusted ? 'worst-case' : (steps[strikes - 1] ?? 'worst-case')
    const avoid = step === 'other-unit' ? (unitInUse(live, stationId) ?? null) : avoidUnit
    const isCapped = step === 'station-cap' || step === 'worst-case'
    if (step === 'retry') return
    await live.setTrust(stationId, {
      avoidUnit: avoid,
      distrusted: step === 'worst-case',
      ...(isCapped ? { capped: true } : {}),
    })
    onFinding()
  }

  #stepsOf(stationId: string): readonly EscalationStep[] {
    const { live, site } = this.#options
    // Amperes at a DC outlet are no second way to say the same, and what it computes of them cannot be judged.
    const isDc = site.evses.some((evse) => evse.stationId === stationId && evse.supply.kind === 'dc')
    const hasOther = live.device(stationId).rateUnits.length > 1 && !isDc
    const avoids = live.trust(stationId).avoidUnit !== null
    return ['retry', ...(hasOther || avoids ? (['other-unit'] as const) : []), 'station-cap', 'worst-case']
  }

  #reported(stationId: string): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.deadlineMs)
      const wake = (): void => {
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.set(stationId, [...(this.#waiting.get(stationId) ?? []), wake])
    })
  }

  #wake(stationId: string): void {
    const waiting = this.#waiting.get(stationId) ?? []
    this.#waiting.delete(stationId)
    for (const wake of waiting) wake()
  }
}

function unitInUse(live: LiveSite, stationId: string): 'A' | 'W' | undefined {
  const believed = believedProfiles(live, stationId)
  return (believed.find(({ slot }) => slot === 'lease') ?? believed[0])?.belief.unit
}
