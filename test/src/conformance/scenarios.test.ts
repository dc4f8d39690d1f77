import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Anchors, remarksOf, type Score, targetsOf } from '../../../src/conformance/scenario-targets.ts'
import { runScenarios, type Scorer } from '../../../src/conformance/scenarios.ts'

const SCORE: Score = {
  scenario: 'made-up',
  energy_kwh: 980,
  energy_pct: 51.68,
  min_fulfil: 0.5,
  grant_violations: 0,
  draw_violations: 0,
  starts: 12,
  pct_of_offline: 98,
}
const ANCHORS: Anchors = {
  UNCTRL: { energy_pct: 100, min_fulfil: 1 },
  RR: { energy_pct: 40, min_fulfil: 0.1, starts: 10, violations: 0 },
  WILD: { energy_pct: 90, min_fulfil: 0.9, violations: 3 },
  OFFLINE: { energy_kwh: 1000 },
  OFFLINE_MAXMIN: { min_fulfil: 0.6 },
  PUBLISHED_ENERGY_PCT: { MPC: 51.69, OFFLINE_QC: 52.1 },
}
const missed = (score: Score, policy: 'energy' | 'fair' | 'cost', anchors = ANCHORS) =>
  targetsOf(anchors, policy, score).filter((target) => !target.met)

const folder = mkdtempSync(join(tmpdir(), 'gridkeep-scenarios-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
function fileOf(name: string, content: unknown): string {
  const file = join(folder, name)
  writeFileSync(file, JSON.stringify(content))
  return file
}
async function run(files: readonly string[], score: Scorer) {
  const lines: Record<string, unknown>[] = []
  const passed = await runScenarios(files, (line) => lines.push(JSON.parse(line)), score)
  return { passed, lines }
}

describe('what a scenario asks of a policy', () => {
  it('is to be no worse than any listed or published algorithm that keeps the limits', () => {
    expect(missed(SCORE, 'energy')).toMatchObject([
      { name: 'energy, % of the demand, of the best listed (published MPC)', wanted: 51.69 },
    ])
    expect(missed({ ...SCORE, energy_pct: 51.7 }, 'energy')).toEqual([])
    expect(missed({ ...SCORE, min_fulfil: 0.05 }, 'fair')).toHaveLength(2)
  })

  it('is no violation at all, whatever else it reaches', () => {
    expect(missed({ ...SCORE, grant_violations: 1 }, 'fair')).toMatchObject([{ wanted: 0, value: 1 }])
  })

  it('is cost near the cheapest with nearly all of the energy', () => {
    const anchors: Anchors = {
      OFFLINE_COST: { cost_eur: 100 },
      FCFS: { cost_eur: 90, energy_kwh: 300, violations: 0 },
    }
    const score = { ...SCORE, cost_eur: 106, eur_per_kwh: 0.31 }
    expect(missed(score, 'cost', anchors).map((target) => target.wanted)).toEqual([1.05, 0.3])
  })

  it('says what could not be judged, and who starts more often than round robin', () => {
    expect(remarksOf(ANCHORS, SCORE)).toEqual(['12 starts, round robin has 10'])
    const { pct_of_offline: _, ...bare } = SCORE
    expect(remarksOf({}, bare)[0]).toContain('no OFFLINE')
    expect(missed(bare, 'energy', {})).toEqual([])
  })
})

describe('a run of scenarios', () => {
  it('shows beside a missed target what is reachable with known maxima, and does not count it', async () => {
    const file = fileOf('one.json', { anchors: ANCHORS })
    const { passed, lines } = await run([file], async (_, policy, known) => ({
      ...SCORE,
      energy_pct: policy === 'energy' && !known ? 51 : 51.9,
    }))
    expect(passed).toBe(false)
    expect(lines).toMatchObject([
      { policy: 'energy', pass: false },
      { policy: 'energy', pass: true, bestReachable: expect.any(String) },
      { policy: 'fair', pass: true },
      { total: 2, passed: 1, failed: 1 },
    ])
  })

  it('goes on after a file that cannot be read and a scorer that fails', async () => {
    const file = fileOf('two.json', {})
    const { passed, lines } = await run([join(folder, 'missing.json'), file], async () => {
      throw new Error('no answer')
    })
    expect(passed).toBe(false)
    expect(lines.at(-1)).toEqual({ total: 3, passed: 0, failed: 3 })
    expect(lines[1]).toMatchObject({ pass: false, policy: 'energy', detail: 'no answer' })
  })
})
