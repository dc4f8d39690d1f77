import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BOOT, startService, type TestService } from './support/ocpp-service.ts'

const AT = '2026-03-01T10:00:00Z'
let service: TestService
beforeAll(async () => {
  service = await startService({
    policy: { callTimeoutMs: 300, knownVendorMessages: ['com.known', 'com.partly/hello'] },
  })
})
afterAll(() => service.stop())

const event = (change: object = {}) => ({
  eventType: 'Updated',
  timestamp: AT,
  triggerReason: 'MeterValuePeriodic',
  seqNo: 5,
  transactionInfo: { transactionId: 'TX' },
  ...change,
})
const notification = (change: object = {}) => ({
  generatedAt: AT,
  seqNo: 0,
  eventData: [
    {
      eventId: 1,
      timestamp: AT,
      trigger: 'Alerting',
      actualValue: '1',
      eventNotificationType: 'CustomMonitor',
      component: { name: 'Vendor' },
      variable: { name: 'Odd' },
      ...change,
    },
  ],
})

describe('stations with odd behaviour', () => {
  it('TC_P_03_CSMS: with custom data of their vendor in any place are understood', async () => {
    const customData = { vendorId: 'com.example', nested: { list: [1, 'two', null] } }
    const station = await service.booted('ODD-CUSTOM')
    expect(
      await station.ok('StatusNotification', {
        timestamp: AT,
        evseId: 1,
        connectorId: 1,
        connectorStatus: 'Available',
        customData,
      }),
    ).toEqual({})
    await station.ok(
      'TransactionEvent',
      event({ customData, transactionInfo: { transactionId: 'TX', customData } }),
    )
    const [kept] = await service.store.sessions.events('ODD-CUSTOM', 'TX')
    expect(kept?.event).toMatchObject({ customData, transactionInfo: { customData } })
    await station.close()
  })

  it.each([
    ['with a vendor and message', { vendorId: 'com.example', messageId: 'hello', data: { a: [1] } }],
    ['with a vendor only', { vendorId: 'com.example' }],
    ['with data that is a string', { vendorId: 'com.example', data: 'x'.repeat(5000) }],
  ])(
    'TC_P_02_CSMS: that transfer data %s are told that the vendor is unknown, and the data is kept',
    async (what, payload) => {
      const id = `ODD-DT-${what.length}`
      const station = await service.booted(id)
      expect(await station.ok('DataTransfer', payload)).toEqual({ status: 'UnknownVendorId' })
      expect(await service.store.events.list({ stationId: id, kind: 'DataTransfer' })).toMatchObject([
        { detail: payload },
      ])
      await station.close()
    },
  )

  it.each([
    [{ vendorId: 'com.known', messageId: 'anything' }, 'Accepted'],
    [{ vendorId: 'com.partly', messageId: 'hello', data: 1 }, 'Accepted'],
    [{ vendorId: 'com.partly', messageId: 'other' }, 'UnknownMessageId'],
    [{ vendorId: 'com.partly' }, 'UnknownMessageId'],
    [{ vendorId: 'com.part', messageId: 'hello' }, 'UnknownVendorId'],
  ])('TC_P_02_CSMS: that transfer %o get %s by what the operator has named', async (payload, status) => {
    const id = `ODD-KNOWN-${status}-${JSON.stringify(payload).length}`
    const station = await service.booted(id)
    expect(await station.ok('DataTransfer', payload)).toEqual({ status })
    expect(await service.store.events.list({ stationId: id, kind: 'DataTransfer' })).toHaveLength(1)
    await station.close()
  })

  it('whose clock is wrong by years are answered, and their own times kept beside ours', async () => {
    const station = await service.booted('ODD-CLOCK')
    await station.ok('StatusNotification', {
      timestamp: '1970-01-01T00:00:07Z',
      evseId: 1,
      connectorId: 1,
      connectorStatus: 'Faulted',
    })
    const [connector] = await service.store.stations.connectors('ODD-CLOCK')
    expect(connector?.reportedAt).toBe('1970-01-01T00:00:07Z')
    expect(Date.parse(connector?.receivedAt ?? '')).toBeGreaterThan(Date.parse('2020-01-01T00:00:00Z'))
    await station.close()
  })

  it('whose latest status has an earlier time than the one before are believed in the order of arrival', async () => {
    const station = await service.booted('ODD-BACK')
    const status = (timestamp: string, connectorStatus: string) =>
      station.ok('StatusNotification', { timestamp, evseId: 1, connectorId: 1, connectorStatus })
    await status('2026-03-01T10:00:00Z', 'Occupied')
    await status('2026-03-01T09:00:00Z', 'Available')
    expect(await service.store.stations.connectors('ODD-BACK')).toMatchObject([{ status: 'Available' }])
    await station.close()
  })

  it('that begin a transaction in the middle, without a start, are not lost', async () => {
    const station = await service.booted('ODD-MIDDLE')
    await station.ok('TransactionEvent', event())
    expect(await service.store.sessions.get('ODD-MIDDLE', 'TX')).toMatchObject({
      startedAt: null,
      evseId: null,
      lastSeqNo: 5,
    })
    await station.close()
  })

  it('that send times with an offset, lower case or many decimals are understood', async () => {
    const station = await service.booted('ODD-TIMES')
    for (const timestamp of [
      '2026-03-01T11:00:00+01:00',
      '2026-03-01t10:00:00z',
      '2026-03-01T10:00:00.123456Z',
    ])
      expect(await station.ok('SecurityEventNotification', { type: 'SettingSystemTime', timestamp })).toEqual(
        {},
      )
    await station.close()
  })

  it('that send times that are none are told which field is wrong', async () => {
    const station = await service.booted('ODD-NOTIME')
    const answer = await station.call('SecurityEventNotification', {
      type: 'x',
      timestamp: '01.03.2026 10:00',
    })
    expect(answer).toMatchObject({ type: 4, code: 'PropertyConstraintViolation' })
    expect(answer.type === 4 ? answer.description : '').toContain('/timestamp')
    await station.close()
  })

  it('that send null instead of an empty payload are answered', async () => {
    const station = await service.booted('ODD-NULL')
    expect(await station.call('Heartbeat', null)).toMatchObject({ type: 3 })
    await station.close()
  })

  it('that leave out what is optional are answered', async () => {
    const station = await service.booted('ODD-MINIMAL')
    expect(await station.ok('NotifyReport', { requestId: 1, generatedAt: AT, seqNo: 0 })).toEqual({})
    expect(await station.ok('FirmwareStatusNotification', { status: 'Idle' })).toEqual({})
    expect(await station.ok('LogStatusNotification', { status: 'Idle' })).toEqual({})
    expect(await station.ok('NotifyDisplayMessages', { requestId: 1 })).toEqual({})
    await station.close()
  })

  it('that drop the socket without a close frame can come back at once', async () => {
    for (let i = 0; i < 5; i++) {
      const station = await service.booted('ODD-DROP')
      station.socket.terminate()
    }
    const station = await service.booted('ODD-DROP')
    expect(await station.ok('Heartbeat', {})).toBeDefined()
    await station.close()
  })

  it('that never answer do not hold up the calls of others, nor their own messages', async () => {
    const [silent, other] = [await service.booted('ODD-SILENT'), await service.booted('ODD-OTHER')]
    other.answer(() => ({ status: 'Accepted' }))
    const unanswered = service.server.bus.call('ODD-SILENT', 'ClearCache', {})
    expect(await service.server.bus.call('ODD-OTHER', 'ClearCache', {})).toMatchObject({ kind: 'answered' })
    expect(await silent.ok('Heartbeat', {})).toBeDefined()
    expect(await unanswered).toEqual({ kind: 'unanswered', reason: 'deadline' })
    await Promise.all([silent.close(), other.close()])
  })

  it('that send several calls without waiting are answered one after the other', async () => {
    const station = await service.booted('ODD-IMPATIENT')
    const answers = await Promise.all([
      station.call('Heartbeat', {}),
      station.call('TransactionEvent', event()),
      station.call('StatusNotification', {
        timestamp: AT,
        evseId: 1,
        connectorId: 1,
        connectorStatus: 'Available',
      }),
    ])
    expect(answers.map((answer) => answer.type)).toEqual([3, 3, 3])
    await station.close()
  })

  it('that boot again and again are answered each time', async () => {
    const station = await service.booted('ODD-BOOT')
    for (let i = 0; i < 5; i++)
      expect(await station.ok('BootNotification', BOOT)).toMatchObject({ status: 'Accepted' })
    await station.close()
  })

  it('that report profiles in W only, or limits for no EVSE, are kept', async () => {
    const station = await service.booted('ODD-W')
    await station.ok('NotifyChargingLimit', {
      chargingLimit: { chargingLimitSource: 'Other' },
      chargingSchedule: [
        { id: 1, chargingRateUnit: 'W', chargingSchedulePeriod: [{ startPeriod: 0, limit: 11_000.5 }] },
      ],
    })
    expect(await service.store.events.list({ stationId: 'ODD-W', kind: 'NotifyChargingLimit' })).toHaveLength(
      1,
    )
    await station.close()
  })
})

describe('N: events of monitors', () => {
  it.each([
    ['TC_N_21_CSMS: an alert', {}],
    ['TC_N_24_CSMS: a periodic event', { trigger: 'Periodic' }],
    ['TC_N_48_CSMS: an alert of a variable that cannot be read', { actualValue: '' }],
    ['TC_N_49_CSMS: a threshold that is no longer passed after a reboot', { cleared: true }],
    [
      'TC_N_50_CSMS: a periodic event of a preconfigured monitor',
      { trigger: 'Periodic', eventNotificationType: 'PreconfiguredMonitor' },
    ],
    [
      'TC_G_20_CSMS: a lock that fails',
      { component: { name: 'ConnectorPlugRetentionLock' }, variable: { name: 'Problem' } },
    ],
  ])('%s is kept and answered', async (title, change) => {
    const stationId = title.slice(0, 12)
    const station = await service.booted(stationId)
    expect(await station.ok('NotifyEvent', notification(change))).toEqual({})
    expect(await service.store.events.list({ stationId, kind: 'monitoring' })).toHaveLength(1)
    await station.close()
  })
})

describe('orders that end others', () => {
  const getLog = { logType: 'DiagnosticsLog', log: { remoteLocation: 'https://logs.example.com' } } as never
  const firmware = { firmware: { location: 'https://fw.example.com/1', retrieveDateTime: AT } } as never

  it('TC_N_36_CSMS: a second log request ends the first', async () => {
    const station = await service.booted('TC_N_36_CSMS')
    const statuses = ['Accepted', 'AcceptedCanceled']
    station.answer(() => ({ status: statuses.shift() }))
    const place = () => service.server.orders.place('TC_N_36_CSMS', 'GetLog', getLog, { actor: 'test' })
    const first = (await place()).order
    const second = (await place()).order
    expect(second).toMatchObject({ state: 'following', outcome: 'AcceptedCanceled' })
    await station.ok('LogStatusNotification', { status: 'AcceptedCanceled', requestId: first.correlation })
    expect(await service.server.orders.get(first.id)).toMatchObject({
      state: 'failed',
      outcome: 'AcceptedCanceled',
    })
    await station.ok('LogStatusNotification', { status: 'Uploaded', requestId: second.correlation })
    expect(await service.server.orders.get(second.id)).toMatchObject({ state: 'done', outcome: 'Uploaded' })
    await station.close()
  })

  it('TC_L_10_CSMS: a second firmware update ends the first', async () => {
    const station = await service.booted('TC_L_10_CSMS')
    const statuses = ['Accepted', 'AcceptedCanceled']
    station.answer(() => ({ status: statuses.shift() }))
    const place = () =>
      service.server.orders.place('TC_L_10_CSMS', 'UpdateFirmware', firmware, { actor: 'test' })
    const [first, second] = [(await place()).order, (await place()).order]
    expect(await service.server.orders.get(first.id)).toMatchObject({
      state: 'failed',
      outcome: 'AcceptedCanceled',
    })
    await station.ok('FirmwareStatusNotification', { status: 'Installed', requestId: second.correlation })
    expect(await service.server.orders.get(second.id)).toMatchObject({ state: 'done', outcome: 'Installed' })
    await station.close()
  })

  it('TC_H_17_CSMS: a cancellation ends its reservation', async () => {
    const station = await service.booted('TC_H_17_CSMS')
    station.answer(() => ({ status: 'Accepted' }))
    const { orders } = service.server
    const idToken = { idToken: 'AA', type: 'ISO14443' }
    const reservation = { expiryDateTime: '2027-01-01T00:00:00Z', idToken, evseId: 1 } as never
    const { order } = await orders.place('TC_H_17_CSMS', 'ReserveNow', reservation, { actor: 'test' })
    await orders.place(
      'TC_H_17_CSMS',
      'CancelReservation',
      { reservationId: order.correlation ?? 0 },
      { actor: 'test' },
    )
    expect(await orders.get(order.id)).toMatchObject({ state: 'done', outcome: 'Cancelled' })
    await station.close()
  })
})
