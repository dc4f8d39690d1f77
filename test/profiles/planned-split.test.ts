import { describe, expect, it } from 'vitest'
import {
  carOutlook,
  LEARN,
  PLAN_POLICIES,
  type PlannedCar,
  plannedRequest,
  plannedStages,
  startLearning,
} from '../../profiles/index.ts'

const outlook = (over: { drawA?: number; confirmedA?: number; fillA?: number; knownA?: number[] } = {}) =>
  carOutlook({
    learned: {
      ...startLearning('tx'),
      drawA: over.drawA ?? null,
      confirmedA: over.confirmedA ?? over.drawA ?? 0,
    },
    settings: LEARN,
    supply: { minA: 6, maxA: 32 },
    fillA: over.fillA ?? 100,
    leftPeriods: 20,
    phases: 3,
    knownA: over.knownA ?? [],
    stepUp: (currentA) => Math.min(32, Math.ceil(currentA)),
  })

const car = (load: number, over: Partial<PlannedCar> = {}): PlannedCar => ({
  ...outlook(),
  load,
  running: false,
  mayPause: true,
  fulfilled: 0,
  ...over,
})

function staged(
  policy: keyof typeof PLAN_POLICIES,
  cars: PlannedCar[],
  firstA: number[] | null,
  filled = [0, 1],
) {
  const limits = Float64Array.of(100)
  const request = plannedRequest({
    policy: PLAN_POLICIES[policy],
    cars,
    limits,
    mask: new Uint8Array(2).fill(7),
  })
  return plannedStages({
    policy: PLAN_POLICIES[policy],
    cars,
    request,
    firstA: firstA && Float64Array.from(firstA),
    filled: new Set(filled),
  })
}

describe('what a car can take', () => {
  it('is expected like those before it until it has shown its own', () => {
    expect(outlook().expectedA).toBe(16)
    expect(outlook({ knownA: [32, 32, 32, 32] }).expectedA).toBe(24)
    expect(outlook({ drawA: 20 }).expectedA).toBe(20)
  })

  it('is no more than fills it, and no less than its minimum', () => {
    expect(outlook({ fillA: 10 }).maxA).toBe(10)
    expect(outlook({ fillA: 2 }).maxA).toBe(6)
  })

  it('is surely what it needs when it has no time to spare', () => {
    expect(outlook({ fillA: 20 * 25 }).sureA).toBe(25)
    expect(outlook({ fillA: 20 * 25 }).laxity).toBeLessThan(5)
  })
})

describe('a plan is carried out', () => {
  it('in stages: its own currents, what runs, what is sure, what may be', () => {
    const { stages } = staged('energy', [car(0), car(1)], [20, 0])
    expect(stages.map((stage) => stage[1])).toEqual([0, 0, 12, 32])
    expect(stages[0]?.[0]).toBe(12)
  })

  it('without taking a car off its turn', () => {
    const { stages } = staged('energy', [car(0), car(1, { mayPause: false })], [20, 0])
    expect(stages[0]?.[1]).toBe(6)
  })

  it('to its end and no further where current is kept for later, but for cars that it cannot fill', () => {
    const { stages } = staged('cost', [car(0), car(1)], [20, 0])
    expect(stages.map((stage) => stage[1])).toEqual([0, 0])
    const short = staged('cost', [car(0), car(1)], [20, 0], [0]).stages
    expect(short.map((stage) => stage[1])).toEqual([0, 32])
  })

  it('or not, where there is none: everybody has a part', () => {
    const { stages } = staged('fair', [car(0), car(1)], null)
    expect(stages.map((stage) => stage[1])).toEqual([12, 32])
  })

  it('serving those first that have least of their request, and those with least time under the others', () => {
    const cars = [car(0, { fulfilled: 0.6, laxity: 1 }), car(1, { fulfilled: 0.1, laxity: 9 })]
    const [most = 0, least = 0] = staged('fair', cars, [10, 10]).order
    expect(least).toBeLessThan(most)
    const [tight = 0, slack = 0] = staged('energy', cars, [10, 10]).order
    expect(tight).toBeLessThan(slack)
  })
})
