import { PLAN_POLICIES } from '../../profiles/index.ts'
import { highsSolver, startHighs } from './highs.ts'
import { ScenarioScheduler } from './scenario-scheduler.ts'
import type { ScenarioSite, ScenarioView } from './scenario-view.ts'

/** Scheduler module for the scorer: the energy policy. */
const scheduler = new ScenarioScheduler(PLAN_POLICIES.energy, highsSolver(await startHighs(), 5))

export function init(site: ScenarioSite): Promise<void> {
  return scheduler.init(site)
}

export function schedule(view: ScenarioView): Promise<Float64Array> {
  return scheduler.schedule(view)
}
