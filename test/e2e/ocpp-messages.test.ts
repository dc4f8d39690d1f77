import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Requests } from '../../src/ocpp/v201/messages.generated.ts'
import type { TestClient } from './support/ocpp-client.ts'
import { BOOT, startService, type TestService } from './support/ocpp-service.ts'

const AT = '2026-03-01T10:00:00Z'
let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 1000 } })
})
afterAll(() => service.stop())

async function eventsOf(stationId: string, kind: string) {
  return service.store.events.list({ stationId, kind })
}

/** Sends one message from a booted station; gives back the payload of the answer. */
async function send<A extends keyof Requests>(stationId: string, action: A, payload: Requests[A]) {
  const station = await service.booted(stationId)
  const answer = await station.ok(action, payload)
  await station.close()
  return answer
}

describe('what stations report is kept, and answered after it is', () => {
  it('StatusNotification: the state of each connector', async () => {
    const notification = { timestamp: AT, evseId: 1, connectorId: 2, connectorStatus: 'Occupied' } as const
    expect(await send('M-STATUS', 'StatusNotification', notification)).toEqual({})
    expect(await service.store.stations.connectors('M-STATUS')).toMatchObject([
      { evseId: 1, connectorId: 2, status: 'Occupied', reportedAt: AT },
    ])
  })

  it('NotifyEvent: each event, by component and variable; alerts are critical until cleared', async () => {
    const base = {
      timestamp: AT,
      trigger: 'Alerting',
      actualValue: 'true',
      component: { name: 'ConnectorPlugRetentionLock', evse: { id: 1 } },
      variable: { name: 'Problem' },
      eventNotificationType: 'HardWiredMonitor',
    } as const
    await send('M-EVENT', 'NotifyEvent', {
      generatedAt: AT,
      seqNo: 0,
      eventData: [
        { ...base, eventId: 1 },
        { ...base, eventId: 2, cleared: true },
      ],
    })
    expect(await eventsOf('M-EVENT', 'monitoring')).toMatchObject([
      { type: 'ConnectorPlugRetentionLock.Problem', critical: true, detail: { eventId: 1 } },
      { critical: false, detail: { eventId: 2 } },
    ])
  })

  it('MeterValues: with context, location and phase', async () => {
    const meterValue = [
      {
        timestamp: AT,
        sampledValue: [
          {
            value: 16.2,
            measurand: 'Current.Import',
            phase: 'L1',
            location: 'Outlet',
            context: 'Sample.Clock',
            unitOfMeasure: { unit: 'A', multiplier: 0 },
          },
        ],
      },
    ] as const
    await send('M-METER', 'MeterValues', {
      evseId: 1,
      meterValue: [...meterValue].map((v) => ({ ...v, sampledValue: [...v.sampledValue] })),
    })
    expect(await service.store.sessions.meterValues({ stationId: 'M-METER' })).toEqual([
      { evseId: 1, at: '2026-03-01T10:00:00.000Z', value: meterValue[0] },
    ])
  })

  it('NotifyReport: every attribute of the device model, but never a password', async () => {
    await send('M-REPORT', 'NotifyReport', {
      requestId: 1,
      generatedAt: AT,
      seqNo: 0,
      tbc: false,
      reportData: [
        {
          component: { name: 'OCPPCommCtrlr' },
          variable: { name: 'HeartbeatInterval' },
          variableAttribute: [{ value: '300' }, { type: 'MaxSet', value: '900', mutability: 'ReadOnly' }],
          variableCharacteristics: { dataType: 'integer', supportsMonitoring: false, unit: 's' },
        },
        {
          component: { name: 'SecurityCtrlr' },
          variable: { name: 'BasicAuthPassword' },
          variableAttribute: [{ value: 'should-not-be-here', mutability: 'WriteOnly' }],
        },
      ],
    })
    const variables = await service.store.stations.variables('M-REPORT')
    expect(variables).toContainEqual(
      expect.objectContaining({
        variable: 'HeartbeatInterval',
        attributeType: 'Actual',
        value: '300',
        mutability: 'ReadWrite',
      }),
    )
    expect(variables).toContainEqual(expect.objectContaining({ attributeType: 'MaxSet', value: '900' }))
    expect(JSON.stringify(variables)).not.toContain('should-not-be-here')
  })

  it('SecurityEventNotification: critical where the specification says so', async () => {
    await send('M-SEC', 'SecurityEventNotification', {
      type: 'TamperDetectionActivated',
      timestamp: AT,
      techInfo: 'lid',
    })
    await send('M-SEC', 'SecurityEventNotification', {
      type: 'ReconfigurationOfSecurityParameters',
      timestamp: AT,
    })
    expect(await eventsOf('M-SEC', 'security')).toMatchObject([
      { type: 'TamperDetectionActivated', critical: true, at: AT },
      { type: 'ReconfigurationOfSecurityParameters', critical: false },
    ])
  })

  const reported: { [A in keyof Requests]?: [Requests[A], string] } = {
    FirmwareStatusNotification: [{ status: 'Downloading', requestId: 7 }, 'Downloading'],
    LogStatusNotification: [{ status: 'Uploading', requestId: 7 }, 'Uploading'],
    PublishFirmwareStatusNotification: [
      { status: 'Published', location: ['http://lc/fw'], requestId: 7 },
      'Published',
    ],
    NotifyMonitoringReport: [{ requestId: 7, seqNo: 0, generatedAt: AT }, '7'],
    NotifyCustomerInformation: [{ requestId: 7, seqNo: 0, generatedAt: AT, data: 'x' }, '7'],
    NotifyDisplayMessages: [{ requestId: 7 }, '7'],
    ReservationStatusUpdate: [{ reservationId: 7, reservationUpdateStatus: 'Expired' }, 'Expired'],
    ClearedChargingLimit: [{ chargingLimitSource: 'EMS', evseId: 1 }, 'EMS'],
    NotifyChargingLimit: [{ chargingLimit: { chargingLimitSource: 'SO', isGridCritical: true } }, 'SO'],
    ReportChargingProfiles: [
      {
        requestId: 7,
        chargingLimitSource: 'CSO',
        evseId: 1,
        chargingProfile: [
          {
            id: 1,
            stackLevel: 0,
            chargingProfilePurpose: 'TxDefaultProfile',
            chargingProfileKind: 'Relative',
            chargingSchedule: [
              { id: 1, chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] },
            ],
          },
        ],
      },
      'CSO',
    ],
  }
  it.each(Object.keys(reported) as (keyof typeof reported)[])(
    '%s: among the events of the station',
    async (action) => {
      const [payload, type] = reported[action] ?? []
      const id = `M-${action}`
      expect(await send(id, action, payload as never)).toEqual({})
      expect(await eventsOf(id, action)).toMatchObject([{ type, detail: payload as object }])
    },
  )

  it('NotifyEVChargingSchedule: among the events, and published for the site loop', async () => {
    const chargingSchedule = {
      id: 1,
      chargingRateUnit: 'A',
      chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }],
    } as const
    const answer = await send('M-EVS', 'NotifyEVChargingSchedule', {
      evseId: 1,
      timeBase: AT,
      chargingSchedule: { ...chargingSchedule, chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] },
    })
    expect(answer).toEqual({ status: 'Accepted' })
    expect(service.events).toContainEqual(
      expect.objectContaining({ kind: 'ev-schedule.reported', evseId: 1 }),
    )
  })

  it('customData: kept with the message that carried it', async () => {
    const customData = { vendorId: 'com.example', colour: { rgb: [1, 2, 3] } }
    await send('M-CUSTOM', 'FirmwareStatusNotification', { status: 'Idle', customData })
    expect(await eventsOf('M-CUSTOM', 'FirmwareStatusNotification')).toMatchObject([
      { detail: { customData } },
    ])
  })

  it('GetCertificateStatus and SignCertificate: the verdict of the certificate service, with its reason', async () => {
    const hash = {
      hashAlgorithm: 'SHA256',
      issuerNameHash: 'a',
      issuerKeyHash: 'b',
      serialNumber: '1',
    } as const
    const status = await send('M-CERT', 'GetCertificateStatus', {
      ocspRequestData: { ...hash, responderURL: 'http://ocsp.example.com' },
    })
    expect(status).toMatchObject({ status: 'Failed', statusInfo: { reasonCode: 'NoCa' } })
    const signing = await send('M-CERT', 'SignCertificate', { csr: 'not a CSR' })
    expect(signing).toMatchObject({ status: 'Rejected', statusInfo: { reasonCode: 'NoCa' } })
  })
})

describe('boot gates', () => {
  async function pending(id: string): Promise<TestClient> {
    await service.register(id, { registration: 'Pending' })
    const station = await service.station(id)
    expect(await station.ok('BootNotification', BOOT)).toMatchObject({ status: 'Pending', interval: 60 })
    return station
  }
  const status = { timestamp: AT, evseId: 1, connectorId: 1, connectorStatus: 'Available' }

  it('TC_B_02_CSMS: a pending station boots again and is accepted once the operator has decided so', async () => {
    const station = await pending('B-02')
    await service.register('B-02', { registration: 'Accepted' })
    expect(await station.ok('BootNotification', BOOT)).toMatchObject({ status: 'Accepted' })
    expect(await station.ok('StatusNotification', status)).toEqual({})
    await station.close()
  })

  it('TC_B_30_CSMS: what a pending station was not asked for is a SecurityError', async () => {
    const station = await pending('B-30')
    expect(await station.call('StatusNotification', status)).toMatchObject({ type: 4, code: 'SecurityError' })
    expect(await station.call('Heartbeat', {})).toMatchObject({ type: 4, code: 'SecurityError' })
    expect(await service.store.stations.connectors('B-30')).toEqual([])
    await station.close()
  })

  it('TC_B_31_CSMS: a pending station sends what it was asked for by TriggerMessage, and is accepted by a triggered boot', async () => {
    const station = await pending('B-31')
    station.answer(() => ({ status: 'Accepted' }))
    await service.server.bus.call('B-31', 'TriggerMessage', { requestedMessage: 'StatusNotification' })
    expect(await station.ok('StatusNotification', status)).toEqual({})
    expect(await station.call('Heartbeat', {})).toMatchObject({ type: 4, code: 'SecurityError' })
    await service.register('B-31', { registration: 'Accepted' })
    await service.server.bus.call('B-31', 'TriggerMessage', { requestedMessage: 'BootNotification' })
    expect(await station.ok('BootNotification', { ...BOOT, reason: 'Triggered' })).toMatchObject({
      status: 'Accepted',
    })
    expect(await station.ok('Heartbeat', {})).toBeDefined()
    await station.close()
  })

  it('a pending station reports its device model when it is asked for a base report', async () => {
    const station = await pending('B-07')
    station.answer(() => ({ status: 'Accepted' }))
    await service.server.bus.call('B-07', 'GetBaseReport', { requestId: 1, reportBase: 'FullInventory' })
    expect(await station.ok('NotifyReport', { requestId: 1, generatedAt: AT, seqNo: 0 })).toEqual({})
    await station.close()
  })

  it('a rejected station may only boot, and is not spoken to', async () => {
    await service.register('B-03', { registration: 'Rejected' })
    const station = await service.station('B-03')
    expect(await station.ok('BootNotification', BOOT)).toMatchObject({ status: 'Rejected' })
    expect(await station.call('Heartbeat', {})).toMatchObject({ type: 4, code: 'SecurityError' })
    expect(await service.server.bus.call('B-03', 'ClearCache', {})).toMatchObject({ kind: 'withheld' })
    expect(station.received.filter((message) => message[0] === 2)).toEqual([])
    await station.close()
  })

  it('an accepted station that reconnects without booting goes on where it was (part 4, 5.3)', async () => {
    const first = await service.booted('B-RE')
    await first.close()
    const again = await service.station('B-RE')
    expect(await again.ok('Heartbeat', {})).toBeDefined()
    await again.close()
  })

  it('a station that was removed while it was connected is sent away at its next boot', async () => {
    const station = await service.booted('B-GONE')
    await service.store.stations.remove('B-GONE')
    expect(await station.call('BootNotification', BOOT)).toMatchObject({ type: 4, code: 'SecurityError' })
    expect((await station.closed()).code).toBe(1008)
  })
})

describe('answers to our calls are kept', () => {
  it('GetVariables and SetVariables update the device model', async () => {
    const station = await service.booted('K-VARS')
    const component = { name: 'OCPPCommCtrlr' }
    const variable = { name: 'HeartbeatInterval' }
    station.answer((action) =>
      action === 'GetVariables'
        ? { getVariableResult: [{ attributeStatus: 'Accepted', attributeValue: '60', component, variable }] }
        : { setVariableResult: [{ attributeStatus: 'Accepted', component, variable }] },
    )
    await service.server.bus.call('K-VARS', 'GetVariables', { getVariableData: [{ component, variable }] })
    expect(await service.store.stations.variables('K-VARS')).toMatchObject([{ value: '60' }])
    await service.server.bus.call('K-VARS', 'SetVariables', {
      setVariableData: [{ component, variable, attributeValue: '90' }],
    })
    expect(await service.store.stations.variables('K-VARS')).toMatchObject([{ value: '90' }])
    await station.close()
  })

  const component = { name: 'SecurityCtrlr' }
  const variable = { name: 'BasicAuthPassword' }
  const setPassword = { setVariableData: [{ component, variable, attributeValue: 'a-new-password-1234' }] }

  it('TC_A_09_CSMS: a password that the station has taken is the only good one from then on, and is stored nowhere in clear', async () => {
    const station = await service.booted('A-09')
    station.answer(() => ({ setVariableResult: [{ attributeStatus: 'Accepted', component, variable }] }))
    await service.server.bus.call('A-09', 'SetVariables', setPassword)
    await station.close()
    await expect(service.station('A-09')).rejects.toThrow('HTTP 401')
    const again = await service.station('A-09', { password: 'a-new-password-1234' })
    expect(await again.ok('BootNotification', BOOT)).toMatchObject({ status: 'Accepted' })
    await again.close()
    expect(JSON.stringify(await service.store.stations.variables('A-09'))).not.toContain('a-new-password')
  })

  it('TC_A_10_CSMS: a password that the station refused changes nothing', async () => {
    const station = await service.booted('A-10')
    station.answer(() => ({ setVariableResult: [{ attributeStatus: 'Rejected', component, variable }] }))
    await service.server.bus.call('A-10', 'SetVariables', setPassword)
    await station.close()
    const again = await service.station('A-10')
    expect(await again.ok('Heartbeat', {})).toBeDefined()
    await again.close()
  })
})
