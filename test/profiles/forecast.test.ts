import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LimitHistory } from '../../profiles/index.ts'

const STEP_S = 300
const HOUR = 12
const DAY = 24 * HOUR

/** A history of one row up to and with step `now`. */
function historyOf(now: number, limitAt: (step: number) => number): LimitHistory {
  const history = new LimitHistory(STEP_S)
  for (let step = 0; step <= now; step++) history.add(step, Float64Array.of(limitAt(step)))
  return history
}
const expected = (history: LimitHistory, now: number, aheadHours: number, caution = 0) =>
  history.expected({ now, startS: aheadHours * 3600, durationS: 1_800, caution })[0]

const inside = (step: number, from: number, to: number) => step >= from * HOUR && step < to * HOUR

describe('the limits to expect', () => {
  it('are those of now where they never moved', () => {
    const now = 10 * HOUR
    const history = historyOf(now, () => 100)
    expect(expected(history, now, 5)).toBeCloseTo(100)
    expect(expected(history, now, 5, 2)).toBeCloseTo(100)
  })

  it('have the cut of yesterday at the same time', () => {
    const now = DAY + 10 * HOUR
    const history = historyOf(now, (step) => (inside(step % DAY, 16, 18) ? 20 : 100))
    expect(expected(history, now, 6.5)).toBeCloseTo(20)
    expect(expected(history, now, 9)).toBeCloseTo(100)
  })

  it('no longer have it when its hour has come and it has not', () => {
    const now = DAY + 16.5 * HOUR
    const history = historyOf(now, (step) => (step < DAY && inside(step, 16, 18) ? 20 : 100))
    expect(expected(history, now, 0.5)).toBeGreaterThan(80)
  })

  it('have a cut that nobody knew of for some hours, and then what is usual', () => {
    const now = DAY + 11 * HOUR
    const history = historyOf(now, (step) => (step > now - HOUR ? 20 : 100))
    expect(expected(history, now, 0.25)).toBeLessThan(35)
    expect(expected(history, now, 10)).toBeGreaterThan(95)
  })

  it('are lower with caution, where limits have moved', () => {
    const now = DAY + 10 * HOUR
    const history = historyOf(now, (step) => 100 + (step % 2 === 0 ? 10 : -10))
    expect(expected(history, now, 3, 2)).toBeLessThan((expected(history, now, 3) ?? 0) - 15)
  })

  it('are never negative and never above what was seen, and two days are all that is kept', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 2, maxLength: 60 }),
        (values) => {
          const history = new LimitHistory(3_600)
          values.forEach((value, step) => {
            history.add(step, Float64Array.of(value))
          })
          const now = values.length - 1
          const [limit = -1] = history.expected({ now, startS: 7_200, durationS: 3_600, caution: 0 })
          const seen = values.slice(-49)
          return limit >= 0 && limit <= 2 * Math.max(...seen) + 1e-6
        },
      ),
    )
  })
})
