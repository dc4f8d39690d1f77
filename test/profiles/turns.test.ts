import { describe, expect, it } from 'vitest'
import { constantEnvelope, type Site, type SiteSpec, type Supply } from '../../profiles/index.ts'
import { socketSite } from '../support/sites.ts'
import { SiteSimulator } from './site-simulator.ts'

const AC: Supply = { kind: 'ac', rotation: [1, 2, 3], maxA: 32 }

function siteOf(count: number, limitA: number, supply: Supply = AC, extra: Partial<SiteSpec> = {}): Site {
  return socketSite(limitA, count, { evse: () => ({ supply, safeA: 0 }), site: extra })
}

const prompt = () => ({ delayMs: 200, outcome: 'accepted' as const })

function run(simulator: SiteSimulator, seconds: number, each: (s: number) => void = () => undefined): void {
  for (let s = 0; s < seconds; s++) {
    each(s)
    simulator.decide(prompt)
    simulator.advance(1000)
  }
}

const plug = (simulator: SiteSimulator, key: string, session = {}) =>
  simulator.plug(key, { transactionId: `t-${key}`, maxA: [32, 32, 32] }, session)
const drawn = (simulator: SiteSimulator, key: string) => simulator.drawnA(key)[0] ?? 0
const limited = (limitA: number) => [
  {
    sourceId: 'sun',
    origin: 'grid' as const,
    target: 'grid',
    unit: 'A' as const,
    envelope: constantEnvelope(limitA),
  },
]

describe('pauses', () => {
  it('rotate, so that nobody starves where not all can run, and nobody starts more often than once a turn', () => {
    const simulator = new SiteSimulator(siteOf(3, 13), { rotateMs: 300_000 })
    for (let k = 1; k <= 3; k++) plug(simulator, `S${k}#1`)
    const chargedS = [0, 0, 0]
    const starts = [0, 0, 0]
    let before = [false, false, false]
    run(simulator, 3600, () => {
      const now = [1, 2, 3].map((k) => drawn(simulator, `S${k}#1`) > 0)
      now.forEach((runs, k) => {
        if (runs) chargedS[k] = (chargedS[k] ?? 0) + 1
        if (runs && !before[k]) starts[k] = (starts[k] ?? 0) + 1
      })
      before = now
    })
    expect(Math.min(...chargedS)).toBeGreaterThan(0.8 * Math.max(...chargedS))
    // Two of three run, five minutes at least: one cycle takes seven and a half.
    expect(Math.max(...starts)).toBeLessThanOrEqual(9)
  })

  it('are not ended and begun with every swing of a limit around the minimum', () => {
    const simulator = new SiteSimulator(siteOf(1, 32))
    plug(simulator, 'S1#1')
    let starts = 0
    let ran = false
    run(simulator, 3600, (s) => {
      simulator.limits = limited(Math.floor(s / 20) % 2 === 0 ? 8 : 4)
      const runs = drawn(simulator, 'S1#1') > 0
      if (runs && !ran) starts++
      ran = runs
    })
    // Ninety swings in the hour.
    expect(starts).toBeLessThan(20)
    expect(simulator.last?.grants[0]?.explanation.code).toMatch(/resting|waiting-for-turn|node-limit/)
    // Once the limit stands, the car charges again within minutes.
    simulator.limits = limited(8)
    run(simulator, 310)
    expect(drawn(simulator, 'S1#1')).toBe(8)
  })

  it('end at once after the first', () => {
    const simulator = new SiteSimulator(siteOf(1, 32))
    plug(simulator, 'S1#1')
    run(simulator, 30)
    simulator.limits = limited(4)
    run(simulator, 30)
    expect(drawn(simulator, 'S1#1')).toBe(0)
    simulator.limits = []
    run(simulator, 10)
    expect(drawn(simulator, 'S1#1')).toBe(32)
  })
})

describe('a guarantee', () => {
  it('is given before others get more than their minimum, and as far as it fits', () => {
    const simulator = new SiteSimulator(siteOf(3, 40))
    plug(simulator, 'S1#1')
    plug(simulator, 'S2#1')
    plug(simulator, 'S3#1', { guaranteeA: 24 })
    run(simulator, 60)
    expect([1, 2, 3].map((k) => drawn(simulator, `S${k}#1`))).toEqual([8, 8, 24])
    simulator.limits = limited(30)
    run(simulator, 30)
    expect([1, 2, 3].map((k) => drawn(simulator, `S${k}#1`))).toEqual([6, 6, 18])
    // Where not even the minimums fit, what is guaranteed goes first.
    simulator.limits = limited(13)
    run(simulator, 30)
    expect(drawn(simulator, 'S3#1')).toBeGreaterThanOrEqual(6)
    simulator.limits = limited(8)
    run(simulator, 30)
    expect([1, 2, 3].map((k) => drawn(simulator, `S${k}#1`))).toEqual([0, 0, 8])
  })
})

describe('a ramp', () => {
  const dc: Supply = { kind: 'dc', maxW: 50_000, efficiency: 0.95 }

  it.each([
    ['alternating', AC, 32],
    ['direct', dc, 72],
  ] as const)('lets the limit of %s current rise step by step, and fall at once', (_, supply, mostA) => {
    const simulator = new SiteSimulator(siteOf(1, 100, supply, { rampAPerS: 1 }))
    simulator.plug('S1#1', { transactionId: 't', maxA: [100, 100, 100] })
    run(simulator, 5)
    let before = drawn(simulator, 'S1#1')
    let seconds = 0
    run(simulator, 120, () => {
      const now = drawn(simulator, 'S1#1')
      if (now < mostA) seconds++
      if (before > 0) expect(now - before).toBeLessThanOrEqual(5.01)
      before = now
    })
    expect(drawn(simulator, 'S1#1')).toBeGreaterThan(mostA - 1)
    expect(seconds).toBeGreaterThan((mostA - 12) / 1.2)
    simulator.limits = limited(10)
    run(simulator, 2)
    expect(drawn(simulator, 'S1#1')).toBeLessThanOrEqual(10)
  })
})
