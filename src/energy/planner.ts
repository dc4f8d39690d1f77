import {
  adviceOf,
  PLAN_POLICIES,
  type PlanAdvice,
  type PlanOptions,
  type PlanPolicy,
  type PlanSlot,
  type PlanSolver,
  type PolicyName,
  plan,
  planRequestOf,
  planSlotsOf,
  type Snapshot,
  toldKeys,
} from '../../profiles/index.ts'
import { meanPrice, type PriceSlot } from './prices.ts'

/** What is assumed of a car that nobody knows anything about, from the sessions of before. */
export interface UsualSession {
  readonly energyWh: number
  readonly stayMs: number
}
export const USUAL_SESSION: UsualSession = { energyWh: 20_000, stayMs: 6 * 3_600_000 }

export interface PlannerInput {
  readonly snapshot: Snapshot
  /** By EVSE key. */
  readonly deliveredWh: ReadonlyMap<string, number>
  readonly prices: readonly PriceSlot[]
  readonly usual: UsualSession
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

/** Plans the hours ahead of a site with the core's rules, and keeps what it planned for those who want to see it. */
export class Planner {
  readonly #solve: PlanSolver
  #latest: Outlook | undefined

  constructor(solve: PlanSolver) {
    this.#solve = solve
  }

  /**
   * Advice for the allocator: caps where the policy waits for cheaper hours, who may let others go first where it
   * shares. Undefined where there is nothing to advise, or no answer in time.
   */
  async advise(input: PlannerInput): Promise<Advice | undefined> {
    const { snapshot } = input
    const policy = planPolicyOf(input)
    if (!policy) return undefined
    const options = optionsOf(input, policy)
    const slots = planSlotsOf(snapshot, options)
    const request = planRequestOf(snapshot, options, slots)
    const made = await plan(request, this.#solve)
    if (!made) return undefined
    this.#latest = { fromMs: snapshot.nowMs, slots, slotsA: made.slotsA }
    const untilMs = snapshot.nowMs + ADVICE_LIFE_MS
    return adviceOf(request, made, snapshot, { untilMs, keepForLater: policy.keepForLater }).advice
  }

  /** The plan in force; where there is none, only what is expected of the limits. */
  outlook(input: PlannerInput): Outlook {
    const { nowMs } = input.snapshot
    const latest = this.#latest
    if (latest && planPolicyOf(input) && nowMs - latest.fromMs < ADVICE_LIFE_MS) return latest
    const slots = planSlotsOf(input.snapshot, optionsOf(input, PLAN_POLICIES.fair))
    return { fromMs: nowMs, slots, slotsA: null }
  }
}

/** Policies that look ahead, where there is anything to see. The others are told by their own order whom to serve. */
function planPolicyOf({ snapshot, prices }: PlannerInput): PlanPolicy | undefined {
  const policies: Partial<Record<PolicyName, PlanPolicy>> = {
    ...(toldKeys(snapshot).size > 0 ? { fair: PLAN_POLICIES.fair } : {}),
    ...(prices.length > 0 ? { cost: PLAN_POLICIES.cost } : {}),
  }
  return snapshot.evses.some(({ session }) => session) ? policies[snapshot.policy] : undefined
}

function optionsOf({ prices, usual, deliveredWh }: PlannerInput, policy: PlanPolicy): PlanOptions {
  const everywhere = meanPrice(prices, 0, Number.MAX_SAFE_INTEGER) ?? 0
  return {
    policy,
    stepS: STEP_S,
    horizonS: HORIZON_S,
    assumedStayS: usual.stayMs / 1000,
    assumedWh: usual.energyWh,
    deliveredWh,
    ...(prices.length > 0
      ? {
          priceAt: (fromMs: number, durationS: number) =>
            meanPrice(prices, fromMs, fromMs + durationS * 1000) ?? everywhere,
        }
      : {}),
  }
}
