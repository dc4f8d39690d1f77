import {
  type AllocationRequest,
  allocateInStages,
  carOutlook,
  filledLoads,
  LEARN,
  type LearnedDraw,
  type LearnSettings,
  LimitHistory,
  learn,
  objectiveOf,
  type PlannedCar,
  type PlanPolicy,
  type PlanSolver,
  plan,
  plannedRequest,
  plannedStages,
  planSlots,
  quantize,
  startLearning,
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
/** Loads with more watts per ampere than this have three phases. */
const THREE_PHASE_V = 600

const NO_PLAN = { firstA: null, filled: new Set<number>() }

interface Car extends PlannedCar {
  readonly session: ScenarioSession
  readonly leftPeriods: number
}

/** Adapts the core to the scorer. All policy is in the core; what is here is bookkeeping between steps. */
export class ScenarioScheduler implements Scheduler {
  readonly #policy: PlanPolicy
  readonly #solve: PlanSolver | null
  readonly #knownMaxima: ReadonlyMap<string, number>
  readonly #learned = new Map<string, LearnedDraw>()
  readonly #maxima = new Map<string, { wattPerA: number; maximumA: number }>()
  readonly #runningSince = new Map<string, number>()
  #history: LimitHistory | undefined
  #site: ScenarioSite = { loads: [], constraints: [] }
  #wired: ScenarioNetwork | null = null

  /** `knownMaxima` tells each car's maximum by session id: for showing what hidden maxima cost. */
  constructor(policy: PlanPolicy, solve: PlanSolver | null, knownMaxima?: ReadonlyMap<string, number>) {
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
    const { network } = wired
    const policy = this.#policy
    const limits = Float64Array.from(wired.constraintOf, (constraint) => view.limits_a[constraint] ?? 0)
    this.#history ??= new LimitHistory(view.period_s)
    this.#history.add(view.t, limits)
    for (const session of view.sessions) this.#noteRunning(session, view.t)
    const cars = view.sessions
      .filter((session) => session.remaining_kwh > 1e-3)
      .map((session) => this.#car(session, view))
    const mask = new Uint8Array(this.#site.loads.length).fill(TERMINALS)
    const request = plannedRequest({ policy, cars, limits, mask })
    const free = allocateInStages(network, request, [request.maxA])
    const short = cars.some((car) => (free.grantA[car.load] ?? 0) < car.maxA - 1e-6)
    if (!short && !policy.keepForLater) return this.#settable(wired, request, free.grantA)
    const planned = await this.#plan(wired, view, cars, this.#history)
    const { order, stages } = plannedStages({ policy, cars, request, ...planned })
    return this.#settable(wired, request, allocateInStages(network, { ...request, order }, stages).grantA)
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
    const leftPeriods = Math.max(1, session.departure - view.t)
    const since = this.#runningSince.get(session.id)
    const outlook = carOutlook({
      learned: this.#learn(session, view, load.v_eff),
      settings: LEARN_SETTINGS,
      supply: { minA: load.min_a, maxA: load.max_a },
      fillA: (session.remaining_kwh * 1000) / load.v_eff / (view.period_s / 3600),
      leftPeriods,
      phases: load.v_eff > THREE_PHASE_V ? 3 : 1,
      knownA: [...this.#maxima.values()]
        .filter((other) => other.wattPerA === load.v_eff)
        .map((other) => other.maximumA),
      stepUp: (currentA) =>
        load.pilots?.find((pilot) => pilot >= currentA - 0.11) ?? Math.min(currentA, load.max_a),
    })
    return {
      ...outlook,
      load: session.load,
      session,
      leftPeriods,
      running: session.last_draw_a > 0,
      mayPause: since === undefined || view.t - since >= this.#policy.turnPeriods,
      fulfilled: session.delivered_kwh / session.requested_kwh,
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

  async #plan(
    wired: ScenarioNetwork,
    view: ScenarioView,
    cars: readonly Car[],
    history: LimitHistory,
  ): Promise<{ firstA: Float64Array | null; filled: ReadonlySet<number> }> {
    if (!this.#solve || cars.length === 0) return NO_PLAN
    const { price, period_s: stepS } = view
    const { caution, laterShare, stayShare } = this.#policy
    const objective = objectiveOf(this.#policy, price ?? [])
    const sessions = cars.map((car) => ({
      load: car.load,
      mask: TERMINALS,
      capA: car.expectedA,
      minA: car.minA,
      wattPerA: this.#load(car.load).v_eff,
      remainingWh: car.session.remaining_kwh * 1000,
      requestedWh: car.session.requested_kwh * 1000,
      leavesInS: Math.ceil(car.leftPeriods * stayShare) * stepS,
    }))
    const slots = planSlots({
      stepS,
      horizonS: Math.max(...sessions.map((session) => session.leavesInS)),
      limitsAt: (startS, durationS) =>
        startS === 0
          ? Float64Array.from(wired.constraintOf, (constraint) => view.limits_a[constraint] ?? 0)
          : history.expected({ now: view.t, startS, durationS, caution }).map((limit) => limit * laterShare),
      ...(price
        ? { priceAt: (startS, durationS) => meanOf(price, view.t + startS / stepS, durationS / stepS) }
        : {}),
    })
    const request = { network: wired.network, slots, sessions, objective }
    const made = await plan(request, this.#solve)
    return made ? { firstA: made.firstA, filled: filledLoads(request, made) } : NO_PLAN
  }

  #settable(wired: ScenarioNetwork, request: AllocationRequest, grantA: Float64Array): Float64Array {
    const { limits, mask, maxA } = request
    const stepsOf = (load: number) => this.#load(load).pilots
    return quantize({ network: wired.network, limits, mask, grantA, maxA, stepsOf })
  }
}

function meanOf(values: readonly number[], from: number, count: number): number {
  const start = Math.round(from)
  const slice = values.slice(start, Math.max(start + 1, Math.round(from + count)))
  if (slice.length === 0) return values.at(-1) ?? 0
  return slice.reduce((sum, value) => sum + value, 0) / slice.length
}
