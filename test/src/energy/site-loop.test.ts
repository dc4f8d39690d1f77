import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NO_BELIEF } from '../../../profiles/index.ts'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { CallOutcome, EventHub, StationBus } from '../../../src/bus/ports.ts'
import { EnergyService } from '../../../src/energy/service.ts'
import type {
  ChargingProfileType,
  SetChargingProfileRequest,
  TransactionEventRequest,
} from '../../../src/ocpp/v201/messages.generated.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

const limitA = 40
const config = {
  voltageV: 230,
  root: {
    kind: 'circuit',
    id: 'grid',
    limitA,
    children: ['A', 'B'].map((id) => ({
      kind: 'station',
      id,
      evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
    })),
  },
}

/** Stations as far as profiles go: they keep what they accepted, and the test decides how they answer. */
class Stations implements StationBus {
  readonly online = new Set<string>()
  readonly held = new Map<string, ChargingProfileType[]>()
  readonly log: { stationId: string; profile: ChargingProfileType; urgent: boolean }[] = []
  answer: (stationId: string) => CallOutcome<'SetChargingProfile'> = () => ({
    kind: 'answered',
    payload: { status: 'Accepted' },
  })
  /** Called after every accepted profile: the invariant is looked at then. */
  onHeld: () => void = () => undefined

  /** The most calls that were under way to one station at a time. */
  mostAtOnce = 0
  readonly #underWay = new Map<string, number>()

  call: StationBus['call'] = async (stationId, action, payload, options) => {
    const now = (this.#underWay.get(stationId) ?? 0) + 1
    this.#underWay.set(stationId, now)
    this.mostAtOnce = Math.max(this.mostAtOnce, now)
    await new Promise((resolve) => setImmediate(resolve))
    this.#underWay.set(stationId, now - 1)
    if (!this.online.has(stationId)) return { kind: 'offline' }
    if (action !== 'SetChargingProfile') return { kind: 'answered', payload: { status: 'Accepted' } as never }
    const request = payload as SetChargingProfileRequest
    const outcome = this.answer(stationId)
    this.log.push({ stationId, profile: request.chargingProfile, urgent: options?.urgent === true })
    if (outcome.kind === 'answered' && outcome.payload.status === 'Accepted') {
      const others = (this.held.get(stationId) ?? []).filter((one) => one.id !== request.chargingProfile.id)
      this.held.set(stationId, [...others, request.chargingProfile])
      this.onHeld()
    }
    return outcome as never
  }
  isOnline = (id: string) => this.online.has(id)
  onlineStations = () => [...this.online]
  disconnect = () => undefined

  /** What the station lets its car draw: TxProfile before the highest TxDefaultProfile; unlimited without any. */
  allowedA(stationId: string, charging: boolean, nowMs: number): number {
    const alive = (this.held.get(stationId) ?? []).filter((profile) => {
      const [schedule] = profile.chargingSchedule
      const startMs = Date.parse(schedule?.startSchedule ?? new Date(0).toISOString())
      return schedule?.duration === undefined || nowMs < startMs + schedule.duration * 1000
    })
    const purpose = (name: string) =>
      alive
        .filter((one) => one.chargingProfilePurpose === name)
        .sort((a, b) => b.stackLevel - a.stackLevel)[0]
    const profile = (charging ? purpose('TxProfile') : undefined) ?? purpose('TxDefaultProfile')
    return profile?.chargingSchedule[0]?.chargingSchedulePeriod[0]?.limit ?? 32
  }
}

let store: Store
let stations: Stations
let hub: EventHub
let energy: EnergyService
let nowMs: number
const charging = new Set<string>()

function service(): EnergyService {
  return new EnergyService({
    store,
    bus: stations,
    hub,
    clock: { now: () => nowMs },
    log: pino({ level: 'silent' }),
    intervalMs: 1_000_000,
    pushDeadlineMs: 1000,
    turnGapMs: 0,
    readBackEveryMs: 0,
  })
}

async function turn(): Promise<void> {
  for (const loop of energy.loops()) {
    loop.poke()
    await loop.idle()
  }
}

/** Turns until nothing more is sent, with time passing as cars react. */
async function settle(): Promise<void> {
  for (let round = 0; round < 12; round++) {
    await turn()
    nowMs += 1000
  }
}

async function connect(stationId: string): Promise<void> {
  const at = new Date(nowMs).toISOString()
  await store.stations.put(
    {
      id: stationId,
      enrolment: 'active',
      registration: 'Accepted',
      securityProfile: 1,
      passwordHash: null,
      serialNumber: null,
      organisation: null,
      group: null,
    },
    at,
  )
  await store.stations.recordBoot(stationId, { at, reason: 'PowerUp', vendorName: 'V', model: 'M' })
  stations.online.add(stationId)
  hub.publish({ kind: 'station.booted', stationId, at, registration: 'Accepted' })
}

async function transaction(
  stationId: string,
  eventType: TransactionEventRequest['eventType'],
  seqNo: number,
): Promise<void> {
  const at = new Date(nowMs).toISOString()
  const transactionInfo = { transactionId: `tx-${stationId}`, chargingState: 'Charging' as const }
  await store.sessions.record(
    stationId,
    { eventType, seqNo, timestamp: at, triggerReason: 'CablePluggedIn', transactionInfo, evse: { id: 1 } },
    at,
  )
  if (eventType === 'Ended') charging.delete(stationId)
  else charging.add(stationId)
  hub.publish({
    kind: 'session.updated',
    stationId,
    transactionId: transactionInfo.transactionId,
    evseId: 1,
    eventType,
    at,
  })
}

function allowed(): number {
  return ['A', 'B'].reduce((sum, id) => sum + (charging.has(id) ? stations.allowedA(id, true, nowMs) : 0), 0)
}

beforeEach(async () => {
  nowMs = Date.parse('2026-11-22T10:00:00Z')
  charging.clear()
  store = createSqliteStore(':memory:')
  hub = createEventHub((error) => {
    throw error
  })
  stations = new Stations()
  energy = service()
  await energy.start()
  expect(await energy.put('depot', config)).toMatchObject({ ok: true })
})

afterEach(async () => {
  await energy.stop()
  await store.close()
})

test('a station gets its safe default before anything else, and the safe defaults fit the site together', async () => {
  await connect('A')
  await connect('B')
  await settle()
  for (const id of ['A', 'B']) {
    const first = stations.log.find((one) => one.stationId === id)?.profile
    expect(first?.chargingProfilePurpose).toBe('TxDefaultProfile')
    expect(first?.transactionId).toBeUndefined()
  }
  const safeSum = ['A', 'B'].reduce((sum, id) => sum + stations.allowedA(id, false, nowMs + 3_600_000), 0)
  expect(safeSum).toBeLessThanOrEqual(limitA)
})

test('two cars share what one had, the one that has gives before the other gets, and the sum never passes the limit', async () => {
  await connect('A')
  await connect('B')
  await settle()
  const sums: number[] = []
  stations.onHeld = () => sums.push(allowed())
  await transaction('A', 'Started', 0)
  await settle()
  expect(stations.allowedA('A', true, nowMs)).toBe(32)
  await transaction('B', 'Started', 0)
  await settle()
  expect(stations.allowedA('A', true, nowMs)).toBe(20)
  expect(stations.allowedA('B', true, nowMs)).toBe(20)
  expect(Math.max(...sums)).toBeLessThanOrEqual(limitA)
  await transaction('A', 'Ended', 1)
  await settle()
  expect(stations.allowedA('B', true, nowMs)).toBe(32)
})

test('what lowers a car is as urgent as an operator, what raises one waits', async () => {
  await connect('A')
  await connect('B')
  await transaction('A', 'Started', 0)
  await settle()
  await transaction('B', 'Started', 0)
  await settle()
  const leases = stations.log.filter(({ profile }) => profile.chargingProfilePurpose === 'TxProfile')
  expect(leases.map(({ stationId, urgent }) => ({ stationId, urgent }))).toEqual([
    { stationId: 'A', urgent: false },
    { stationId: 'A', urgent: true },
    { stationId: 'B', urgent: false },
  ])
})

test('a lease ends by itself: without the service both stations fall to the safe defaults', async () => {
  await connect('A')
  await connect('B')
  await transaction('A', 'Started', 0)
  await transaction('B', 'Started', 0)
  await settle()
  expect(allowed()).toBe(limitA)
  nowMs += 3_600_000
  expect(allowed()).toBeLessThanOrEqual(limitA)
  expect(stations.allowedA('A', true, nowMs)).toBeLessThan(20)
})

test('a limit set by the operator binds at once, is named as the reason, and is gone when it is removed', async () => {
  await connect('A')
  await transaction('A', 'Started', 0)
  await connect('B')
  await settle()
  const limit = {
    id: 'evening',
    siteId: 'depot',
    nodeId: 'grid',
    source: 'operator',
    value: 16,
    unit: 'A' as const,
    validFrom: null,
    validTo: null,
    setBy: 'me',
    updatedAt: '2026-11-22T10:00:00Z',
  }
  expect(await energy.limits.put({ ...limit, nodeId: 'nowhere' })).toMatchObject({ ok: false })
  expect(await energy.limits.put(limit)).toMatchObject({ ok: true })
  await settle()
  expect(allowed()).toBeLessThanOrEqual(16)
  const status = await energy.status('depot')
  expect(status?.nodes[0]).toMatchObject({
    nodeId: 'grid',
    limitA: [16, 16, 16],
    binding: { source: 'operator', limitId: 'evening' },
  })
  expect(status?.evses[0]?.reason).toMatchObject({ code: 'node-limit', nodeId: 'grid' })
  expect(await energy.limits.remove('depot', 'evening')).toBe(true)
  await settle()
  expect(stations.allowedA('A', true, nowMs)).toBeGreaterThan(16)
})

test('a limit in watts holds as well', async () => {
  await connect('A')
  await connect('B')
  await transaction('A', 'Started', 0)
  const limit = {
    id: 'w',
    siteId: 'depot',
    nodeId: 'grid',
    source: 'dso',
    value: 13_800,
    unit: 'W' as const,
    validFrom: null,
    validTo: null,
    setBy: 'me',
    updatedAt: '2026-11-22T10:00:00Z',
  }
  await energy.limits.put(limit)
  await settle()
  expect(stations.allowedA('A', true, nowMs) * 3 * 230).toBeLessThanOrEqual(13_800)
  expect((await energy.status('depot'))?.nodes[0]?.limitW).toBe(13_800)
})

test('a station that goes offline while it charges keeps its share: the other gets no more', async () => {
  await connect('A')
  await connect('B')
  await transaction('A', 'Started', 0)
  await transaction('B', 'Started', 0)
  await settle()
  stations.online.delete('A')
  hub.publish({ kind: 'station.disconnected', stationId: 'A', at: new Date(nowMs).toISOString() })
  await settle()
  expect(allowed()).toBeLessThanOrEqual(limitA)
})

test('what a station drew before it went out of reach is taken off no meter once its lease is over: nobody gets it twice', async () => {
  await energy.put('depot', {
    ...config,
    root: { ...config.root, limitA: 34 },
    meters: [{ nodeId: 'grid', maxAgeS: 5, staleA: 0, includesEvses: true, fallHoldS: 0 }],
  })
  await connect('A')
  await connect('B')
  await transaction('A', 'Started', 0)
  const draws = (stationId: string, currentA: number) => {
    const at = new Date(nowMs).toISOString()
    const sample = { value: currentA, measurand: 'Current.Import' as const }
    const sampledValue = (['L1', 'L2', 'L3'] as const).map((phase) => ({ ...sample, phase }))
    const values = [{ timestamp: at, sampledValue }]
    hub.publish({ kind: 'meter.read', stationId, evseId: 1, transactionId: `tx-${stationId}`, at, values })
  }
  const seconds = async (count: number, aA: () => number) => {
    for (let second = 0; second < count; second++) {
      const bA = charging.has('B') ? stations.allowedA('B', true, nowMs) : 0
      if (stations.online.has('A')) draws('A', aA())
      if (charging.has('B')) draws('B', bA)
      energy.readMeter('depot', 'grid', { currentA: [aA() + bA, aA() + bA, aA() + bA] })
      await turn()
      nowMs += 1000
    }
    return stations.allowedA('A', true, nowMs) + stations.allowedA('B', true, nowMs)
  }
  await seconds(20, () => stations.allowedA('A', true, nowMs))
  expect(stations.allowedA('A', true, nowMs)).toBe(32)
  stations.online.delete('A')
  hub.publish({ kind: 'station.disconnected', stationId: 'A', at: new Date(nowMs).toISOString() })
  await transaction('B', 'Started', 0)
  for (let minute = 0; minute < 6; minute++)
    expect(await seconds(60, () => stations.allowedA('A', true, nowMs))).toBeLessThanOrEqual(34)
  // Fallen to its safe default by then. It is booked beside what the meter shows of it: nobody knows how much that is.
  expect(stations.allowedA('A', true, nowMs)).toBe(6)
  expect(stations.allowedA('B', true, nowMs)).toBe(34 - 6 - 6)
})

test('a car that must give way and does not confirm holds the other back', async () => {
  await connect('A')
  await connect('B')
  await transaction('A', 'Started', 0)
  await settle()
  stations.answer = (id) =>
    id === 'A'
      ? { kind: 'unanswered', reason: 'deadline' }
      : { kind: 'answered', payload: { status: 'Accepted' } }
  await transaction('B', 'Started', 0)
  await settle()
  expect(stations.allowedA('A', true, nowMs)).toBe(32)
  expect(stations.allowedA('B', true, nowMs)).toBeLessThanOrEqual(8)
})

describe('after a restart', () => {
  test('what stations hold is still counted, so nobody gets what another may be drawing', async () => {
    await connect('A')
    await connect('B')
    await transaction('A', 'Started', 0)
    await settle()
    await energy.stop()
    const sums: number[] = []
    stations.onHeld = () => sums.push(allowed())
    energy = service()
    await energy.start()
    await transaction('B', 'Started', 0)
    await settle()
    expect(stations.allowedA('B', true, nowMs)).toBe(20)
    expect(Math.max(...sums)).toBeLessThanOrEqual(limitA)
  })

  test('a profile that was on its way when the process died counts as held', async () => {
    await connect('A')
    await connect('B')
    await transaction('A', 'Started', 0)
    await settle()
    // A's answer is lost with the process, but the station keeps the higher limit it was sent.
    const loop = energy.loops()[0]
    const slot = loop?.live.slot({ stationId: 'A', evseKey: 'A#1', slot: 'lease' })
    expect(slot?.acked?.limitA).toBe(32)
    await loop?.live.setSlot(
      { stationId: 'A', evseKey: 'A#1', slot: 'lease' },
      { ...NO_BELIEF, inFlight: { ...(slot?.acked ?? never()), lost: false } },
    )
    await energy.stop()
    stations.answer = (id) =>
      id === 'A'
        ? { kind: 'unanswered', reason: 'deadline' }
        : { kind: 'answered', payload: { status: 'Accepted' } }
    energy = service()
    await energy.start()
    await transaction('B', 'Started', 0)
    await settle()
    expect(stations.allowedA('B', true, nowMs)).toBeLessThanOrEqual(8)
  })
})

test('a station that starts again must accept its safe default anew before it counts', async () => {
  await connect('A')
  await connect('B')
  await settle()
  stations.held.delete('A')
  stations.log.length = 0
  await connect('A')
  await settle()
  expect(stations.log.find((one) => one.stationId === 'A')?.profile.chargingProfilePurpose).toBe(
    'TxDefaultProfile',
  )
})

test('no station is ever sent a second call before it has answered the first', async () => {
  await connect('A')
  await connect('B')
  await transaction('A', 'Started', 0)
  await transaction('B', 'Started', 0)
  await settle()
  expect(stations.log.length).toBeGreaterThanOrEqual(4)
  expect(stations.mostAtOnce).toBe(1)
})

test('a profile that is refused again and again is given up, reported once, and counted at its worst', async () => {
  await connect('A')
  await connect('B')
  await settle()
  stations.answer = (id) =>
    id === 'A'
      ? { kind: 'answered', payload: { status: 'Rejected' } }
      : { kind: 'answered', payload: { status: 'Accepted' } }
  await transaction('A', 'Started', 0)
  for (let round = 0; round < 12; round++) {
    await turn()
    nowMs += 10_000
  }
  const alarms = (await energy.status('depot'))?.alarms ?? []
  expect(alarms).toContainEqual(expect.objectContaining({ code: 'lease-refused', where: 'A#1' }))
  const events = await store.events.list({ stationId: 'A', kind: 'energy' })
  expect(events.filter((event) => event.type === 'lease-refused')).toHaveLength(1)
  await transaction('B', 'Started', 0)
  await settle()
  expect(stations.allowedA('B', true, nowMs) + 6).toBeLessThanOrEqual(limitA)
})

test('a station cannot be part of two sites, and a configuration that cannot be safe is refused with its node', async () => {
  expect(await energy.put('other', config)).toMatchObject({
    ok: false,
    issues: [{ path: 'A' }, { path: 'B' }],
  })
  const unsafe = structuredClone(config)
  const [first] = unsafe.root.children
  Object.assign(first?.evses[0] ?? {}, { safeA: 45 })
  const refused = await energy.put('depot', unsafe)
  expect(refused.ok).toBe(false)
  expect(await energy.status('depot')).toBeDefined()
})

function never(): never {
  throw new Error('The station holds no lease')
}
