import { describe, expect, it } from 'vitest'
import { createManualScheduler, createVehicle } from '../../../../src/simulator/index.ts'
import { QUICK_CAR, TOKEN, useBench } from '../bench.ts'

const bench = useBench()
const past = '2026-01-01T00:00:00Z'

describe('logs', () => {
  it('are uploaded with the states that the CSMS waits for', async () => {
    await bench.launch()
    const { csms } = bench
    const log = { remoteLocation: 'https://files.example/upload' }
    const answer = await csms.call('GetLog', { requestId: 11, logType: 'SecurityLog', log })
    expect(answer.status).toBe('Accepted')
    expect(answer.filename).toContain('SecurityLog')
    await csms.until('uploaded', () =>
      csms.of('LogStatusNotification').some((each) => each.status === 'Uploaded'),
    )
    expect(csms.of('LogStatusNotification')).toEqual([
      { status: 'Uploading', requestId: 11 },
      { status: 'Uploaded', requestId: 11 },
    ])
    const elsewhere = { remoteLocation: 'gopher://files.example/' }
    expect(
      await csms.call('GetLog', { requestId: 12, logType: 'DiagnosticsLog', log: elsewhere }),
    ).toMatchObject({ status: 'Rejected' })
  })

  it('say when the server cannot be reached, and when a newer request takes over', async () => {
    await bench.launch()
    const { csms } = bench
    const log = { remoteLocation: 'https://files.invalid/upload' }
    await csms.call('GetLog', { requestId: 1, logType: 'DiagnosticsLog', log })
    expect(await csms.call('GetLog', { requestId: 2, logType: 'DiagnosticsLog', log })).toMatchObject({
      status: 'AcceptedCanceled',
    })
    await csms.until('failed', () => csms.of('LogStatusNotification').length === 4)
    expect(csms.of('LogStatusNotification').map((each) => [each.requestId, each.status])).toEqual([
      [1, 'Uploading'],
      [1, 'AcceptedCanceled'],
      [2, 'Uploading'],
      [2, 'UploadFailure'],
    ])
  })
})

describe('firmware', () => {
  it('is downloaded, installed, booted and reported as installed', async () => {
    await bench.launch()
    const { csms } = bench
    const firmware = { location: 'https://files.example/2.bin', retrieveDateTime: past }
    expect(await csms.call('UpdateFirmware', { requestId: 4, firmware })).toEqual({ status: 'Accepted' })
    await csms.until('installed', () =>
      csms.of('FirmwareStatusNotification').some((each) => each.status === 'Installed'),
    )
    expect(csms.of('FirmwareStatusNotification').map((each) => each.status)).toEqual([
      'Downloading',
      'Downloaded',
      'Installing',
      'InstallRebooting',
      'Installed',
    ])
    expect(csms.of('BootNotification').at(-1)?.reason).toBe('FirmwareUpdate')
  })

  it('is refused with a signing certificate that is none', async () => {
    await bench.launch()
    const { csms } = bench
    const firmware = {
      location: 'https://files.example/2.bin',
      retrieveDateTime: past,
      signingCertificate: 'no certificate',
      signature: 'AA==',
    }
    expect(await csms.call('UpdateFirmware', { requestId: 4, firmware })).toEqual({
      status: 'InvalidCertificate',
    })
    await csms.until('security event', () =>
      csms.of('SecurityEventNotification').some((each) => each.type === 'InvalidFirmwareSigningCertificate'),
    )
  })

  it('is published to others and withdrawn', async () => {
    await bench.launch()
    const { csms } = bench
    const publish = { location: 'https://files.example/2.bin', checksum: 'abc', requestId: 6 }
    expect(await csms.call('PublishFirmware', publish)).toEqual({ status: 'Accepted' })
    expect(await csms.call('UnpublishFirmware', { checksum: 'abc' })).toEqual({ status: 'DownloadOngoing' })
    await csms.until('published', () =>
      csms.of('PublishFirmwareStatusNotification').some((each) => each.status === 'Published'),
    )
    expect(await csms.call('UnpublishFirmware', { checksum: 'other' })).toEqual({ status: 'NoFirmware' })
    expect(await csms.call('UnpublishFirmware', { checksum: 'abc' })).toEqual({ status: 'Unpublished' })
  })
})

describe('monitors', () => {
  const power = { component: { name: 'EVSE', evse: { id: 1 } }, variable: { name: 'Power' } }

  it('are set, reported, raise events beyond their threshold, and are cleared', async () => {
    const scheduler = createManualScheduler(Date.now())
    const station = await bench.launch({ scheduler, followCsmsTime: false })
    const { csms } = bench
    const { setMonitoringResult } = await csms.call('SetVariableMonitoring', {
      setMonitoringData: [
        { ...power, type: 'UpperThreshold', value: 5000, severity: 4 },
        { ...power, type: 'UpperThreshold', value: 6000, severity: 4 },
        { ...power, component: { name: 'Toaster' }, type: 'Delta', value: 1, severity: 4 },
        { ...power, variable: { name: 'Colour' }, type: 'Delta', value: 1, severity: 4 },
        { ...power, variable: { name: 'Available' }, type: 'Delta', value: 1, severity: 4 },
        { ...power, type: 'Delta', value: 1, severity: 12 },
        { ...power, id: 99, type: 'Delta', value: 1, severity: 3 },
      ],
    })
    expect(setMonitoringResult.map((each) => each.status)).toEqual([
      'Accepted',
      'Duplicate',
      'UnknownComponent',
      'UnknownVariable',
      'UnsupportedMonitorType',
      'Rejected',
      'Rejected',
    ])
    const id = setMonitoringResult[0]?.id ?? 0
    station.plugIn(1, createVehicle(QUICK_CAR))
    for (let step = 0; step < 40; step++) await scheduler.advance(500)
    await csms.until('alarm', () => csms.of('NotifyEvent').length === 1)
    expect(csms.of('NotifyEvent')[0]?.eventData[0]).toMatchObject({
      trigger: 'Alerting',
      variableMonitoringId: id,
      eventNotificationType: 'CustomMonitor',
    })
    station.unplug(1)
    await scheduler.advance(6000)
    await csms.until('all clear', () => csms.of('NotifyEvent').some((each) => each.eventData[0]?.cleared))
    expect(
      await csms.call('GetMonitoringReport', { requestId: 8, monitoringCriteria: ['ThresholdMonitoring'] }),
    ).toEqual({ status: 'Accepted' })
    await csms.until('report', () => csms.of('NotifyMonitoringReport').length === 1)
    expect(await csms.call('ClearVariableMonitoring', { id: [id, 77] })).toEqual({
      clearMonitoringResult: [
        { id, status: 'Accepted' },
        { id: 77, status: 'NotFound' },
      ],
    })
    expect(await csms.call('GetMonitoringReport', { requestId: 9 })).toEqual({ status: 'EmptyResultSet' })
    expect(await csms.call('SetMonitoringLevel', { severity: 11 })).toEqual({ status: 'Rejected' })
    expect(await csms.call('SetMonitoringLevel', { severity: 2 })).toEqual({ status: 'Accepted' })
    expect(await csms.call('SetMonitoringBase', { monitoringBase: 'FactoryDefault' })).toEqual({
      status: 'Accepted',
    })
  })
})

describe('the screen', () => {
  it('shows what it is told, once per id, and forgets what it is told to forget', async () => {
    await bench.launch()
    const { csms } = bench
    const message = {
      id: 1,
      priority: 'AlwaysFront' as const,
      message: { format: 'UTF8' as const, content: 'Grüß Gott' },
    }
    expect(await csms.call('GetDisplayMessages', { requestId: 1 })).toEqual({ status: 'Unknown' })
    expect(await csms.call('SetDisplayMessage', { message })).toEqual({ status: 'Accepted' })
    expect(await csms.call('SetDisplayMessage', { message: { ...message, id: 2 } })).toEqual({
      status: 'Accepted',
    })
    await csms.call('GetDisplayMessages', { requestId: 2 })
    await csms.until('shown', () => csms.of('NotifyDisplayMessages').length === 1)
    expect(csms.of('NotifyDisplayMessages')[0]?.messageInfo?.map((each) => each.id)).toEqual([2])
    const html = { ...message, message: { format: 'HTML' as const, content: '<b>' } }
    expect(await csms.call('SetDisplayMessage', { message: html })).toEqual({
      status: 'NotSupportedMessageFormat',
    })
    const orphan = { ...message, transactionId: 'nobody' }
    expect(await csms.call('SetDisplayMessage', { message: orphan })).toEqual({
      status: 'UnknownTransaction',
    })
    expect(await csms.call('ClearDisplayMessage', { id: 2 })).toEqual({ status: 'Accepted' })
    expect(await csms.call('ClearDisplayMessage', { id: 2 })).toEqual({ status: 'Unknown' })
  })
})

describe('customers and vendors', () => {
  it('are answered with what is known, which may be forgotten', async () => {
    const station = await bench.launch()
    const { csms } = bench
    await station.presentToken(1, TOKEN)
    const request = { requestId: 1, report: true, clear: true }
    expect(await csms.call('CustomerInformation', request)).toEqual({ status: 'Invalid' })
    expect(await csms.call('CustomerInformation', { ...request, idToken: TOKEN })).toEqual({
      status: 'Accepted',
    })
    await csms.until('told', () => csms.of('NotifyCustomerInformation').length === 1)
    expect(csms.of('NotifyCustomerInformation')[0]?.data).toContain('AA01')
    await csms.call('CustomerInformation', { ...request, idToken: TOKEN })
    await csms.until('told again', () => csms.of('NotifyCustomerInformation').length === 2)
    expect(csms.of('NotifyCustomerInformation')[1]?.data).toBe('')
    expect(await csms.call('ClearCache', {})).toEqual({ status: 'Accepted' })
  })

  it('get their own data back from the vendor that is known, and a no from others', async () => {
    await bench.launch()
    const { csms } = bench
    expect(
      await csms.call('DataTransfer', { vendorId: 'org.example.echo', messageId: 'echo', data: { a: [1] } }),
    ).toEqual({ status: 'Accepted', data: { a: [1] } })
    expect(await csms.call('DataTransfer', { vendorId: 'org.example.echo', messageId: 'sing' })).toEqual({
      status: 'UnknownMessageId',
    })
    expect(await csms.call('DataTransfer', { vendorId: 'com.example' })).toEqual({
      status: 'UnknownVendorId',
    })
  })
})

describe('network profiles', () => {
  const profile = {
    messageTimeout: 30,
    ocppInterface: 'Wired0',
    ocppTransport: 'JSON',
    ocppVersion: 'OCPP20',
    securityProfile: 1,
  } as const

  it('take effect with the priority after a restart', async () => {
    await bench.launch()
    const { csms } = bench
    const connectionData = { ...profile, ocppCsmsUrl: `${csms.url}/new` }
    expect(await csms.call('SetNetworkProfile', { configurationSlot: 2, connectionData })).toEqual({
      status: 'Accepted',
    })
    await csms.call('SetVariables', {
      setVariableData: [
        {
          component: { name: 'OCPPCommCtrlr' },
          variable: { name: 'NetworkConfigurationPriority' },
          attributeValue: '2,1',
        },
      ],
    })
    await csms.call('Reset', { type: 'OnIdle' })
    await csms.until('second boot', () => csms.of('BootNotification').length === 2)
    expect(bench.station.device.text('OCPPCommCtrlr.ActiveNetworkProfile')).toBe('2')
  })

  it('fall back to the next slot when nobody answers at the first', async () => {
    await bench.launch({ variables: { 'OCPPCommCtrlr.NetworkProfileConnectionAttempts': '2' } })
    const { csms } = bench
    const connectionData = { ...profile, ocppCsmsUrl: 'ws://127.0.0.1:1/nobody' }
    await csms.call('SetNetworkProfile', { configurationSlot: 3, connectionData })
    bench.station.device.put('OCPPCommCtrlr.NetworkConfigurationPriority', '3,1')
    await csms.call('Reset', { type: 'Immediate' })
    await csms.until('second boot', () => csms.of('BootNotification').length === 2)
    expect(bench.station.counters.connectFailures).toBe(2)
    expect(bench.station.device.text('OCPPCommCtrlr.ActiveNetworkProfile')).toBe('1')
  })

  it('are refused when they make no sense or lower the security', async () => {
    await bench.launch()
    const { csms } = bench
    for (const [slot, change, reasonCode] of [
      [9, {}, 'InvalidConfSlot'],
      [2, { ocppTransport: 'SOAP' }, 'InvalidNetworkConf'],
      [2, { securityProfile: 0 }, 'InvalidNetworkConf'],
      [2, { securityProfile: 2 }, 'InvalidNetworkConf'],
      [2, { ocppCsmsUrl: 'http://csms' }, 'InvalidNetworkConf'],
    ] as const) {
      const connectionData = { ...profile, ocppCsmsUrl: csms.url, ...change }
      expect(await csms.call('SetNetworkProfile', { configurationSlot: slot, connectionData })).toEqual({
        status: 'Rejected',
        statusInfo: { reasonCode },
      })
    }
  })
})
