import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PLAN_POLICIES } from '../../profiles/index.ts'
import { runComposite } from '../../src/conformance/composite.ts'
import { highsSolver, startHighs } from '../../src/conformance/highs.ts'
import { ScenarioScheduler } from '../../src/conformance/scenario-scheduler.ts'
import type { ScenarioSession, ScenarioSite } from '../../src/conformance/scenario-view.ts'

const CASES = fileURLToPath(new URL('../../../shared/vectors/composite-schedules.jsonl', import.meta.url))

describe('the published composite-schedule cases', () => {
  const there = existsSync(CASES)
  if (!there) console.info(`skipped: the cases are not at ${CASES}`)
  it.skipIf(!there)('all pass', async () => {
    const lines: string[] = []
    expect(await runComposite(CASES, (line) => lines.push(line))).toBe(true)
    expect(JSON.parse(lines.at(-1) ?? '{}')).toMatchObject({ failed: 0 })
    expect(lines.length).toBeGreaterThan(20)
  })

  it('that cannot be read count as failed', async () => {
    const lines: string[] = []
    const file = fileURLToPath(new URL('../fixtures/scenarios/README.md', import.meta.url))
    expect(await runComposite(file, (line) => lines.push(line))).toBe(false)
    expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({
      pass: false,
      detail: expect.stringMatching(/^line 1: not JSON/),
    })
  })

  it('say which field of which line is wrong', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'composite-'))
    const file = join(folder, 'cases.jsonl')
    writeFileSync(file, '\n{"name":"c","n":2,"evses":0}\n')
    const lines: string[] = []
    expect(await runComposite(file, (line) => lines.push(line))).toBe(false)
    rmSync(folder, { recursive: true })
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      { name: 'c', n: 2, pass: false, detail: "line 2: the line must have required property 'defaults'" },
      { total: 1, passed: 0, failed: 1 },
    ])
  })
})

interface ScenarioFile {
  readonly site: ScenarioSite
  readonly period_s: number
  readonly sessions: readonly {
    readonly id: string
    readonly load: number
    readonly arrival: number
    readonly departure: number
    readonly energy_kwh: number
    readonly ev_max_a: number
  }[]
}

/** The scorer's loop over the first steps of a scenario, with the checks that matter here. */
async function drive(
  file: string,
  steps: number,
): Promise<{ granted: number; drawn: number; worst: number }> {
  const path = fileURLToPath(new URL(`../fixtures/scenarios/${file}`, import.meta.url))
  const scenario: ScenarioFile = JSON.parse(readFileSync(path, 'utf8'))
  const scheduler = new ScenarioScheduler(PLAN_POLICIES.fair, highsSolver(await startHighs(), 5))
  await scheduler.init(scenario.site)
  const hours = scenario.period_s / 3600
  const cars = scenario.sessions.map((session) => ({ ...session, got: 0, grant: 0, draw: 0 }))
  const limits = scenario.site.constraints.map((constraint) => constraint.limit_a)
  const total = { granted: 0, drawn: 0, worst: 0 }
  for (let t = 0; t < steps; t++) {
    const present = cars.filter((car) => car.arrival <= t && car.departure > t)
    const sessions: ScenarioSession[] = present.map((car) => ({
      id: car.id,
      load: car.load,
      arrival: car.arrival,
      departure: car.departure,
      requested_kwh: car.energy_kwh,
      delivered_kwh: car.got,
      remaining_kwh: car.energy_kwh - car.got,
      last_grant_a: car.grant,
      last_draw_a: car.draw,
    }))
    const grants = await scheduler.schedule({
      t,
      period_s: scenario.period_s,
      limits_a: limits,
      price: null,
      sessions,
    })
    for (const car of present) {
      const load = scenario.site.loads[car.load]
      if (!load) throw new Error('the scenario names a load it does not have')
      car.grant = grants[car.load] ?? 0
      expect(car.grant === 0 || car.grant >= load.min_a).toBe(true)
      const fillA = ((car.energy_kwh - car.got) * 1000) / hours / load.v_eff
      car.draw = Math.max(0, Math.min(car.grant, car.ev_max_a, fillA))
      car.got += (car.draw * load.v_eff * hours) / 1000
      total.granted += car.grant
      total.drawn += car.draw
    }
    for (const constraint of scenario.site.constraints) {
      let re = 0
      let im = 0
      for (const [load, coeff, angleDeg] of constraint.terms) {
        re += coeff * (grants[load] ?? 0) * Math.cos((angleDeg * Math.PI) / 180)
        im += coeff * (grants[load] ?? 0) * Math.sin((angleDeg * Math.PI) / 180)
      }
      total.worst = Math.max(total.worst, Math.hypot(re, im) / constraint.limit_a)
    }
  }
  return total
}

describe('the scenario adapter', () => {
  it.each([['public-01-delta54-cap50.json'], ['public-02-office-tree.json']])(
    'fills %s without exceeding any constraint and grants hardly more than is drawn',
    async (file) => {
      const { granted, drawn, worst } = await drive(file, 100)
      expect(worst).toBeLessThanOrEqual(1 + 1e-6)
      expect(worst).toBeGreaterThan(0.98)
      expect(drawn / granted).toBeGreaterThan(0.93)
    },
  )
})
