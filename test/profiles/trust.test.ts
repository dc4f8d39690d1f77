import { describe, expect, test } from 'vitest'
import {
  DEFAULT_DEVICE,
  DEFAULT_SETTINGS,
  decide,
  EMPTY_SLOTS,
  type EvseState,
  type LimitBelief,
  NO_BELIEF,
  openSite,
  profileIds,
} from '../../profiles/index.ts'
import { socketSite } from '../support/sites.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const site = socketSite(50, ['A', 'B'], { station: { limitA: 40 } })

function state(id: string, extra: Partial<EvseState> = {}): EvseState {
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
    measured: null,
    slots: {
      ...EMPTY_SLOTS,
      lease: belief(20, { profileId: lease, expiresAtMs: T0 + 200_000, transactionId }),
      safe: belief(6, { profileId: safe }),
    },
    device: DEFAULT_DEVICE,
    ...extra,
  }
}

function decided(a: EvseState, stationMax = NO_BELIEF, of = site) {
  const station = { stationId: 'A', link: 'connected' as const, device: DEFAULT_DEVICE, stationMax }
  const decision = decide({
    nowMs: T0,
    site: of,
    limits: [],
    baseLoads: [],
    evses: [a, state('B')],
    stations: [station],
    policy: 'fair',
    settings: DEFAULT_SETTINGS,
  })
  const push = (id: string) => decision.pushes.find((one) => one.id === id)
  return { decision, grant: decision.grants[0], lease: push('A#1/lease'), cap: push('A/station-max') }
}

describe('a station that was seen not to follow what it accepted', () => {
  test('counts at its worst, gets the least in its other unit, is capped as a whole and reported', () => {
    const { decision, grant, lease, cap } = decided(state('A', { distrusted: true }))
    expect(grant?.worstA).toBe(32)
    expect(decision.grants[1]?.limitA).toBeLessThanOrEqual(18)
    expect(lease?.belief).toMatchObject({ limitA: 6, unit: 'W' })
    expect(cap?.belief.limitA).toBe(6)
    expect(decision.alarms).toContainEqual(expect.objectContaining({ code: 'disobeys', where: 'A#1' }))
  })

  test('is written to in its only unit where it has one', () => {
    const device = { ...DEFAULT_DEVICE, rateUnits: ['A'] as const }
    expect(decided(state('A', { distrusted: true, device })).lease?.belief.unit).toBe('A')
  })
})

test('a station that refuses its leases for good is capped as a whole, at what its safe default gives', () => {
  const own = state('A')
  const lease = { ...NO_BELIEF, failures: DEFAULT_SETTINGS.maxFailures, lastFailureMs: T0 - 1000 }
  const { decision, grant, cap } = decided({ ...own, slots: { ...own.slots, lease } })
  expect(grant?.worstA).toBe(6)
  expect(cap?.belief.limitA).toBe(6)
  expect(decision.alarms).toContainEqual(expect.objectContaining({ code: 'lease-refused', where: 'A#1' }))
})

test('one that follows is capped by its own fuse alone', () => {
  expect(decided(state('A')).cap?.belief.limitA).toBe(40)
})

test('the cap of one that follows again is cleared where the station has no fuse of its own', () => {
  const bare = openSite({
    id: 'depot',
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: 50,
      children: [
        {
          kind: 'station',
          id: 'A',
          evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
        },
      ],
    },
  })
  if (!bare.ok) throw new Error('The site of this test is refused')
  const acked = { profileId: 1000, limitA: 6, expiresAtMs: null, sentAtMs: T0 - 60_000, unit: 'A' as const }
  const { cap } = decided(state('A'), { ...NO_BELIEF, acked }, bare.site)
  expect(cap).toMatchObject({ action: 'ClearChargingProfile', request: { chargingProfileId: 1000 } })
  expect(decided(state('A'), NO_BELIEF, bare.site).cap).toBeUndefined()
  expect(decided(state('A', { distrusted: true }), NO_BELIEF, bare.site).cap?.belief.limitA).toBe(6)
})
