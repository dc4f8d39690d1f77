import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Requests } from '../../src/ocpp/v201/messages.generated.ts'
import type { IdToken } from '../../src/store/tokens.ts'
import type { TestClient } from './support/ocpp-client.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

const AT = '2026-03-01T10:00:00Z'
const now = Date.parse(AT)
const card = (idToken: string) => ({ idToken, type: 'ISO14443' })
const GROUP = { type: 'Central', idToken: 'GROUP-1' }
const MASTER_GROUP = { type: 'Central', idToken: 'MASTERPASS' }

let service: TestService
beforeAll(async () => {
  service = await startService({ clock: { now: () => now }, policy: { cacheExpiryS: 3600 } })
  const put = (idToken: string, change: Partial<IdToken> = {}) =>
    service.store.tokens.put({
      type: 'ISO14443',
      idToken,
      status: 'Accepted',
      group: null,
      expiresAt: null,
      masterPass: false,
      updatedAt: AT,
      ...change,
    })
  await put('VALID')
  await put('BLOCKED', { status: 'Blocked' })
  await put('EXPIRED', { expiresAt: '2026-02-28T00:00:00Z' })
  await put('SOON', { expiresAt: '2026-03-01T10:10:00Z' })
  await put('MEMBER1', { group: GROUP })
  await put('MEMBER2', { group: GROUP })
  await put('MASTER', { group: MASTER_GROUP, masterPass: true })
  await put('PIN', { type: 'KeyCode', idToken: '1234' })
})
afterAll(() => service.stop())

async function authorize(station: TestClient, idToken: object) {
  return (await station.ok('Authorize', { idToken })).idTokenInfo
}

async function transaction(station: TestClient, event: object) {
  return station.ok('TransactionEvent', {
    timestamp: AT,
    seqNo: 0,
    transactionInfo: { transactionId: 'TX' },
    evse: { id: 1, connectorId: 1 },
    ...event,
  })
}

describe('C: authorization', () => {
  it.each([
    ['TC_C_02_CSMS: an unknown card is Unknown', card('NOBODY'), { status: 'Unknown' }],
    ['TC_C_06_CSMS: a blocked card is Blocked', card('BLOCKED'), { status: 'Blocked' }],
    ['TC_C_07_CSMS: an expired card is Expired', card('EXPIRED'), { status: 'Expired' }],
    ['a card is read without regard to case', card('valid'), { status: 'Accepted' }],
    ['a wrong PIN is Invalid (C04.FR.01)', { idToken: '9999', type: 'KeyCode' }, { status: 'Invalid' }],
    ['the right PIN is Accepted', { idToken: '1234', type: 'KeyCode' }, { status: 'Accepted' }],
    ['a card number is no PIN', { idToken: 'VALID', type: 'KeyCode' }, { status: 'Invalid' }],
    [
      'the start button is Accepted (C02.FR.02)',
      { idToken: '', type: 'NoAuthorization' },
      { status: 'Accepted' },
    ],
    [
      'a central token that nobody has given is Unknown',
      { idToken: 'X', type: 'Central' },
      { status: 'Unknown' },
    ],
  ])('%s', async (title, idToken, info) => {
    const station = await service.booted(`C-${title.slice(0, 20).replace(/[^A-Za-z0-9]/g, '_')}`)
    expect(await authorize(station, idToken)).toMatchObject(info)
    await station.close()
  })

  it.each([
    ['TC_C_08_CSMS: confirms a token that the station authorized from its cache', 'VALID', 'Accepted'],
    ['TC_C_20_CSMS: corrects a token that the station authorized from its cache', 'BLOCKED', 'Blocked'],
  ])('%s', async (title, token, status) => {
    const station = await service.booted(title.slice(0, 12))
    const answer = await transaction(station, {
      eventType: 'Started',
      triggerReason: 'Authorized',
      idToken: card(token),
    })
    expect(answer.idTokenInfo).toMatchObject({ status })
    await station.close()
  })

  it('says until when an answer may be cached: by policy, but never longer than the token lives', async () => {
    const station = await service.booted('C-CACHE')
    expect(await authorize(station, card('VALID'))).toMatchObject({
      cacheExpiryDateTime: '2026-03-01T11:00:00.000Z',
    })
    expect(await authorize(station, card('SOON'))).toMatchObject({
      cacheExpiryDateTime: '2026-03-01T10:10:00.000Z',
    })
    expect(await authorize(station, card('EXPIRED'))).not.toHaveProperty('cacheExpiryDateTime')
    await station.close()
  })

  it.each([
    'TC_C_39_CSMS: by an authorization',
    'TC_C_40_CSMS: by the local list',
    'TC_C_43_CSMS: by either',
  ])('lets a member of the same group stop what another has started (%s)', async (title) => {
    const station = await service.booted(title.slice(0, 12))
    const start = { eventType: 'Started', triggerReason: 'Authorized', idToken: card('MEMBER1') }
    expect((await transaction(station, start)).idTokenInfo).toEqual({
      status: 'Accepted',
      groupIdToken: GROUP,
      cacheExpiryDateTime: '2026-03-01T11:00:00.000Z',
    })
    if (!title.includes('C_40'))
      expect(await authorize(station, card('MEMBER2'))).toMatchObject({ groupIdToken: GROUP })
    const stop = { eventType: 'Updated', triggerReason: 'StopAuthorized', seqNo: 1, idToken: card('MEMBER2') }
    expect((await transaction(station, stop)).idTokenInfo).toMatchObject({
      status: 'Accepted',
      groupIdToken: GROUP,
    })
    await station.close()
  })

  it.each(['TC_C_47_CSMS: all of them', 'TC_C_48_CSMS: one of them', 'TC_C_49_CSMS: without a display'])(
    'lets a master pass stop transactions (%s)',
    async (title) => {
      const station = await service.booted(title.slice(0, 12))
      expect(await authorize(station, card('MASTER'))).toMatchObject({
        status: 'Accepted',
        groupIdToken: MASTER_GROUP,
      })
      for (const transactionId of title.includes('C_48') ? ['TX1'] : ['TX1', 'TX2']) {
        const answer = await transaction(station, {
          eventType: 'Ended',
          triggerReason: 'StopAuthorized',
          transactionInfo: { transactionId, stoppedReason: 'MasterPass' },
          idToken: card('MASTER'),
        })
        expect(answer.idTokenInfo).toMatchObject({ status: 'Accepted', groupIdToken: MASTER_GROUP })
      }
      await station.close()
    },
  )

  it('does not let a master pass start a transaction (C16.FR.03)', async () => {
    const station = await service.booted('C-16')
    const answer = await transaction(station, {
      eventType: 'Started',
      triggerReason: 'Authorized',
      idToken: card('MASTER'),
    })
    expect(answer.idTokenInfo).toMatchObject({ status: 'Invalid' })
    await station.close()
  })

  it('accepts the token of a remote start that it has sent itself (C05)', async () => {
    const station = await service.booted('C-05')
    station.answer(() => ({ status: 'Accepted' }))
    const idToken = { idToken: 'APP-7', type: 'Central' }
    const { order } = await service.server.orders.place(
      'C-05',
      'RequestStartTransaction',
      { idToken, evseId: 1 } as Requests['RequestStartTransaction'],
      { actor: 'test' },
    )
    const answer = await transaction(station, {
      eventType: 'Started',
      triggerReason: 'RemoteStart',
      transactionInfo: { transactionId: 'TX', remoteStartId: order.correlation },
      idToken,
    })
    expect(answer.idTokenInfo).toMatchObject({ status: 'Accepted' })
    await station.close()
  })

  it('never trusts a contract certificate that nobody has verified', async () => {
    const station = await service.booted('C-07')
    const answer = await station.ok('Authorize', {
      idToken: { idToken: 'DEABCC123456', type: 'eMAID' },
      certificate: '-----BEGIN CERTIFICATE-----',
    })
    expect(answer).toEqual({ idTokenInfo: { status: 'Invalid' }, certificateStatus: 'CertChainError' })
    await station.close()
  })

  it('answers InternalError, not Accepted, when the tokens cannot be read', async () => {
    const broken = await startService({
      store: {
        ...service.store,
        tokens: { ...service.store.tokens, get: () => Promise.reject(new Error('disk on fire')) },
      },
    })
    const station = await broken.booted('C-BROKEN')
    expect(await station.call('Authorize', { idToken: card('VALID') })).toMatchObject({
      type: 4,
      code: 'InternalError',
    })
    await station.close()
    await broken.server.stop(100)
  })
})

describe('D: local lists', () => {
  async function syncedStation(id: string) {
    const station = await service.booted(id)
    const sent: Requests['SendLocalList'][] = []
    station.answer((action, payload) => {
      if (action === 'GetLocalListVersion') return { versionNumber: sent.at(-1)?.versionNumber ?? 0 }
      sent.push(payload)
      return { status: 'Accepted' }
    })
    await service.server.localLists.sync(id, { actor: 'test' })
    return { station, sent, sync: () => service.server.localLists.sync(id, { actor: 'test' }) }
  }
  const token = (idToken: string): IdToken => ({
    type: 'ISO14443',
    idToken,
    status: 'Accepted',
    group: null,
    expiresAt: null,
    masterPass: false,
    updatedAt: AT,
  })

  it('TC_D_01_CSMS: sends the full list, every token once, with a version above 0', async () => {
    const { station, sent } = await syncedStation('TC_D_01_CSMS')
    expect(sent).toHaveLength(1)
    const [list] = sent
    expect(list).toMatchObject({ updateType: 'Full', versionNumber: 1 })
    const keys =
      list?.localAuthorizationList?.map(({ idToken }) => `${idToken.type} ${idToken.idToken}`) ?? []
    expect(keys).toContain('ISO14443 VALID')
    expect(new Set(keys).size).toBe(keys.length)
    await station.close()
  })

  it('TC_D_02_CSMS, TC_D_03_CSMS: sends what is new with its status, and what is gone without', async () => {
    const { station, sent, sync } = await syncedStation('TC_D_02_CSMS')
    await service.store.tokens.put(token('NEW'))
    await sync()
    expect(sent[1]).toEqual({
      updateType: 'Differential',
      versionNumber: 2,
      localAuthorizationList: [{ idToken: card('NEW'), idTokenInfo: { status: 'Accepted' } }],
    })
    await service.store.tokens.remove('ISO14443', 'NEW')
    await sync()
    expect(sent[2]).toEqual({
      updateType: 'Differential',
      versionNumber: 3,
      localAuthorizationList: [{ idToken: card('NEW') }],
    })
    await station.close()
  })

  it('TC_D_04_CSMS: sends an empty full list', async () => {
    const empty = await startService()
    const station = await empty.booted('TC_D_04_CSMS')
    station.answer((action) =>
      action === 'GetLocalListVersion' ? { versionNumber: 0 } : { status: 'Accepted' },
    )
    await empty.server.localLists.sync('TC_D_04_CSMS', { actor: 'test' })
    const [, , , list] = await station.next((message) => message[2] === 'SendLocalList')
    expect(list).toEqual({ updateType: 'Full', versionNumber: 1 })
    await station.close()
    await empty.stop()
  })

  it('sends a list that is too large in parts that the station takes', async () => {
    const large = await startService()
    await Promise.all(Array.from({ length: 7 }, (_, i) => large.store.tokens.put(token(`T${i}`))))
    const station = await large.booted('D-PARTS')
    await station.ok('NotifyReport', {
      requestId: 1,
      generatedAt: AT,
      seqNo: 0,
      reportData: [
        {
          component: { name: 'LocalAuthListCtrlr' },
          variable: { name: 'ItemsPerMessage' },
          variableAttribute: [{ value: '3' }],
        },
      ],
    })
    station.answer((action) =>
      action === 'GetLocalListVersion' ? { versionNumber: 0 } : { status: 'Accepted' },
    )
    expect(await large.server.localLists.sync('D-PARTS', { actor: 'test' })).toMatchObject({
      version: 3,
      messages: 3,
    })
    const sent = station.received
      .filter((message) => message[2] === 'SendLocalList')
      .map((message) => message[3])
    expect(sent).toMatchObject([
      { updateType: 'Full', versionNumber: 1, localAuthorizationList: [{}, {}, {}] },
      { updateType: 'Differential', versionNumber: 2, localAuthorizationList: [{}, {}, {}] },
      { updateType: 'Differential', versionNumber: 3, localAuthorizationList: [{}] },
    ])
    await station.close()
    await large.stop()
  })

  it('TC_N_46_CSMS: takes a customer out of the list of a station that was told to forget him', async () => {
    const { station, sent } = await syncedStation('TC_N_46_CSMS')
    station.answer((action, payload) => {
      if (action === 'SendLocalList') sent.push(payload)
      return { status: 'Accepted' }
    })
    await service.server.orders.place(
      'TC_N_46_CSMS',
      'CustomerInformation',
      { report: false, clear: true, idToken: card('VALID') } as Requests['CustomerInformation'],
      { actor: 'test' },
    )
    await expect.poll(() => sent.length).toBe(2)
    expect(sent[1]).toMatchObject({
      updateType: 'Differential',
      versionNumber: 2,
      localAuthorizationList: [{ idToken: card('VALID') }],
    })
    expect(sent[1]?.localAuthorizationList?.[0]).not.toHaveProperty('idTokenInfo')
    await station.close()
  })
})
