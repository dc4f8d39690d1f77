import { evenness } from '../../profiles/index.ts'
import type { ScenarioPolicy } from './scenario-scheduler.ts'

/** The policies that scenarios are scored with. */
export const SCENARIO_POLICIES = {
  /** As much energy as possible; the first 85 % of each request counts double, which costs almost none. */
  energy: {
    objective: { fairness: [{ share: 0.85, bonus: 1 }], urgency: 0.5 },
    keepForLater: false,
    order: 'laxity',
    caution: 0,
    turnPeriods: 3,
    laterShare: 1,
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
    laterShare: 0.85,
  },
  /** Energy at its price: waits for cheaper hours while everyone's energy still fits. */
  cost: {
    objective: { fairness: [{ share: 0.7, bonus: 0.2 }], urgency: 0.02, valuePerKwh: 1 },
    keepForLater: true,
    order: 'laxity',
    caution: 0,
    turnPeriods: 1_000,
    laterShare: 0.8,
  },
} as const satisfies Record<string, ScenarioPolicy>

export type ScenarioPolicyName = keyof typeof SCENARIO_POLICIES
