import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { PLAN_POLICIES, type PlanPolicyName } from '../../profiles/index.ts'
import { type Anchors, remarksOf, type Score, targetsOf } from './scenario-targets.ts'

const run = promisify(execFile)

/** A scenario of a month with a plan at every step takes minutes. */
const SCORER_TIMEOUT_MS = 40 * 60_000

interface Scenario {
  readonly tariff?: unknown
  readonly anchors?: Anchors
}

/** Scores one policy on one file; with `known` the cars' maxima are told. */
export type Scorer = (file: string, policy: PlanPolicyName, known: boolean) => Promise<Score>

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

/** The scorer that came with the scenarios, in a process of its own. */
const scorer: Scorer = async (file, policy, known) => {
  const script = join(repositoryRoot(), 'test/fixtures/scenarios/score.mjs')
  const adapter = fileURLToPath(new URL('./scenario-adapter.js', import.meta.url))
  const { stdout } = await run(process.execPath, [script, file, '--algo', adapter, '--json'], {
    timeout: SCORER_TIMEOUT_MS,
    maxBuffer: 1 << 24,
    env: { ...process.env, SCENARIO_POLICY: policy, ...(known ? { SCENARIO_MAXIMA: resolve(file) } : {}) },
  })
  return JSON.parse(stdout)
}

async function judge(options: {
  readonly file: string
  readonly scenario: Scenario
  readonly policy: PlanPolicyName
  readonly known: boolean
  readonly score: Scorer
}) {
  const { file, scenario, policy, known, score } = options
  const anchors = scenario.anchors ?? {}
  const { scenario: name, ...figures } = await score(file, policy, known)
  const made = { scenario: name, ...figures }
  const targets = targetsOf(anchors, policy, made)
  const pass = targets.every((target) => target.met)
  const remarks = remarksOf(anchors, made)
  return { scenario: name, policy, pass, targets, ...(remarks.length > 0 ? { remarks } : {}), ...figures }
}

/**
 * Scores the core's policies on scenario files with the scorer that came with them. Prints one JSON line per scenario
 * and policy: the scorer's figures and what was wanted; where something is missed, another line with the best that is
 * reachable when every car's maximum is known from the start, which does not count; then a line with the counts. True
 * when every target is met.
 */
export async function runScenarios(
  files: readonly string[],
  print: (line: string) => void,
  score: Scorer = scorer,
): Promise<boolean> {
  let runs = 0
  let passed = 0
  for (const file of files) {
    let scenario: Scenario
    try {
      scenario = JSON.parse(await readFile(file, 'utf8'))
    } catch (cause) {
      runs++
      print(failed(file, cause))
      continue
    }
    const policies: PlanPolicyName[] = scenario.tariff ? ['energy', 'fair', 'cost'] : ['energy', 'fair']
    for (const policy of policies) {
      runs++
      try {
        const made = await judge({ file, scenario, policy, known: false, score })
        if (made.pass) passed++
        print(JSON.stringify({ ...made, objective: PLAN_POLICIES[policy].objective }))
        if (made.pass) continue
        const told = await judge({ file, scenario, policy, known: true, score })
        print(JSON.stringify({ bestReachable: 'with every maximum known, not counted', ...told }))
      } catch (cause) {
        print(failed(file, cause, policy))
      }
    }
  }
  print(JSON.stringify({ total: runs, passed, failed: runs - passed }))
  return runs > 0 && passed === runs
}

function failed(file: string, cause: unknown, policy?: PlanPolicyName): string {
  const detail = cause instanceof Error ? cause.message : String(cause)
  return JSON.stringify({ scenario: file, ...(policy ? { policy } : {}), pass: false, detail })
}
