import { describe, expect, it } from 'vitest'
import type { Site } from '../../profiles/index.ts'
import { socketSite } from '../support/sites.ts'
import { SiteSimulator } from './site-simulator.ts'

function garage(count: number, limitA: number): Site {
  return socketSite(limitA, count)
}

const prompt = () => ({ delayMs: 200, outcome: 'accepted' as const })

/** Seconds until `done`, at most `mostS`. */
function until(simulator: SiteSimulator, done: () => boolean, mostS: number): number {
  for (let s = 0; s <= mostS; s++) {
    if (done()) return s
    simulator.decide(prompt)
    simulator.advance(1000)
  }
  return Number.POSITIVE_INFINITY
}

const run = (simulator: SiteSimulator, seconds: number) => until(simulator, () => false, seconds)

function want(simulator: SiteSimulator, key: string, wantsA: number, shortfallA = 0.6): void {
  const truth = simulator.truth.get(key)
  if (!truth?.car) throw new Error(`no car at ${key}`)
  truth.car = { ...truth.car, maxA: [wantsA, wantsA, wantsA], shortfallA }
}

function plug(simulator: SiteSimulator, count: number, wantsA: (k: number) => number): void {
  for (let k = 1; k <= count; k++) {
    const maxA = wantsA(k)
    simulator.plug(`S${k}#1`, { transactionId: `t${k}`, maxA: [maxA, maxA, maxA], shortfallA: 0.6 })
  }
}

describe('current that a car does not use', () => {
  it('is with others half a minute after the car was given it, and back within a reading and an answer', () => {
    const simulator = new SiteSimulator(garage(2, 40))
    run(simulator, 30)
    plug(simulator, 2, (k) => (k === 1 ? 10 : 40))
    run(simulator, 5)
    const drawn = (key: string) => simulator.drawnA(key)[0] ?? 0
    const reclaimS = until(simulator, () => drawn('S2#1') > 27, 120)
    expect(reclaimS).toBeLessThanOrEqual(30)
    run(simulator, 120)
    want(simulator, 'S1#1', 40)
    const backS = until(simulator, () => drawn('S1#1') > 19, 60)
    expect(backS).toBeLessThanOrEqual(15)
    // A car that falls asleep leaves all but its least; one that wakes up has its share again at once.
    run(simulator, 60)
    want(simulator, 'S1#1', 0)
    expect(until(simulator, () => drawn('S2#1') > 31, 60)).toBeLessThanOrEqual(30)
    want(simulator, 'S1#1', 40)
    expect(until(simulator, () => drawn('S1#1') > 19, 60)).toBeLessThanOrEqual(15)
  })

  it('stays with the car while nobody needs it: a calm site sends what keeps leases alive and nothing else', () => {
    const simulator = new SiteSimulator(garage(6, 250))
    plug(simulator, 6, (k) => 8 + 3 * k)
    run(simulator, 60)
    const before = { ...simulator.sentBySlot }
    for (let minute = 0; minute < 60; minute++) {
      // Batteries fill up: every car takes a little less each minute.
      for (let k = 1; k <= 6; k++) want(simulator, `S${k}#1`, (8 + 3 * k) * (1 - minute / 120))
      run(simulator, 60)
    }
    // One every two minutes and car, as the lease of four minutes is renewed at half its life.
    expect(simulator.sentBySlot.lease - before.lease).toBeLessThanOrEqual(6 * 31)
    expect(simulator.sent - before.lease - before.safe - before.hold).toBeLessThanOrEqual(6 * 31)
  })

  it('does not go to and fro on a full site where the draw of some swings', () => {
    const simulator = new SiteSimulator(garage(6, 90))
    plug(simulator, 6, () => 40)
    run(simulator, 60)
    const before = simulator.sentBySlot.lease
    for (let minute = 0; minute < 60; minute++) {
      for (let k = 1; k <= 3; k++) want(simulator, `S${k}#1`, minute % 2 === 0 ? 9 : 40)
      run(simulator, 60)
      expect(Math.max(...simulator.loadA('grid'))).toBeLessThanOrEqual(90)
    }
    expect((simulator.sentBySlot.lease - before) / 6).toBeLessThan(45)
  })
})
