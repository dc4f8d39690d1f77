import { describe, expect, it } from 'vitest'
import { createVehicle, type StationOptions } from '../../../src/simulator/index.ts'
import { QUICK_CAR, TOKEN, useBench } from './bench.ts'

const bench = useBench()
const { token: _, ...CAR_WITHOUT_CARD } = QUICK_CAR
const events = () => bench.csms.of('TransactionEvent')
const summary = () => events().map((each) => `${each.eventType} ${each.triggerReason}`)

function profile(evseId: number, unit: 'A' | 'W', limit: number) {
  return {
    evseId,
    chargingProfile: {
      id: 1,
      stackLevel: 0,
      chargingProfilePurpose: 'TxDefaultProfile' as const,
      chargingProfileKind: 'Absolute' as const,
      chargingSchedule: [
        {
          id: 1,
          startSchedule: '2026-01-01T00:00:00Z',
          chargingRateUnit: unit,
          chargingSchedulePeriod: [{ startPeriod: 0, limit }],
        },
      ],
    },
  }
}

describe('a transaction', () => {
  it('starts with the cable where the start point says so, and charges after the card', async () => {
    const station = await bench.launch({ variables: { 'TxCtrlr.TxStartPoint': 'EVConnected' } })
    station.plugIn(1, createVehicle(CAR_WITHOUT_CARD))
    await bench.csms.until('started', () => events().length === 1)
    expect(events()[0]?.idToken).toBeUndefined()
    expect(station.currents(1)).toEqual([0, 0, 0])
    await station.presentToken(1, TOKEN)
    await bench.csms.until('charging', () => summary().includes('Updated ChargingStateChanged'))
    expect(summary().slice(0, 2)).toEqual(['Started CablePluggedIn', 'Updated Authorized'])
  })

  it('starts with the card where the start point says so, and waits for the cable', async () => {
    const station = await bench.launch({ variables: { 'TxCtrlr.TxStartPoint': 'Authorized' } })
    await station.presentToken(1, TOKEN)
    await bench.csms.until('started', () => events().length === 1)
    expect(events()[0]?.transactionInfo.chargingState).toBe('Idle')
    station.plugIn(1, createVehicle(CAR_WITHOUT_CARD))
    await bench.csms.until('charging', () => station.currents(1)[0] > 0)
    await bench.csms.until('told', () => events().length > 1)
    expect(summary().slice(0, 2)).toEqual(['Started Authorized', 'Updated CablePluggedIn'])
  })

  it('ends with the card that began it or one of its group, not with a strange one', async () => {
    bench.csms.answers.Authorize = ({ idToken }) => ({
      idTokenInfo: {
        status: 'Accepted',
        ...(idToken.idToken === 'STRANGER' ? {} : { groupIdToken: { idToken: 'FAMILY', type: 'Central' } }),
      },
    })
    const station = await bench.launch({ evses: [{}, {}] })
    station.plugIn(1, createVehicle(CAR_WITHOUT_CARD))
    // The other card becomes known at the other EVSE.
    await station.presentToken(2, { ...TOKEN, idToken: 'BB02' })
    await station.presentToken(1, TOKEN)
    await bench.csms.until('charging', () => station.currents(1)[0] > 0)
    expect(await station.presentToken(1, { ...TOKEN, idToken: 'STRANGER' })).toBe(false)
    expect(await station.presentToken(1, { ...TOKEN, idToken: 'BB02' })).toBe(true)
    expect(station.currents(1)).toEqual([0, 0, 0])
    await bench.csms.until('ended', () => events().at(-1)?.eventType === 'Ended')
    expect(events().at(-1)).toMatchObject({
      triggerReason: 'StopAuthorized',
      transactionInfo: { stoppedReason: 'Local' },
    })
    await bench.csms.until('still plugged in', () =>
      bench.csms
        .of('StatusNotification')
        .some((each) => each.evseId === 1 && each.connectorStatus === 'Occupied'),
    )
  })

  it('survives the cable where StopTxOnEVSideDisconnect is off', async () => {
    const station = await bench.launch({ variables: { 'TxCtrlr.StopTxOnEVSideDisconnect': 'false' } })
    station.plugIn(1, createVehicle(QUICK_CAR))
    await bench.csms.until('charging', () => station.currents(1)[0] > 0)
    station.unplug(1)
    await bench.csms.until('noticed', () => summary().includes('Updated EVCommunicationLost'))
    expect(events().at(-1)?.transactionInfo.chargingState).toBe('Idle')
    station.plugIn(1, createVehicle(CAR_WITHOUT_CARD))
    await bench.csms.until('charging again', () => station.currents(1)[0] > 0)
    expect(new Set(events().map((each) => each.transactionInfo.transactionId)).size).toBe(1)
  })

  it('says why nothing flows: the station holds back, or the car is full', async () => {
    const station = await bench.launch()
    await bench.csms.call('SetChargingProfile', profile(0, 'A', 0))
    station.plugIn(1, createVehicle(QUICK_CAR))
    const state = () => events().at(-1)?.transactionInfo.chargingState
    await bench.csms.until('held back', () => state() === 'SuspendedEVSE')
    await bench.csms.call('ClearChargingProfile', { chargingProfileId: 1 })
    await bench.csms.until('charging', () => state() === 'Charging')
    station.unplug(1)
    station.plugIn(1, createVehicle({ ...QUICK_CAR, soc: 1 }))
    await bench.csms.until('full', () => state() === 'SuspendedEV')
  })
})

describe('the meter', () => {
  it('shows currents, voltages, power and energy per phase that is there', async () => {
    const variables = {
      'SampledDataCtrlr.TxUpdatedMeasurands':
        'Current.Import,Voltage,Power.Active.Import,Energy.Active.Import.Register,Current.Offered,Power.Offered,SoC',
    }
    const options: Partial<StationOptions> = { variables, evses: [{ phases: 1, maxCurrentA: 20 }] }
    const station = await bench.launch(options)
    station.plugIn(1, createVehicle({ ...QUICK_CAR, maxCurrentA: 32, iso15118: true }))
    await bench.csms.until('full rate', () => station.currents(1)[0] === 20)
    await bench.csms.call('TriggerMessage', { requestedMessage: 'TransactionEvent' })
    await bench.csms.until('triggered', () => summary().includes('Updated Trigger'))
    const values = events().at(-1)?.meterValue?.[0]?.sampledValue ?? []
    const of = (measurand: string) => values.filter((each) => each.measurand === measurand)
    expect(of('Current.Import')).toMatchObject([{ value: 20, phase: 'L1', context: 'Trigger' }])
    expect(of('Voltage')).toMatchObject([{ value: 229.2, phase: 'L1-N' }])
    expect(of('Power.Active.Import')[0]?.value).toBeCloseTo(20 * 229.2, 0)
    expect(of('Current.Offered')[0]?.value).toBe(20)
    expect(of('Power.Offered')[0]?.value).toBe(4600)
    expect(of('SoC')[0]).toMatchObject({ location: 'EV', unitOfMeasure: { unit: 'Percent' } })
    expect(of('Energy.Active.Import.Register')).toHaveLength(1)
  })

  it('reads at round clock times as well, inside and outside of transactions', async () => {
    const station = await bench.launch({
      evses: [{}, {}],
      variables: { 'AlignedDataCtrlr.Interval': '1', 'SampledDataCtrlr.TxUpdatedInterval': '0' },
    })
    station.plugIn(1, createVehicle(QUICK_CAR))
    await bench.csms.until('idle EVSE', () => bench.csms.of('MeterValues').some((each) => each.evseId === 2))
    await bench.csms.until('transaction', () => summary().includes('Updated MeterValueClock'))
    const contexts = bench.csms.of('MeterValues').map((each) => each.meterValue[0]?.sampledValue[0]?.context)
    expect(new Set(contexts)).toEqual(new Set(['Sample.Clock']))
  })
})

describe('a DC charger', () => {
  it('obeys watts, and reports what it takes from the grid on three phases', async () => {
    const station = await bench.launch({ evses: [{ kind: 'DC', maxDcPowerW: 50_000 }] })
    await bench.csms.call('SetChargingProfile', profile(0, 'W', 20_000))
    station.plugIn(1, createVehicle({ ...QUICK_CAR, maxDcPowerW: 100_000 }))
    await bench.csms.until('charging', () => station.currents(1)[0] > 0)
    const [l1, l2, l3] = station.currents(1)
    expect([l2, l3]).toEqual([l1, l1])
    expect(3 * l1 * 230 * 0.95).toBeCloseTo(20_000)
  })
})

describe('a car with ISO 15118', () => {
  it('tells its needs, plans within its schedule, and may ask again', async () => {
    const station = await bench.launch()
    const { csms } = bench
    const departureMs = Date.now() + 3_600_000
    station.plugIn(1, createVehicle({ ...QUICK_CAR, maxCurrentA: 16, iso15118: true, departureMs }))
    await csms.until('needs', () => csms.of('NotifyEVChargingNeeds').length === 1)
    expect(csms.of('NotifyEVChargingNeeds')[0]).toMatchObject({
      evseId: 1,
      chargingNeeds: {
        requestedEnergyTransfer: 'AC_three_phase',
        departureTime: new Date(departureMs).toISOString(),
        acChargingParameters: { evMaxCurrent: 16, evMinCurrent: 6 },
      },
    })
    const base = profile(1, 'A', 32).chargingProfile
    const answer = await csms.call('SetChargingProfile', {
      evseId: 1,
      chargingProfile: {
        ...base,
        chargingProfilePurpose: 'TxProfile',
        transactionId: station.evse(1).transaction?.id ?? '',
        chargingSchedule: [...base.chargingSchedule, ...base.chargingSchedule],
      },
    })
    expect(answer.status).toBe('Accepted')
    await csms.until('plan', () => csms.of('NotifyEVChargingSchedule').length === 1)
    expect(csms.of('NotifyEVChargingSchedule')[0]?.chargingSchedule.chargingSchedulePeriod[0]?.limit).toBe(16)
    station.renegotiate(1)
    await csms.until('asked again', () => csms.of('NotifyEVChargingNeeds').length === 2)
  })
})
