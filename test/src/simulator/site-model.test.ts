import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createManualScheduler, type PhaseRotation, SiteModel } from '../../../src/simulator/index.ts'
import { gridPhases } from '../../../src/simulator/site-wiring.ts'

function site(limitA = 50) {
  const scheduler = createManualScheduler(0)
  const model = new SiteModel({
    scheduler,
    nodes: [
      { id: 'grid', limitA },
      { id: 'row-a', parent: 'grid', limitA: 32 },
      { id: 'row-b', parent: 'grid' },
    ],
    feeders: [
      { stationId: 'A', evseId: 1, node: 'row-a' },
      { stationId: 'B', evseId: 1, node: 'row-b', rotation: 'STR' },
    ],
  })
  return { scheduler, model }
}

describe('the physical site', () => {
  it('adds up the true currents on the grid phases that the stations are wired to', () => {
    const { model } = site()
    model.setDraw('A', 1, [16, 0, 0])
    model.setDraw('B', 1, [10, 5, 0])
    model.setBaseLoad('grid', [1, 2, 3])
    expect(model.currentA('row-a')).toEqual([16, 0, 0])
    expect(model.currentA('row-b')).toEqual([0, 10, 5])
    expect(model.currentA('grid')).toEqual([17, 12, 8])
    model.setDraw('B', 1, [0, 0, 0])
    expect(model.currentA('grid')).toEqual([17, 2, 3])
  })

  it('integrates what flows above the limit exactly, and knows the longest excursion', async () => {
    const { scheduler, model } = site(50)
    model.setBaseLoad('grid', [60, 55, 0])
    await scheduler.advance(4000)
    model.setBaseLoad('grid', [50, 50, 50])
    await scheduler.advance(10_000)
    model.setBaseLoad('grid', [51, 0, 0])
    await scheduler.advance(1000)
    model.setBaseLoad('grid', [0, 0, 0])
    const record = model.record('grid')
    expect(record.ampereSecondsAbove).toBeCloseTo(4 * 15 + 1)
    expect(record.msAbove).toBe(5000)
    expect(record.longestExcursionMs).toBe(4000)
    expect(record.highestExcessA).toBe(10)
    expect(record.highestA).toEqual([60, 55, 50])
  })

  it('counts from the moment a limit is cut while the load stays', async () => {
    const { scheduler, model } = site(50)
    model.setBaseLoad('grid', [40, 0, 0])
    await scheduler.advance(5000)
    model.setLimit('grid', [30, 30, 30])
    await scheduler.advance(3000)
    expect(model.record('grid')).toMatchObject({ msAbove: 3000, ampereSecondsAbove: 30 })
    model.reset()
    expect(model.record('grid')).toMatchObject({ msAbove: 0, ampereSecondsAbove: 0, highestA: [40, 0, 0] })
  })

  it('equals the sum of its feeders after any sequence of changes', () => {
    const change = fc.record({
      evse: fc.constantFrom('A', 'B'),
      currents: fc.tuple(fc.nat(32), fc.nat(32), fc.nat(32)),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 50 }), (changes) => {
        const { model } = site()
        for (const { evse, currents } of changes) model.setDraw(evse, 1, currents)
        const [rowA, rowB] = [model.currentA('row-a'), model.currentA('row-b')]
        model.currentA('grid').forEach((total, phase) => {
          expect(total).toBeCloseTo((rowA[phase] ?? 0) + (rowB[phase] ?? 0))
        })
      }),
    )
  })

  it('refuses nodes that are not there or there twice, and ignores stations that are not on the site', () => {
    const scheduler = createManualScheduler(0)
    expect(() => new SiteModel({ scheduler, nodes: [{ id: 'a', parent: 'b' }] })).toThrow(RangeError)
    expect(() => new SiteModel({ scheduler, nodes: [{ id: 'a' }, { id: 'a' }] })).toThrow(RangeError)
    const { model } = site()
    model.setDraw('elsewhere', 1, [99, 99, 99])
    expect(model.currentA('grid')).toEqual([0, 0, 0])
  })

  it('maps every rotation to a permutation of the phases', () => {
    const rotations: readonly PhaseRotation[] = ['RST', 'RTS', 'SRT', 'STR', 'TRS', 'TSR']
    const seen = rotations.map((rotation) => gridPhases(rotation).join(''))
    expect(new Set(seen).size).toBe(6)
    expect(gridPhases('RST')).toEqual([0, 1, 2])
  })

  it('turns a current between two phases, so that a balanced delta carries the root of three and two wires of one car the same', () => {
    const scheduler = createManualScheduler(0)
    const between = [
      [1, 2],
      [2, 3],
      [3, 1],
    ] as const
    const model = new SiteModel({
      scheduler,
      nodes: [{ id: 'grid', limitA: 60 }],
      feeders: between.map((pair, index) => ({
        stationId: 'A',
        evseId: index + 1,
        node: 'grid',
        between: pair,
      })),
      sums: [
        {
          id: 'winding',
          limitA: 40,
          terms: [
            { stationId: 'A', evseId: 1, coeff: 1, angleDeg: 0 },
            { stationId: 'A', evseId: 2, coeff: -1, angleDeg: 0 },
          ],
        },
      ],
    })
    model.setDraw('A', 1, [32, 0, 0])
    expect(model.currentA('grid').map(Math.round)).toEqual([32, 32, 0])
    expect(model.record('winding').currentA[0]).toBeCloseTo(32)
    for (const evseId of [2, 3]) model.setDraw('A', evseId, [32, 0, 0])
    for (const value of model.currentA('grid')) expect(value).toBeCloseTo(32 * Math.sqrt(3))
    expect(model.record('winding').currentA[0]).toBeCloseTo(0)
    const draws = (drawA: number) => new Map([1, 2, 3].map((id) => [`A/${id}`, [drawA, 0, 0] as const]))
    expect(model.carries(draws(34))).toBe(true)
    expect(model.carries(draws(35))).toBe(false)
  })

  it('carries the same current on both legs of a split phase, and watches how uneven they are', () => {
    const scheduler = createManualScheduler(0)
    const model = new SiteModel({
      scheduler,
      wiring: 'split-phase',
      nodes: [{ id: 'grid', limitA: 100, imbalanceA: 20 }],
      feeders: [{ stationId: 'A', evseId: 1, node: 'grid', between: [1, 2] }],
    })
    model.setDraw('A', 1, [30, 0, 0])
    expect(model.currentA('grid')).toEqual([30, 30, 0])
    expect(model.record('grid').excessA).toBe(10)
  })
})
