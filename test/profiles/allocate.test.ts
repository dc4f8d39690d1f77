import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  allocate,
  allocateInStages,
  buildNetwork,
  loadMask,
  openSite,
  phasorRows,
  quantize,
  rowLoads,
  siteNetwork,
  staticLimits,
} from '../../profiles/index.ts'
import { startHighs } from '../../src/conformance/highs.ts'
import { instanceOf } from '../bench/alloc-instance.ts'
import { compareToOracle } from '../bench/alloc-lp.ts'

/** Loads on one row each of a small tree: a root and two branches. */
function branches(loads: number) {
  const rows = ['root', 'left', 'right'].map((id) => ({
    id,
    kind: 'phase' as const,
    node: null,
    phase: null,
  }))
  const entries = Array.from({ length: loads }, (_, load) => load).flatMap((load) => [
    { load, row: 0, re: 1, im: 0, mask: 1 },
    { load, row: 1 + (load % 2), re: 1, im: 0, mask: 1 },
  ])
  return buildNetwork({ loadCount: loads, rows, entries })
}

function request(
  limits: readonly number[],
  loads: number,
  over: { min?: number; max?: number; tier?: number[]; weight?: number[] } = {},
) {
  return {
    limits: Float64Array.from(limits),
    mask: new Uint8Array(loads).fill(1),
    minA: new Float64Array(loads).fill(over.min ?? 6),
    maxA: new Float64Array(loads).fill(over.max ?? 32),
    weight: Float64Array.from({ length: loads }, (_, k) => over.weight?.[k] ?? 1),
    tier: Int32Array.from({ length: loads }, (_, k) => over.tier?.[k] ?? 0),
    order: Float64Array.from({ length: loads }, (_, k) => k),
  }
}

describe('an allocation', () => {
  it('gives the unused share of a full branch to the other', () => {
    const made = allocate(branches(4), request([60, 16, 60], 4))
    expect([...made.grantA]).toEqual([8, 22, 8, 22])
    expect([...made.bindingRow]).toEqual([1, 0, 1, 0])
  })

  it('pauses whom it cannot give the minimum, in order', () => {
    const made = allocate(branches(4), request([14, 100, 100], 4))
    expect([...made.admitted]).toEqual([1, 1, 0, 0])
    expect(made.grantA[0]).toBeCloseTo(7)
  })

  it('fills lower tiers before higher ones get more than their minimum', () => {
    const made = allocate(branches(2), request([40, 100, 100], 2, { tier: [1, 0] }))
    expect([...made.grantA]).toEqual([8, 32])
  })

  it('shares by weight', () => {
    const made = allocate(branches(2), request([30, 100, 100], 2, { weight: [1, 2] }))
    expect(made.grantA[0]).toBeCloseTo(10)
    expect(made.grantA[1]).toBeCloseTo(20)
  })

  it('gives nobody anything when the base load already exceeds the limit', () => {
    const made = allocate(branches(2), request([-5, 100, 100], 2, { min: 0 }))
    expect([...made.grantA]).toEqual([0, 0])
  })

  it('never lets a later stage take from an earlier one', () => {
    const network = branches(2)
    const made = allocateInStages(network, request([30, 100, 100], 2), [
      Float64Array.of(20, 0),
      Float64Array.of(32, 32),
    ])
    expect([...made.grantA]).toEqual([20, 10])
  })

  it('rounds down to settable steps and gives the crumbs away in whole steps', () => {
    const network = branches(3)
    const limits = Float64Array.of(22, 100, 100)
    const made = quantize({
      network,
      limits,
      mask: new Uint8Array(3).fill(1),
      grantA: Float64Array.of(7.34, 7.33, 7.33),
      maxA: new Float64Array(3).fill(32),
      stepsOf: () => [0, 6, 7, 8, 9, 10],
    })
    expect([...made].reduce((a, b) => a + b, 0)).toBe(22)
  })

  it('keeps a sum of phasors inside its limit for every draw below the grants', () => {
    const terms = [30, -90, 150].flatMap((angleDeg, group) =>
      [0, 1].map((k) => ({ load: group * 2 + k, coeff: group === 2 ? -0.5 : 0.25, angleDeg })),
    )
    const made = phasorRows({ id: 'primary', terms, firstRow: 0 })
    const network = buildNetwork({ loadCount: 6, rows: made.rows, entries: made.entries })
    const granted = allocate(network, {
      limits: new Float64Array(network.rowCount).fill(20),
      mask: new Uint8Array(6).fill(7),
      minA: new Float64Array(6),
      maxA: new Float64Array(6).fill(32),
      weight: new Float64Array(6).fill(1),
      tier: new Int32Array(6),
      order: new Float64Array(6),
    }).grantA
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 }),
        (parts) => {
          let re = 0
          let im = 0
          for (const { load, coeff, angleDeg } of terms) {
            const drawA = (granted[load] ?? 0) * (parts[load] ?? 0)
            re += coeff * drawA * Math.cos((angleDeg * Math.PI) / 180)
            im += coeff * drawA * Math.sin((angleDeg * Math.PI) / 180)
          }
          return Math.hypot(re, im) <= 20 + 1e-6
        },
      ),
    )
    expect(Math.min(...granted)).toBeGreaterThan(10)
  })

  it('equals the lexicographic max-min optimum of successive linear programs', async () => {
    const highs = await startHighs()
    for (const seed of [1, 2, 3])
      expect(compareToOracle(highs, instanceOf(40, seed), 230).distanceA).toBeLessThan(0.1)
  })

  it('never exceeds any row of a random tree', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 3, maxLength: 3 }),
        fc.array(
          fc.record({
            max: fc.integer({ min: 0, max: 40 }),
            weight: fc.double({ min: 0.1, max: 5, noNaN: true }),
            tier: fc.integer({ min: 0, max: 2 }),
          }),
          { minLength: 6, maxLength: 6 },
        ),
        (limits, loads) => {
          const network = branches(6)
          const asked = request(limits, 6, {
            weight: loads.map((l) => l.weight),
            tier: loads.map((l) => l.tier),
          })
          loads.forEach((load, k) => {
            asked.maxA[k] = load.max
          })
          const made = allocate(network, asked)
          const sums = rowLoads(network, made.grantA, asked.mask)
          const floors = [...made.grantA].every(
            (grant, k) => grant === 0 || (grant >= 6 - 1e-9 && grant <= (asked.maxA[k] ?? 0) + 1e-9),
          )
          return floors && sums.every((sum, row) => sum <= (limits[row] ?? 0) + 1e-6)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('the network of a site', () => {
  it('turns rotation, line-to-line and direct-current supplies into rows', () => {
    const opened = openSite({
      id: 's',
      voltageV: 230,
      root: {
        kind: 'circuit',
        id: 'grid',
        limitA: 100,
        limitW: 60_000,
        children: [
          {
            kind: 'station',
            id: 'A',
            evses: [
              { evseId: 1, supply: { kind: 'ac', rotation: [2], maxA: 32 } },
              { evseId: 2, supply: { kind: 'dc', maxW: 50_000, efficiency: 0.95 } },
            ],
          },
        ],
      },
    })
    if (!opened.ok) throw new Error('the site is fine')
    const network = siteNetwork(opened.site)
    const sums = rowLoads(network, Float64Array.of(10, 20), new Uint8Array([1, 7]))
    expect(sums[1]).toBe(30)
    expect(sums[0]).toBe(20)
    expect(sums[3]).toBe(230 * 10 + 690 * 20)
  })

  it('limits unevenness by what is not known to be balanced, and shared power modules by outlet power', () => {
    const opened = openSite({
      id: 's',
      voltageV: 230,
      root: {
        kind: 'circuit',
        id: 'grid',
        limitA: 200,
        imbalanceA: 20,
        children: [
          {
            kind: 'station',
            id: 'A',
            sharedDcW: 60_000,
            evses: [
              { evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } },
              { evseId: 2, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } },
              { evseId: 3, supply: { kind: 'dc', maxW: 50_000, efficiency: 0.95 } },
              { evseId: 4, supply: { kind: 'dc', maxW: 50_000, efficiency: 0.95 } },
            ],
          },
        ],
      },
    })
    if (!opened.ok) throw new Error('the site is fine')
    const network = siteNetwork(opened.site)
    const made = allocate(network, {
      limits: staticLimits(opened.site, network),
      mask: new Uint8Array([loadMask(1, false), loadMask(7, true), loadMask(7, true), loadMask(7, true)]),
      minA: new Float64Array(4),
      maxA: Float64Array.from(opened.site.evses, (evse) => evse.maxA),
      weight: new Float64Array(4).fill(1),
      tier: new Int32Array(4),
      order: new Float64Array(4),
    })
    expect(made.grantA[0]).toBeCloseTo(20)
    expect(made.grantA[1]).toBeCloseTo(32)
    const outletW = ((made.grantA[2] ?? 0) + (made.grantA[3] ?? 0)) * 690 * 0.95
    expect(outletW).toBeCloseTo(60_000, 0)
  })

  it('adds currents between two phases as the phasors they are', () => {
    const supply = (between: readonly [1 | 2 | 3, 1 | 2 | 3]) => ({
      kind: 'ac-line' as const,
      between,
      maxA: 80,
    })
    const opened = openSite({
      id: 'us',
      voltageV: 120,
      root: {
        kind: 'circuit',
        id: 'grid',
        limitA: 100,
        children: [
          {
            kind: 'station',
            id: 'A',
            evses: [
              { evseId: 1, supply: supply([1, 2]) },
              { evseId: 2, supply: supply([2, 3]) },
              { evseId: 3, supply: supply([3, 1]) },
            ],
          },
        ],
      },
    })
    if (!opened.ok) throw new Error('the site is fine')
    const network = siteNetwork(opened.site)
    const balanced = rowLoads(network, Float64Array.of(50, 50, 50), new Uint8Array(3).fill(7))
    expect(balanced[0]).toBeCloseTo(50 * Math.sqrt(3))
    expect(balanced[3]).toBeCloseTo(3 * 50 * 120 * Math.sqrt(3))
  })
})
