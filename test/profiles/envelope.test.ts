import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  clipEnvelope,
  constantEnvelope,
  type Envelope,
  minEnvelope,
  nextChangeAfter,
  valueAt,
  windowEnvelope,
} from '../../profiles/index.ts'

const arbitraryEnvelope: fc.Arbitrary<Envelope> = fc
  .uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 6 })
  .chain((times) =>
    fc.tuple(
      fc.constant([...times].sort((a, b) => a - b)),
      fc.array(fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(Number.POSITIVE_INFINITY)), {
        minLength: times.length,
        maxLength: times.length,
      }),
    ),
  )
  .map(([times, values]) => times.map((fromMs, k) => ({ fromMs, value: values[k] ?? 0 })))

describe('an envelope', () => {
  it('limits only inside its window', () => {
    const window = windowEnvelope({ fromMs: 10, toMs: 20, value: 5 })
    expect([9, 10, 19, 20].map((atMs) => valueAt(window, atMs))).toEqual([
      Number.POSITIVE_INFINITY,
      5,
      5,
      Number.POSITIVE_INFINITY,
    ])
    expect(windowEnvelope({ fromMs: 20, toMs: 20, value: 5 })).toEqual([])
  })

  it('knows its next change', () => {
    const falling: Envelope = [
      { fromMs: 0, value: 30 },
      { fromMs: 10, value: 12 },
    ]
    expect(nextChangeAfter(falling, 5)).toBe(10)
    expect(nextChangeAfter(constantEnvelope(7), 5)).toBeNull()
  })

  it('means at every instant what its parts mean there', () => {
    fc.assert(
      fc.property(arbitraryEnvelope, arbitraryEnvelope, fc.integer({ min: -5, max: 50 }), (a, b, atMs) => {
        const [x, y] = [valueAt(a, atMs), valueAt(b, atMs)]
        expect(valueAt(minEnvelope(a, b), atMs)).toBe(Math.min(x, y))
        const inside = atMs >= 10 && atMs < 30
        expect(valueAt(clipEnvelope(a, { fromMs: 10, toMs: 30 }), atMs)).toBe(
          inside ? x : Number.POSITIVE_INFINITY,
        )
      }),
    )
  })
})
