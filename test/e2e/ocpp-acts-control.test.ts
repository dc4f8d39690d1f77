import { afterAll, beforeAll, describe } from 'vitest'
import {
  type Act,
  AT,
  accepted,
  checkActs,
  connector,
  done,
  evse,
  following,
  idToken,
  rejected,
  status,
  transaction,
} from './support/acts.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 5000 } })
})
afterAll(() => service.stop())

describe('C, D, E, F: caches, lists, status of transactions, remote control', () => {
  const trigger = (id: string, requestedMessage: string, follow: Act['follow'], more: object = {}): Act => ({
    title: `TC_F_${id}_CSMS: triggers ${requestedMessage}${'evse' in more ? ' of an EVSE' : ''}`,
    action: 'TriggerMessage',
    request: { requestedMessage, ...more },
    answer: accepted,
    leaves: following,
    ...(follow === undefined ? {} : { follow }),
  })
  const received = ['done', 'Received'] as const
  const values = (evseId: number) => ({
    action: 'MeterValues' as const,
    payload: { evseId, meterValue: [{ timestamp: AT, sampledValue: [{ value: 1, context: 'Trigger' }] }] },
  })
  const transactionStatus = (id: string, about: string, request: object, answer: object): Act => ({
    title: `TC_E_${id}_CSMS: asks for the status of ${about}`,
    action: 'GetTransactionStatus',
    request,
    answer,
    leaves: ['done', 'Answered'],
  })
  const start = { idToken, evseId: 1 }
  checkActs(
    [
      {
        title: 'TC_C_37_CSMS: clears the authorization cache',
        action: 'ClearCache',
        request: {},
        answer: accepted,
        leaves: done,
      },
      {
        title: 'TC_C_38_CSMS: learns that the cache was not cleared',
        action: 'ClearCache',
        request: {},
        answer: rejected,
        leaves: ['failed', 'Rejected'],
      },
      {
        title: 'TC_D_08_CSMS: asks for the version of the local list',
        action: 'GetLocalListVersion',
        request: {},
        answer: { versionNumber: 5 },
        leaves: ['done', 'Answered'],
      },
      {
        title: 'TC_D_09_CSMS: learns that there is no local list',
        action: 'GetLocalListVersion',
        request: {},
        answer: { versionNumber: 0 },
        leaves: ['done', 'Answered'],
      },
      transactionStatus(
        '29',
        'an ongoing transaction with messages waiting',
        { transactionId: 'TX' },
        { ongoingIndicator: true, messagesInQueue: true },
      ),
      transactionStatus(
        '30',
        'an ongoing transaction without messages waiting',
        { transactionId: 'TX' },
        { ongoingIndicator: true, messagesInQueue: false },
      ),
      transactionStatus(
        '31',
        'an ended transaction with messages waiting',
        { transactionId: 'TX' },
        { ongoingIndicator: false, messagesInQueue: true },
      ),
      transactionStatus('33', 'all transactions with messages waiting', {}, { messagesInQueue: true }),
      transactionStatus('34', 'all transactions without messages waiting', {}, { messagesInQueue: false }),
      {
        title: 'TC_E_21_CSMS: stops a transaction remotely, to its end',
        action: 'RequestStopTransaction',
        request: { transactionId: 'TX' },
        answer: accepted,
        leaves: following,
        follow: [
          {
            ...transaction('Updated', 'RemoteStop', { chargingState: 'EVConnected' }),
            leaves: ['following', 'RemoteStop'],
          },
          { ...transaction('Ended', 'RemoteStop', { stoppedReason: 'Remote' }), leaves: ['done', 'Ended'] },
        ],
      },
      {
        title: 'TC_F_01_CSMS: starts remotely after the cable was plugged in',
        action: 'RequestStartTransaction',
        request: start,
        answer: { ...accepted, transactionId: 'TX' },
        leaves: following,
        follow: [
          {
            ...transaction('Updated', 'RemoteStart', { chargingState: 'Charging' }, { idToken }),
            leaves: ['done', 'Started'],
          },
        ],
      },
      {
        title: 'TC_F_02_CSMS: starts remotely before the cable, with an authorization by the station',
        action: 'RequestStartTransaction',
        request: start,
        answer: accepted,
        leaves: following,
        follow: [
          { action: 'Authorize', payload: { idToken }, leaves: following },
          { ...transaction('Started', 'RemoteStart', {}, { idToken }), leaves: ['done', 'Started'] },
          transaction('Updated', 'CablePluggedIn', { chargingState: 'EVConnected' }),
        ],
      },
      {
        title: 'TC_F_03_CSMS: starts remotely before the cable, without an authorization by the station',
        action: 'RequestStartTransaction',
        request: start,
        answer: accepted,
        leaves: following,
        follow: [{ ...transaction('Started', 'RemoteStart', {}, { idToken }), leaves: ['done', 'Started'] }],
      },
      {
        title: 'TC_F_04_CSMS: follows a remote start to the timeout of the cable',
        action: 'RequestStartTransaction',
        request: start,
        answer: accepted,
        leaves: following,
        follow: [
          { ...transaction('Started', 'RemoteStart', {}, { idToken }), leaves: ['done', 'Started'] },
          transaction('Ended', 'EVConnectTimeout', { stoppedReason: 'Timeout' }),
        ],
      },
      {
        title: 'TC_F_06_CSMS: unlocks a connector',
        action: 'UnlockConnector',
        request: { evseId: 1, connectorId: 1 },
        answer: { status: 'Unlocked' },
        leaves: ['done', 'Unlocked'],
      },
      trigger(
        '11',
        'MeterValues',
        [
          { ...values(2), leaves: following },
          { ...values(1), leaves: received },
        ],
        { evse },
      ),
      trigger('12', 'MeterValues', [{ ...values(1), leaves: received }, values(2)]),
      trigger('13', 'TransactionEvent', [{ ...transaction('Updated', 'Trigger'), leaves: received }], {
        evse,
      }),
      trigger('14', 'TransactionEvent', [{ ...transaction('Updated', 'Trigger'), leaves: received }]),
      trigger('15', 'LogStatusNotification', [
        { action: 'LogStatusNotification', payload: { status: 'Idle' }, leaves: received },
      ]),
      trigger('18', 'FirmwareStatusNotification', [
        { action: 'FirmwareStatusNotification', payload: { status: 'Idle' }, leaves: received },
      ]),
      trigger('20', 'Heartbeat', [{ action: 'Heartbeat', payload: {}, leaves: received }]),
      trigger('23', 'StatusNotification', [{ ...status('Available'), leaves: received }], {
        evse: connector,
      }),
      trigger('24', 'StatusNotification', [{ ...status('Occupied'), leaves: received }], { evse: connector }),
      {
        title: 'TC_F_27_CSMS: learns that a message cannot be triggered',
        action: 'TriggerMessage',
        request: { requestedMessage: 'SignCombinedCertificate' },
        answer: { status: 'NotImplemented' },
        leaves: ['failed', 'NotImplemented'],
      },
    ],
    () => service,
  )
})
