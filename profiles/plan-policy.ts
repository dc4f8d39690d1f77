import { evenness, type PlanObjective } from './plan.ts'

/** What a planned site aims at, and how its plan is carried out. */
export interface PlanPolicy {
  readonly objective: Omit<PlanObjective, 'valuePerKwh'>
  /** Worth of a kWh as a multiple of the highest price, where there are prices. Left out, prices do not count. */
  readonly valueInPrices?: number
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
  /** Share of a stay to plan with: what waits for the last hour is lost when that hour is tighter than expected. */
  readonly stayShare: number
}

export const PLAN_POLICIES = {
  /** As much energy as possible; the first 85 % of each request counts half as much again, which costs almost none. */
  energy: {
    objective: { fairness: [{ share: 0.85, bonus: 0.5 }], urgency: 0.5, tightness: 0.15 },
    keepForLater: false,
    order: 'laxity',
    caution: 0,
    turnPeriods: 2,
    laterShare: 1,
    stayShare: 1,
  },
  /** Nobody left behind: a car with half of another's share is given four times the weight, at any level. */
  fair: {
    objective: {
      fairness: evenness({ from: 0.04, to: 0.75, ratio: 1.12, aversion: 2 }),
      urgency: 0.5,
    },
    keepForLater: false,
    order: 'fulfilment',
    caution: 2,
    turnPeriods: 1,
    laterShare: 0.8,
    stayShare: 1,
  },
  /** Energy at its price: waits for cheaper hours while everyone's energy still fits, with an hour in five to spare. */
  cost: {
    objective: { fairness: [{ share: 0.7, bonus: 0.2 }], urgency: 0.02 },
    valueInPrices: 2.5,
    keepForLater: true,
    order: 'laxity',
    caution: 0,
    turnPeriods: 1_000,
    laterShare: 0.8,
    stayShare: 0.8,
  },
} as const satisfies Record<string, PlanPolicy>

/** A policy's objective in the money of a tariff. Without a tariff, or where prices do not count, as it is. */
export function objectiveOf(policy: PlanPolicy, prices: readonly number[]): PlanObjective {
  const { objective, valueInPrices } = policy
  const highest = prices.reduce((most, price) => Math.max(most, price), 0)
  if (valueInPrices === undefined || highest <= 0) return objective
  const valuePerKwh = valueInPrices * highest
  return { ...objective, urgency: objective.urgency * valuePerKwh, valuePerKwh }
}

export type PlanPolicyName = keyof typeof PLAN_POLICIES
