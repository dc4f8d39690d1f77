import type { ScenarioPolicy } from './scenario-scheduler.ts'

/** The policies that scenarios are scored with. */
export const SCENARIO_POLICIES = {
  /** As much energy as possible; the first 85 % of each request counts double, which costs almost none. */
  energy: {
    objective: { fairShare: 0.85, fairBonus: 1, urgency: 0.5 },
    keepForLater: false,
    order: 'laxity',
    laterShare: 1,
  },
  /** Nobody left behind: the first 70 % of each request counts sixfold. */
  fair: {
    objective: { fairShare: 0.7, fairBonus: 5, urgency: 0.5 },
    keepForLater: false,
    order: 'fulfilment',
    laterShare: 1,
  },
  /** Energy at its price: waits for cheaper hours while everyone's energy still fits. */
  cost: {
    objective: { fairShare: 0.7, fairBonus: 0.2, urgency: 0.02, valuePerKwh: 1 },
    keepForLater: true,
    order: 'laxity',
    laterShare: 0.8,
  },
} as const satisfies Record<string, ScenarioPolicy>

export type ScenarioPolicyName = keyof typeof SCENARIO_POLICIES
