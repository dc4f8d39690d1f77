import { describe, expect, it } from 'vitest'
import type { PolicyName, Session, Site } from '../../profiles/index.ts'
import { socketSite } from '../support/sites.ts'
import { SiteSimulator } from './site-simulator.ts'

const HOUR_MS = 3_600_000

function garage(count: number, limitA: number): Site {
  return socketSite(limitA, count)
}

const prompt = () => ({ delayMs: 200, outcome: 'accepted' as const })

/** What cars of these sessions draw on a site of 48 A once it has come to rest, and later under other policies. */
function shares(sessions: readonly Partial<Session>[], policies: readonly PolicyName[]): number[][] {
  const simulator = new SiteSimulator(garage(sessions.length, 48))
  const at = (hours: number) => simulator.nowMs + hours * HOUR_MS
  sessions.forEach((session, k) => {
    const { departureMs } = session
    simulator.plug(
      `S${k + 1}#1`,
      { transactionId: `t${k}`, maxA: [32, 32, 32] },
      { ...session, ...(departureMs === undefined ? {} : { departureMs: at(departureMs) }) },
    )
  })
  return policies.map((policy) => {
    simulator.policy = policy
    for (let s = 0; s < 60; s++) {
      simulator.decide(prompt)
      simulator.advance(1000)
      expect(Math.max(...simulator.loadA('grid'))).toBeLessThanOrEqual(48)
    }
    return sessions.map((_, k) => Math.round(simulator.drawnA(`S${k + 1}#1`)[0] ?? 0))
  })
}

/** Jain's index: 1 where all have the same, 1/n where one has all. */
function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0)
  return sum ** 2 / (values.length * values.reduce((total, value) => total + value ** 2, 0))
}

// Hours until departure; the tests turn them into times.
const urgent: Partial<Session> = { departureMs: 1, remainingWh: 15_000, priorityClass: 2 }
const relaxed: Partial<Session> = { departureMs: 8, remainingWh: 15_000, priorityClass: 1 }
const hungry: Partial<Session> = { departureMs: 8, remainingWh: 175_000, priorityClass: 2 }

describe('a policy', () => {
  it('fair gives all the same, whenever they leave and whatever they want', () => {
    const [fair = []] = shares([urgent, relaxed, hungry], ['fair'])
    expect(fair).toEqual([16, 16, 16])
    expect(jain(fair)).toBe(1)
  })

  it('priority fills its first class before the others get more than their minimum', () => {
    expect(shares([urgent, relaxed, hungry], ['priority'])).toEqual([[8, 32, 8]])
  })

  it('earliest-deadline serves who leaves first, and who says nothing last', () => {
    expect(shares([relaxed, urgent, {}], ['earliest-deadline'])).toEqual([[10, 32, 6]])
  })

  it('least-laxity serves who has least time to spare, which need not be who leaves first', () => {
    const [laxity = []] = shares([{ ...urgent, remainingWh: 1000 }, relaxed, hungry], ['least-laxity'])
    expect(laxity[2]).toBeGreaterThan(30)
    const [deadline = []] = shares([{ ...urgent, remainingWh: 1000 }, relaxed, hungry], ['earliest-deadline'])
    expect(deadline[0]).toBe(32)
  })

  it('cost waits where the plan waits, and only there', () => {
    const simulator = new SiteSimulator(garage(2, 48))
    for (const k of [1, 2]) simulator.plug(`S${k}#1`, { transactionId: `t${k}`, maxA: [32, 32, 32] })
    simulator.policy = 'cost'
    simulator.plan = { untilMs: simulator.nowMs + 90_000, advice: { 'S1#1': { capA: 0 } } }
    const settle = (seconds: number) => {
      for (let s = 0; s < seconds; s++) {
        simulator.decide(prompt)
        simulator.advance(1000)
      }
      return [1, 2].map((k) => simulator.drawnA(`S${k}#1`)[0])
    }
    expect(settle(60)).toEqual([0, 32])
    expect(simulator.last?.grants[0]?.explanation.code).toBe('plan')
    // Without advice nothing waits: a plan that is not renewed dies.
    expect(settle(60)).toEqual([24, 24])
  })

  it('does not matter to a car that waits while a kilowatt-hour costs more than it is willing to pay', () => {
    const simulator = new SiteSimulator(garage(2, 48))
    simulator.plug('S1#1', { transactionId: 't1', maxA: [32, 32, 32] }, { maxPricePerKwh: 0.3 })
    simulator.plug('S2#1', { transactionId: 't2', maxA: [32, 32, 32] })
    const settle = (pricePerKwh: number | undefined) => {
      simulator.pricePerKwh = pricePerKwh
      for (let s = 0; s < 40; s++) {
        simulator.decide(prompt)
        simulator.advance(1000)
      }
      return [1, 2].map((k) => simulator.drawnA(`S${k}#1`)[0])
    }
    expect(settle(undefined)).toEqual([24, 24])
    expect(settle(0.31)).toEqual([0, 32])
    expect(simulator.last?.grants[0]?.explanation.code).toBe('price')
    expect(settle(0.3)).toEqual([24, 24])
  })

  it('can be changed while cars charge, without a moment above the limit', () => {
    const [fair, priority, again] = shares([urgent, relaxed, hungry], ['fair', 'priority', 'fair'])
    expect(fair).toEqual([16, 16, 16])
    expect(priority).toEqual([8, 32, 8])
    expect(again).toEqual(fair)
  })
})
