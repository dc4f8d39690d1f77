import { type Decision, type Push, retryAtMs, type Site } from '../../profiles/index.ts'
import type { Clock } from '../observe/clock.ts'
import type {
  NotifyEVChargingNeedsRequest,
  NotifyEVChargingScheduleRequest,
} from '../ocpp/v201/messages.generated.ts'
import type { Store } from '../store/ports.ts'
import type { Session } from '../store/sessions.ts'
import type { LoopAlarm } from './alarm-book.ts'
import { type DemandBook, needsOf } from './demand-book.ts'
import { judgeSchedule, renewedLease, withAlternative } from './iso15118.ts'
import type { LiveSite } from './live-site.ts'

export interface CarPlansOptions {
  readonly site: Site
  readonly store: Store
  readonly clock: Clock
  readonly live: LiveSite
  readonly demands: DemandBook
  readonly leaseMs: number
}

/** What a car said before its transaction was known waits this long for it. */
const PENDING_MS = 120_000
/** K15.FR.08: what ISO 15118 lets a car wait for its schedule. */
const PROMISE_MS = 60_000

/** Cars that speak ISO 15118 (K15-K17): what they need, what they were promised, and what they chose. */
export class CarPlans {
  readonly #options: CarPlansOptions
  readonly #tuples = new Map<string, number | null>()
  /** Cars that wait for a profile. `heard`: the needs are not in the sessions of a turn yet; a push: that one answers. */
  readonly #promised = new Map<string, 'heard' | 'open' | Push>()
  /** Since when: until the station has accepted a profile that answers. */
  readonly #promisedMs = new Map<string, number>()
  readonly #pending = new Map<string, { request: NotifyEVChargingNeedsRequest; atMs: number }>()

  constructor(options: CarPlansOptions) {
    this.#options = options
  }

  /** K15.FR.03: Accepted means that a profile follows within 60 s; a later message of the same car renegotiates (K17). */
  async judgeNeeds(
    stationId: string,
    request: NotifyEVChargingNeedsRequest,
  ): Promise<'Accepted' | 'Processing' | 'Rejected'> {
    const { site, clock } = this.#options
    const key = `${stationId}#${request.evseId}`
    const { acChargingParameters, dcChargingParameters } = request.chargingNeeds
    // K15.FR.06: needs without either say nothing that a profile could be made of.
    if (!site.evseByKey.has(key) || !(acChargingParameters || dcChargingParameters)) return 'Rejected'
    this.#tuples.set(key, request.maxScheduleTuples ?? null)
    const session = await this.#session(stationId, request.evseId)
    if (!session) {
      this.#pending.set(key, { request, atMs: clock.now() })
      return 'Processing'
    }
    await this.#take(key, session, request)
    return 'Accepted'
  }

  /** K15.FR.11-13: what exceeds the profile is refused, and a new profile follows. */
  async judgeSchedule(
    stationId: string,
    request: NotifyEVChargingScheduleRequest,
  ): Promise<'Accepted' | 'Rejected'> {
    const { site, live, clock } = this.#options
    const key = `${stationId}#${request.evseId}`
    const evse = site.evseByKey.get(key)
    const transactionId = evse && live.evse(key).session?.transactionId
    if (!evse || transactionId === undefined) return 'Rejected'
    const { acked, inFlight } = live.evse(key).slots.lease
    // While a profile is under way the car may have chosen by the one before it.
    const lease = inFlight && (!acked || inFlight.limitA > acked.limitA) ? inFlight : acked
    const judged = judgeSchedule({ evse, request, transactionId, lease, nowMs: clock.now() })
    live.setEvPlan(key, judged.accepted ? judged.plan : null)
    if (!judged.accepted) this.#promise(key)
    live.demandChanged(stationId)
    return judged.accepted ? 'Accepted' : 'Rejected'
  }

  /** Needs that came before their transaction. */
  async applyPending(): Promise<void> {
    const nowMs = this.#options.clock.now()
    for (const [key, { request, atMs }] of this.#pending) {
      const evse = this.#options.site.evseByKey.get(key)
      const session = evse && (await this.#session(evse.stationId, evse.evseId))
      if (session) await this.#take(key, session, request)
      if (session || nowMs - atMs > PENDING_MS) this.#pending.delete(key)
    }
  }

  async #take(key: string, session: Session, request: NotifyEVChargingNeedsRequest): Promise<void> {
    const { site, clock, demands, live } = this.#options
    const evse = site.evseByKey.get(key)
    if (!evse) return
    const at = new Date(clock.now()).toISOString()
    await demands.needs(session, needsOf(request.chargingNeeds, session, { site, evse, at }))
    // A car that asks anew has no plan until it has chosen again.
    live.setEvPlan(key, null)
    live.demandChanged(evse.stationId)
    this.#promise(key)
  }

  #promise(key: string): void {
    this.#promised.set(key, 'heard')
    this.#promisedMs.set(key, this.#promisedMs.get(key) ?? this.#options.clock.now())
  }

  #released(key: string): void {
    this.#promised.delete(key)
    this.#promisedMs.delete(key)
  }

  /** Cars that still wait for their profile when it should have been there (K15.FR.08). */
  alarms(nowMs: number): LoopAlarm[] {
    return [...this.#promisedMs].flatMap(([where, sinceMs]) => {
      const waitedS = Math.floor((nowMs - sinceMs) / 1000)
      const detail = `the car has waited ${waitedS} s for the charging profile that it was promised`
      return nowMs - sinceMs > PROMISE_MS ? [{ code: 'ev-profile-late' as const, where, detail }] : []
    })
  }

  /** What was heard until now is in what this turn reads: a profile that is sent from now on answers it. */
  beginTurn(): void {
    for (const [key, state] of this.#promised) if (state === 'heard') this.#promised.set(key, 'open')
  }

  /** Leases to send once more, for cars that were promised one and for which nothing changed. */
  renewals(decision: Decision, nowMs: number): Push[] {
    const { site, live, leaseMs } = this.#options
    const changing = new Set(
      decision.pushes.filter((push) => push.slot === 'lease').map((push) => push.evseKey),
    )
    return [...this.#promised].flatMap(([key, state]) => {
      const evse = site.evseByKey.get(key)
      if (!evse || state === 'heard' || changing.has(key)) return []
      const { session, slots } = live.evse(key)
      if (!session) {
        this.#released(key)
        return []
      }
      const held = slots.lease.acked
      const alive = held?.expiresAtMs != null && held.expiresAtMs > nowMs && !slots.lease.inFlight
      if (nowMs < retryAtMs(slots.lease)) return []
      if (!held || !alive || held.transactionId !== session.transactionId) return []
      const device = live.device(evse.stationId)
      const { transactionId } = session
      // No longer than it lasts already: a pause must not outlive the leases of others by chance.
      const lifeMs = Math.max(leaseMs, held.expiresAtMs - nowMs)
      const push = renewedLease({ evse, device, held, transactionId, leaseMs: lifeMs, nowMs })
      return push ? [push] : []
    })
  }

  isPromised(push: Push): boolean {
    return push.slot === 'lease' && push.evseKey !== null && this.#promised.get(push.evseKey) === 'open'
  }

  /** A lease as it goes to a car that said what it needs. */
  dress(push: Push): Push {
    const dressed = this.#withSlower(push)
    if (push.evseKey !== null && this.isPromised(push)) this.#promised.set(push.evseKey, dressed)
    return dressed
  }

  /** Adds the slower schedule for a car that takes more than one. */
  #withSlower(push: Push): Push {
    const { site, live, clock } = this.#options
    if (push.action !== 'SetChargingProfile' || push.slot !== 'lease' || push.evseKey === null) return push
    const evse = site.evseByKey.get(push.evseKey)
    const session = live.evse(push.evseKey).session
    if (!evse || !this.#tuples.has(push.evseKey) || !session) return push
    const { remainingWh, departureMs } = session
    if (remainingWh === undefined || departureMs === undefined) return push
    const hours = (departureMs - clock.now()) / 3_600_000
    if (hours <= 0) return push
    return withAlternative(push, {
      evse,
      device: live.device(evse.stationId),
      alternative: {
        averageA: remainingWh / hours / evse.wattPerA,
        maxTuples: this.#tuples.get(push.evseKey) ?? null,
      },
    })
  }

  /** The promise is kept by the push that was sent after it, once the station has accepted that one. */
  settled(push: Push, accepted: boolean): void {
    if (push.evseKey === null || this.#promised.get(push.evseKey) !== push) return
    if (accepted) this.#released(push.evseKey)
    else this.#promised.set(push.evseKey, 'open')
  }

  async #session(stationId: string, evseId: number): Promise<Session | undefined> {
    const sessions = await this.#options.store.sessions.list({ stationId, active: true, limit: 100 })
    return sessions.find((session) => session.evseId === evseId)
  }
}
