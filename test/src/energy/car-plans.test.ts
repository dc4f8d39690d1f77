import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { EventHub, StationBus } from '../../../src/bus/ports.ts'
import { EnergyService } from '../../../src/energy/service.ts'
import type {
  NotifyEVChargingNeedsRequest,
  NotifyEVChargingScheduleRequest,
  SetChargingProfileRequest,
} from '../../../src/ocpp/v201/messages.generated.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
let store: Store
let hub: EventHub
let energy: EnergyService
let nowMs: number
let sent: SetChargingProfileRequest[]
let answers: 'Accepted' | 'Rejected'
let tooEarly: boolean
let bus: StationBus

const iso = (afterS = 0) => new Date(nowMs + afterS * 1000).toISOString()
const leases = () =>
  sent.filter(({ chargingProfile }) => chargingProfile.chargingProfilePurpose === 'TxProfile')
const schedules = (request: SetChargingProfileRequest | undefined) =>
  request?.chargingProfile.chargingSchedule.map((one) => one.chargingSchedulePeriod[0]?.limit)

async function turns(count = 8): Promise<void> {
  for (let index = 0; index < count; index++) {
    for (const loop of energy.loops()) {
      loop.poke()
      await loop.idle()
    }
    nowMs += 1000
  }
}

async function transaction(eventType: 'Started' | 'Ended', seqNo: number): Promise<void> {
  const transactionInfo = { transactionId: 'tx', chargingState: 'Charging' as const }
  const event = {
    eventType,
    seqNo,
    timestamp: iso(),
    triggerReason: 'CablePluggedIn',
    evse: { id: 1 },
  } as const
  await store.sessions.record('A', { ...event, transactionInfo }, iso())
  hub.publish({
    kind: 'session.updated',
    stationId: 'A',
    transactionId: 'tx',
    evseId: 1,
    eventType,
    at: iso(),
  })
}

const needs = (maxScheduleTuples = 12, energyAmount = 20_000): NotifyEVChargingNeedsRequest => ({
  evseId: 1,
  maxScheduleTuples,
  chargingNeeds: {
    requestedEnergyTransfer: 'AC_three_phase',
    departureTime: iso(4 * 3600),
    acChargingParameters: { energyAmount, evMinCurrent: 6, evMaxCurrent: 32, evMaxVoltage: 400 },
  },
})

/** Two hours at one price, then a cheap day. */
const DEAR_THEN_CHEAP = () => [
  { from: iso(-3600), to: iso(2 * 3600), pricePerKwh: 0.4 },
  { from: iso(2 * 3600), to: iso(26 * 3600), pricePerKwh: 0.1 },
]

const limitOf = (value: number) => ({
  siteId: 'depot',
  id: 'cut',
  nodeId: 'grid',
  value,
  unit: 'A' as const,
  validFrom: null,
  validTo: null,
  source: 'test',
  setBy: 'operator',
  updatedAt: iso(),
})

const chosen = (limit: number): NotifyEVChargingScheduleRequest => ({
  evseId: 1,
  timeBase: iso(),
  chargingSchedule: {
    id: 1,
    chargingRateUnit: 'A',
    duration: 600,
    chargingSchedulePeriod: [{ startPeriod: 0, limit }],
  },
})

const makeEnergy = () =>
  new EnergyService({
    store,
    bus,
    hub,
    clock: { now: () => nowMs },
    log: pino({ level: 'silent' }),
    intervalMs: 1_000_000,
    pushDeadlineMs: 1000,
    turnGapMs: 0,
    readBackEveryMs: 0,
  })

beforeEach(async () => {
  nowMs = T0
  sent = []
  answers = 'Accepted'
  tooEarly = false
  store = createSqliteStore(':memory:')
  hub = createEventHub((error) => {
    throw error
  })
  bus = {
    call: async (_, action, payload) => {
      if (action !== 'SetChargingProfile')
        return { kind: 'answered', payload: { status: 'Accepted' } as never }
      const request = payload as SetChargingProfileRequest
      sent.push(request)
      const isLease = request.chargingProfile.chargingProfilePurpose === 'TxProfile'
      const status = isLease ? answers : 'Accepted'
      const statusInfo = { reasonCode: tooEarly ? 'InvalidMessageSeq' : 'Other' }
      return {
        kind: 'answered',
        payload: { status, ...(status === 'Rejected' ? { statusInfo } : {}) } as never,
      }
    },
    isOnline: () => true,
    onlineStations: () => ['A'],
    disconnect: () => undefined,
  }
  energy = makeEnergy()
  await energy.start()
  const periods = {
    component: 'SmartChargingCtrlr',
    componentInstance: null,
    evseId: null,
    connectorId: null,
    variable: 'PeriodsPerSchedule',
    variableInstance: null,
    attributeType: 'Actual' as const,
    value: '24',
    mutability: null,
    persistent: null,
    constant: null,
    characteristics: null,
  }
  await store.stations.recordVariables('A', [periods], iso())
  const evses = [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }]
  const root = { kind: 'circuit', id: 'grid', limitA: 20, children: [{ kind: 'station', id: 'A', evses }] }
  const put = await energy.put('depot', { voltageV: 230, root })
  expect(put.ok).toBe(true)
  await turns()
})
afterEach(async () => {
  await energy.stop()
  await store.close()
})

describe('the needs of a car (K15)', () => {
  test('K15.FR.03, K15.FR.07: are accepted, and a TxProfile of the transaction follows with at most three schedules', async () => {
    await transaction('Started', 0)
    await turns()
    const before = leases().length
    expect(await energy.judgeNeeds('A', needs())).toBe('Accepted')
    await turns(2)
    const [answer] = leases().slice(before)
    expect(answer).toMatchObject({ evseId: 1, chargingProfile: { transactionId: 'tx' } })
    expect(schedules(answer)?.[0]).toBe(20)
    // 20 kWh in four hours: 7.25 A would do.
    expect(schedules(answer)?.[1]).toBe(7.3)
    expect(schedules(answer)?.length).toBeLessThanOrEqual(3)
  })

  test('K15.FR.04, K15.FR.06: are rejected at an EVSE that is none, and where they name no limits', async () => {
    await transaction('Started', 0)
    expect(await energy.judgeNeeds('A', { ...needs(), evseId: 7 })).toBe('Rejected')
    const silent = { evseId: 1, chargingNeeds: { requestedEnergyTransfer: 'AC_three_phase' as const } }
    expect(await energy.judgeNeeds('A', silent)).toBe('Rejected')
  })

  test('K15.FR.05: take a while where the transaction is not known yet, and are answered when it is', async () => {
    expect(await energy.judgeNeeds('A', needs())).toBe('Processing')
    await transaction('Started', 0)
    await turns()
    expect(schedules(leases().at(-1))).toHaveLength(2)
  })

  test('K15.FR.07: three schedules within maxScheduleTuples, none above the first, with the tariff', async () => {
    await energy.steer('depot', { policy: 'fair', prices: DEAR_THEN_CHEAP() })
    await transaction('Started', 0)
    await energy.judgeNeeds('A', needs(4))
    await turns()
    const offered = leases().at(-1)?.chargingProfile.chargingSchedule ?? []
    // The most; no more than on average; only in the last two hours, which are cheap: 27.6 kWh there.
    expect(offered.map((one) => one.chargingSchedulePeriod.map(({ limit }) => limit))).toEqual([
      [20],
      [7.3],
      [0, 20],
    ])
    expect(offered.map(({ id }) => id)).toEqual([1, 2, 3])
    for (const one of offered)
      expect(one.salesTariff).toMatchObject({
        numEPriceLevels: 2,
        salesTariffEntry: [
          { relativeTimeInterval: { start: 0 }, ePriceLevel: 2 },
          { relativeTimeInterval: { duration: 2 * 3600 }, ePriceLevel: 1 },
        ],
      })
  })

  test('K15.FR.07: a car of a single tuple gets schedules of one period only', async () => {
    await energy.steer('depot', { policy: 'fair', prices: DEAR_THEN_CHEAP() })
    await transaction('Started', 0)
    await energy.judgeNeeds('A', needs(1))
    await turns()
    for (const one of leases().at(-1)?.chargingProfile.chargingSchedule ?? [])
      expect(one.chargingSchedulePeriod).toHaveLength(1)
    expect(schedules(leases().at(-1))).toEqual([20, 7.3])
  })

  test('K15.FR.17: a station that wants them first is no station that refuses', async () => {
    answers = 'Rejected'
    tooEarly = true
    await transaction('Started', 0)
    await turns(60)
    // Asked again every few seconds.
    expect(leases().length).toBeGreaterThan(5)
    expect(leases().length).toBeLessThan(35)
    const status = await energy.status('depot')
    expect(status?.alarms).toEqual([])
    expect(status?.evses[0]?.reason?.code).not.toBe('lease-refused')
    answers = 'Accepted'
    expect(await energy.judgeNeeds('A', needs())).toBe('Accepted')
    await turns(3)
    expect(schedules(leases().at(-1))).toEqual([20, 7.3])
    expect((await energy.status('depot'))?.evses[0]?.confirmedA).toBe(20)
  })

  test('K15.FR.08: are an alarm after a minute without a profile that the station accepts, until it does', async () => {
    answers = 'Rejected'
    await transaction('Started', 0)
    await energy.judgeNeeds('A', needs())
    const late = async () =>
      (await energy.status('depot'))?.alarms
        .filter(({ code }) => code === 'ev-profile-late')
        .map(({ where }) => where)
    await turns(55)
    expect(await late()).toEqual([])
    await turns(10)
    expect(await late()).toEqual(['A#1'])
    answers = 'Accepted'
    await turns(70)
    expect(await late()).toEqual([])
  })
})

describe('the plan of a car (K15, K16)', () => {
  beforeEach(async () => {
    await transaction('Started', 0)
    await energy.judgeNeeds('A', needs())
    await turns()
  })

  test('K15.FR.11, K16.FR.06: is accepted within its profile', async () => {
    const before = leases().length
    expect(await energy.judgeSchedule('A', chosen(18))).toBe('Accepted')
    await turns()
    // Two amperes less than it may take are not worth a renegotiation.
    expect(leases()).toHaveLength(before)
  })

  test('is used: what it will not take is there for others', async () => {
    expect(await energy.judgeSchedule('A', chosen(8))).toBe('Accepted')
    await turns(2)
    expect(schedules(leases().at(-1))?.[0]).toBe(9)
  })

  test('K15.FR.12, K15.FR.13, K16.FR.07, K16.FR.08: is rejected above it, and a new profile follows at once', async () => {
    const before = leases().length
    expect(await energy.judgeSchedule('A', chosen(25))).toBe('Rejected')
    await turns(1)
    expect(leases()).toHaveLength(before + 1)
  })

  test('is refused once the transaction is over', async () => {
    await transaction('Ended', 1)
    await turns(1)
    expect(await energy.judgeSchedule('A', chosen(6))).toBe('Rejected')
  })
})

describe('renegotiation', () => {
  beforeEach(async () => {
    await transaction('Started', 0)
    await energy.judgeNeeds('A', needs())
    await turns()
  })

  test('K16.FR.01: by us is a new profile, when the limit of the site changes', async () => {
    await energy.limits.put(limitOf(10))
    await turns(2)
    expect(schedules(leases().at(-1))?.[0]).toBe(10)
  })

  test('K16.FR.12, K17.FR.02, K17.FR.03: by the car is another message of its needs, and is answered by a new profile', async () => {
    const before = leases().length
    expect(await energy.judgeNeeds('A', needs(12, 30_000))).toBe('Accepted')
    await turns(1)
    expect(leases()).toHaveLength(before + 1)
    // 30 kWh in four hours.
    expect(schedules(leases().at(-1))?.[1]).toBeCloseTo(10.8, 0)
  })

  test('without a reason there is none, all through the stay, where the site can keep what it gives', async () => {
    const before = leases().length
    await turns(1_000)
    expect(leases()).toHaveLength(before)
    expect(energy.loops()[0]?.cars.talk('A#1')).toMatchObject({ byUs: 0, byCar: 0 })
  })

  test("is counted, ours and the car's", async () => {
    await energy.limits.put(limitOf(10))
    await turns(3)
    await energy.judgeNeeds('A', needs(12, 5_000))
    await turns(3)
    await energy.judgeSchedule('A', chosen(25))
    await turns(3)
    const talk = energy.loops()[0]?.cars.talk('A#1')
    expect(talk).toEqual({ byUs: 2, byCar: 1, refusedPlans: 1, schedulesOffered: 2 })
    expect(energy.loops()[0]?.cars.totals).toEqual({ byUs: 2, byCar: 1, refusedPlans: 1 })
  })

  test('K16.FR.12: of a station that asks anew with every profile is answered, but slower and slower', async () => {
    const before = leases().length
    for (let second = 0; second < 600; second++) {
      const answered = leases().length
      await turns(1)
      if (leases().length > answered) await energy.judgeNeeds('A', needs())
      else if (second === 0) await energy.judgeNeeds('A', needs())
    }
    const answers = leases().length - before
    expect(answers).toBeGreaterThan(10)
    expect(answers).toBeLessThan(25)
    expect((await energy.status('depot'))?.alarms.map(({ code }) => code)).not.toContain('ev-profile-late')
  })

  test('K15.FR.13: with a car that plans above every offer is bounded as well', async () => {
    const before = leases().length
    for (let second = 0; second < 600; second++) {
      const answered = leases().length
      await turns(1)
      if (leases().length > answered || second === 0)
        expect(await energy.judgeSchedule('A', chosen(31))).toBe('Rejected')
    }
    expect(leases().length - before).toBeGreaterThan(10)
    expect(leases().length - before).toBeLessThan(25)
  })
})

describe('a restart', () => {
  test('leaves a car its profile: what it plans is judged by what its station holds', async () => {
    await transaction('Started', 0)
    await energy.judgeNeeds('A', needs())
    await turns()
    const before = leases().length
    await energy.stop()
    energy = makeEnergy()
    await energy.start()
    await turns()
    expect(leases()).toHaveLength(before)
    expect(await energy.judgeSchedule('A', chosen(25))).toBe('Rejected')
    expect(await energy.judgeSchedule('A', chosen(18))).toBe('Accepted')
  })
})
