import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LearnedDraw, learnPhases, type MeasurementBasis, startLearning } from '../../profiles/index.ts'

/** Terminals that carry current `s` seconds after the car began to charge; currents by terminal. */
type Car = (s: number) => readonly number[]

/** Every state of what is known, one per sample. */
function watch(
  car: Car,
  options: {
    everyS: number
    seconds: number
    limitA?: number
    basis?: MeasurementBasis
    known?: LearnedDraw
  },
): LearnedDraw[] {
  const { everyS, seconds, limitA = 32, basis = 'phases' } = options
  const states = [options.known ?? startLearning('t')]
  for (let s = 0; s <= seconds; s += everyS) {
    const known = states.at(-1) ?? startLearning('t')
    states.push(learnPhases(known, { currentA: car(s), limitA, atMs: s * 1000, basis }))
  }
  return states
}

const bitsOf = (currentA: readonly number[]) =>
  currentA.reduce((mask, value, bit) => (value > 1 ? mask | (1 << bit) : mask), 0)
const last = (states: LearnedDraw[]) => states.at(-1)?.terminals

describe('which phases a car uses', () => {
  it('is known ten seconds after its start, or with the second sample where they come slowly', () => {
    expect(last(watch(() => [16, 0, 0], { everyS: 1, seconds: 9 }))).toBeNull()
    expect(last(watch(() => [16, 0, 0], { everyS: 1, seconds: 10 }))).toBe(1)
    expect(last(watch(() => [16, 0, 0], { everyS: 60, seconds: 0 }))).toBeNull()
    expect(last(watch(() => [16, 0, 0], { everyS: 60, seconds: 60 }))).toBe(1)
  })

  it('is not said by a trickle, nor by a start that still goes on, nor by a total or a highest current', () => {
    expect(last(watch(() => [2, 0, 0], { everyS: 1, seconds: 300 }))).toBeNull()
    expect(last(watch((s) => [6 + s / 2, 0, 0], { everyS: 1, seconds: 40 }))).toBeNull()
    expect(last(watch(() => [16, 16, 16], { everyS: 1, seconds: 300, basis: 'total' }))).toBeNull()
    expect(last(watch(() => [16, 16, 16], { everyS: 1, seconds: 300, basis: 'highest' }))).toBeNull()
  })

  it('a phase is booked again with its first current, and then for good', () => {
    const one = watch(() => [16, 0, 0], { everyS: 1, seconds: 20 })
    const two = watch(() => [16, 16, 0], { everyS: 1, seconds: 0, known: one.at(-1) ?? startLearning('t') })
    expect(last(two)).toBe(3)
    const back = watch((s) => [16, s < 5 ? 16 : 0, 0], {
      everyS: 1,
      seconds: 3600,
      known: one.at(-1) ?? startLearning('t'),
    })
    expect(last(back)).toBe(3)
  })

  it('a phase that was used is released only after two minutes without current', () => {
    const falls: Car = (s) => (s < 60 ? [16, 16, 16] : [16, 0, 0])
    expect(last(watch(falls, { everyS: 1, seconds: 170 }))).toBe(7)
    expect(last(watch(falls, { everyS: 1, seconds: 181 }))).toBe(1)
  })

  it('a car that starts phase by phase is never booked on fewer than it will use', () => {
    const steps = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }))
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 6, max: 32 }),
        (starts, everyS, a) => {
          const [second, third] = [starts[0], starts[0] + starts[1]]
          const car: Car = (s) => [a, s >= second ? a : 0, s >= third ? a : 0]
          for (const { terminals } of watch(car, { everyS, seconds: 300 }))
            expect([null, 7]).toContain(terminals)
        },
      ),
    )
  })

  it('whatever is measured: what carries current is booked, and of a steady car nothing else', () => {
    const sample = fc.array(fc.constantFrom(0, 0.5, 3, 8, 16), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 60 }), sample, (wild, steady) => {
        const before = watch((s) => wild[s] ?? [0, 0, 0], { everyS: 1, seconds: wild.length - 1 })
        before.slice(1).forEach(({ terminals }, s) => {
          const seen = bitsOf(wild[s] ?? [])
          if (terminals !== null) expect(terminals & seen).toBe(seen)
        })
        fc.pre(Math.max(...steady) >= 4)
        const fresh = watch(() => steady, { everyS: 1, seconds: 11 })
        expect(last(fresh)).toBe(bitsOf(steady))
      }),
    )
  })
})
