import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  constantEnvelope,
  DEFAULT_DEVICE,
  openSite,
  type Push,
  type Site,
  type Supply,
} from '../../profiles/index.ts'
import { SiteSimulator } from './site-simulator.ts'

const MINUTE_MS = 60_000
const DEVICE = { ...DEFAULT_DEVICE, periodsPerSchedule: 10 }
const car = (transactionId: string, maxA = 32) => ({ transactionId, maxA: [maxA, maxA, maxA] })
const ISO = { iso15118: { maxScheduleTuples: 12, waits: false } }
const prompt = () => ({ delayMs: 200, outcome: 'accepted' as const })

const AC: Supply = { kind: 'ac', rotation: [1, 2, 3], maxA: 32 }

function garage(count: number, limitA: number, supply: Supply): Site {
  const children = Array.from({ length: count }, (_, k) => ({
    kind: 'station' as const,
    id: `S${k + 1}`,
    evses: [{ evseId: 1, supply }],
  }))
  const root = { kind: 'circuit' as const, id: 'grid', limitA, children }
  const opened = openSite({ id: 'garage', voltageV: 230, root })
  if (!opened.ok) throw new Error('the site is fine')
  return opened.site
}

interface Run {
  readonly simulator: SiteSimulator
  readonly leases: (Push & { action: 'SetChargingProfile' })[]
  readonly run: (seconds: number, everyS?: number) => void
}

function running(count: number, limitA: number, supply = AC): Run {
  const simulator = new SiteSimulator(garage(count, limitA, supply))
  for (const evse of simulator.site.evses) simulator.setDevice(evse.key, DEVICE)
  const leases: (Push & { action: 'SetChargingProfile' })[] = []
  const run = (seconds: number, everyS = 1) => {
    for (let k = 0; k < seconds; k += everyS) {
      simulator.decide((push) => {
        if (push.slot === 'lease' && push.action === 'SetChargingProfile') leases.push(push)
        return prompt()
      })
      simulator.advance(everyS * 1000)
    }
  }
  run(20)
  return { simulator, leases, run }
}

const periodsOf = (push: Push | undefined) =>
  push?.action === 'SetChargingProfile'
    ? push.request.chargingProfile.chargingSchedule[0]?.chargingSchedulePeriod.map((period) => period.limit)
    : undefined
/** Of the hours after our death, with every car there, with each of them gone and another in its place, and with all. */
const worstWithoutUs = (simulator: SiteSimulator, minutes: readonly number[]): number => {
  const keys = simulator.site.evses.map((evse) => evse.key)
  return Math.max(
    ...minutes.flatMap((after) =>
      [[], keys, ...keys.map((key) => [key])].flatMap((left) =>
        simulator.loadWithoutUsA('grid', simulator.nowMs + after * MINUTE_MS, left),
      ),
    ),
  )
}
const LATER = [0, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 30, 45, 59, 61, 62, 90, 180, 600, 1439]

describe('a car that speaks ISO 15118', () => {
  it('is written to once where the site can keep what it gets without us, and not again while nothing changes', () => {
    // Six amperes for each of six, 36; of the 44 left three cars get 14 more each.
    const { simulator, leases, run } = running(6, 80)
    for (const k of [1, 2, 3]) simulator.plug(`S${k}#1`, car(`t${k}`, 20), { ...ISO, maxA: 20 })
    run(120)
    const settled = leases.length
    expect(simulator.last?.grants.slice(0, 3).map((grant) => grant.limitA)).toEqual([20, 20, 20])
    run(2 * 3600, 10)
    expect(leases.length - settled).toBe(0)
    expect(leases.at(-1)?.request.chargingProfile.chargingSchedule[0]?.duration).toBeUndefined()
    expect(worstWithoutUs(simulator, LATER)).toBeLessThanOrEqual(80)
  })

  it('at a DC charger, whose limits are no whole tenths of an ampere, is written to once as well', () => {
    const { simulator, leases, run } = running(2, 80, {
      kind: 'dc',
      maxW: 22_000,
      minW: 4_000,
      efficiency: 0.95,
    })
    simulator.plug('S1#1', car('t1', 40), ISO)
    run(60)
    const settled = leases.length
    run(3600, 10)
    expect(leases.length).toBe(settled)
    expect(periodsOf(leases.at(-1))).toEqual([22_000])
  })

  it('gets a short lease for what the site cannot keep, and is told what comes after it', () => {
    const { simulator, leases, run } = running(10, 80)
    for (const k of [1, 2]) simulator.plug(`S${k}#1`, car(`t${k}`, 32), ISO)
    run(120)
    expect(simulator.last?.grants.slice(0, 2).map((grant) => grant.limitA)).toEqual([32, 32])
    // Sixty amperes are kept for ten: who came first is promised the twenty that are left.
    const latest = (id: string) => periodsOf(leases.filter((push) => push.evseKey === id).at(-1))
    expect(latest('S1#1')).toEqual([32, 26])
    expect(latest('S2#1')).toEqual([32, 6])
    const settled = leases.length
    run(3600, 10)
    // Renewed at half of its life: thirty times an hour each.
    expect(leases.length - settled).toBeGreaterThanOrEqual(56)
    expect(worstWithoutUs(simulator, LATER)).toBeLessThanOrEqual(80)
  })

  it('on one phase leaves room on the others for the car that comes after it', () => {
    const { simulator, leases, run } = running(6, 40)
    simulator.plug('S1#1', { transactionId: 't1', maxA: [32, 0, 0] }, ISO)
    simulator.plug('S2#1', { transactionId: 't2', maxA: [0, 32, 0] }, ISO)
    run(300)
    // Six safe amperes for each of six are 36 on every phase: four are left on each.
    expect(periodsOf(leases.findLast((push) => push.evseKey === 'S1#1'))?.at(-1)).toBe(10)
    expect(periodsOf(leases.findLast((push) => push.evseKey === 'S2#1'))?.at(-1)).toBe(10)
    expect(worstWithoutUs(simulator, LATER)).toBeLessThanOrEqual(40)
  })

  it('loses its promise when a limit is coming that it would break, and keeps it for the hour before', () => {
    const { simulator, leases, run } = running(4, 80)
    simulator.plug('S1#1', car('t1'), ISO)
    run(60)
    expect(periodsOf(leases.at(-1))).toEqual([32])
    const cutMs = simulator.nowMs + 3 * 3600_000
    const cut = { sourceId: 'evening', origin: 'schedule' as const, target: 'grid', unit: 'A' as const }
    simulator.limits = [{ ...cut, envelope: constantEnvelope(30), validFromMs: cutMs }]
    run(60)
    expect(periodsOf(leases.at(-1))).toEqual([32, 12])
    const written = leases.length
    run(3600, 10)
    // A lease of an hour, at half of its life.
    expect(leases.length - written).toBeLessThanOrEqual(3)
    expect(simulator.last?.grants[0]?.limitA).toBe(32)
    run(2 * 3600, 10)
    expect(Math.max(...simulator.loadA('grid'))).toBeLessThanOrEqual(30)
    expect(worstWithoutUs(simulator, LATER)).toBeLessThanOrEqual(30)
  })

  it('is not promised what a silent meter or a lost grid source would take away', () => {
    const { simulator, leases, run } = running(4, 80)
    simulator.baseLoads = [
      {
        nodeId: 'grid',
        currentA: [0, 0, 0],
        measuredAtMs: simulator.nowMs + 600_000,
        maxAgeMs: 3_600_000,
        staleA: [50, 50, 50],
        includesEvses: false,
      },
    ]
    simulator.plug('S1#1', car('t1'), ISO)
    run(60)
    expect(periodsOf(leases.at(-1))).toEqual([32, 12])
  })

  it('gets a lease that ends by itself where station or car takes one period only', () => {
    const { simulator, leases, run } = running(10, 80)
    simulator.plug('S1#1', car('t1'), { iso15118: { maxScheduleTuples: 1, waits: false } })
    run(30)
    expect(periodsOf(leases.at(-1))).toEqual([32])
    expect(leases.at(-1)?.request.chargingProfile.chargingSchedule[0]?.duration).toBe(300)
  })

  it('that waits for a profile gets the one it has once more, and is not bothered otherwise', () => {
    const { simulator, leases, run } = running(4, 80)
    simulator.plug('S1#1', car('t1'), ISO)
    run(60)
    const settled = leases.length
    const state = simulator.states.get('S1#1')
    if (!state?.session) throw new Error('it is plugged')
    const waits = { iso15118: { maxScheduleTuples: 12, waits: true } }
    simulator.states.set('S1#1', { ...state, session: { ...state.session, ...waits } })
    run(1)
    expect(leases.length).toBe(settled + 1)
    expect(leases.at(-1)?.direction).toBe('refresh')
  })

  it('that waits is answered with what it has, while more has to wait for another station', () => {
    const { simulator, leases, run } = running(2, 40)
    simulator.plug('S1#1', car('t1'), ISO)
    simulator.plug('S2#1', car('t2'))
    run(60)
    expect(simulator.last?.grants.map((grant) => grant.limitA)).toEqual([20, 20])
    // The other car may have less now, but its station does not answer.
    simulator.policy = 'priority'
    const waits = { maxScheduleTuples: 12, waits: true }
    for (const [key, more] of [
      ['S1#1', { priorityClass: 0, iso15118: waits }],
      ['S2#1', { priorityClass: 9 }],
    ] as const) {
      const state = simulator.states.get(key)
      if (!state?.session) throw new Error('it is plugged')
      simulator.states.set(key, { ...state, session: { ...state.session, ...more } })
    }
    const before = leases.length
    simulator.decide((push) => {
      if (push.stationId === 'S2') return { delayMs: 60_000, outcome: 'lost-ignored' }
      if (push.slot === 'lease' && push.action === 'SetChargingProfile') leases.push(push)
      return prompt()
    })
    expect(leases.slice(before).map((push) => [push.evseKey, push.direction, push.belief.limitA])).toEqual([
      ['S1#1', 'refresh', 20],
    ])
  })
})

describe('what is promised', () => {
  it('holds whenever the service dies, whatever came, left or was lost before', {
    timeout: 60_000,
  }, () => {
    const step = fc.record({
      evse: fc.integer({ min: 1, max: 6 }),
      what: fc.constantFrom('iso', 'iso', 'iso', 'plain', 'unplug', 'offline', 'online', 'restart', 'wait'),
      maxA: fc.integer({ min: 6, max: 32 }),
      seconds: fc.integer({ min: 1, max: 150 }),
      lost: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 4, maxLength: 14 }), (steps) => {
        const { simulator } = running(6, 60)
        steps.forEach(({ evse, what, maxA, seconds, lost }, index) => {
          const key = `S${evse}#1`
          const busy = simulator.truth.get(key)?.car !== null
          if (what === 'iso' && !busy) simulator.plug(key, car(`t${index}`, maxA), ISO)
          if (what === 'plain' && !busy) simulator.plug(key, car(`t${index}`, maxA))
          if (what === 'unplug' && busy) simulator.unplug(key)
          if (what === 'offline') simulator.connect(key, false)
          if (what === 'online') simulator.connect(key, true)
          if (what === 'restart') simulator.restart()
          const fate = lost ? ('lost-applied' as const) : ('accepted' as const)
          for (let k = 0; k < seconds; k++) {
            simulator.decide((push) => ({
              delayMs: 300,
              outcome: push.direction === 'raise' ? fate : 'accepted',
            }))
            simulator.advance(1000)
          }
          expect(worstWithoutUs(simulator, LATER)).toBeLessThanOrEqual(60 + 1e-6)
        })
      }),
      { numRuns: 8, seed: 15118 },
    )
  })
})
