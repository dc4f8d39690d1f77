import { type Push, type Site, type SiteEvse, withChoices } from '../../profiles/index.ts'
import type { Clock } from '../observe/clock.ts'
import type {
  ChargingNeedsType,
  NotifyEVChargingNeedsRequest,
  NotifyEVChargingScheduleRequest,
} from '../ocpp/v201/messages.generated.ts'
import type { Store } from '../store/ports.ts'
import type { Session } from '../store/sessions.ts'
import type { LoopAlarm } from './alarm-book.ts'
import { believedProfiles } from './believed.ts'
import { type DemandBook, needsOf } from './demand-book.ts'
import { judgeSchedule, PHASES_OF_MODE } from './iso15118.ts'
import type { LiveSite } from './live-site.ts'
import { ECHO_MS, patienceMs } from './patience.ts'
import type { PriceSlot } from './prices.ts'

export interface CarPlansOptions {
  readonly site: Site
  readonly store: Store
  readonly clock: Clock
  readonly live: LiveSite
  readonly demands: DemandBook
  readonly prices: () => readonly PriceSlot[]
}

type SetPush = Extract<Push, { action: 'SetChargingProfile' }>

/** How a car that speaks ISO 15118 and its station have dealt with us, for operators. */
export interface CarTalk {
  /** Profiles after the first that nobody had asked for: each is a renegotiation (K16.FR.02). */
  readonly byUs: number
  /** Needs after the first: the car's own renegotiations (K17). */
  readonly byCar: number
  /** Plans above what it was given. */
  readonly refusedPlans: number
  readonly schedulesOffered: number
}

interface Car {
  readonly transactionId: string
  readonly phases: number | null
  talk: CarTalk
  /** `heard`: the needs are not in the sessions of a turn yet; a push: that one answers. */
  promise: 'heard' | 'open' | Push | null
  /** Since when it waits: until the station has accepted a profile that answers. */
  waitsSinceMs: number
  /** Answered no earlier: a station that asks anew after every answer is not answered at once for ever. */
  notBeforeMs: number
  needs: ChargingNeedsType | null
  repeats: number
  refusals: number
  answeredMs: number
  sent: SetPush['request'] | null
  offered: SetPush['request'] | null
}

/** What a car said before its transaction was known waits this long for it. */
const PENDING_MS = 120_000
/** K15.FR.08: what ISO 15118 lets a car wait for its schedule. */
const PROMISE_MS = 60_000
const NO_TALK: CarTalk = { byUs: 0, byCar: 0, refusedPlans: 0, schedulesOffered: 0 }

/** Cars that speak ISO 15118 (K15-K17): what they need, what they were promised, and what they chose. */
export class CarPlans {
  readonly #options: CarPlansOptions
  readonly #cars = new Map<string, Car>()
  readonly #pending = new Map<string, { request: NotifyEVChargingNeedsRequest; atMs: number }>()
  readonly #totals = { byUs: 0, byCar: 0, refusedPlans: 0 }

  constructor(options: CarPlansOptions) {
    this.#options = options
  }

  /** Renegotiations since the start, of all cars. */
  get totals(): Readonly<{ byUs: number; byCar: number; refusedPlans: number }> {
    return this.#totals
  }

  /** Undefined where no car has told its needs in this transaction. */
  talk(key: string): CarTalk | undefined {
    const car = this.#cars.get(key)
    return car && car.transactionId === this.#options.live.evse(key).session?.transactionId
      ? car.talk
      : undefined
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
    const allowedA = Math.max(acked?.limitA ?? 0, inFlight?.limitA ?? 0)
    const given = this.#given(evse)
    const nowMs = clock.now()
    const judged = judgeSchedule({ evse, request, transactionId, given, allowedA, nowMs })
    live.setEvPlan(key, judged.accepted ? judged.plan : null)
    const car = this.#car(key, transactionId)
    if (judged.accepted) car.refusals = 0
    else {
      car.refusals++
      this.#count(car, 'refusedPlans')
      this.#promise(car, nowMs + patienceMs(car.refusals))
    }
    live.demandChanged(stationId)
    return judged.accepted ? 'Accepted' : 'Rejected'
  }

  /** What the car may have chosen from: the last offers, or after a restart what we believe that the station holds. */
  #given({ key, stationId }: SiteEvse) {
    const car = this.#cars.get(key)
    const offers = [car?.sent, car?.offered].flatMap((one) => one?.chargingProfile.chargingSchedule ?? [])
    if (offers.length > 0)
      return [car?.sent, car?.offered].flatMap((one) => (one ? [one.chargingProfile.chargingSchedule] : []))
    return believedProfiles(this.#options.live, stationId)
      .filter((believed) => believed.slot === 'lease' && believed.evseKey === key)
      .map(({ profile }) => profile.chargingSchedule)
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
    const nowMs = clock.now()
    const at = new Date(nowMs).toISOString()
    const needs = needsOf(request.chargingNeeds, session, { site, evse, at })
    await demands.needs(session, needs, request.maxScheduleTuples ?? null)
    const car = this.#heard(key, session.transactionId, request)
    // A car that asks anew has no plan until it has chosen again.
    live.setEvPlan(key, null)
    live.demandChanged(evse.stationId)
    this.#promise(car, nowMs + patienceMs(car.repeats))
  }

  #heard(key: string, transactionId: string, request: NotifyEVChargingNeedsRequest): Car {
    const before = this.#cars.get(key)
    const known = before?.transactionId === transactionId
    const car = this.#car(key, transactionId, PHASES_OF_MODE[request.chargingNeeds.requestedEnergyTransfer])
    const needs = request.chargingNeeds
    const soon = this.#options.clock.now() - car.answeredMs < ECHO_MS
    car.repeats = soon && car.needs !== null && saysTheSame(needs, car.needs) ? car.repeats + 1 : 0
    if (known && car.needs !== null) this.#count(car, 'byCar')
    car.needs = needs
    return car
  }

  #car(key: string, transactionId: string, phases: number | null = null): Car {
    const known = this.#cars.get(key)
    if (known?.transactionId === transactionId) return known
    const car: Car = {
      transactionId,
      phases,
      talk: NO_TALK,
      promise: null,
      waitsSinceMs: 0,
      notBeforeMs: 0,
      needs: null,
      repeats: 0,
      refusals: 0,
      answeredMs: Number.NEGATIVE_INFINITY,
      sent: null,
      offered: null,
    }
    this.#cars.set(key, car)
    return car
  }

  #count(car: Car, what: 'byUs' | 'byCar' | 'refusedPlans'): void {
    car.talk = { ...car.talk, [what]: car.talk[what] + 1 }
    this.#totals[what]++
  }

  #promise(car: Car, notBeforeMs: number): void {
    if (car.promise === null) car.waitsSinceMs = notBeforeMs
    car.promise = 'heard'
    car.notBeforeMs = notBeforeMs
  }

  /** Cars that still wait for their profile when it should have been there (K15.FR.08). */
  alarms(nowMs: number): LoopAlarm[] {
    return [...this.#cars].flatMap(([where, car]) => {
      if (car.promise === null || nowMs - car.waitsSinceMs <= PROMISE_MS) return []
      const waitedS = Math.floor((nowMs - car.waitsSinceMs) / 1000)
      const detail = `the car has waited ${waitedS} s for the charging profile that it was promised`
      return [{ code: 'ev-profile-late' as const, where, detail }]
    })
  }

  /** What was heard until now is in what this turn reads: a profile that is sent from now on answers it. */
  beginTurn(): void {
    const { live, clock } = this.#options
    const nowMs = clock.now()
    for (const [key, car] of this.#cars) {
      // One that was just heard may be ahead of its session.
      if (car.promise !== 'heard' && live.evse(key).session?.transactionId !== car.transactionId) {
        this.#cars.delete(key)
        live.setWaits(key, false)
        continue
      }
      if (car.promise === 'heard' && nowMs >= car.notBeforeMs) car.promise = 'open'
      live.setWaits(key, car.promise === 'open')
    }
  }

  isPromised(push: Push): boolean {
    return push.slot === 'lease' && push.evseKey !== null && this.#cars.get(push.evseKey)?.promise === 'open'
  }

  /** A lease as it goes to a car that said what it needs: with schedules to choose from. */
  dress(push: Push): Push {
    const { site, live, clock, prices } = this.#options
    if (push.action !== 'SetChargingProfile' || push.slot !== 'lease' || push.evseKey === null) return push
    const evse = site.evseByKey.get(push.evseKey)
    const session = live.evse(push.evseKey).session
    if (!evse || !session?.iso15118) return push
    const car = this.#car(push.evseKey, session.transactionId)
    const { remainingWh, departureMs, iso15118 } = session
    const request = withChoices(push.request, {
      evse,
      device: live.device(evse.stationId),
      nowMs: clock.now(),
      maxScheduleTuples: iso15118.maxScheduleTuples,
      wish:
        remainingWh === undefined || departureMs === undefined
          ? null
          : { remainingWh, departureMs, wattPerA: wattPerA(evse, car.phases) },
      prices: prices().map(({ from, to, pricePerKwh }) => ({
        fromMs: second(from),
        toMs: second(to),
        pricePerKwh,
      })),
    })
    const dressed = { ...push, request }
    car.sent = request
    if (car.promise === 'open') car.promise = dressed
    return dressed
  }

  /** The promise is kept by the push that was sent after it, once the station has accepted that one. */
  settled(push: Push, accepted: boolean): void {
    const car = push.evseKey === null ? undefined : this.#cars.get(push.evseKey)
    if (!car || push.action !== 'SetChargingProfile' || push.slot !== 'lease') return
    const answers = car.promise === push
    if (!accepted) {
      if (answers) car.promise = 'open'
      return
    }
    // Sent before its needs were heard: nothing was negotiated yet.
    if (car.sent !== push.request) return
    car.answeredMs = this.#options.clock.now()
    car.offered = car.sent
    car.sent = null
    car.talk = { ...car.talk, schedulesOffered: push.request.chargingProfile.chargingSchedule.length }
    if (answers) car.promise = null
    if (!answers || car.refusals > 0) this.#count(car, 'byUs')
  }

  async #session(stationId: string, evseId: number): Promise<Session | undefined> {
    const sessions = await this.#options.store.sessions.list({ stationId, active: true, limit: 100 })
    return sessions.find((session) => session.evseId === evseId)
  }
}

/** Schedules count in seconds; a gap between two prices that is shorter than one is none. */
function second(time: string): number {
  return Math.round(Date.parse(time) / 1000) * 1000
}

/** Watts per ampere on the phases that the car said it uses. */
function wattPerA(evse: SiteEvse, phases: number | null): number {
  const wired = evse.terminals.length
  return evse.supply.kind === 'ac' && phases !== null
    ? (evse.wattPerA * Math.min(phases, wired)) / wired
    : evse.wattPerA
}

/** Energy left changes all the time, and the departure is told as seconds from now: neither makes a new wish. */
function saysTheSame(a: ChargingNeedsType, b: ChargingNeedsType): boolean {
  const leavesMs = ({ departureTime }: ChargingNeedsType) =>
    departureTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(departureTime)
  const [leavesA, leavesB] = [leavesMs(a), leavesMs(b)]
  return (
    (leavesA === leavesB || Math.abs(leavesA - leavesB) < PENDING_MS) &&
    a.acChargingParameters?.evMaxCurrent === b.acChargingParameters?.evMaxCurrent &&
    a.dcChargingParameters?.evMaxPower === b.dcChargingParameters?.evMaxPower
  )
}
