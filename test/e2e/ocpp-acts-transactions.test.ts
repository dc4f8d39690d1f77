import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MeterValueType } from '../../src/ocpp/v201/messages.generated.ts'
import type { Session } from '../../src/store/sessions.ts'
import type { TestClient } from './support/ocpp-client.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

const AT = '2026-03-01T10:00:00Z'
const idToken = { idToken: 'VALID', type: 'ISO14443' }
const stranger = { idToken: 'STRANGER', type: 'ISO14443' }
const evse = { id: 1, connectorId: 1 }

let service: TestService
beforeAll(async () => {
  service = await startService()
  await service.store.tokens.put({
    ...idToken,
    status: 'Accepted',
    group: null,
    expiresAt: null,
    masterPass: false,
    updatedAt: AT,
  })
})
afterAll(() => service.stop())

interface Step {
  readonly event: 'Started' | 'Updated' | 'Ended'
  readonly because: string
  readonly info?: object
  readonly more?: object
  /** Status of the idTokenInfo in the answer. */
  readonly token?: string
}

const at = (seqNo: number) => new Date(Date.parse(AT) + seqNo * 1000).toISOString()

async function send(station: TestClient, step: Step, seqNo: number): Promise<void> {
  const answer = await station.ok('TransactionEvent', {
    eventType: step.event,
    timestamp: at(seqNo),
    triggerReason: step.because,
    seqNo,
    transactionInfo: { transactionId: 'TX', ...step.info },
    evse,
    ...step.more,
  })
  expect((answer.idTokenInfo as { status?: string } | undefined)?.status).toBe(step.token)
  expect('totalCost' in answer).toBe(step.event === 'Ended')
}

async function play(stationId: string, steps: readonly Step[]): Promise<Session> {
  const station = await service.booted(stationId)
  for (const [seqNo, step] of steps.entries()) await send(station, step, seqNo)
  await station.close()
  const session = await service.store.sessions.get(stationId, 'TX')
  if (session === undefined) throw new Error('the session was not kept')
  expect(session).toMatchObject({ lastSeqNo: steps.length - 1, missingSeqNos: 0, evseId: 1 })
  expect(await service.store.sessions.events(stationId, 'TX')).toHaveLength(steps.length)
  return session
}

const state = (chargingState: string) => ({ info: { chargingState } })
const plugged: Step = { event: 'Started', because: 'CablePluggedIn', ...state('EVConnected') }
const authorized: Step = { event: 'Updated', because: 'Authorized', more: { idToken }, token: 'Accepted' }
const charging: Step = { event: 'Updated', because: 'ChargingStateChanged', ...state('Charging') }
const stopped: Step = {
  event: 'Updated',
  because: 'StopAuthorized',
  more: { idToken },
  token: 'Accepted',
  ...state('EVConnected'),
}
const suspended: Step = { event: 'Updated', because: 'ChargingStateChanged', ...state('SuspendedEV') }
const ended = (because: string, stoppedReason: string, more: object = {}): Step => ({
  event: 'Ended',
  because,
  info: { stoppedReason, chargingState: 'Idle' },
  more,
})
const started = (because: string): Step => ({ event: 'Started', because })
const startedBy: Step = { event: 'Started', because: 'Authorized', more: { idToken }, token: 'Accepted' }
const endedBy: Step = { ...ended('StopAuthorized', 'Local', { idToken }), token: 'Accepted' }
const unplugged = ended('EVCommunicationLost', 'EVDisconnected')

const CASES: readonly (readonly [string, readonly Step[], Partial<Session>])[] = [
  [
    'TC_E_01_CSMS: starts when the power path closes',
    [{ ...startedBy, ...state('EVConnected') }, charging],
    { chargingState: 'Charging' },
  ],
  [
    'TC_E_02_CSMS: starts when energy flows',
    [{ ...started('ChargingStateChanged'), ...state('Charging') }],
    { chargingState: 'Charging' },
  ],
  [
    'TC_E_03_CSMS: starts with the cable first',
    [plugged, authorized, charging],
    { idToken: { type: 'ISO14443', idToken: 'VALID' } },
  ],
  [
    'TC_E_04_CSMS: starts with the authorization first',
    [startedBy, { ...plugged, event: 'Updated' }, charging],
    { chargingState: 'Charging' },
  ],
  [
    'TC_E_07_CSMS: ends when the power path opens',
    [startedBy, charging, endedBy],
    { stoppedReason: 'Local' },
  ],
  [
    'TC_E_08_CSMS: ends when energy stops after an authorization',
    [startedBy, charging, endedBy],
    { stoppedReason: 'Local' },
  ],
  [
    'TC_E_09_CSMS: starts when the car is connected',
    [plugged],
    { chargingState: 'EVConnected', endedAt: null },
  ],
  ['TC_E_10_CSMS: starts with a local authorization', [startedBy], { startedAt: at(0) }],
  ['TC_E_11_CSMS: starts when data is signed', [started('SignedDataReceived')], { startedAt: at(0) }],
  [
    'TC_E_12_CSMS: starts when the parking bay is occupied',
    [started('EVDetected'), authorized],
    { startedAt: at(0) },
  ],
  [
    'TC_E_14_CSMS: ends when the cable is pulled from the station',
    [plugged, authorized, charging, stopped, unplugged],
    { stoppedReason: 'EVDisconnected' },
  ],
  ['TC_E_15_CSMS: ends with a local authorization', [startedBy, charging, endedBy], { endedAt: at(2) }],
  [
    'TC_E_16_CSMS: ends because the token is not accepted',
    [
      { event: 'Started', because: 'Authorized', more: { idToken: stranger }, token: 'Unknown' },
      ended('Deauthorized', 'DeAuthorized'),
    ],
    { stoppedReason: 'DeAuthorized' },
  ],
  [
    'TC_E_17_CSMS: ends because the car was unplugged',
    [startedBy, charging, ended('EVCommunicationLost', 'EVDisconnected')],
    { endedAt: at(2) },
  ],
  [
    'TC_E_19_CSMS: ends when the parking bay is left',
    [started('EVDetected'), authorized, charging, ended('EVDeparted', 'Local')],
    { endedAt: at(3) },
  ],
  [
    'TC_E_20_CSMS: ends when the cable is pulled from the car',
    [plugged, authorized, charging, suspended, unplugged],
    { endedAt: at(4) },
  ],
  [
    'TC_E_22_CSMS: ends when the car takes no more',
    [startedBy, charging, ended('ChargingStateChanged', 'StoppedByEV')],
    { stoppedReason: 'StoppedByEV' },
  ],
  [
    'TC_E_26_CSMS: goes on after the cable was pulled from the car',
    [plugged, authorized, charging, { event: 'Updated', because: 'EVCommunicationLost', ...state('Idle') }],
    { chargingState: 'Idle', endedAt: null },
  ],
  [
    'TC_E_38_CSMS: waits for a car that is not ready',
    [startedBy, { event: 'Updated', because: 'ChargingStateChanged', ...state('SuspendedEV') }],
    { chargingState: 'SuspendedEV' },
  ],
  [
    'TC_E_39_CSMS: ends because no cable came',
    [startedBy, ended('EVConnectTimeout', 'Timeout')],
    { stoppedReason: 'Timeout' },
  ],
  [
    'TC_E_53_CSMS: takes 0 as the first sequence number of each transaction',
    [startedBy, charging, endedBy],
    { lastSeqNo: 2 },
  ],
]

describe('E: transactions', () => {
  it.each(CASES)('%s', async (title, steps, expected) => {
    expect(await play(title.slice(0, 12), steps)).toMatchObject(expected)
  })

  it('keeps everything that an event says', async () => {
    const session = await play('E-FULL', [
      {
        ...startedBy,
        info: { remoteStartId: 9, chargingState: 'EVConnected', timeSpentCharging: 3 },
        more: { idToken, reservationId: 4, numberOfPhasesUsed: 3, cableMaxCurrent: 32, offline: true },
      },
    ])
    expect(session).toMatchObject({ remoteStartId: 9, reservationId: 4, phasesUsed: 3, connectorId: 1 })
    const [kept] = await service.store.sessions.events('E-FULL', 'TX')
    expect(kept?.event).toMatchObject({
      offline: true,
      cableMaxCurrent: 32,
      transactionInfo: { timeSpentCharging: 3 },
    })
  })

  it('puts events in order that came out of it, counts the gaps, and takes each once (E12)', async () => {
    const station = await service.booted('E-ORDER')
    const offline = { offline: true }
    await send(station, { ...startedBy, more: { idToken, ...offline } }, 0)
    await send(station, { ...ended('StopAuthorized', 'Local'), more: offline }, 4)
    expect(await service.store.sessions.get('E-ORDER', 'TX')).toMatchObject({
      missingSeqNos: 3,
      endedAt: at(4),
    })
    await send(station, { ...charging, more: offline }, 2)
    await send(station, { ...charging, more: offline }, 1)
    await send(station, { ...suspended, more: offline }, 3)
    await send(station, { ...charging, more: offline }, 1)
    const session = await service.store.sessions.get('E-ORDER', 'TX')
    expect(session).toMatchObject({
      missingSeqNos: 0,
      lastSeqNo: 4,
      chargingState: 'Idle',
      stoppedReason: 'Local',
    })
    const events = await service.store.sessions.events('E-ORDER', 'TX')
    expect(events.map((event) => event.seqNo)).toEqual([0, 1, 2, 3, 4])
    expect(
      service.events.filter((event) => event.kind === 'session.updated' && event.stationId === 'E-ORDER'),
    ).toHaveLength(5)
    await station.close()
  })

  it('keeps two transactions of one station apart, and the same id of two stations', async () => {
    const [one, two] = [await service.booted('E-ONE'), await service.booted('E-TWO')]
    for (const station of [one, two]) await send(station, startedBy, 0)
    await send(one, { ...plugged, info: { transactionId: 'OTHER' } }, 0)
    expect(await service.store.sessions.list({ stationId: 'E-ONE' })).toHaveLength(2)
    expect(await service.store.sessions.list({ stationId: 'E-TWO' })).toHaveLength(1)
    await Promise.all([one.close(), two.close()])
  })
})

describe('I: cost', () => {
  it('TC_I_01_CSMS, TC_I_02_CSMS: says what a transaction costs so far, and what it cost when it ends', async () => {
    const priced = await startService({ policy: { tariff: { perSession: 0.5, perKWh: 0.4 } } })
    const station = await priced.booted('TC_I_02_CSMS')
    const event = (eventType: string, seqNo: number, value: number) => ({
      eventType,
      timestamp: at(seqNo),
      triggerReason: 'MeterValuePeriodic',
      seqNo,
      transactionInfo: { transactionId: 'TX' },
      evse,
      meterValue: [{ timestamp: at(seqNo), sampledValue: [{ value }] }],
    })
    expect(await station.ok('TransactionEvent', event('Started', 0, 1000))).toEqual({ totalCost: 0.5 })
    expect(await station.ok('TransactionEvent', event('Updated', 1, 6000))).toEqual({ totalCost: 2.5 })
    expect(await station.ok('TransactionEvent', event('Ended', 2, 11_000))).toEqual({ totalCost: 4.5 })
    await station.close()
    await priced.stop()
  })

  it('says 0, not nothing, when charging is free (I03.FR.02)', async () => {
    const station = await service.booted('I-FREE')
    await send(station, startedBy, 0)
    const answer = await station.ok('TransactionEvent', {
      eventType: 'Ended',
      timestamp: at(1),
      triggerReason: 'StopAuthorized',
      seqNo: 1,
      transactionInfo: { transactionId: 'TX' },
    })
    expect(answer).toEqual({ totalCost: 0 })
    await station.close()
  })
})

describe('J: meter values', () => {
  const signedMeterValue = {
    signedMeterData: 'c2lnbmVk',
    signingMethod: 'ECDSA-secp256r1-SHA256',
    encodingMethod: 'OCMF',
    publicKey: 'a2V5',
  }
  const value = (context: string, change: object = {}): MeterValueType => ({
    timestamp: AT,
    sampledValue: [
      {
        value: 12.5,
        context,
        measurand: 'Current.Import',
        phase: 'L2',
        location: 'Outlet',
        ...change,
      } as never,
    ],
  })

  it.each([
    ['TC_J_01_CSMS: clock-aligned, without a transaction', value('Sample.Clock')],
    ['TC_J_02_CSMS: clock-aligned, with a transaction on another EVSE', value('Sample.Clock')],
    ['TC_J_04_CSMS: clock-aligned and signed', value('Sample.Clock', { signedMeterValue })],
  ])('%s', async (title, meterValue) => {
    const stationId = title.slice(0, 12)
    const station = await service.booted(stationId)
    if (title.includes('with a transaction'))
      await send(station, { ...startedBy, more: { idToken, evse: { id: 2 } } }, 0)
    for (const evseId of [0, 1])
      expect(await station.ok('MeterValues', { evseId, meterValue: [meterValue] })).toEqual({})
    const kept = await service.store.sessions.meterValues({ stationId })
    expect(kept.map(({ evseId, value: one }) => [evseId, one])).toEqual([
      [0, meterValue],
      [1, meterValue],
    ])
    await station.close()
  })

  it.each([
    ['TC_J_03_CSMS: clock-aligned, with the end', 'Ended', value('Sample.Clock'), evse],
    ['TC_J_07_CSMS: sampled, with the start', 'Started', value('Transaction.Begin'), evse],
    [
      'TC_J_08_CSMS: sampled, with a start that knows no EVSE',
      'Started',
      value('Transaction.Begin'),
      undefined,
    ],
    ['TC_J_09_CSMS: sampled, on the way', 'Updated', value('Sample.Periodic'), evse],
    ['TC_J_10_CSMS: sampled, with the end', 'Ended', value('Transaction.End'), evse],
    ['TC_J_11_CSMS: sampled and signed', 'Ended', value('Transaction.End', { signedMeterValue }), evse],
  ])('%s', async (title, eventType, meterValue, place) => {
    const stationId = title.slice(0, 12)
    const station = await service.booted(stationId)
    await station.ok('TransactionEvent', {
      eventType,
      timestamp: AT,
      triggerReason: 'MeterValuePeriodic',
      seqNo: 0,
      transactionInfo: { transactionId: 'TX' },
      ...(place === undefined ? {} : { evse: place }),
      meterValue: [meterValue],
    })
    const [kept] = await service.store.sessions.events(stationId, 'TX')
    expect(kept?.event.meterValue).toEqual([meterValue])
    await station.close()
  })
})
