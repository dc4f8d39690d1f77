import { describe, expect, it } from 'vitest'
import { CSMS_ACTIONS } from '../../../../src/ocpp/actions.ts'
import { createVehicle } from '../../../../src/simulator/index.ts'
import { QUICK_CAR, TOKEN, useBench } from '../bench.ts'

const bench = useBench()
const HOUR_MS = 3_600_000
const soon = (ms = HOUR_MS) => new Date(Date.now() + ms).toISOString()

async function charging(): Promise<string> {
  const station = await bench.launch()
  station.plugIn(1, createVehicle({ ...QUICK_CAR }))
  await bench.csms.until('charging', () => station.evse(1).transaction?.chargingState === 'Charging')
  return station.evse(1).transaction?.id ?? ''
}

describe('every call that a CSMS may make', () => {
  it('has an answer of its own', async () => {
    const station = await bench.launch()
    expect([...station.answers].sort()).toEqual([...CSMS_ACTIONS].sort())
  })
})

describe('variables', () => {
  it('are read, written and refused one by one', async () => {
    await bench.launch()
    const interval = {
      component: { name: 'sampleddatactrlr' },
      variable: { name: 'TXUPDATEDINTERVAL' },
    }
    const { setVariableResult } = await bench.csms.call('SetVariables', {
      setVariableData: [
        { ...interval, attributeValue: '5' },
        { ...interval, attributeValue: 'often' },
        { ...interval, attributeValue: '5', attributeType: 'MaxSet' },
        { component: { name: 'EVSE', evse: { id: 1 } }, variable: { name: 'Power' }, attributeValue: '1' },
        { component: { name: 'Toaster' }, variable: { name: 'Power' }, attributeValue: '1' },
        { component: { name: 'EVSE', evse: { id: 1 } }, variable: { name: 'Colour' }, attributeValue: '1' },
        {
          component: { name: 'OCPPCommCtrlr' },
          variable: { name: 'NetworkConfigurationPriority' },
          attributeValue: '1',
        },
      ],
    })
    expect(setVariableResult.map((each) => each.attributeStatus)).toEqual([
      'Accepted',
      'Rejected',
      'NotSupportedAttributeType',
      'Rejected',
      'UnknownComponent',
      'UnknownVariable',
      'RebootRequired',
    ])
    const { getVariableResult } = await bench.csms.call('GetVariables', {
      getVariableData: [
        interval,
        { component: { name: 'SecurityCtrlr' }, variable: { name: 'BasicAuthPassword' } },
        { component: { name: 'EVSE', evse: { id: 2 } }, variable: { name: 'Power' } },
      ],
    })
    expect(getVariableResult.map((each) => [each.attributeStatus, each.attributeValue])).toEqual([
      ['Accepted', '5'],
      ['Rejected', undefined],
      ['UnknownComponent', undefined],
    ])
  })

  it('are reported as asked: by component, by criterion, or not at all', async () => {
    await bench.launch()
    const { csms } = bench
    const smartCharging = [{ component: { name: 'SmartChargingCtrlr' } }]
    expect(await csms.call('GetReport', { requestId: 1, componentVariable: smartCharging })).toEqual({
      status: 'Accepted',
    })
    await csms.until('report', () => csms.of('NotifyReport').length === 1)
    const data = csms.of('NotifyReport')[0]?.reportData ?? []
    expect(data.length).toBeGreaterThan(8)
    expect(data.every((each) => each.component.name === 'SmartChargingCtrlr')).toBe(true)
    const nothing = [{ component: { name: 'Toaster' } }]
    expect(await csms.call('GetReport', { requestId: 2, componentVariable: nothing })).toEqual({
      status: 'EmptyResultSet',
    })
    expect(await csms.call('GetReport', { requestId: 3, componentCriteria: ['Problem'] })).toEqual({
      status: 'EmptyResultSet',
    })
  })

  it('let the CSMS change the password, and the station comes back with it', async () => {
    await bench.launch()
    const { csms } = bench
    await csms.call('SetVariables', {
      setVariableData: [
        {
          component: { name: 'SecurityCtrlr' },
          variable: { name: 'BasicAuthPassword' },
          attributeValue: 'an-altogether-new-one',
        },
      ],
    })
    await csms.until('second connection', () => csms.authorizations.length === 2)
    const expected = Buffer.from('CS-1:an-altogether-new-one').toString('base64')
    expect(csms.authorizations[1]).toBe(`Basic ${expected}`)
  })
})

describe('charging profiles', () => {
  it('are kept, reported per EVSE and source, cleared, and gone', async () => {
    const transactionId = await charging()
    const { csms } = bench
    const schedule = {
      id: 1,
      startSchedule: soon(-1000),
      chargingRateUnit: 'A' as const,
      chargingSchedulePeriod: [{ startPeriod: 0, limit: 9 }],
    }
    const profile = {
      stackLevel: 0,
      chargingProfileKind: 'Absolute' as const,
      chargingSchedule: [schedule],
    }
    for (const [evseId, id, purpose] of [
      [0, 1, 'TxDefaultProfile'],
      [0, 2, 'ChargingStationMaxProfile'],
      [1, 3, 'TxProfile'],
    ] as const) {
      const chargingProfile = {
        ...profile,
        id,
        chargingProfilePurpose: purpose,
        ...(purpose === 'TxProfile' ? { transactionId } : {}),
      }
      expect(await csms.call('SetChargingProfile', { evseId, chargingProfile })).toEqual({
        status: 'Accepted',
      })
    }
    expect(await csms.call('GetChargingProfiles', { requestId: 9, chargingProfile: {} })).toEqual({
      status: 'Accepted',
    })
    await csms.until('last report', () =>
      csms.of('ReportChargingProfiles').some((each) => each.tbc === false),
    )
    const reported = csms.of('ReportChargingProfiles').flatMap((each) => each.chargingProfile)
    expect(reported.map((each) => each.id).sort()).toEqual([1, 2, 3])
    const { schedule: composite } = await csms.call('GetCompositeSchedule', { evseId: 1, duration: 600 })
    expect(composite?.chargingSchedulePeriod).toEqual([{ startPeriod: 0, limit: 9, numberPhases: 3 }])
    const total = await csms.call('GetCompositeSchedule', { evseId: 0, duration: 60, chargingRateUnit: 'W' })
    expect(total.schedule?.chargingSchedulePeriod[0]?.limit).toBeCloseTo(9 * 690)
    expect(await csms.call('ClearChargingProfile', { chargingProfileId: 3 })).toEqual({ status: 'Accepted' })
    expect(await csms.call('ClearChargingProfile', { chargingProfileId: 3 })).toEqual({ status: 'Unknown' })
    const maximum = { chargingProfilePurpose: 'ChargingStationMaxProfile' as const }
    await csms.call('ClearChargingProfile', { chargingProfileCriteria: maximum })
    expect(bench.station.profiles.map((each) => each.profile.id)).toEqual([1])
    expect(await csms.call('GetCompositeSchedule', { evseId: 7, duration: 60 })).toMatchObject({
      status: 'Rejected',
    })
  })

  it('of the whole station are shared by the EVSEs that charge', async () => {
    const station = await bench.launch({ evses: [{}, {}] })
    const { csms } = bench
    for (const evseId of [1, 2]) station.plugIn(evseId, createVehicle({ ...QUICK_CAR, maxCurrentA: 32 }))
    await csms.until('full rate', () => station.currents(1)[0] === 32 && station.currents(2)[0] === 32)
    await csms.call('SetChargingProfile', {
      evseId: 0,
      chargingProfile: {
        id: 1,
        stackLevel: 0,
        chargingProfilePurpose: 'ChargingStationMaxProfile',
        chargingProfileKind: 'Absolute',
        chargingSchedule: [
          {
            id: 1,
            startSchedule: soon(-1000),
            chargingRateUnit: 'A',
            chargingSchedulePeriod: [{ startPeriod: 0, limit: 20 }],
          },
        ],
      },
    })
    await csms.until('shared', () => station.currents(1)[0] === 10 && station.currents(2)[0] === 10)
    station.unplug(2)
    await csms.until('given to the other', () => station.currents(1)[0] === 20)
  })

  it('from elsewhere on the site are announced, obeyed and taken back', async () => {
    await charging()
    const { csms, station } = bench
    station.setExternalLimit({ limit: 7, unit: 'A', source: 'SO', gridCritical: true })
    await csms.until('announced', () => csms.of('NotifyChargingLimit').length === 1)
    await csms.until('obeyed', () => station.currents(1)[0] === 7)
    expect(csms.of('NotifyChargingLimit')[0]?.chargingLimit).toEqual({
      chargingLimitSource: 'SO',
      isGridCritical: true,
    })
    station.clearExternalLimit(0, 'SO')
    await csms.until('cleared', () => csms.of('ClearedChargingLimit').length === 1)
    await csms.until('free again', () => station.currents(1)[0] === 16)
  })
})

describe('transactions by order of the CSMS', () => {
  it('start on a car that is there, with the profile that came along, and stop', async () => {
    const station = await bench.launch()
    const { csms } = bench
    const { token, ...silentDriver } = QUICK_CAR
    station.plugIn(1, createVehicle(silentDriver))
    const answer = await csms.call('RequestStartTransaction', {
      idToken: token,
      remoteStartId: 42,
      evseId: 1,
      chargingProfile: {
        id: 1,
        stackLevel: 0,
        chargingProfilePurpose: 'TxProfile',
        chargingProfileKind: 'Relative',
        chargingSchedule: [
          { id: 1, chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 8 }] },
        ],
      },
    })
    expect(answer.status).toBe('Accepted')
    await csms.until('limited from the start', () => station.currents(1)[0] === 8)
    await csms.until('told', () => csms.of('TransactionEvent').length > 0)
    const [started] = csms.of('TransactionEvent')
    expect(started).toMatchObject({ triggerReason: 'RemoteStart', transactionInfo: { remoteStartId: 42 } })
    const transactionId = started?.transactionInfo.transactionId ?? ''
    expect(await csms.call('GetTransactionStatus', { transactionId })).toMatchObject({
      ongoingIndicator: true,
    })
    expect(await csms.call('CostUpdated', { transactionId, totalCost: 1.5 })).toEqual({})
    expect(station.evse(1).totalCost).toBe(1.5)
    expect(await csms.call('RequestStopTransaction', { transactionId })).toEqual({ status: 'Accepted' })
    await csms.until('ended', () => csms.of('TransactionEvent').some((each) => each.eventType === 'Ended'))
    expect(csms.of('TransactionEvent').at(-1)).toMatchObject({
      triggerReason: 'RemoteStop',
      transactionInfo: { stoppedReason: 'Remote' },
    })
    expect(await csms.call('RequestStopTransaction', { transactionId })).toMatchObject({ status: 'Rejected' })
  })

  it('are refused with a profile that has no place there, and where nothing is free', async () => {
    await charging()
    const start = { idToken: TOKEN, remoteStartId: 1 }
    expect(await bench.csms.call('RequestStartTransaction', { ...start, evseId: 9 })).toMatchObject({
      status: 'Rejected',
    })
    expect(await bench.csms.call('RequestStartTransaction', start)).toMatchObject({ status: 'Rejected' })
  })

  it('wait for the cable only so long', async () => {
    await bench.launch({
      variables: { 'TxCtrlr.EVConnectionTimeOut': '1', 'TxCtrlr.TxStartPoint': 'Authorized' },
    })
    const { csms } = bench
    await csms.call('RequestStartTransaction', { idToken: TOKEN, remoteStartId: 3, evseId: 1 })
    await csms.until('timed out', () =>
      csms.of('TransactionEvent').some((each) => each.triggerReason === 'EVConnectTimeout'),
    )
    expect(csms.of('TransactionEvent').at(-1)?.transactionInfo.stoppedReason).toBe('Timeout')
    await csms.until('free', () => csms.of('StatusNotification').at(-1)?.connectorStatus === 'Available')
  })

  it('end when the CSMS does not accept the driver after all', async () => {
    bench.csms.answers.TransactionEvent = ({ eventType }) =>
      eventType === 'Started' ? { idTokenInfo: { status: 'Blocked' } } : {}
    const station = await bench.launch()
    station.plugIn(1, createVehicle({ ...QUICK_CAR }))
    await bench.csms.until('ended', () =>
      bench.csms.of('TransactionEvent').some((each) => each.eventType === 'Ended'),
    )
    expect(bench.csms.of('TransactionEvent').at(-1)?.transactionInfo.stoppedReason).toBe('DeAuthorized')
  })
})

describe('drivers', () => {
  it('are refused when the CSMS refuses, and let in by the local list when nobody can be asked', async () => {
    bench.csms.answers.Authorize = () => ({ idTokenInfo: { status: 'Invalid' } })
    const station = await bench.launch()
    expect(await station.presentToken(1, TOKEN)).toBe(false)
    const list = [{ idToken: { ...TOKEN, idToken: 'LOCAL' }, idTokenInfo: { status: 'Accepted' as const } }]
    const { csms } = bench
    expect(
      await csms.call('SendLocalList', {
        versionNumber: 3,
        updateType: 'Full',
        localAuthorizationList: list,
      }),
    ).toEqual({ status: 'Accepted' })
    expect(await csms.call('SendLocalList', { versionNumber: 3, updateType: 'Differential' })).toEqual({
      status: 'VersionMismatch',
    })
    expect(await csms.call('GetLocalListVersion', {})).toEqual({ versionNumber: 3 })
    station.goOffline(60_000)
    await csms.until('offline', () => csms.connections() === 0)
    expect(await station.presentToken(1, { ...TOKEN, idToken: 'local' })).toBe(true)
    expect(await station.presentToken(1, { ...TOKEN, idToken: 'stranger' })).toBe(false)
  })

  it('find a reserved EVSE closed, until the reservation is taken up or expires', async () => {
    const station = await bench.launch()
    const { csms } = bench
    const reserve = { id: 5, evseId: 1, idToken: TOKEN, expiryDateTime: soon() }
    expect(await csms.call('ReserveNow', reserve)).toEqual({ status: 'Accepted' })
    await csms.until('reserved', () => csms.of('StatusNotification').at(-1)?.connectorStatus === 'Reserved')
    const other = { idToken: { ...TOKEN, idToken: 'BB' }, remoteStartId: 1, evseId: 1 }
    expect(await csms.call('RequestStartTransaction', other)).toMatchObject({ status: 'Rejected' })
    station.plugIn(1, createVehicle({ ...QUICK_CAR }))
    await csms.until('started', () => csms.of('TransactionEvent').length > 0)
    expect(csms.of('TransactionEvent')[0]?.reservationId).toBe(5)
    expect(await csms.call('CancelReservation', { reservationId: 5 })).toEqual({ status: 'Rejected' })
    expect(await csms.call('ReserveNow', reserve)).toEqual({ status: 'Occupied' })
    station.unplug(1)
    await csms.call('ReserveNow', { ...reserve, expiryDateTime: soon(50) })
    await csms.until('expired', () => csms.of('ReservationStatusUpdate').length === 1)
    expect(csms.of('ReservationStatusUpdate')[0]).toEqual({
      reservationId: 5,
      reservationUpdateStatus: 'Expired',
    })
  })
})

describe('service', () => {
  it('is interrupted at once or when the transaction is over', async () => {
    await charging()
    const { csms, station } = bench
    expect(await csms.call('ChangeAvailability', { operationalStatus: 'Inoperative' })).toEqual({
      status: 'Scheduled',
    })
    expect(station.evse(1).status(1)).toBe('Occupied')
    station.unplug(1)
    await csms.until(
      'out of service',
      () => csms.of('StatusNotification').at(-1)?.connectorStatus === 'Unavailable',
    )
    expect(
      await csms.call('ChangeAvailability', { operationalStatus: 'Operative', evse: { id: 1 } }),
    ).toEqual({ status: 'Accepted' })
    await csms.until('back', () => csms.of('StatusNotification').at(-1)?.connectorStatus === 'Available')
    expect(
      await csms.call('ChangeAvailability', { operationalStatus: 'Operative', evse: { id: 4 } }),
    ).toEqual({ status: 'Rejected' })
    expect(await csms.call('UnlockConnector', { evseId: 1, connectorId: 1 })).toEqual({ status: 'Unlocked' })
    expect(await csms.call('UnlockConnector', { evseId: 1, connectorId: 2 })).toEqual({
      status: 'UnknownConnector',
    })
  })

  it('resets when idle, and only then', async () => {
    await charging()
    const { csms, station } = bench
    expect(await csms.call('Reset', { type: 'OnIdle' })).toEqual({ status: 'Scheduled' })
    expect(await csms.call('UnlockConnector', { evseId: 1, connectorId: 1 })).toEqual({
      status: 'OngoingAuthorizedTransaction',
    })
    station.unplug(1)
    await csms.until('second boot', () => csms.of('BootNotification').length === 2)
    expect(csms.of('BootNotification')[1]?.reason).toBe('ScheduledReset')
  })

  it('answers every trigger with the message that was asked for', async () => {
    await charging()
    const { csms } = bench
    for (const [requestedMessage, action] of [
      ['Heartbeat', 'Heartbeat'],
      ['MeterValues', 'MeterValues'],
      ['LogStatusNotification', 'LogStatusNotification'],
      ['FirmwareStatusNotification', 'FirmwareStatusNotification'],
      ['PublishFirmwareStatusNotification', 'PublishFirmwareStatusNotification'],
      ['SignChargingStationCertificate', 'SignCertificate'],
      ['SignV2GCertificate', 'SignCertificate'],
      ['SignCombinedCertificate', 'SignCertificate'],
    ] as const) {
      const before = csms.of(action).length
      expect(await csms.call('TriggerMessage', { requestedMessage })).toEqual({ status: 'Accepted' })
      await csms.until(requestedMessage, () => csms.of(action).length > before)
    }
    const uses = csms.of('SignCertificate').map((each) => each.certificateType)
    expect(uses).toEqual(['ChargingStationCertificate', 'V2GCertificate', undefined])
    await csms.call('TriggerMessage', { requestedMessage: 'TransactionEvent' })
    await csms.until('triggered reading', () =>
      csms.of('TransactionEvent').some((each) => each.triggerReason === 'Trigger'),
    )
    const connector = { requestedMessage: 'StatusNotification', evse: { id: 1, connectorId: 1 } } as const
    const before = csms.of('StatusNotification').length
    expect(await csms.call('TriggerMessage', connector)).toEqual({ status: 'Accepted' })
    await csms.until('status', () => csms.of('StatusNotification').length > before)
    for (const refused of [
      { requestedMessage: 'BootNotification' },
      { requestedMessage: 'StatusNotification' },
      { requestedMessage: 'MeterValues', evse: { id: 8 } },
    ] as const) {
      expect(await csms.call('TriggerMessage', refused)).toEqual({ status: 'Rejected' })
    }
  })
})
