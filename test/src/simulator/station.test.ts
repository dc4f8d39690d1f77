import { describe, expect, it } from 'vitest'
import { createVehicle } from '../../../src/simulator/index.ts'
import { QUICK_CAR, TOKEN, useBench } from './bench.ts'

const bench = useBench()

describe('a simulated station', () => {
  it('boots, names itself, reports its connectors and says that it started', async () => {
    const { csms } = bench
    bench.begin({ evses: [{}, { connectors: 2 }] })
    await csms.until('connectors reported', () => csms.of('StatusNotification').length === 3)
    const [boot] = csms.of('BootNotification')
    expect(boot).toMatchObject({ reason: 'PowerUp', chargingStation: { serialNumber: 'CS-1' } })
    expect(csms.of('StatusNotification').every((each) => each.connectorStatus === 'Available')).toBe(true)
    await csms.until('security event', () => csms.of('SecurityEventNotification').length === 1)
    const [authorization] = csms.authorizations
    const expected = Buffer.from('CS-1:long-enough-secret').toString('base64')
    expect(authorization).toBe(`Basic ${expected}`)
  })

  it('charges a car from plugging in to leaving, with events in order', async () => {
    const { csms } = bench
    const station = await bench.launch({ variables: { 'SampledDataCtrlr.TxUpdatedInterval': '1' } })
    station.plugIn(1, createVehicle({ ...QUICK_CAR, phases: 3, maxCurrentA: 16 }))
    await csms.until('charging', () =>
      csms.of('TransactionEvent').some((each) => each.transactionInfo.chargingState === 'Charging'),
    )
    await csms.until('periodic reading', () =>
      csms.of('TransactionEvent').some((each) => each.triggerReason === 'MeterValuePeriodic'),
    )
    station.unplug(1)
    await csms.until('ended', () => csms.of('TransactionEvent').some((each) => each.eventType === 'Ended'))
    const events = csms.of('TransactionEvent')
    expect(events.map((each) => each.seqNo)).toEqual(events.map((_, index) => index))
    expect(events[0]).toMatchObject({ eventType: 'Started', triggerReason: 'Authorized', idToken: TOKEN })
    expect(events.at(-1)).toMatchObject({
      eventType: 'Ended',
      triggerReason: 'EVCommunicationLost',
      transactionInfo: { stoppedReason: 'EVDisconnected' },
    })
    expect(station.currents(1)).toEqual([0, 0, 0])
  })

  it('obeys a TxProfile and lets it die with the transaction', async () => {
    const { csms } = bench
    const station = await bench.launch()
    station.plugIn(1, createVehicle({ ...QUICK_CAR, phases: 3, maxCurrentA: 32 }))
    await csms.until('full rate', () => station.currents(1)[0] === 32)
    const transactionId = station.evse(1).transaction?.id ?? ''
    const answer = await csms.call('SetChargingProfile', {
      evseId: 1,
      chargingProfile: {
        id: 7,
        stackLevel: 1,
        chargingProfilePurpose: 'TxProfile',
        chargingProfileKind: 'Absolute',
        transactionId,
        chargingSchedule: [
          {
            id: 7,
            startSchedule: new Date(Date.now() - 1000).toISOString(),
            chargingRateUnit: 'A',
            chargingSchedulePeriod: [{ startPeriod: 0, limit: 10 }],
          },
        ],
      },
    })
    expect(answer).toEqual({ status: 'Accepted' })
    await csms.until('limit obeyed', () => station.currents(1)[0] === 10)
    expect(station.currents(1)).toEqual([10, 10, 10])
    station.unplug(1)
    expect(station.profiles).toEqual([])
  })

  it('keeps charging while the CSMS is away and replays what happened, marked as offline', async () => {
    const { csms } = bench
    const station = await bench.launch()
    station.plugIn(1, createVehicle({ ...QUICK_CAR }))
    await csms.until('started', () => csms.of('TransactionEvent').length > 0)
    station.goOffline(300)
    await csms.until('link lost', () => csms.connections() === 0)
    station.unplug(1)
    await csms.until('ended', () => csms.of('TransactionEvent').some((each) => each.eventType === 'Ended'))
    expect(csms.of('TransactionEvent').find((each) => each.eventType === 'Ended')?.offline).toBe(true)
    expect(csms.of('BootNotification')).toHaveLength(1)
    await csms.until('answered', () => station.queuedEvents === 0)
  })

  it('reports its device model in parts that say whether more follows', async () => {
    const { csms } = bench
    await bench.launch()
    await csms.call('GetBaseReport', { requestId: 5, reportBase: 'FullInventory' })
    await csms.until('last part', () => csms.of('NotifyReport').some((each) => each.tbc === false))
    const parts = csms.of('NotifyReport')
    expect(parts.map((each) => each.seqNo)).toEqual(parts.map((_, index) => index))
    const names = parts.flatMap((part) => part.reportData ?? []).map((each) => each.component.name)
    for (const name of ['SmartChargingCtrlr', 'SecurityCtrlr', 'OCPPCommCtrlr', 'EVSE', 'Connector']) {
      expect(names).toContain(name)
    }
  })

  it('reboots on an immediate reset: ends the transaction, comes back and boots again', async () => {
    const { csms } = bench
    const station = await bench.launch()
    station.plugIn(1, createVehicle({ ...QUICK_CAR }))
    await csms.until('started', () => csms.of('TransactionEvent').length > 0)
    expect(await csms.call('Reset', { type: 'Immediate' })).toEqual({ status: 'Accepted' })
    await csms.until('second boot', () => csms.of('BootNotification').length === 2)
    expect(csms.of('BootNotification')[1]?.reason).toBe('RemoteReset')
    await csms.until('ended', () => csms.of('TransactionEvent').some((each) => each.eventType === 'Ended'))
    const ended = csms.of('TransactionEvent').find((each) => each.eventType === 'Ended')
    expect(ended?.transactionInfo.stoppedReason).toBe('ImmediateReset')
  })
})
