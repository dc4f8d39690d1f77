import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EnergyService } from '../../src/energy/service.ts'
import type { EvChargingPlans } from '../../src/ocpp/energy-port.ts'
import type {
  ChargingScheduleType,
  NotifyEVChargingNeedsRequest,
  SetChargingProfileRequest,
} from '../../src/ocpp/v201/messages.generated.ts'
import type { TestClient } from './support/ocpp-client.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

const NEEDS: NotifyEVChargingNeedsRequest = {
  evseId: 1,
  maxScheduleTuples: 3,
  chargingNeeds: {
    requestedEnergyTransfer: 'AC_three_phase',
    acChargingParameters: { energyAmount: 20_000, evMinCurrent: 6, evMaxCurrent: 20, evMaxVoltage: 400 },
  },
}

describe('a car that speaks ISO 15118 at a station of no site', () => {
  let service: TestService
  let energy: EnergyService
  beforeAll(async () => {
    const plans: EvChargingPlans = {
      judgeNeeds: (...asked) => energy.judgeNeeds(...asked),
      judgeSchedule: (...asked) => energy.judgeSchedule(...asked),
    }
    service = await startService({ plans })
    energy = new EnergyService({
      store: service.store,
      bus: service.server.bus,
      hub: service.hub,
      clock: { now: () => Date.now() },
      log: pino({ level: 'silent' }),
      intervalMs: 60_000,
      pushDeadlineMs: 5_000,
      offerAfterMs: 0,
    })
    await energy.start()
  })
  afterAll(async () => {
    await energy.stop()
    await service.stop()
  })

  /** Plugged in, with every profile that it was sent. */
  async function pluggedIn(id: string) {
    const station = await service.booted(id)
    const sent: SetChargingProfileRequest[] = []
    station.answer((_action, payload) => {
      sent.push(payload)
      return { status: 'Accepted' }
    })
    await event(station, id, 0, 'CablePluggedIn', { evse: { id: 1, connectorId: 1 } })
    return { station, sent }
  }
  const event = (station: TestClient, tx: string, seqNo: number, triggerReason: string, more = {}) =>
    station.ok('TransactionEvent', {
      eventType: seqNo === 0 ? 'Started' : 'Updated',
      timestamp: new Date().toISOString(),
      triggerReason,
      seqNo,
      transactionInfo: { transactionId: tx },
      ...more,
    })
  const choose = (station: TestClient, schedule: ChargingScheduleType | undefined, limit?: number) =>
    station.ok('NotifyEVChargingSchedule', {
      timeBase: new Date().toISOString(),
      evseId: 1,
      chargingSchedule:
        limit === undefined
          ? schedule
          : { ...schedule, chargingSchedulePeriod: [{ startPeriod: 0, limit, numberPhases: 3 }] },
    })
  const scheduleOf = (request: SetChargingProfileRequest | undefined) =>
    request?.chargingProfile.chargingSchedule[0]

  it('TC_K_53_CSMS: is given a TxProfile at its own limits, and chooses by it', async () => {
    const { station, sent } = await pluggedIn('TC_K_53')
    expect(await station.ok('NotifyEVChargingNeeds', NEEDS)).toEqual({ status: 'Accepted' })
    await expect.poll(() => sent.length).toBe(1)
    expect(sent[0]).toMatchObject({
      evseId: 1,
      chargingProfile: { chargingProfilePurpose: 'TxProfile', transactionId: 'TC_K_53' },
    })
    expect(await choose(station, scheduleOf(sent[0]))).toEqual({ status: 'Accepted' })
    await station.close()
  })

  it('TC_K_55_CSMS: is refused a schedule above its profile, and gets a profile again', async () => {
    const { station, sent } = await pluggedIn('TC_K_55')
    await station.ok('NotifyEVChargingNeeds', NEEDS)
    await expect.poll(() => sent.length).toBe(1)
    expect(await choose(station, scheduleOf(sent[0]), 32)).toEqual({ status: 'Rejected' })
    await expect.poll(() => sent.length).toBe(2)
    expect(sent[1]?.chargingProfile).toMatchObject({
      chargingProfilePurpose: 'TxProfile',
      transactionId: 'TC_K_55',
    })
    expect(await choose(station, scheduleOf(sent[1]))).toEqual({ status: 'Accepted' })
    await station.close()
  })

  it('TC_K_57_CSMS: gets another profile when it needs something else', async () => {
    const { station, sent } = await pluggedIn('TC_K_57')
    await station.ok('NotifyEVChargingNeeds', NEEDS)
    await expect.poll(() => sent.length).toBe(1)
    const { chargingNeeds } = NEEDS
    const acChargingParameters = { energyAmount: 9_000, evMinCurrent: 6, evMaxCurrent: 10, evMaxVoltage: 400 }
    const less = { ...NEEDS, chargingNeeds: { ...chargingNeeds, acChargingParameters } }
    expect(await station.ok('NotifyEVChargingNeeds', less)).toEqual({ status: 'Accepted' })
    await expect.poll(() => sent.length).toBe(2)
    expect(scheduleOf(sent[1])?.chargingSchedulePeriod[0]?.limit).toBe(10)
    expect(await choose(station, scheduleOf(sent[1]))).toEqual({ status: 'Accepted' })
    await station.close()
  })

  it('TC_K_58_CSMS, TC_K_59_CSMS: is judged by the profile that an operator sent it since', async () => {
    const { station, sent } = await pluggedIn('TC_K_58')
    await station.ok('NotifyEVChargingNeeds', NEEDS)
    await expect.poll(() => sent.length).toBe(1)
    const own = sent[0]
    const schedule = scheduleOf(own)
    if (own === undefined || schedule === undefined) throw new Error('no profile')
    const lower = { ...schedule, chargingSchedulePeriod: [{ startPeriod: 0, limit: 8 }] }
    await service.server.bus.call('TC_K_58', 'SetChargingProfile', {
      evseId: 1,
      chargingProfile: { ...own.chargingProfile, chargingSchedule: [lower] },
    })
    expect(await choose(station, schedule, 8)).toEqual({ status: 'Accepted' })
    expect(await choose(station, schedule, 16)).toEqual({ status: 'Rejected' })
    await expect.poll(() => sent.length).toBe(3)
    expect(await station.ok('NotifyEVChargingNeeds', NEEDS)).toEqual({ status: 'Accepted' })
    await expect.poll(() => sent.length).toBe(4)
    await station.close()
  })

  it('K16.FR.12: is answered slower and slower where it asks anew with every answer', async () => {
    const { station, sent } = await pluggedIn('ECHO')
    const endsMs = Date.now() + 1_500
    await station.ok('NotifyEVChargingNeeds', NEEDS)
    for (let answered = 0; Date.now() < endsMs; ) {
      if (sent.length > answered) {
        answered = sent.length
        await station.ok('NotifyEVChargingNeeds', NEEDS)
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    // The first three at once, the fourth after two seconds.
    expect(sent).toHaveLength(3)
    await station.close()
  })

  it('is promised nothing without a transaction, or without limits', async () => {
    const station = await service.booted('NOTHING')
    expect(await station.ok('NotifyEVChargingNeeds', NEEDS)).toEqual({ status: 'Rejected' })
    await station.close()
  })
})
