import { describe, expect, it } from 'vitest'
import { buildNetwork, type PlanObjective, type PlanSession, plan, planSlots } from '../../profiles/index.ts'
import { highsSolver, startHighs } from '../../src/conformance/highs.ts'

const ENERGY: PlanObjective = { fairness: [], urgency: 0.1 }

function oneRow(loads: number, groups = 1) {
  const rows = Array.from({ length: groups }, (_, k) => ({
    id: `r${k}`,
    kind: 'phase' as const,
    node: null,
    phase: null,
  }))
  const entries = Array.from({ length: loads }, (_, load) => ({
    load,
    row: load % groups,
    re: 1,
    im: 0,
    mask: 7,
  }))
  return buildNetwork({ loadCount: loads, rows, entries })
}
const car = (load: number, over: Partial<PlanSession> = {}): PlanSession => ({
  load,
  mask: 7,
  capA: 32,
  wattPerA: 230,
  remainingWh: 20_000,
  requestedWh: 20_000,
  leavesInS: 7_200,
  ...over,
})
const slots = (limitA: number, over: { horizonS?: number; priceAt?: (startS: number) => number } = {}) =>
  planSlots({
    stepS: 300,
    horizonS: over.horizonS ?? 7_200,
    limitsAt: () => Float64Array.of(limitA),
    ...(over.priceAt ? { priceAt: over.priceAt } : {}),
  })

describe('a plan', () => {
  it('serves the car that leaves first when both can have theirs', async () => {
    const solve = highsSolver(await startHighs(), 5)
    const sessions = [car(0, { leavesInS: 3_600, remainingWh: 4_000 }), car(1, { remainingWh: 8_000 })]
    const made = await plan({ network: oneRow(2), slots: slots(32), sessions, objective: ENERGY }, solve)
    expect(made?.firstA[0]).toBeCloseTo(32)
    expect(made?.firstA[1]).toBeCloseTo(0)
  })

  it('waits for a cheaper hour where everything still fits', async () => {
    const solve = highsSolver(await startHighs(), 5)
    const objective = { fairness: [], urgency: 0.01, valuePerKwh: 1 }
    const priceAt = (startS: number) => (startS < 3_600 ? 0.4 : 0.1)
    const request = (remainingWh: number) => ({
      network: oneRow(1),
      slots: slots(32, { priceAt }),
      sessions: [car(0, { remainingWh })],
      objective,
    })
    expect((await plan(request(5_000), solve))?.firstA[0]).toBeCloseTo(0)
    expect((await plan(request(14_000), solve))?.firstA[0]).toBeGreaterThan(10)
  })

  it('gives the first share of a request to everyone before the rest to anyone', async () => {
    const solve = highsSolver(await startHighs(), 5)
    const fair = { fairness: [{ share: 0.5, bonus: 3 }], urgency: 0.1 }
    const sessions = [
      car(0, { wattPerA: 690, remainingWh: 8_000, requestedWh: 10_000 }),
      car(1, { remainingWh: 4_000, requestedWh: 4_000 }),
    ]
    const made = (objective: PlanObjective) =>
      plan(
        {
          network: oneRow(2),
          slots: planSlots({ stepS: 3_600, horizonS: 3_600, limitsAt: () => Float64Array.of(16) }),
          sessions: sessions.map((s) => ({ ...s, leavesInS: 3_600 })),
          objective,
        },
        solve,
      )
    expect((await made(ENERGY))?.firstA[1]).toBeLessThan(5)
    expect((await made(fair))?.firstA[1]).toBeGreaterThan(8)
  })

  it('plans a thousand cars as a few groups, in seconds, and shares each group out within its cars', async () => {
    const solve = highsSolver(await startHighs(), 10)
    const network = oneRow(1_000, 20)
    const sessions = Array.from({ length: 1_000 }, (_, load) =>
      car(load, { leavesInS: 3_600 + 300 * (load % 90), capA: load % 2 === 0 ? 16 : 32 }),
    )
    const request = {
      network,
      sessions,
      objective: { fairness: [{ share: 0.7, bonus: 1 }], urgency: 0.5 },
      slots: planSlots({ stepS: 900, horizonS: 30_600, limitsAt: () => new Float64Array(20).fill(300) }),
    }
    const startMs = performance.now()
    const made = await plan(request, solve)
    expect(performance.now() - startMs).toBeLessThan(10_000)
    const sums = new Float64Array(20)
    sessions.forEach(({ load, capA }) => {
      expect(made?.firstA[load] ?? 0).toBeLessThanOrEqual(capA + 1e-6)
      sums[load % 20] = (sums[load % 20] ?? 0) + (made?.firstA[load] ?? 0)
    })
    expect(Math.max(...sums)).toBeLessThanOrEqual(300 + 1e-3)
    expect(Math.min(...sums)).toBeGreaterThan(290)
  })

  it('is silent when the solver gives no answer', async () => {
    expect(
      await plan(
        { network: oneRow(1), slots: slots(32), sessions: [car(0)], objective: ENERGY },
        async () => null,
      ),
    ).toBeNull()
  })
})
