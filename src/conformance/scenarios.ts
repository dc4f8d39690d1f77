import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { PLAN_POLICIES, type PlanPolicyName } from '../../profiles/index.ts'

const run = promisify(execFile)

/** A scenario of a month with a plan at every step takes minutes. */
const SCORER_TIMEOUT_MS = 20 * 60_000

/** The scorer's figures that are judged here; everything else is passed through. */
interface Score {
  readonly scenario: string
  readonly energy_kwh: number
  readonly min_fulfil: number
  readonly grant_violations: number
  readonly draw_violations: number
  readonly pct_of_offline?: number
  readonly cost_eur?: number
}

interface Anchor {
  readonly energy_kwh?: number
  readonly min_fulfil?: number
  readonly cost_eur?: number
}

interface Scenario {
  readonly tariff: unknown
  readonly anchors?: Readonly<Record<string, Anchor>>
}

/** Anchors that are bounds with perfect foresight, or no schedule at all: a real one cannot be measured against them. */
const NOT_SCHEDULERS = new Set([
  'UNCTRL',
  'OFFLINE',
  'OFFLINE_COST',
  'OFFLINE_MAXMIN',
  'PUBLISHED_ENERGY_PCT',
])

function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) || !existsSync(join(folder, 'test'))) {
    const above = dirname(folder)
    if (above === folder)
      throw new Error('the scorer is in test/fixtures/scenarios of the repository: run from a checkout')
    folder = above
  }
  return folder
}

async function score(file: string, policy: PlanPolicyName | 'known'): Promise<Score> {
  const scorer = join(repositoryRoot(), 'test/fixtures/scenarios/score.mjs')
  const adapter = fileURLToPath(new URL(`./scenario-${policy}.js`, import.meta.url))
  const { stdout } = await run(process.execPath, [scorer, file, '--algo', adapter, '--json'], {
    timeout: SCORER_TIMEOUT_MS,
    maxBuffer: 1 << 24,
    env: { ...process.env, SCENARIO_FILE: resolve(file) },
  })
  return JSON.parse(stdout)
}

interface Target {
  readonly name: string
  readonly value: number
  readonly wanted: number
  readonly met: boolean
}

const atLeast = (name: string, value: number, wanted: number): Target => ({
  name,
  value,
  wanted,
  met: value >= wanted,
})
const atMost = (name: string, value: number, wanted: number): Target => ({
  name,
  value,
  wanted,
  met: value <= wanted,
})
const rounded = (value: number) => Number(value.toFixed(4))

/** What a policy must reach on a scenario, from the scenario's own anchors. */
function targets(scenario: Scenario, policy: PlanPolicyName, made: Score): Target[] {
  const anchors = scenario.anchors ?? {}
  const found: Target[] = [atMost('grant violations', made.grant_violations, 0)]
  const energyPct = made.pct_of_offline
  const fair = anchors.OFFLINE_MAXMIN?.min_fulfil
  const cheap = anchors.OFFLINE_COST?.cost_eur
  if (policy === 'energy' && energyPct !== undefined) {
    found.push(atLeast('energy, % of OFFLINE', energyPct, 97))
    const others = Object.entries(anchors).filter(([name]) => !NOT_SCHEDULERS.has(name))
    const best = Math.max(0, ...others.map(([, anchor]) => anchor.energy_kwh ?? 0))
    found.push(atLeast('energy, kWh of the best listed algorithm', made.energy_kwh, best))
  }
  if (policy === 'fair' && energyPct !== undefined) {
    found.push(atLeast('energy, % of OFFLINE', energyPct, 93))
    if (fair !== undefined)
      found.push(atLeast('min fulfilment, share of OFFLINE_MAXMIN', rounded(made.min_fulfil / fair), 0.7))
  }
  if (policy === 'cost' && energyPct !== undefined) {
    found.push(atLeast('energy, % of OFFLINE', energyPct, 98))
    if (cheap !== undefined)
      found.push(atMost('cost, share of OFFLINE_COST', rounded((made.cost_eur ?? 0) / cheap), 1.05))
  }
  return found
}

/** The best reachable when every car's maximum is known from the start. */
async function knownFigures(file: string): Promise<Partial<Score>> {
  const { pct_of_offline, energy_kwh, min_fulfil, grant_violations } = await score(file, 'known')
  return {
    energy_kwh,
    min_fulfil,
    grant_violations,
    ...(pct_of_offline === undefined ? {} : { pct_of_offline }),
  }
}

/**
 * Scores the core's policies on scenario files with the scorer that came with them. Prints one JSON line per scenario
 * and policy: the scorer's figures and what was wanted; then a line with the counts. True when every target is met.
 */
export async function runScenarios(
  files: readonly string[],
  print: (line: string) => void,
): Promise<boolean> {
  let runs = 0
  let passed = 0
  for (const file of files) {
    const scenario: Scenario = JSON.parse(await readFile(file, 'utf8'))
    const policies: PlanPolicyName[] = scenario.tariff ? ['energy', 'fair', 'cost'] : ['energy', 'fair']
    for (const policy of policies) {
      const known = PLAN_POLICIES[policy]
      runs++
      try {
        const made = await score(file, policy)
        const wanted = targets(scenario, policy, made)
        const pass = wanted.every((target) => target.met)
        if (pass) passed++
        const { scenario: name, ...figures } = made
        const hidden = policy === 'energy' && !pass ? { withMaximaKnown: await knownFigures(file) } : {}
        print(
          JSON.stringify({
            scenario: name,
            policy,
            objective: known.objective,
            pass,
            targets: wanted,
            ...hidden,
            ...figures,
          }),
        )
      } catch (cause) {
        const detail = cause instanceof Error ? cause.message : String(cause)
        print(JSON.stringify({ scenario: file, policy, pass: false, detail }))
      }
    }
  }
  print(JSON.stringify({ total: runs, passed, failed: runs - passed }))
  return runs > 0 && passed === runs
}
