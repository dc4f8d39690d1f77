import type { SiteEvse } from '../../profiles/index.ts'

/** The schedule that a car has chosen, in amperes on the grid's side. */
export interface EvPlan {
  readonly transactionId: string
  readonly steps: readonly { readonly fromMs: number; readonly limitA: number }[]
  readonly untilMs: number
  /** What it was allowed when it chose: a plan that takes all of it says nothing of what the car could take. */
  readonly allowedA: number
}

/** The next step of a car's plan is made room for before it comes. */
const PLAN_LOOKAHEAD_MS = 60_000
/** Cars regulate: a little above what they say they take. */
const PLAN_HEADROOM_A = 1
/** Taking back less than this is not worth another profile, with which the station bothers the car anew (K16.FR.02). */
const PLAN_WORTH_A = 3

/** A car that has told its plan is not kept more free than it says it will use. */
export function plannedMax(plan: EvPlan, evse: SiteEvse, nowMs: number): { maxA?: number } {
  if (nowMs >= plan.untilMs) return {}
  const step = plan.steps.filter((one) => one.fromMs <= nowMs).at(-1)
  const next = plan.steps.find((one) => one.fromMs > nowMs && one.fromMs <= nowMs + PLAN_LOOKAHEAD_MS)
  if (!step) return {}
  const plannedA = Math.max(step.limitA, next?.limitA ?? 0)
  if (plannedA > plan.allowedA - PLAN_WORTH_A) return {}
  return { maxA: Math.max(evse.minA, plannedA + PLAN_HEADROOM_A) }
}
