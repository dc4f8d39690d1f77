import { expect, test } from 'vitest'
import { baseLoads } from '../../../profiles/index.ts'
import { BaseLoads } from '../../../src/energy/base-load.ts'
import { socketSite } from '../../support/sites.ts'

const site = socketSite(63, ['A'])
const meter = { nodeId: 'grid', maxAgeS: 3, staleA: 25, includesEvses: true, fallHoldS: 10 }
const T0 = Date.parse('2026-11-22T10:00:00Z')

function baseAt(meters: BaseLoads, nowMs: number) {
  const [grid] = baseLoads({ site, inputs: meters.inputs(), evseCurrentA: [[0, 0, 0]], nowMs })
  return grid
}

test('a meter that was never read counts as its stale value, and so does one that has fallen silent', () => {
  const meters = new BaseLoads(site, [meter])
  expect(baseAt(meters, T0)).toMatchObject({ currentA: [25, 25, 25], stale: true })
  meters.read('grid', { currentA: [5, 5, 5], evseA: [[0, 0, 0]], nowMs: T0 })
  expect(baseAt(meters, T0 + 3_000)).toMatchObject({ currentA: [5, 5, 5], stale: false })
  expect(baseAt(meters, T0 + 3_001)).toMatchObject({ currentA: [25, 25, 25], stale: true })
})

test('what the EVSEs draw is taken off a meter above them', () => {
  const meters = new BaseLoads(site, [meter])
  meters.read('grid', { currentA: [21, 21, 5], evseA: [[16, 16, 0]], nowMs: T0 })
  expect(baseAt(meters, T0)?.currentA).toEqual([5, 5, 5])
})

test('feed-in is room, and the margin is kept free above it', () => {
  const meters = new BaseLoads(site, [{ ...meter, marginA: 2 }])
  meters.read('grid', { currentA: [-10, -10, -10], evseA: [[0, 0, 0]], nowMs: T0 })
  expect(baseAt(meters, T0)?.currentA).toEqual([-8, -8, -8])
})

test('a car that stops before its EVSE reports it does not look like room', () => {
  const meters = new BaseLoads(site, [meter])
  meters.read('grid', { currentA: [20, 20, 20], evseA: [[15, 15, 15]], nowMs: T0 })
  meters.read('grid', { currentA: [20, 20, 20], evseA: [[15, 15, 15]], nowMs: T0 + 1000 })
  // The car stopped, the EVSE still reports 15 A.
  meters.read('grid', { currentA: [5, 5, 5], evseA: [[15, 15, 15]], nowMs: T0 + 2000 })
  expect(baseAt(meters, T0 + 2000)?.currentA).toEqual([5, 5, 5])
})

test('a single reading above its neighbours is the EVSE reporting late; two in a row are a load', () => {
  const meters = new BaseLoads(site, [meter])
  const read = (baseA: number, second: number) =>
    meters.read('grid', {
      currentA: [baseA, baseA, baseA],
      evseA: [[0, 0, 0]],
      nowMs: T0 + second * 1000,
    })
  read(5, 0)
  read(20, 1)
  expect(baseAt(meters, T0 + 1000)?.currentA).toEqual([5, 5, 5])
  read(20, 2)
  expect(baseAt(meters, T0 + 2000)?.currentA).toEqual([20, 20, 20])
})

test('a load that is gone counts until its absence lasted', () => {
  const meters = new BaseLoads(site, [meter])
  for (let second = 0; second <= 14; second++) {
    const baseA = second < 3 ? 20 : 5
    meters.read('grid', { currentA: [baseA, baseA, baseA], evseA: [[0, 0, 0]], nowMs: T0 + second * 1000 })
    if (second === 11) expect(baseAt(meters, T0 + 11_000)?.currentA).toEqual([20, 20, 20])
  }
  expect(baseAt(meters, T0 + 14_000)?.currentA).toEqual([5, 5, 5])
})

test('after a start the draw of cars not measured yet counts as load, but is not held once all have been measured for a while', () => {
  const meters = new BaseLoads(site, [{ ...meter, fallHoldS: 30 }])
  const reading = { currentA: [20, 20, 20], nowMs: T0 } as const
  for (const nowMs of [T0, T0 + 1000])
    meters.read('grid', { ...reading, evseA: [[0, 0, 0]], unmeasured: new Set([0]), nowMs })
  expect(baseAt(meters, T0 + 1000)?.currentA).toEqual([20, 20, 20])
  for (let second = 2; second <= 7; second++) {
    expect(baseAt(meters, T0 + second * 1000 - 1)?.currentA).toEqual([20, 20, 20])
    meters.read('grid', { ...reading, evseA: [[15, 15, 15]], nowMs: T0 + second * 1000 })
  }
  expect(baseAt(meters, T0 + 7000)?.currentA).toEqual([5, 5, 5])
  // Who is measured is taken at its word as before: what falls is held.
  meters.read('grid', { ...reading, evseA: [[20, 20, 20]], nowMs: T0 + 8000 })
  expect(baseAt(meters, T0 + 8000)?.currentA).toEqual([5, 5, 5])
})
