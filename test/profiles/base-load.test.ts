import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  baseLoads,
  evseSums,
  lessEvses,
  openSite,
  type PhaseValues,
  withEvses,
} from '../../profiles/index.ts'

const PAIRS = [
  [1, 2],
  [2, 3],
  [3, 1],
] as const
const opened = openSite({
  id: 'delta',
  voltageV: 120,
  root: {
    kind: 'circuit',
    id: 'grid',
    limitA: 200,
    children: PAIRS.map((between, index) => ({
      kind: 'station' as const,
      id: `P${index}`,
      evses: [{ evseId: 1, supply: { kind: 'ac-line' as const, between, maxA: 32 } }],
    })),
  },
})
if (!opened.ok) throw new Error('The site of this test is refused')
const { site } = opened

const drawn = (currentA: readonly number[]): PhaseValues[] =>
  PAIRS.map((pair, index) => {
    const of = (phase: 1 | 2 | 3) => (pair.some((one) => one === phase) ? (currentA[index] ?? 0) : 0)
    return [of(1), of(2), of(3)]
  })

/** By the book: a current between two phases flows in along the difference of their voltages and out of the other line. */
function lineA(phase: number, currentA: readonly number[], buildingA: number): number {
  const unit = (number: number) => [
    Math.cos((-(number - 1) * 2 * Math.PI) / 3),
    Math.sin((-(number - 1) * 2 * Math.PI) / 3),
  ]
  let [re = 0, im = 0] = unit(phase).map((part) => part * buildingA)
  PAIRS.forEach(([from, to], index) => {
    if (phase !== from && phase !== to) return
    const [a, b] = [unit(from), unit(to)]
    const way = [(a[0] ?? 0) - (b[0] ?? 0), (a[1] ?? 0) - (b[1] ?? 0)].map((part) => part / Math.sqrt(3))
    const sign = phase === from ? 1 : -1
    re += sign * (way[0] ?? 0) * (currentA[index] ?? 0)
    im += sign * (way[1] ?? 0) * (currentA[index] ?? 0)
  })
  return Math.hypot(re, im)
}

test('on a site of cars between two phases, what a meter shows less its EVSEs is the building, and the record is what it shows', () => {
  const amperes = fc.double({ min: 0, max: 32, noNaN: true })
  fc.assert(
    fc.property(fc.tuple(amperes, amperes, amperes), amperes, (currentA, buildingA) => {
      const shown = [1, 2, 3].map((phase) => lineA(phase, currentA, buildingA))
      const shownA: PhaseValues = [shown[0] ?? 0, shown[1] ?? 0, shown[2] ?? 0]
      const [grid] = evseSums(site, drawn(currentA))
      if (!grid) throw new Error('A site has a grid connection')
      for (const value of lessEvses(shownA, grid)) expect(value).toBeCloseTo(buildingA, 6)
      withEvses([buildingA, buildingA, buildingA], grid).forEach((value, index) => {
        expect(value).toBeCloseTo(shown[index] ?? 0, 6)
      })
    }),
  )
})

test('three balanced pairs load each line with less than their sum', () => {
  const evseCurrentA = drawn([32, 32, 32])
  const input = {
    nodeId: 'grid',
    measuredAtMs: 0,
    maxAgeMs: 1000,
    staleA: [0, 0, 0] as const,
    includesEvses: true,
  }
  const [grid] = baseLoads({
    site,
    inputs: [{ ...input, currentA: [55.4, 55.4, 55.4] }],
    evseCurrentA,
    nowMs: 0,
  })
  expect(grid?.currentA[0]).toBeCloseTo(0, 1)
  expect(grid?.measuredA[0]).toBeCloseTo(55.4, 5)
  const [unmetered] = baseLoads({ site, inputs: [], evseCurrentA, nowMs: 0 })
  expect(unmetered?.measuredA[0]).toBeCloseTo(32 * Math.sqrt(3), 6)
})

test('feed-in stays feed-in', () => {
  const [grid] = evseSums(site, drawn([0, 0, 0]))
  if (!grid) throw new Error('A site has a grid connection')
  expect(lessEvses([-10, -5, 3], grid)).toEqual([-10, -5, 3])
})
