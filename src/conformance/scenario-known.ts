import { readFile } from 'node:fs/promises'
import { PLAN_POLICIES } from '../../profiles/index.ts'
import { highsSolver, startHighs } from './highs.ts'
import { ScenarioScheduler } from './scenario-scheduler.ts'
import type { ScenarioSite, ScenarioView } from './scenario-view.ts'

/**
 * Scheduler module for the scorer: the energy policy told what each car can take, which a real site never knows. Shows
 * how much of a missed target is owed to that. The scenario file comes as SCENARIO_FILE.
 */
const file = process.env.SCENARIO_FILE
if (file === undefined)
  throw new Error('SCENARIO_FILE must name the scenario: run it through `conformance -- scenarios`')
const scenario: { readonly sessions: readonly { readonly id: string; readonly ev_max_a: number }[] } =
  JSON.parse(await readFile(file, 'utf8'))
const maxima = new Map(scenario.sessions.map((session) => [session.id, session.ev_max_a]))
const scheduler = new ScenarioScheduler(PLAN_POLICIES.energy, highsSolver(await startHighs(), 5), maxima)

export function init(site: ScenarioSite): Promise<void> {
  return scheduler.init(site)
}

export function schedule(view: ScenarioView): Promise<Float64Array> {
  return scheduler.schedule(view)
}
