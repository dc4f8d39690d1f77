import { describe, expect, it } from 'vitest'
import {
  disobeys,
  expectedMaximumA,
  type LearnedDraw,
  learn,
  startLearning,
  surelyUsedA,
  usableA,
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

describe('learning from measurement', () => {
  it('caps a car that stays below its limit, with room to ask for more', () => {
    const known = watch(startLearning('t'), { currentA: [10, 10, 10], limitA: 32, fromS: 0, seconds: 30 })
    expect(usableA(known, 32)).toBe(11)
  })

  it('does not cap on a short dip', () => {
    const known = watch(startLearning('t'), { currentA: [10, 10, 10], limitA: 32, fromS: 0, seconds: 10 })
    expect(usableA(known, 32)).toBe(32)
  })

  it('keeps the cap when others leave the car less than that, and lifts it when the car takes more', () => {
    let known = watch(startLearning('t'), { currentA: [10, 10, 10], limitA: 32, fromS: 0, seconds: 30 })
    known = watch(known, { currentA: [8, 8, 8], limitA: 8, fromS: 30, seconds: 30 })
    expect(usableA(known, 32)).toBe(11)
    known = watch(known, { currentA: [11, 11, 11], limitA: 11, fromS: 60, seconds: 1 })
    expect(usableA(known, 32)).toBe(32)
  })

  it('does not swing: a car at its own maximum keeps one cap', () => {
    let known = startLearning('t')
    const caps = new Set<number>()
    for (let s = 0; s < 600; s++) {
      const limitA = usableA(known, 32)
      const drawA = Math.min(16 + 0.2 * Math.sin(s), limitA)
      known = learn(known, { currentA: [drawA, drawA, drawA], limitA, atMs: s * 1000 })
      if (s > 60) caps.add(usableA(known, 32))
    }
    expect(Math.max(...caps)).toBeLessThan(17.3)
    expect(Math.min(...caps)).toBeGreaterThan(16.5)
  })

  it('releases phases after a steady draw and books a new one at its first current', () => {
    let known = watch(startLearning('t'), { currentA: [16, 0, 0], limitA: 16, fromS: 0, seconds: 10 })
    expect(known.terminals).toBeNull()
    known = watch(known, { currentA: [16, 0, 0], limitA: 16, fromS: 10, seconds: 20 })
    expect(known.terminals).toBe(1)
    known = watch(known, { currentA: [16, 16, 0], limitA: 16, fromS: 30, seconds: 1 })
    expect(known.terminals).toBe(3)
  })

  it('calls a draw above the limit disobedience only after the time a car needs', () => {
    const known = watch(startLearning('t'), { currentA: [20, 20, 20], limitA: 10, fromS: 0, seconds: 10 })
    expect(disobeys(known, 10_000)).toBe(false)
    expect(
      disobeys(watch(known, { currentA: [20, 20, 20], limitA: 10, fromS: 10, seconds: 10 }), 20_000),
    ).toBe(true)
  })

  it('tries a new car with a modest current first and expects of it what others of its kind take', () => {
    expect(surelyUsedA(null, 32)).toBe(12)
    expect(expectedMaximumA([], 24)).toBe(24)
    expect(expectedMaximumA([16, 16, 16, 16], 24)).toBe(20)
  })
})
