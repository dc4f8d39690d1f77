import { describe, expect, test } from 'vitest'
import {
  DEFAULT_DEVICE,
  DEFAULT_SETTINGS,
  decide,
  EMPTY_SLOTS,
  type EvseState,
  type LimitBelief,
  NO_BELIEF,
  profileIds,
  type SmartChargingDevice,
  startLearning,
} from '../../profiles/index.ts'
import { socketSite } from '../support/sites.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const site = socketSite(50, ['A', 'B'])

function state(id: string, drawA: number, extra: Partial<EvseState> = {}): EvseState {
  const belief = (limitA: number, more: Partial<LimitBelief>) => ({
    ...NO_BELIEF,
    acked: { profileId: 1, limitA, expiresAtMs: null, sentAtMs: T0 - 60_000, unit: 'A' as const, ...more },
  })
  const { lease, safe } = profileIds(1)
  const transactionId = `tx-${id}`
  return {
    key: `${id}#1`,
    link: 'connected',
    session: { transactionId, startedAtMs: T0 - 600_000, chargingState: 'Charging' },
    measured: { currentA: [drawA, drawA, drawA], atMs: T0 },
    slots: {
      ...EMPTY_SLOTS,
      lease: belief(20, { profileId: lease, expiresAtMs: T0 + 200_000, transactionId }),
      safe: belief(6, { profileId: safe }),
    },
    device: DEFAULT_DEVICE,
    ...extra,
  }
}

/** A decision on two cars, of which A has drawn above its limit for `overS` seconds. */
function decided(a: EvseState, overS: number | null = null, unfollowed?: 'A' | 'W') {
  const learned = {
    ...startLearning('tx-A'),
    overSinceMs: overS === null ? null : T0 - overS * 1000,
    ...(unfollowed ? { unfollowed } : {}),
  }
  const turn = { runningSinceMs: T0 - 600_000, pausedSinceMs: null }
  const decision = decide({
    nowMs: T0,
    site,
    limits: [],
    baseLoads: [],
    evses: [a, state('B', 20)],
    stations: [{ stationId: 'A', link: 'connected', device: a.device, stationMax: NO_BELIEF }],
    policy: 'fair',
    settings: DEFAULT_SETTINGS,
    memory: {
      evses: { 'A#1': { learned, turn, transactionId: 'tx-A', lastRaiseMs: null } },
      safeA: {},
      safeRoomSinceMs: null,
    },
  })
  const push = (id: string) => decision.pushes.find((one) => one.id === id)
  return { decision, grant: decision.grants[0], lease: push('A#1/lease'), cap: push('A/station-max') }
}

describe('a station that draws more than it accepted', () => {
  test.each([
    { overS: 0, step: 'retry', unit: 'A', capped: false, worstA: 28, alarm: false },
    { overS: 6, step: 'other-unit', unit: 'W', capped: false, worstA: 28, alarm: false },
    { overS: 11, step: 'station-cap', unit: 'W', capped: true, worstA: 28, alarm: false },
    { overS: 16, step: 'worst-case', unit: 'W', capped: true, worstA: 32, alarm: true },
  ])('after $overS s: $step', ({ overS, step, unit, capped, worstA, alarm }) => {
    const { decision, grant, lease, cap } = decided(state('A', 28), overS)
    expect(grant?.escalation).toMatchObject({ step, cause: 'draws-more' })
    expect(lease?.belief.unit).toBe(unit)
    expect(cap !== undefined).toBe(capped)
    expect(decision.alarms.some(({ code }) => code === 'disobeys')).toBe(alarm)
    // The books never wait for a step: what it draws counts from the first measurement, and others make room.
    expect(grant?.worstA).toBe(worstA)
    expect(decision.grants[1]?.limitA).toBeLessThanOrEqual(50 - worstA)
  })

  test('is told each step once', () => {
    const own = state('A', 28)
    const said = (agoMs: number) => {
      const acked = own.slots.lease.acked
      if (!acked) throw new Error('no lease')
      const lease = { ...own.slots.lease, acked: { ...acked, limitA: 6, sentAtMs: T0 - agoMs } }
      return decided({ ...own, slots: { ...own.slots, lease } }, 3).lease
    }
    expect(said(4000)).toBeDefined()
    expect(said(2000)).toBeUndefined()
  })

  test('has no other unit where it takes one, or feeds direct current', () => {
    const device: SmartChargingDevice = { ...DEFAULT_DEVICE, rateUnits: ['A'] }
    const { grant, lease } = decided(state('A', 28, { device }), 6)
    expect(grant?.escalation?.step).toBe('retry')
    expect(lease?.belief.unit).toBe('A')
  })

  test('is written to in the unit that it follows for the rest of the session', () => {
    const { grant, lease } = decided(state('A', 19), null, 'A')
    expect(grant?.escalation).toMatchObject({ step: 'other-unit', cause: 'draws-more' })
    expect(grant?.state).toBe('charging')
    expect(lease?.belief.unit).toBe('W')
  })

  test('is steered as before once it draws no more than that', () => {
    const { grant, cap } = decided(state('A', 20), 16)
    expect(grant).toMatchObject({ state: 'charging', escalation: null })
    expect(cap).toBeUndefined()
  })
})

describe('a station that refuses its leases', () => {
  const refused = (failures: number) => {
    const own = state('A', 0)
    const lease = { ...NO_BELIEF, failures, lastFailureMs: T0 - 120_000 }
    return decided({ ...own, slots: { ...own.slots, lease } })
  }

  test('is asked again, then in its other unit, then capped as a whole and reported', () => {
    expect(refused(1).grant?.escalation).toMatchObject({ step: 'retry', cause: 'refuses' })
    expect(refused(1).lease?.belief.unit).toBe('A')
    expect(refused(2).grant?.escalation).toMatchObject({ step: 'other-unit', cause: 'refuses' })
    expect(refused(2).lease?.belief.unit).toBe('W')
    const given = refused(3)
    expect(given.grant?.escalation).toMatchObject({ step: 'station-cap', cause: 'refuses' })
    expect(given.cap?.belief.limitA).toBe(6)
    expect(given.decision.alarms).toContainEqual(expect.objectContaining({ code: 'lease-refused' }))
    // It holds what it accepted before, so that is all that it can draw.
    expect(given.grant?.worstA).toBe(6)
  })
})

describe('a station that was asked and holds something else', () => {
  test('is written to in its other unit, then capped, then counted at its worst', () => {
    const device: SmartChargingDevice = { ...DEFAULT_DEVICE, rateUnits: ['W'] }
    const unit = decided(state('A', 20, { device, avoidsUnit: 'A' }))
    expect(unit.grant?.escalation).toMatchObject({ step: 'other-unit', cause: 'holds-more' })
    expect(unit.cap).toBeUndefined()
    const capped = decided(state('A', 20, { capped: true }))
    expect(capped.grant).toMatchObject({ state: 'charging', escalation: { step: 'station-cap' } })
    expect(capped.cap?.belief.limitA).toBe(capped.grant?.limitA)
    const worst = decided(state('A', 20, { distrusted: true }))
    expect(worst.grant).toMatchObject({ state: 'not-steered', worstA: 32 })
    expect(worst.grant?.escalation).toMatchObject({ step: 'worst-case', cause: 'holds-more' })
  })
})
