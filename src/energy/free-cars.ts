import type { Logger } from 'pino'
import type { DomainEvent, EventHub, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type {
  ChargingProfileType,
  NotifyEVChargingNeedsRequest,
  NotifyEVChargingScheduleRequest,
} from '../ocpp/v201/messages.generated.ts'
import type { Store } from '../store/ports.ts'
import type { Session } from '../store/sessions.ts'
import { deviceOf } from './device.ts'
import { exceeds, profileOfNeeds } from './free-profile.ts'
import { ECHO_MS, patienceMs } from './patience.ts'

export interface FreeCarsOptions {
  readonly store: Pick<Store, 'sessions' | 'stations'>
  readonly bus: StationBus
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  readonly pushDeadlineMs: number
  /** The station first tells what came of our answer; then it gets its profile (K15.FR.08: within 60 s). */
  readonly offerAfterMs?: number
}

interface Given {
  readonly transactionId: string
  readonly profile: ChargingProfileType
  readonly atMs: number
}

/** How often in a row a car has asked right after an answer. */
interface Asked {
  readonly request: NotifyEVChargingNeedsRequest
  readonly repeats: number
}

const OFFER_AFTER_MS = 1_000
const MAX_CARS = 10_000

/**
 * Cars that speak ISO 15118 at stations of no site (K15-K17): nothing of ours limits them, but they wait for a profile
 * all the same. They get one that allows what they ask for.
 */
export class FreeCars {
  readonly #options: FreeCarsOptions
  readonly #needs = new Map<string, Asked>()
  /** The TxProfile that each station took last for an EVSE, whoever sent it. */
  readonly #given = new Map<string, Given>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #unsubscribe: () => void = () => undefined

  constructor(options: FreeCarsOptions) {
    this.#options = options
  }

  start(): void {
    this.#unsubscribe = this.#options.hub.subscribe((event) => this.#observe(event))
  }

  stop(): void {
    this.#unsubscribe()
    for (const timer of this.#timers) clearTimeout(timer)
  }

  async judgeNeeds(
    stationId: string,
    request: NotifyEVChargingNeedsRequest,
  ): Promise<'Accepted' | 'Rejected'> {
    const profile = await this.#profile(stationId, request)
    if (profile === undefined) return 'Rejected'
    this.#ask(stationId, request)
    return 'Accepted'
  }

  /** K15.FR.12, FR.13: a schedule above what the car was given is refused, and the profile is sent anew. */
  judgeSchedule(stationId: string, request: NotifyEVChargingScheduleRequest): 'Accepted' | 'Rejected' {
    const key = keyOf(stationId, request.evseId)
    const given = this.#given.get(key)
    if (given === undefined || !exceeds(request, given.profile, this.#options.clock.now())) return 'Accepted'
    const needs = this.#needs.get(key)
    if (needs !== undefined) this.#ask(stationId, needs.request)
    return 'Rejected'
  }

  /** A station that asks anew with every answer (K16.FR.12) is answered slower and slower. */
  #ask(stationId: string, request: NotifyEVChargingNeedsRequest): void {
    const key = keyOf(stationId, request.evseId)
    const answeredMs = this.#given.get(key)?.atMs ?? Number.NEGATIVE_INFINITY
    const soon = this.#options.clock.now() - answeredMs < ECHO_MS
    const repeats = soon ? (this.#needs.get(key)?.repeats ?? 0) + 1 : 0
    remember(this.#needs, key, { request, repeats })
    this.#offerLater(stationId, request, patienceMs(repeats))
  }

  #observe(event: DomainEvent): void {
    if (event.kind === 'charging-profile.accepted') {
      const { profile, stationId, evseId } = event
      const { transactionId } = profile
      if (profile.chargingProfilePurpose === 'TxProfile' && transactionId !== undefined)
        remember(this.#given, keyOf(stationId, evseId), {
          transactionId,
          profile,
          atMs: this.#options.clock.now(),
        })
    } else if (event.kind === 'session.updated' && event.eventType === 'Ended' && event.evseId !== null) {
      const key = keyOf(event.stationId, event.evseId)
      if (this.#given.get(key)?.transactionId === event.transactionId) this.#given.delete(key)
      this.#needs.delete(key)
    }
  }

  #offerLater(stationId: string, request: NotifyEVChargingNeedsRequest, waitMs: number): void {
    const { offerAfterMs = OFFER_AFTER_MS, log } = this.#options
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#offer(stationId, request).catch((error: unknown) =>
        log.error({ err: error, stationId }, 'A car of no site could not be given a charging profile'),
      )
    }, offerAfterMs + waitMs)
    timer.unref()
    this.#timers.add(timer)
  }

  async #offer(stationId: string, request: NotifyEVChargingNeedsRequest): Promise<void> {
    const { bus, log, pushDeadlineMs } = this.#options
    const chargingProfile = await this.#profile(stationId, request)
    if (chargingProfile === undefined) return
    const { evseId } = request
    const outcome = await bus.call(
      stationId,
      'SetChargingProfile',
      { evseId, chargingProfile },
      { deadlineMs: pushDeadlineMs },
    )
    if (outcome.kind === 'answered' && outcome.payload.status === 'Accepted') return
    log.warn({ stationId, evseId, outcome }, 'A car of no site did not get the profile it was promised')
  }

  async #profile(
    stationId: string,
    request: NotifyEVChargingNeedsRequest,
  ): Promise<ChargingProfileType | undefined> {
    const { store, clock } = this.#options
    const session = await this.#session(stationId, request.evseId)
    const device = deviceOf(await store.stations.variables(stationId, { component: 'SmartChargingCtrlr' }))
    if (session === undefined || !device.enabled) return undefined
    return profileOfNeeds(request, { transactionId: session.transactionId, device, nowMs: clock.now() })
  }

  async #session(stationId: string, evseId: number): Promise<Session | undefined> {
    const sessions = await this.#options.store.sessions.list({ stationId, active: true, limit: 100 })
    return sessions.find((session) => session.evseId === evseId)
  }
}

const keyOf = (stationId: string, evseId: number): string => `${stationId}#${evseId}`

/** The oldest gives way: a car whose session never ended is forgotten first. */
function remember<T>(cars: Map<string, T>, key: string, value: T): void {
  cars.delete(key)
  cars.set(key, value)
  const [oldest] = cars.keys()
  if (cars.size > MAX_CARS && oldest !== undefined) cars.delete(oldest)
}
