import pino from 'pino'
import { expect, test } from 'vitest'
import { DEFAULT_SETTINGS, decide, profileIds } from '../../../profiles/index.ts'
import type { StationBus } from '../../../src/bus/ports.ts'
import { DemandBook } from '../../../src/energy/demand-book.ts'
import { LiveSite } from '../../../src/energy/live-site.ts'
import { Patrol } from '../../../src/energy/patrol.ts'
import { PushDesk } from '../../../src/energy/push-desk.ts'
import type {
  ChargingProfileType,
  GetCompositeScheduleRequest,
  SetChargingProfileRequest,
} from '../../../src/ocpp/v201/messages.generated.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { socketSite } from '../../support/sites.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const site = socketSite(50, ['A', 'B'])

/** Station A accepts everything; what it computes is for the test to say. Both have a car. */
async function world(computes: (unit: 'A' | 'W', heldA: number) => number) {
  const store = createSqliteStore(':memory:')
  let nowMs = T0
  const clock = { now: () => nowMs }
  const held = new Map<string, Map<number, ChargingProfileType>>()
  const set: { stationId: string; request: SetChargingProfileRequest }[] = []
  const inA = (profile: ChargingProfileType | undefined): number => {
    const [schedule] = profile?.chargingSchedule ?? []
    const limit = schedule?.chargingSchedulePeriod[0]?.limit ?? 32
    return schedule?.chargingRateUnit === 'W' ? limit / 690 : limit
  }
  const answer = async (stationId: string, action: string, payload: unknown): Promise<object> => {
    const own = held.get(stationId) ?? new Map<number, ChargingProfileType>()
    held.set(stationId, own)
    if (action === 'SetChargingProfile') {
      const request = payload as SetChargingProfileRequest
      own.set(request.chargingProfile.id, request.chargingProfile)
      set.push({ stationId, request })
    } else if (action === 'ClearChargingProfile') {
      own.delete((payload as { chargingProfileId: number }).chargingProfileId)
    } else if (action === 'GetCompositeSchedule') {
      const { chargingRateUnit = 'A', duration, evseId } = payload as GetCompositeScheduleRequest
      const leaseA = inA(own.get(profileIds(1).lease))
      const limit = stationId === 'A' ? computes(chargingRateUnit, leaseA) : leaseA
      const scheduleStart = new Date(nowMs).toISOString()
      const chargingSchedulePeriod = [
        { startPeriod: 0, limit: chargingRateUnit === 'A' ? limit : limit * 690 },
      ]
      const schedule = { evseId, duration, scheduleStart, chargingRateUnit, chargingSchedulePeriod }
      return { status: 'Accepted', schedule }
    } else {
      const { requestId } = payload as { requestId: number }
      const at = new Date(nowMs).toISOString()
      const detail = { requestId, chargingLimitSource: 'CSO', evseId: 1, chargingProfile: [...own.values()] }
      const event = { stationId, kind: 'ReportChargingProfiles', type: 'CSO', critical: false }
      await store.events.record({ ...event, at, receivedAt: at, detail })
    }
    return { status: 'Accepted' }
  }
  const bus: StationBus = {
    call: async (stationId, action, payload) => ({
      kind: 'answered',
      payload: (await answer(stationId, action, payload)) as never,
    }),
    isOnline: () => true,
    onlineStations: () => ['A', 'B'],
    disconnect: () => undefined,
  }
  const live = new LiveSite({ site, store, bus, demands: new DemandBook(store) })
  const log = pino({ level: 'silent' })
  const options = { site, live, bus, clock, log, store }
  const desk = new PushDesk({
    ...options,
    reactionMs: 0,
    pushDeadlineMs: 1000,
    dress: (push) => push,
    isPromised: () => false,
    onSettled: () => undefined,
  })
  const patrol = new Patrol({
    ...options,
    desk,
    everyMs: 60_000,
    deadlineMs: 1000,
    onFinding: () => undefined,
  })
  for (const stationId of ['A', 'B']) {
    const timestamp = new Date(T0).toISOString()
    const transactionInfo = { transactionId: `tx-${stationId}`, chargingState: 'Charging' as const }
    const started = {
      eventType: 'Started',
      seqNo: 0,
      triggerReason: 'CablePluggedIn',
      evse: { id: 1 },
    } as const
    await store.sessions.record(stationId, { ...started, timestamp, transactionInfo }, timestamp)
  }
  await live.refresh(T0)
  let memory: ReturnType<typeof decide>['memory'] | undefined
  const turn = async () => {
    const decision = decide({
      nowMs,
      site,
      limits: [],
      baseLoads: [],
      ...live.states(),
      policy: 'fair',
      settings: { ...DEFAULT_SETTINGS, minRaiseIntervalMs: 0 },
      ...(memory ? { memory } : {}),
    })
    memory = decision.memory
    for (const push of decision.pushes) if (push.wave === 1) desk.offer(push)
    desk.flush()
    await desk.idle()
    return decision
  }
  const settle = async () => {
    for (let index = 0; index < 8; index++) {
      await turn()
      nowMs += 1000
    }
    return turn()
  }
  const walk = async () => {
    patrol.walk(nowMs)
    await desk.idle()
  }
  const visit = async () => {
    nowMs += 120_000
    await walk()
  }
  await settle()
  patrol.walk(nowMs)
  const lastLease = () =>
    set.findLast(
      ({ stationId, request }) =>
        stationId === 'A' && request.chargingProfile.chargingProfilePurpose === 'TxProfile',
    )
  const lastUnit = () => lastLease()?.request.chargingProfile.chargingSchedule[0]?.chargingRateUnit
  const capA = () => inA(held.get('A')?.get(1000))
  const grantedA = (decision: ReturnType<typeof decide>, key: string) =>
    decision.grants.find((one) => one.key === key)?.limitA
  return { store, live, patrol, settle, walk, visit, lastUnit, capA, grantedA }
}

test('a station that computes more than it was told is told again, then in its other unit, then capped as a whole, then counted at its worst and reported', async () => {
  const { store, live, patrol, settle, visit, lastUnit, capA, grantedA } = await world(() => 32)
  expect(grantedA(await settle(), 'B#1')).toBeCloseTo(25, 0)

  await visit()
  expect(patrol.alarms).toMatchObject([{ code: 'read-back-differs', where: 'A#1' }])
  expect(live.trust('A')).toEqual({ avoidUnit: null, distrusted: false })
  await settle()
  expect(lastUnit()).toBe('A')

  await visit()
  expect(live.trust('A')).toEqual({ avoidUnit: 'A', distrusted: false })
  await settle()
  expect(lastUnit()).toBe('W')

  await visit()
  expect(live.trust('A')).toEqual({ avoidUnit: 'A', distrusted: false, capped: true })
  expect(grantedA(await settle(), 'A#1')).toBeGreaterThan(6)
  expect(capA()).toBe(grantedA(await settle(), 'A#1'))

  await visit()
  expect(live.trust('A')).toMatchObject({ distrusted: true })
  const decision = await settle()
  expect(decision.alarms).toContainEqual(expect.objectContaining({ code: 'disobeys', where: 'A#1' }))
  expect(grantedA(decision, 'B#1')).toBeLessThanOrEqual(18)
  expect(capA()).toBeLessThanOrEqual(6)
  await store.close()
})

test('what it did is kept over a restart, and ends with a visit that finds nothing', async () => {
  let obeys = false
  const { store, live, patrol, settle, visit, grantedA } = await world((_, heldA) => (obeys ? heldA : 32))
  for (let round = 0; round < 4; round++) {
    await visit()
    await settle()
  }
  expect(live.trust('A').distrusted).toBe(true)
  const again = new LiveSite({ site, store, bus: {} as StationBus, demands: new DemandBook(store) })
  await again.restore(T0)
  expect(again.trust('A').distrusted).toBe(true)
  obeys = true
  await visit()
  expect(live.trust('A').distrusted).toBe(false)
  await settle()
  await visit()
  expect(patrol.alarms).toEqual([])
  expect(grantedA(await settle(), 'B#1')).toBeCloseTo(25, 0)
  await store.close()
})

test('a station is asked at once when somebody wants to know', async () => {
  const { patrol, walk } = await world((_unit, limit) => limit)
  await walk()
  expect(patrol.latest('A')).toBeUndefined()
  patrol.askSoon('A')
  await walk()
  expect(patrol.latest('A')).toMatchObject({ result: 'kept' })
  expect(patrol.latest('B')).toBeUndefined()
})

test('a station that computes what it was told is left alone', async () => {
  const { store, live, patrol, visit, settle } = await world((_, heldA) => heldA)
  for (let round = 0; round < 4; round++) {
    await visit()
    await settle()
  }
  expect(live.trust('A')).toEqual({ avoidUnit: null, distrusted: false })
  expect(patrol.alarms).toEqual([])
  expect(patrol.latest('A')).toMatchObject({ result: 'kept', computed: [{ evseKey: 'A#1', exceeds: false }] })
  await store.close()
})
