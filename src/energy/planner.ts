import {
  type BaseLoadInput,
  baseLoads,
  bookedMask,
  type Decision,
  evenness,
  type LimitInput,
  lessBase,
  mergeLimits,
  type Network,
  networkOf,
  type PlanAdvice,
  type PlanObjective,
  type PlanSession,
  type PlanSlot,
  type PlanSolver,
  type PolicyName,
  plan,
  planSlots,
  type Session,
  type Site,
  usableA,
} from '../../profiles/index.ts'
import { meanPrice, type PriceSlot } from './prices.ts'

/** What is assumed of a car that nobody knows anything about, from the sessions of before. */
export interface UsualSession {
  readonly energyWh: number
  readonly stayMs: number
}
export const USUAL_SESSION: UsualSession = { energyWh: 20_000, stayMs: 6 * 3_600_000 }

export interface PlannerInput {
  readonly nowMs: number
  readonly policy: PolicyName
  readonly limits: readonly LimitInput[]
  readonly baseLoads: readonly BaseLoadInput[]
  readonly sessions: readonly {
    readonly key: string
    readonly session: Session
    readonly deliveredWh: number
  }[]
  readonly prices: readonly PriceSlot[]
  readonly usual: UsualSession
  readonly decision: Decision
}

export type Advice = Readonly<Record<string, PlanAdvice>>

/** The hours ahead: what is expected of the limits, and what the plan gives. */
export interface Outlook {
  readonly fromMs: number
  readonly slots: readonly PlanSlot[]
  /** Amperes per phase by slot and EVSE index; null where nothing is planned. */
  readonly slotsA: readonly Float64Array[] | null
}

const STEP_S = 900
const HORIZON_S = 24 * 3600
/** Advice outlives one missed plan, and no more. */
export const ADVICE_LIFE_MS = 10 * 60_000
/** With more cars their minimums are left to the allocator: whole-or-nothing choices cost the solver its time. */
const MAX_WHOLE = 60

/**
 * Plans the hours ahead and turns the plan into advice for the allocator: caps where the policy wants to wait for
 * something (a price), weights where it wants to share by need. Undefined where there is nothing to advise, or
 * no answer in time.
 */
export class Planner {
  readonly #site: Site
  readonly #network: Network
  readonly #solve: PlanSolver
  #latest: Outlook | undefined

  constructor(site: Site, solve: PlanSolver) {
    this.#site = site
    this.#network = networkOf(site)
    this.#solve = solve
  }

  async advise(input: PlannerInput): Promise<Advice | undefined> {
    const objective = objectiveOf(input.policy)
    if (!objective || input.sessions.length === 0) return undefined
    const slots = this.#slots(input)
    const made = await plan(
      {
        network: this.#network,
        slots,
        sessions: input.sessions.flatMap((one) => this.#session(one, input)),
        objective,
      },
      this.#solve,
    )
    if (!made) return undefined
    this.#latest = { fromMs: input.nowMs, slots, slotsA: made.slotsA }
    const advice: Record<string, PlanAdvice> = {}
    for (const { key } of input.sessions) {
      const evse = this.#site.evseByKey.get(key)
      const plannedA = evse ? (made.firstA[evse.index] ?? 0) : 0
      // A weight never becomes nothing: what the plan does not want now may still be left over.
      advice[key] = input.policy === 'cost' ? { capA: plannedA } : { weight: Math.max(1, plannedA) }
    }
    return advice
  }

  /** The plan in force; where there is none, only what is expected of the limits. */
  outlook(input: PlannerInput): Outlook {
    const latest = this.#latest
    if (latest && objectiveOf(input.policy) && input.nowMs - latest.fromMs < ADVICE_LIFE_MS) return latest
    return { fromMs: input.nowMs, slots: this.#slots(input), slotsA: null }
  }

  #slots(input: PlannerInput): PlanSlot[] {
    const { nowMs } = input
    const evseA = this.#site.evses.map(() => [0, 0, 0] as const)
    // The base load of now is the forecast: nobody knows better.
    const base = baseLoads({ site: this.#site, inputs: input.baseLoads, evseCurrentA: evseA, nowMs })
    return planSlots({
      stepS: STEP_S,
      horizonS: HORIZON_S,
      limitsAt: (startS, durationS) => {
        const { rowLimits } = mergeLimits({
          site: this.#site,
          network: this.#network,
          inputs: input.limits,
          nowMs: nowMs + startS * 1000,
          lookaheadMs: durationS * 1000,
        })
        return lessBase(this.#site, rowLimits, base)
      },
      ...(input.prices.length > 0
        ? {
            priceAt: (startS: number, durationS: number) =>
              meanPrice(input.prices, nowMs + startS * 1000, nowMs + (startS + durationS) * 1000) ??
              meanPrice(input.prices, 0, Number.MAX_SAFE_INTEGER) ??
              0,
          }
        : {}),
    })
  }

  #session(one: PlannerInput['sessions'][number], input: PlannerInput): PlanSession[] {
    const { session, deliveredWh } = one
    const evse = this.#site.evseByKey.get(one.key)
    if (!evse) return []
    const learned = input.decision.memory.evses[one.key]?.learned ?? null
    const remainingWh = session.remainingWh ?? Math.max(1_000, input.usual.energyWh - deliveredWh)
    const leavesMs = session.departureMs ?? session.startedAtMs + input.usual.stayMs
    return [
      {
        load: evse.index,
        mask: bookedMask(evse, learned),
        ...(input.sessions.length <= MAX_WHOLE ? { minA: evse.minA } : {}),
        capA: usableA(learned, Math.min(evse.maxA, session.maxA ?? evse.maxA)),
        wattPerA: evse.wattPerA,
        remainingWh,
        requestedWh: remainingWh + deliveredWh,
        // Those who stay longer than said are still there: plan another hour for them.
        leavesInS: Math.max(3_600, (leavesMs - input.nowMs) / 1000),
      },
    ]
  }
}

/** Policies that look ahead. The others are told by their own order whom to serve. */
function objectiveOf(policy: PolicyName): PlanObjective | undefined {
  if (policy === 'cost') return { fairness: [], urgency: 0.01, valuePerKwh: 10 }
  if (policy === 'fair')
    return { fairness: evenness({ from: 0.1, to: 0.8, ratio: 1.5, aversion: 2 }), urgency: 0.1 }
  return undefined
}
