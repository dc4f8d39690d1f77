import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BOOT, startService, type TestService } from './support/ocpp-service.ts'

const AT = '2026-03-01T10:00:00Z'
const CARD = { idToken: 'VALID', type: 'ISO14443' } as const

describe('a station that takes Part 6 to the letter', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startService()
    await service.store.tokens.put({
      ...CARD,
      status: 'Accepted',
      group: null,
      expiresAt: null,
      masterPass: false,
      updatedAt: AT,
    })
  })
  afterAll(() => service.stop())

  it('hears nothing but its operator before it has booted for the first time', async () => {
    const station = await service.station('FIRST')
    station.answer((action) => (action === 'ClearCache' ? { status: 'Accepted' } : { versionNumber: 0 }))
    const own = service.server.bus.call('FIRST', 'GetLocalListVersion', {})
    const operator = service.server.bus.call('FIRST', 'ClearCache', {}, { urgent: true })
    expect(await operator).toMatchObject({ kind: 'answered' })
    await station.ok('BootNotification', BOOT)
    expect(await own).toMatchObject({ kind: 'answered' })
    expect(station.received.map(([type, , action]) => (type === 2 ? action : type))).toEqual([
      'ClearCache',
      3,
      'GetLocalListVersion',
    ])
    await station.close()
  })

  it('learns at a stop without a token how the token of its transaction stands (StopAuthorized)', async () => {
    const station = await service.booted('STOP')
    const event = (seqNo: number, triggerReason: string, more: object = {}) =>
      station.ok('TransactionEvent', {
        eventType: seqNo === 0 ? 'Started' : 'Updated',
        timestamp: AT,
        triggerReason,
        seqNo,
        transactionInfo: { transactionId: 'tx-stop' },
        ...more,
      })
    expect(await event(0, 'Authorized', { idToken: CARD })).toMatchObject({
      idTokenInfo: { status: 'Accepted' },
    })
    expect(await event(1, 'ChargingStateChanged')).toEqual({})
    expect(await event(2, 'StopAuthorized')).toMatchObject({ idTokenInfo: { status: 'Accepted' } })
    await station.close()
  })

  it('TC_N_46_CSMS: has a list, sent by hand, cleared of a customer once it has reported him', async () => {
    const station = await service.booted('FORGET')
    const { bus } = service.server
    const sent: { versionNumber: number; updateType: string; localAuthorizationList?: object[] }[] = []
    station.answer((action, payload) => {
      if (action === 'SendLocalList') sent.push(payload)
      return { status: 'Accepted' }
    })
    await bus.call('FORGET', 'SendLocalList', {
      versionNumber: 7,
      updateType: 'Full',
      localAuthorizationList: [{ idToken: CARD, idTokenInfo: { status: 'Accepted' } }],
    })
    await bus.call('FORGET', 'CustomerInformation', {
      requestId: 46,
      report: true,
      clear: true,
      idToken: CARD,
    })
    expect(sent).toHaveLength(1)
    const report = { data: 'what it knew', seqNo: 0, generatedAt: AT, requestId: 46 }
    expect(await station.ok('NotifyCustomerInformation', report)).toEqual({})
    await expect.poll(() => sent.length).toBe(2)
    expect(sent[1]).toEqual({
      versionNumber: 8,
      updateType: 'Differential',
      localAuthorizationList: [{ idToken: CARD }],
    })
    await expect.poll(() => service.store.localLists.get('FORGET')).toMatchObject({ version: 8, entries: [] })
    await station.close()
  })

  it('may take a difference to a list that nobody here knows: nothing is made up about the rest', async () => {
    const station = await service.booted('UNKNOWN-LIST')
    station.answer(() => ({ status: 'Accepted' }))
    await service.server.bus.call('UNKNOWN-LIST', 'SendLocalList', {
      versionNumber: 3,
      updateType: 'Differential',
      localAuthorizationList: [{ idToken: CARD }],
    })
    expect(await service.store.localLists.get('UNKNOWN-LIST')).toBeUndefined()
    await station.close()
  })
})
