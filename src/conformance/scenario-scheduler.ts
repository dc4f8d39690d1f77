import {
  allocateInStages,
  expectedMaximumA,
  LEARN,
  type LearnedDraw,
  type LearnSettings,
  learn,
  type PlanObjective,
  type PlanSession,
  type PlanSolver,
  plan,
  planSlots,
  quantize,
  startLearning,
  surelyUsedA,
  usableA,
} from '../../profiles/index.ts'
import { type ScenarioNetwork, scenarioNetwork } from './scenario-network.ts'
import type { ScenarioSession, ScenarioSite, ScenarioView, Scheduler } from './scenario-view.ts'

/** In a scenario a step is five minutes and a car's maximum does not change: one step is enough to learn it. */
const LEARN_SETTINGS: LearnSettings = {
  ...LEARN,
  gapA: 0.05,
  headroomA: 0.1,
  holdMs: 0,
  idleA: 0.5,
  overA: 1,
  overHoldMs: 0,
}
const TERMINALS = 7
const DAY_S = 86_400
/** Share of a request by which a waiting car must be behind one that charges to take its place. */
const KEEP_PLACE = 0.1

export interface ScenarioPolicy {
  readonly objective: PlanObjective
  /** Leave current unused that the plan wants to use later, at a lower price. */
  readonly keepForLater: boolean
  /** Who gets a minimum current first when not all fit: least time to spare, or least of its request so far. */
  readonly order: 'laxity' | 'fulfilment'
  /** Periods that a car charges at least before it may be paused for others. */
  readonly turnPeriods: number
  /** How many standard deviations below the mean later limits are expected, where limits have moved before. */
  readonly caution: number
  /** Share of later limits to plan with: the rest is for cars that have not come yet. */
  readonly laterShare: number
}

interface Car {
  readonly session: ScenarioSession
  readonly learned: LearnedDraw
  readonly maxA: number
  readonly sureA: number
  readonly minA: number
  readonly expectedA: number
  readonly laxity: number
  readonly leftPeriods: number
}

/** Adapts the core to the scorer. All policy is in the core; what is here is bookkeeping between steps. */
export class ScenarioScheduler implements Scheduler {
  readonly #policy: ScenarioPolicy
  readonly #solve: PlanSolver | null
  readonly #knownMaxima: ReadonlyMap<string, number>
  readonly #learned = new Map<string, LearnedDraw>()
  readonly #maxima = new Map<string, { wattPerA: number; maximumA: number }>()
  readonly #runningSince = new Map<string, number>()
  readonly #history = new Map<number, readonly number[]>()
  #site: ScenarioSite = { loads: [], constraints: [] }
  #wired: ScenarioNetwork | null = null

  /** `knownMaxima` tells each car's maximum by session id: for showing what hidden maxima cost. */
  constructor(policy: ScenarioPolicy, solve: PlanSolver | null, knownMaxima?: ReadonlyMap<string, number>) {
    this.#policy = policy
    this.#solve = solve
    this.#knownMaxima = knownMaxima ?? new Map()
  }

  async init(site: ScenarioSite): Promise<void> {
    this.#site = site
    this.#wired = scenarioNetwork(site)
  }

  async schedule(view: ScenarioView): Promise<Float64Array> {
    const wired = this.#wired
    if (!wired) throw new Error('schedule was called before init')
    this.#history.set(view.t, view.limits_a)
    for (const session of view.sessions) this.#noteRunning(session, view.t)
    const cars = view.sessions
      .filter((session) => session.remaining_kwh > 1e-3)
      .map((session) => this.#car(session, view))
    const request = this.#request(wired, view, cars)
    const sureA = this.#byLoad(cars, (car) => car.sureA)
    const free = allocateInStages(wired.network, request, [request.maxA])
    const short = cars.some((car) => (free.grantA[car.session.load] ?? 0) < car.maxA - 1e-6)
    if (!short && !this.#policy.keepForLater) return this.#settable(wired, request, free.grantA)
    const planned = await this.#plan(wired, view, cars)
    if (!planned) {
      const made = allocateInStages(wired.network, request, [sureA, request.maxA])
      return this.#settable(wired, request, made.grantA)
    }
    if (this.#policy.order === 'laxity') {
      for (const { session } of cars) {
        request.order[session.load] = (request.order[session.load] ?? 0) - (planned[session.load] ?? 0) * 100
      }
    }
    // A car for which the plan has next to nothing waits: its minimum current would cost others more.
    const waits = (car: Car) =>
      this.#mayPause(car, view.t) && (planned[car.session.load] ?? 0) < 0.1 * car.minA
    const first = this.#byLoad(cars, (car) =>
      waits(car) ? 0 : Math.max(car.minA, Math.min(planned[car.session.load] ?? 0, car.sureA)),
    )
    const runningSureA = this.#byLoad(cars, (car) => (waits(car) ? 0 : car.sureA))
    const stages = this.#policy.keepForLater ? [first] : [first, runningSureA, sureA, request.maxA]
    return this.#settable(wired, request, allocateInStages(wired.network, request, stages).grantA)
  }

  /** A car that began to charge keeps its turn for a while: contactors and drivers dislike a change every step. */
  #mayPause(car: Car, t: number): boolean {
    const since = this.#runningSince.get(car.session.id)
    return since === undefined || t - since >= this.#policy.turnPeriods
  }

  #noteRunning(session: ScenarioSession, t: number): void {
    if (session.last_draw_a <= 0) this.#runningSince.delete(session.id)
    else if (!this.#runningSince.has(session.id)) this.#runningSince.set(session.id, t - 1)
  }

  #load(index: number): ScenarioSite['loads'][number] {
    const load = this.#site.loads[index]
    if (!load) throw new Error(`the scenario has no load ${index}`)
    return load
  }

  #car(session: ScenarioSession, view: ScenarioView): Car {
    const load = this.#load(session.load)
    const learned = this.#learn(session, view, load.v_eff)
    const hours = view.period_s / 3600
    const fillA = (session.remaining_kwh * 1000) / load.v_eff / hours
    const stepUp = (currentA: number) =>
      load.pilots?.find((pilot) => pilot >= currentA - 0.11) ?? Math.min(currentA, load.max_a)
    const hardA = stepUp(usableA(learned, load.max_a, LEARN_SETTINGS))
    const maxA = Math.min(hardA, Math.max(stepUp(Math.min(fillA, load.max_a)), load.min_a))
    const known = [...this.#maxima.values()].filter((other) => other.wattPerA === load.v_eff)
    const prior = load.v_eff > 600 ? 16 : 24
    const expected = expectedMaximumA(
      known.map((other) => other.maximumA),
      prior,
    )
    const expectedA = Math.min(hardA, learned.drawA ?? Math.max(learned.confirmedA, expected))
    const leftPeriods = Math.max(1, session.departure - view.t)
    return {
      session,
      learned,
      maxA,
      // A car with no time to spare is believed to take what it needs.
      sureA: Math.min(maxA, Math.max(surelyUsedA(learned, maxA, LEARN_SETTINGS), fillA / leftPeriods)),
      minA: Math.min(load.min_a, maxA),
      expectedA,
      laxity: leftPeriods - fillA / Math.max(1, learned.drawA ?? load.max_a),
      leftPeriods,
    }
  }

  #learn(session: ScenarioSession, view: ScenarioView, wattPerA: number): LearnedDraw {
    const before = this.#learned.get(session.id) ?? startLearning(session.id)
    const knownA = this.#knownMaxima.get(session.id)
    if (knownA !== undefined) return { ...before, drawA: knownA, confirmedA: knownA }
    if (session.last_grant_a <= 0) return before
    const sample = {
      currentA: [session.last_draw_a],
      limitA: session.last_grant_a,
      atMs: view.t * view.period_s * 1000,
    }
    const learned = learn(before, sample, LEARN_SETTINGS)
    this.#learned.set(session.id, learned)
    if (learned.drawA !== null) this.#maxima.set(session.id, { wattPerA, maximumA: learned.drawA })
    return learned
  }

  #byLoad(cars: readonly Car[], pick: (car: Car) => number): Float64Array {
    const values = new Float64Array(this.#site.loads.length)
    for (const car of cars) values[car.session.load] = pick(car)
    return values
  }

  #request(wired: ScenarioNetwork, view: ScenarioView, cars: readonly Car[]) {
    const count = this.#site.loads.length
    return {
      limits: Float64Array.from(wired.constraintOf, (constraint) => view.limits_a[constraint] ?? 0),
      mask: new Uint8Array(count).fill(TERMINALS),
      minA: this.#byLoad(cars, (car) => car.minA),
      maxA: this.#byLoad(cars, (car) => car.maxA),
      // Least laxity, smoothly: raise whoever has least time to spare until all have the same.
      weight: this.#byLoad(cars, (car) => Math.max(1, car.expectedA)),
      offset: this.#byLoad(cars, (car) => car.laxity),
      tier: new Int32Array(count),
      order: this.#byLoad(cars, (car) => this.#order(car)),
    }
  }

  /** A car that charges keeps its place unless another is clearly more in need: switching costs starts. */
  #order(car: Car): number {
    const running = car.session.last_draw_a > 0
    if (this.#policy.order === 'laxity') return (running ? 0 : 1e6) + car.laxity
    return car.session.delivered_kwh / car.session.requested_kwh - (running ? KEEP_PLACE : 0)
  }

  async #plan(
    wired: ScenarioNetwork,
    view: ScenarioView,
    cars: readonly Car[],
  ): Promise<Float64Array | null> {
    if (!this.#solve || cars.length === 0) return null
    const sessions: PlanSession[] = cars.map((car) => ({
      load: car.session.load,
      mask: TERMINALS,
      capA: car.expectedA,
      minA: car.minA,
      wattPerA: this.#load(car.session.load).v_eff,
      remainingWh: car.session.remaining_kwh * 1000,
      requestedWh: car.session.requested_kwh * 1000,
      leavesInS: car.leftPeriods * view.period_s,
    }))
    const { price, period_s: stepS } = view
    const slots = planSlots({
      stepS,
      horizonS: Math.max(...sessions.map((session) => session.leavesInS)),
      limitsAt: (startS, durationS) => this.#expectedLimits(wired, view, startS, durationS),
      ...(price
        ? { priceAt: (startS, durationS) => meanOf(price, view.t + startS / stepS, durationS / stepS) }
        : {}),
    })
    const made = await plan(
      { network: wired.network, slots, sessions, objective: this.#policy.objective },
      this.#solve,
    )
    return made?.firstA ?? null
  }

  /** Limits are known for now only; for later, yesterday's around the same time are the best guess, then today's. */
  #expectedLimits(
    wired: ScenarioNetwork,
    view: ScenarioView,
    startS: number,
    durationS: number,
  ): Float64Array {
    if (startS === 0)
      return Float64Array.from(wired.constraintOf, (constraint) => view.limits_a[constraint] ?? 0)
    const day = Math.round(DAY_S / view.period_s)
    const first = view.t + Math.round(startS / view.period_s) - day
    const steps = Math.max(1, Math.round(durationS / view.period_s))
    const yesterday = this.#past(first, first + steps)
    const around =
      yesterday.length > 0
        ? this.#past(first - AROUND_STEPS, first + steps + AROUND_STEPS)
        : this.#past(view.t - 2 * AROUND_STEPS, view.t + 1)
    const mean = yesterday.length > 0 ? yesterday : [view.limits_a]
    return Float64Array.from(wired.constraintOf, (constraint) => {
      const expected = average(mean.map((limits) => limits[constraint] ?? 0))
      const spread = deviation(around.map((limits) => limits[constraint] ?? 0))
      return Math.max(0, expected - this.#policy.caution * spread) * this.#policy.laterShare
    })
  }

  #past(from: number, to: number): (readonly number[])[] {
    const found: (readonly number[])[] = []
    for (let step = from; step < to; step++) {
      const limits = this.#history.get(step)
      if (limits) found.push(limits)
    }
    return found
  }

  #settable(
    wired: ScenarioNetwork,
    request: { limits: Float64Array; mask: Uint8Array; maxA: Float64Array },
    grantA: Float64Array,
  ): Float64Array {
    const { limits, mask, maxA } = request
    return quantize({
      network: wired.network,
      limits,
      mask,
      grantA,
      maxA,
      stepsOf: (load) => this.#load(load).pilots,
    })
  }
}

const AROUND_STEPS = 6

function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

function deviation(values: readonly number[]): number {
  const mean = average(values)
  return Math.sqrt(average(values.map((value) => (value - mean) ** 2)))
}

function meanOf(values: readonly number[], from: number, count: number): number {
  const start = Math.round(from)
  const slice = values.slice(start, Math.max(start + 1, Math.round(from + count)))
  if (slice.length === 0) return values.at(-1) ?? 0
  return slice.reduce((sum, value) => sum + value, 0) / slice.length
}
