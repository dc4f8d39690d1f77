import { describe, expect, it } from 'vitest'
import {
  adviceOf,
  buildNetwork,
  evenness,
  openSite,
  PLAN_POLICIES,
  type PlanObjective,
  type PlanOptions,
  type PlanSession,
  plan,
  planRequestOf,
  planSlots,
  windowEnvelope,
} from '../../profiles/index.ts'
import { highsSolver, startHighs } from '../../src/conformance/highs.ts'
import { SiteSimulator } from './site-simulator.ts'

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

  it('gives a car its minimum or nothing, never a current between', async () => {
    const solve = highsSolver(await startHighs(), 5)
    const sessions = [car(0, { minA: 6 }), car(1, { minA: 6 }), car(2, { minA: 6 })]
    const fair = { fairness: [{ share: 0.5, bonus: 1 }], urgency: 0.1 }
    const made = await plan({ network: oneRow(3), slots: slots(14), sessions, objective: fair }, solve)
    const first = [...(made?.firstA ?? [])]
    expect(first.reduce((sum, currentA) => sum + currentA, 0)).toBeCloseTo(14)
    for (const currentA of first) if (currentA > 0.001) expect(currentA).toBeGreaterThan(5.999)
  })

  it('tells every slot, within the limit of each', async () => {
    const solve = highsSolver(await startHighs(), 5)
    const sessions = [car(0), car(1, { leavesInS: 3_600 })]
    const request = { network: oneRow(2), slots: slots(20), sessions, objective: ENERGY }
    const made = await plan(request, solve)
    expect(made?.slotsA).toHaveLength(request.slots.length)
    for (const slotA of made?.slotsA ?? [])
      expect((slotA[0] ?? 0) + (slotA[1] ?? 0)).toBeLessThanOrEqual(20.001)
    expect(made?.slotsA.at(-1)?.[1]).toBe(0)
  })

  it('weighs a share by the power of what a car has, at any level the same', () => {
    const parts = evenness({ from: 0.05, to: 0.8, ratio: 2, aversion: 2 })
    expect(parts.map((part) => part.share)).toEqual([0.05, 0.1, 0.2, 0.4, 0.8])
    const worthBelow = (share: number) =>
      parts.filter((part) => part.share >= share).reduce((sum, part) => sum + part.bonus, 0)
    expect(worthBelow(0.1) / worthBelow(0.2)).toBeCloseTo(4)
    expect(worthBelow(0.4) / worthBelow(0.8)).toBeCloseTo(4)
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

describe('advice for the allocator', () => {
  const openedSite = (limitA: number, ids: readonly string[]) => {
    const opened = openSite({
      id: 's',
      voltageV: 230,
      root: {
        kind: 'circuit',
        id: 'grid',
        limitA,
        children: ids.map((id) => ({
          kind: 'station' as const,
          id,
          evses: [{ evseId: 1, supply: { kind: 'ac' as const, rotation: [1 as const], maxA: 32 } }],
        })),
      },
    })
    if (!opened.ok) throw new Error('the site is fine')
    return opened.site
  }
  const site = openedSite(32, ['A', 'B'])
  const options: PlanOptions = {
    policy: { ...PLAN_POLICIES.energy, objective: { fairness: [], urgency: 0.3 } },
    stepS: 300,
    horizonS: 14_400,
    assumedStayS: 14_400,
    assumedWh: 10_000,
  }
  const simulator = () => {
    const made = new SiteSimulator(site)
    const hour = 3_600_000
    made.plug(
      'A#1',
      { transactionId: 'a', maxA: [32] },
      { departureMs: made.nowMs + hour, remainingWh: 5_000 },
    )
    made.plug(
      'B#1',
      { transactionId: 'b', maxA: [32] },
      { departureMs: made.nowMs + 4 * hour, remainingWh: 10_000 },
    )
    return made
  }

  it('comes from a snapshot and makes the car that leaves first charge first', async () => {
    const made = simulator()
    const solve = highsSolver(await startHighs(), 5)
    const request = planRequestOf(made.snapshot(), options)
    const found = await plan(request, solve)
    if (!found) throw new Error('the model is small')
    made.plan = adviceOf(request, found, made.snapshot(), {
      untilMs: made.nowMs + 600_000,
      keepForLater: false,
    })
    for (let k = 0; k < 60; k++) {
      made.decide(() => ({ delayMs: 200, outcome: 'accepted' }))
      made.advance(500)
    }
    expect(made.drawnA('A#1')[0]).toBeGreaterThan(25)
    expect((made.drawnA('A#1')[0] ?? 0) + (made.drawnA('B#1')[0] ?? 0)).toBeGreaterThan(31)
  })

  it.each([
    ['of which nobody knows anything', false],
    ['that all told the same', true],
  ])('leaves four equal cars %s their even shares', async (_, told) => {
    const made = new SiteSimulator(openedSite(59, ['A', 'B', 'C', 'D']))
    const demand = told ? { departureMs: made.nowMs + 10 * 3_600_000, remainingWh: 20_000 } : {}
    for (const id of ['A', 'B', 'C', 'D']) made.plug(`${id}#1`, { transactionId: id, maxA: [32] }, demand)
    const solve = highsSolver(await startHighs(), 5)
    const request = planRequestOf(made.snapshot(), { ...options, policy: PLAN_POLICIES.fair })
    const found = await plan(request, solve)
    if (!found) throw new Error('the model is small')
    made.plan = adviceOf(request, found, made.snapshot(), {
      untilMs: made.nowMs + 600_000,
      keepForLater: false,
    })
    for (let k = 0; k < 80; k++) {
      made.decide(() => ({ delayMs: 200, outcome: 'accepted' }))
      made.advance(500)
    }
    for (const id of ['A', 'B', 'C', 'D']) expect(made.drawnA(`${id}#1`)[0]).toBeCloseTo(14.7, 0)
  })

  it('knows an announced cut', () => {
    const made = simulator()
    const cut = windowEnvelope({ fromMs: made.nowMs + 3_600_000, toMs: made.nowMs + 7_200_000, value: 10 })
    made.limits = [{ sourceId: 'dso', origin: 'grid', target: 'grid', unit: 'A', envelope: cut }]
    const { slots } = planRequestOf(made.snapshot(), options)
    expect(slots[0]?.limits[0]).toBe(32)
    expect(slots.find((slot) => slot.startS >= 3_600 && slot.startS < 7_200)?.limits[0]).toBe(10)
  })

  it('is ignored when it is old', () => {
    const made = simulator()
    made.plan = { untilMs: made.nowMs - 1, advice: { 'A#1': { capA: 0 } } }
    for (let k = 0; k < 40; k++) {
      made.decide(() => ({ delayMs: 200, outcome: 'accepted' }))
      made.advance(500)
    }
    expect(made.drawnA('A#1')[0]).toBeCloseTo(16)
  })
})
