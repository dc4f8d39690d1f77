import { beforeEach, describe, expect, test } from 'vitest'
import { NO_BELIEF, profileIds } from '../../../profiles/index.ts'
import type { StationBus } from '../../../src/bus/ports.ts'
import { DemandBook } from '../../../src/energy/demand-book.ts'
import { LiveSite } from '../../../src/energy/live-site.ts'
import { readBack } from '../../../src/energy/read-back.ts'
import type {
  ChargingProfileType,
  GetCompositeScheduleRequest,
} from '../../../src/ocpp/v201/messages.generated.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { socketSite } from '../../support/sites.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const site = socketSite(63, ['A'])
const SAFE = { stationId: 'A', evseKey: 'A#1', slot: 'safe' } as const
const HOLD = { stationId: 'A', evseKey: 'A#1', slot: 'hold' } as const

let store: Store
let live: LiveSite
let held: ChargingProfileType[]
let cleared: number[]
let silent: boolean
/** What the station says it computes; it cannot tell when undefined. */
let computed: number | undefined
let asked: string[]

function profile(id: number, limit: number, chargingRateUnit: 'A' | 'W' = 'A'): ChargingProfileType {
  return {
    id,
    stackLevel: 0,
    chargingProfilePurpose: 'TxDefaultProfile',
    chargingProfileKind: 'Absolute',
    chargingSchedule: [{ id: 1, chargingRateUnit, chargingSchedulePeriod: [{ startPeriod: 0, limit }] }],
  }
}

/** A station that reports what it holds in two parts, as stations with many profiles do. */
const bus: StationBus = {
  call: async (stationId, action, payload) => {
    if (silent) return { kind: 'unanswered', reason: 'deadline' }
    if (action === 'ClearChargingProfile') {
      cleared.push((payload as { chargingProfileId: number }).chargingProfileId)
      return { kind: 'answered', payload: { status: 'Accepted' } as never }
    }
    if (action === 'GetCompositeSchedule') {
      const { chargingRateUnit, duration, evseId } = payload as GetCompositeScheduleRequest
      asked.push(`${evseId} ${chargingRateUnit}`)
      if (computed === undefined) return { kind: 'answered', payload: { status: 'Rejected' } as never }
      const schedule = {
        evseId,
        duration,
        scheduleStart: new Date(T0).toISOString(),
        chargingRateUnit,
        chargingSchedulePeriod: [{ startPeriod: 0, limit: computed }],
      }
      return { kind: 'answered', payload: { status: 'Accepted', schedule } as never }
    }
    const { requestId } = payload as { requestId: number }
    if (held.length === 0) return { kind: 'answered', payload: { status: 'NoProfiles' } as never }
    const at = new Date(T0).toISOString()
    for (const [index, one] of held.entries()) {
      const detail = {
        requestId,
        chargingLimitSource: 'CSO',
        evseId: 1,
        chargingProfile: [one],
        tbc: index < held.length - 1,
      }
      await store.events.record({
        stationId,
        kind: 'ReportChargingProfiles',
        type: 'CSO',
        at,
        receivedAt: at,
        critical: false,
        detail,
      })
    }
    return { kind: 'answered', payload: { status: 'Accepted' } as never }
  },
  isOnline: () => true,
  onlineStations: () => ['A'],
  disconnect: () => undefined,
}

const ask = () =>
  readBack({ site, live, bus, store, deadlineMs: 1000, nowMs: T0, reported: async () => undefined }, 'A')

beforeEach(async () => {
  store = createSqliteStore(':memory:')
  live = new LiveSite({ site, store, bus, demands: new DemandBook(store) })
  held = []
  cleared = []
  silent = false
  computed = undefined
  asked = []
  const ids = profileIds(1)
  const acked = { profileId: ids.safe, limitA: 6, expiresAtMs: null, sentAtMs: T0, unit: 'A' as const }
  await live.setSlot(SAFE, { ...NO_BELIEF, acked })
})

describe('asking a station what it holds', () => {
  test('finds nothing where it holds what we believe, or less', async () => {
    held = [profile(profileIds(1).safe, 6)]
    expect(await ask()).toMatchObject({ result: 'kept', disobeys: false, findings: [] })
    held = [profile(profileIds(1).safe, 5)]
    expect((await ask()).result).toBe('kept')
    expect(live.slot(SAFE).acked?.limitA).toBe(6)
  })

  test('drops the belief in a profile that is gone, so that the EVSE counts at its worst', async () => {
    expect((await ask()).result).toBe('differs')
    expect(live.slot(SAFE)).toEqual(NO_BELIEF)
  })

  test('believes a profile that allows more than we wrote, so that it is lowered again', async () => {
    held = [profile(profileIds(1).safe, 16)]
    expect((await ask()).findings).toEqual(['A#1: the safe profile says 16 A instead of 6 A'])
    expect(live.slot(SAFE).acked?.limitA).toBe(16)
  })

  test.each([
    ['as many watts as were written', 4140, undefined],
    ['more watts than were written', 11_040, 'A#1: the safe profile says 11040 W instead of 4140 W'],
  ])('compares watts: %s', async (_, limit, finding) => {
    const acked = live.slot(SAFE).acked
    if (!acked) throw new Error('The belief of this test is missing')
    await live.setSlot(SAFE, { ...NO_BELIEF, acked: { ...acked, unit: 'W' } })
    held = [profile(profileIds(1).safe, limit, 'W')]
    expect((await ask()).findings).toEqual(finding === undefined ? [] : [finding])
    expect(live.slot(SAFE).acked?.limitA).toBeCloseTo(finding === undefined ? 6 : 16)
  })

  test('finds a profile that the station keeps in another unit than it was written in', async () => {
    held = [profile(profileIds(1).safe, 6, 'W')]
    expect((await ask()).findings).toEqual(['A#1: the safe profile is in W instead of A'])
  })

  test('a profile that has run out may be gone', async () => {
    held = [profile(profileIds(1).safe, 6)]
    const ids = profileIds(1)
    const acked = { profileId: ids.hold, limitA: 0, expiresAtMs: T0 - 1, sentAtMs: T0, unit: 'A' as const }
    await live.setSlot(HOLD, { ...NO_BELIEF, acked })
    expect((await ask()).result).toBe('kept')
    await live.setSlot(HOLD, { ...NO_BELIEF, acked: { ...acked, expiresAtMs: T0 + 1000 } })
    expect((await ask()).result).toBe('differs')
  })

  test('clears profiles that are not ours', async () => {
    held = [profile(profileIds(1).safe, 6), profile(4711, 32)]
    expect((await ask()).findings).toEqual(['profile 4711 is not ours and was cleared'])
    expect(cleared).toEqual([4711])
  })

  test('learns nothing from silence', async () => {
    silent = true
    expect(await ask()).toMatchObject({ result: 'unanswered', disobeys: false, findings: [] })
    expect(live.slot(SAFE).acked?.limitA).toBe(6)
  })
})

describe('asking a station what it computes', () => {
  const LEASE = { stationId: 'A', evseKey: 'A#1', slot: 'lease' } as const

  async function charging(unit: 'A' | 'W'): Promise<void> {
    const transactionInfo = { transactionId: 'tx' }
    const timestamp = new Date(T0).toISOString()
    await store.sessions.record(
      'A',
      {
        eventType: 'Started',
        seqNo: 0,
        timestamp,
        triggerReason: 'CablePluggedIn',
        transactionInfo,
        evse: { id: 1 },
      },
      timestamp,
    )
    await live.refresh(T0)
    const { lease, safe } = profileIds(1)
    const acked = {
      profileId: lease,
      limitA: 10,
      expiresAtMs: T0 + 240_000,
      sentAtMs: T0,
      unit,
      transactionId: 'tx',
    }
    await live.setSlot(LEASE, { ...NO_BELIEF, acked })
    held = [profile(safe, 6), profile(lease, unit === 'A' ? 10 : 6900, unit)]
  }

  test('is done for EVSEs with a session alone, in the unit of their lease', async () => {
    held = [profile(profileIds(1).safe, 6)]
    await ask()
    expect(asked).toEqual([])
    await charging('W')
    computed = 6900
    expect(await ask()).toMatchObject({
      result: 'kept',
      computed: [{ unit: 'W', limit: 6900, believed: 6900 }],
    })
    expect(asked).toEqual(['1 W'])
  })

  test('less than we believe is the affair of the station', async () => {
    await charging('A')
    computed = 8
    expect(await ask()).toMatchObject({ result: 'kept', disobeys: false })
  })

  test.each([
    ['A', 32, 32],
    ['W', 22_080, 32],
  ] as const)('more than we believe counts from now on, in %s', async (unit, limit, countsA) => {
    await charging(unit)
    computed = limit
    expect(await ask()).toMatchObject({ result: 'differs', disobeys: true })
    expect(live.slot(LEASE).acked?.limitA).toBeCloseTo(countsA)
    expect(live.slot(SAFE).acked?.limitA).toBe(6)
  })

  test('without a lease the safe default is no longer believed at its limit', async () => {
    await charging('A')
    await live.setSlot(LEASE, NO_BELIEF)
    computed = 32
    expect((await ask()).findings).toContain('A#1: the station computes 32 A where 6 A hold')
    expect(live.slot(SAFE).acked?.limitA).toBe(32)
  })

  test('a station that cannot tell is judged by its profiles alone', async () => {
    await charging('A')
    expect(await ask()).toMatchObject({ result: 'kept', computed: [] })
  })
})
