import { afterAll, beforeAll, describe } from 'vitest'
import {
  type Act,
  AT,
  accepted,
  boot,
  checkActs,
  done,
  evse,
  following,
  status,
  transaction,
} from './support/acts.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 5000 } })
})
afterAll(() => service.stop())

describe('B: provisioning', () => {
  const variable = (component: string, name: string) => ({
    component: { name: component },
    variable: { name },
  })
  const offline = variable('OCPPCommCtrlr', 'OfflineThreshold')
  const remote = variable('AuthCtrlr', 'AuthorizeRemoteStart')
  const base = (id: string, reportBase: string): Act => ({
    title: `TC_B_${id}_CSMS: asks for a ${reportBase} and keeps every part`,
    action: 'GetBaseReport',
    request: { reportBase },
    answer: accepted,
    leaves: following,
    follow: [
      {
        action: 'NotifyReport',
        payload: (requestId) => ({
          requestId,
          generatedAt: AT,
          seqNo: 0,
          reportData: [{ ...offline, variableAttribute: [{ value: '60' }] }],
        }),
        leaves: ['done', 'Reported'],
      },
    ],
  })
  const customReport = {
    componentVariable: [{ component: { name: 'EVSE', evse }, variable: { name: 'AvailabilityState' } }],
  }
  const reset = (id: string, about: string, request: object, answer: string, follow: Act['follow']): Act => ({
    title: `TC_B_${id}_CSMS: resets ${about}`,
    action: 'Reset',
    request,
    answer: { status: answer },
    leaves: ['following', answer],
    ...(follow === undefined ? {} : { follow }),
  })
  const network = {
    configurationSlot: 2,
    connectionData: {
      ocppVersion: 'OCPP20',
      ocppTransport: 'JSON',
      ocppCsmsUrl: 'wss://csms.example.com/ocpp',
      messageTimeout: 30,
      securityProfile: 2,
      ocppInterface: 'Wired0',
    },
  }
  const ended = transaction('Ended', 'ResetCommand', { stoppedReason: 'ImmediateReset' })
  checkActs(
    [
      {
        title: 'TC_B_06_CSMS: reads one variable',
        action: 'GetVariables',
        request: { getVariableData: [offline] },
        answer: { getVariableResult: [{ ...offline, attributeStatus: 'Accepted', attributeValue: '60' }] },
        leaves: done,
      },
      {
        title: 'TC_B_07_CSMS: reads several variables',
        action: 'GetVariables',
        request: { getVariableData: [offline, remote] },
        answer: {
          getVariableResult: [
            { ...offline, attributeStatus: 'Accepted', attributeValue: '60' },
            { ...remote, attributeStatus: 'UnknownVariable' },
          ],
        },
        leaves: ['done', 'Partial'],
      },
      {
        title: 'TC_B_09_CSMS: sets one variable',
        action: 'SetVariables',
        request: { setVariableData: [{ ...offline, attributeValue: '123' }] },
        answer: { setVariableResult: [{ ...offline, attributeStatus: 'Accepted' }] },
        leaves: done,
      },
      {
        title: 'TC_B_10_CSMS: sets several variables',
        action: 'SetVariables',
        request: {
          setVariableData: [
            { ...offline, attributeValue: '123' },
            { ...remote, attributeValue: 'false' },
          ],
        },
        answer: {
          setVariableResult: [
            { ...offline, attributeStatus: 'Accepted' },
            { ...remote, attributeStatus: 'RebootRequired' },
          ],
        },
        leaves: done,
      },
      base('12', 'ConfigurationInventory'),
      base('13', 'FullInventory'),
      base('14', 'SummaryInventory'),
      {
        title: 'TC_B_18_CSMS: asks for a custom report, empty or not',
        action: 'GetReport',
        request: { ...customReport, componentCriteria: ['Available'] },
        answer: accepted,
        leaves: following,
        follow: [
          {
            action: 'NotifyReport',
            payload: (requestId) => ({ requestId, generatedAt: AT, seqNo: 0, tbc: false }),
            leaves: ['done', 'Reported'],
          },
        ],
      },
      reset('20', 'a station without a transaction, when it is idle', { type: 'OnIdle' }, 'Accepted', [
        { ...boot('RemoteReset'), leaves: ['done', 'Rebooted'] },
        status('Available'),
      ]),
      reset('21', 'a station with a transaction, when it is idle', { type: 'OnIdle' }, 'Scheduled', [
        {
          ...transaction('Ended', 'StopAuthorized', { stoppedReason: 'Local' }),
          leaves: ['following', 'Scheduled'],
        },
        { ...boot('ScheduledReset'), leaves: ['done', 'Rebooted'] },
      ]),
      reset('22', 'a station with a transaction, at once', { type: 'Immediate' }, 'Accepted', [
        { ...ended, leaves: following },
        { ...boot('RemoteReset'), leaves: ['done', 'Rebooted'] },
      ]),
      reset('25', 'an EVSE without a transaction', { type: 'OnIdle', evseId: 1 }, 'Accepted', [
        { ...status('Unavailable', 2), leaves: following },
        { ...status('Available'), leaves: ['done', 'Available'] },
      ]),
      reset('26', 'an EVSE with a transaction, when it is idle', { type: 'OnIdle', evseId: 1 }, 'Scheduled', [
        transaction('Ended', 'StopAuthorized', { stoppedReason: 'Local' }),
        { ...status('Available'), leaves: ['done', 'Available'] },
      ]),
      reset('27', 'an EVSE with a transaction, at once', { type: 'Immediate', evseId: 1 }, 'Accepted', [
        ended,
        { ...status('Available'), leaves: ['done', 'Available'] },
      ]),
      {
        title: 'TC_B_42_CSMS: sets a network profile',
        action: 'SetNetworkProfile',
        request: network,
        answer: accepted,
        leaves: done,
      },
      {
        title: 'TC_B_44_CSMS: learns that a network profile was not taken',
        action: 'SetNetworkProfile',
        request: network,
        answer: { status: 'Failed' },
        leaves: ['failed', 'Failed'],
      },
    ],
    () => service,
  )
})
