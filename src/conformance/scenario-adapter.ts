import { readFile } from 'node:fs/promises'
import { PLAN_POLICIES, type PlanPolicyName } from '../../profiles/index.ts'
import { highsSolver, startHighs } from './highs.ts'
import { ScenarioScheduler } from './scenario-scheduler.ts'
import type { ScenarioSite, ScenarioView } from './scenario-view.ts'

/**
 * Scheduler module for the scorer. SCENARIO_POLICY names the policy (energy when left out). With SCENARIO_MAXIMA, the
 * scenario's file, it is told what each car can take, which a real site never knows: shows what hiding that costs.
 */
function isPolicy(name: string): name is PlanPolicyName {
  return Object.hasOwn(PLAN_POLICIES, name)
}

async function maximaOf(file: string): Promise<Map<string, number>> {
  const scenario: { readonly sessions: readonly { readonly id: string; readonly ev_max_a: number }[] } =
    JSON.parse(await readFile(file, 'utf8'))
  return new Map(scenario.sessions.map((session) => [session.id, session.ev_max_a]))
}

const name = process.env.SCENARIO_POLICY ?? 'energy'
if (!isPolicy(name))
  throw new Error(`SCENARIO_POLICY is one of ${Object.keys(PLAN_POLICIES).join(', ')}, not ${name}`)
const file = process.env.SCENARIO_MAXIMA
const maxima = file === undefined ? undefined : await maximaOf(file)
const scheduler = new ScenarioScheduler(PLAN_POLICIES[name], highsSolver(await startHighs(), 5), maxima)

export function init(site: ScenarioSite): Promise<void> {
  return scheduler.init(site)
}

export function schedule(view: ScenarioView): Promise<Float64Array> {
  return scheduler.schedule(view)
}
