import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  disobeys,
  drawOf,
  expectedMaximumA,
  type LearnedDraw,
  learn,
  startLearning,
  surelyUsedA,
  usableA,
  watchLimit,
} from '../../profiles/index.ts'

/** Feeds a constant draw once a second. */
function watch(
  learned: LearnedDraw,
  options: { currentA: number[]; limitA: number; fromS: number; seconds: number },
): LearnedDraw {
  let known = learned
  for (let s = 0; s < options.seconds; s++) {
    known = learn(known, {
      currentA: options.currentA,
      limitA: options.limitA,
      atMs: (options.fromS + s) * 1000,
    })
  }
  return known
}

/** A car at an EVSE that always gets what it can use of what is there. */
function live(
  car: { wantsA: (s: number) => number; shortfallA: number },
  options: { seconds: number; roomA: (s: number) => number; known?: LearnedDraw },
): { known: LearnedDraw; limitsA: number[]; changes: number } {
  let known = options.known ?? startLearning('t')
  let limitA = Math.min(32, options.roomA(0))
  let changes = 0
  let setAtS = Number.NEGATIVE_INFINITY
  const limitsA: number[] = []
  for (let s = 0; s < options.seconds; s++) {
    const drawA = Math.max(0, Math.min(car.wantsA(s), limitA - car.shortfallA))
    if (s - setAtS >= 10) known = learn(known, { currentA: [drawA, drawA, drawA], limitA, atMs: s * 1000 })
    const wantedA = Math.min(options.roomA(s), usableA(known, 32))
    if (Math.abs(wantedA - limitA) > 0.5) {
      limitA = wantedA
      setAtS = s
      changes++
    }
    limitsA.push(limitA)
  }
  return { known, limitsA, changes }
}

describe('learning from measurement', () => {
  it('caps a car that stays below its limit, with room to ask for more', () => {
    const known = watch(startLearning('t'), { currentA: [10, 10, 10], limitA: 32, fromS: 0, seconds: 12 })
    expect(usableA(known, 32)).toBe(11.5)
  })

  it('leaves less room where it has seen how far the car stays below its limits', () => {
    let known = watch(startLearning('t'), { currentA: [7.8, 7.8, 7.8], limitA: 8, fromS: 0, seconds: 5 })
    known = watch(known, { currentA: [10, 10, 10], limitA: 32, fromS: 5, seconds: 12 })
    expect(usableA(known, 32)).toBeCloseTo(10.8)
  })

  it('does not cap on a short dip, nor while the car still rises', () => {
    const known = watch(startLearning('t'), { currentA: [10, 10, 10], limitA: 32, fromS: 0, seconds: 5 })
    expect(usableA(known, 32)).toBe(32)
    let rising = startLearning('t')
    for (let s = 0; s < 25; s++) rising = learn(rising, { currentA: [s, s, s], limitA: 32, atMs: s * 1000 })
    expect(usableA(rising, 32)).toBe(32)
  })

  it('keeps the cap when others leave the car less than that, and lifts it when the car takes more', () => {
    let known = watch(startLearning('t'), { currentA: [10, 10, 10], limitA: 32, fromS: 0, seconds: 30 })
    known = watch(known, { currentA: [8, 8, 8], limitA: 8, fromS: 30, seconds: 30 })
    expect(usableA(known, 32)).toBe(11.5)
    known = watch(known, { currentA: [11, 11, 11], limitA: 11.5, fromS: 60, seconds: 1 })
    expect(usableA(known, 32)).toBe(32)
  })

  it('does not swing: a car at its own maximum keeps one cap', () => {
    const car = { wantsA: (s: number) => 16 + 0.2 * Math.sin(s), shortfallA: 0.2 }
    expect(live(car, { seconds: 3600, roomA: () => 32 }).changes).toBe(1)
  })

  it('gives a car that asks again everything within a reading, and takes it back, ever more slowly where it swings', () => {
    const car = { wantsA: (s: number) => (Math.floor(s / 60) % 2 === 0 ? 10 : 25), shortfallA: 0.5 }
    const { changes, limitsA } = live(car, { seconds: 3600, roomA: () => 32 })
    expect(changes).toBeLessThan(20)
    expect(limitsA.slice(61, 120).every((limitA) => limitA > 25.5)).toBe(true)
  })

  it('never leaves a car stuck at a limit of the past, however far it stays below what it is told', () => {
    const shortfalls = fc.double({ min: 0, max: 1.4, noNaN: true })
    const tight = fc.integer({ min: 7, max: 20 })
    fc.assert(
      fc.property(shortfalls, tight, (shortfallA, tightA) => {
        const roomA = (s: number) => (s < 120 ? tightA : 32)
        const { limitsA } = live({ wantsA: () => 40, shortfallA }, { seconds: 200, roomA })
        expect(limitsA.at(-1)).toBeGreaterThan(31)
      }),
    )
  })

  it('lets a car that was capped have more whenever it wants more, however far it stays below what it is told', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1.1, noNaN: true }), (shortfallA) => {
        const wantsA = (s: number) => (s < 120 ? 10 : 32)
        const { limitsA } = live({ wantsA, shortfallA }, { seconds: 140, roomA: () => 32 })
        expect(limitsA[119]).toBeLessThan(12)
        expect(limitsA.at(-1)).toBe(32)
      }),
    )
  })

  describe('of a total alone, without phases', () => {
    const total = (totalA: number, limitA: number, s: number, known: LearnedDraw) =>
      learn(known, { currentA: Array(3).fill(totalA / 3), limitA, atMs: s * 1000, basis: 'total' })
    let second = 0
    const watchTotal = (totalA: number, limitA: number, known = startLearning('t')) => {
      let now = known
      for (let s = 0; s < 60; s++) now = total(totalA, limitA, ++second, now)
      return now
    }

    it('takes nothing from a car that may be on one phase', () => {
      expect(usableA(watchTotal(32, 32), 32)).toBe(32)
    })

    it('knows that there are more phases once fewer could not carry it within the limit', () => {
      // 3 x 16 A of 32 A: at least two phases, so at most 24 A on each.
      const two = watchTotal(48, 32)
      expect(two.phases).toBe(2)
      expect(usableA(two, 32)).toBe(25.5)
      const three = watchTotal(48, 20, two)
      expect(three.phases).toBe(3)
      expect(usableA(watchTotal(48, 32, three), 32)).toBeCloseTo(17.5)
    })

    it('counts no more than what no number of phases explains otherwise', () => {
      const spread = (totalA: number, limitA: number) =>
        drawOf(startLearning('t'), { currentA: Array(3).fill(totalA / 3), limitA, atMs: 0, basis: 'total' })
      expect(spread(32, 12).drawA).toBeLessThan(12)
      expect(spread(48, 12).drawA).toBe(16)
    })
  })

  it('calls a draw above the limit disobedience only after the time a car needs', () => {
    const over = { drawA: 20, limitA: 10, unit: 'A' as const }
    const first = watchLimit(startLearning('t'), { ...over, atMs: 0 }, true)
    expect(disobeys(first, 10_000)).toBe(false)
    expect(disobeys(first, 15_000)).toBe(true)
    // Said again it is no new limit; only a draw inside of it ends what began.
    expect(watchLimit(first, { ...over, atMs: 12_000 }, false).overSinceMs).toBe(0)
    expect(watchLimit(first, { ...over, drawA: 11, atMs: 12_000 }, false).overSinceMs).toBeNull()
    expect(watchLimit(startLearning('t'), { ...over, atMs: 0 }, false).overSinceMs).toBeNull()
  })

  it('tries a new car with a modest current first and expects of it what others of its kind take', () => {
    expect(surelyUsedA(null, 32)).toBe(12)
    expect(expectedMaximumA([], 24)).toBe(24)
    expect(expectedMaximumA([16, 16, 16, 16], 24)).toBe(20)
  })
})
