import { afterAll, beforeAll, describe } from 'vitest'
import {
  type Act,
  AT,
  accepted,
  checkActs,
  done,
  evse,
  following,
  idToken,
  rejected,
} from './support/acts.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 5000 } })
})
afterAll(() => service.stop())

describe('N: diagnostics, monitoring, customer information', () => {
  const log = { remoteLocation: 'https://logs.example.com/upload', oldestTimestamp: AT }
  const logStatus = (value: string, leaves: readonly ['done' | 'failed' | 'following', string]) => ({
    action: 'LogStatusNotification' as const,
    payload: (requestId: number | null) => ({ status: value, requestId }),
    leaves,
  })
  const variable = { component: { name: 'EVSE', evse }, variable: { name: 'Power' } }
  const monitors = (id: string, about: string, request: object): Act => ({
    title: `TC_N_${id}_CSMS: asks for a monitoring report ${about}`,
    action: 'GetMonitoringReport',
    request,
    answer: accepted,
    leaves: following,
    follow: [
      {
        action: 'NotifyMonitoringReport',
        payload: (requestId) => ({
          requestId,
          seqNo: 0,
          generatedAt: AT,
          tbc: true,
          monitor: [
            {
              ...variable,
              variableMonitoring: [
                { id: 1, transaction: false, value: 1, type: 'UpperThreshold', severity: 5 },
              ],
            },
          ],
        }),
        leaves: ['following', 'Reporting'],
      },
      {
        action: 'NotifyMonitoringReport',
        payload: (requestId) => ({ requestId, seqNo: 1, generatedAt: AT }),
        leaves: ['done', 'Reported'],
      },
    ],
  })
  const monitor = (change: object = {}) => ({
    ...variable,
    value: 11000,
    type: 'UpperThreshold',
    severity: 4,
    ...change,
  })
  const setMonitors = (id: string, about: string, data: readonly { type: string }[]): Act => ({
    title: `TC_N_${id}_CSMS: sets ${about}`,
    action: 'SetVariableMonitoring',
    request: { setMonitoringData: data },
    answer: {
      setMonitoringResult: data.map((one, index) => ({
        ...variable,
        id: index + 1,
        status: 'Accepted',
        type: one.type,
        severity: 4,
      })),
    },
    leaves: done,
  })
  const information = (data: string) => ({
    action: 'NotifyCustomerInformation' as const,
    payload: (requestId: number | null) => ({ requestId, seqNo: 0, generatedAt: AT, data }),
    leaves: ['done', 'Reported'] as const,
  })
  const customer = (
    id: string,
    about: string,
    request: object,
    data: string | undefined,
    answer = 'Accepted',
  ): Act => ({
    title: `TC_N_${id}_CSMS: ${about}`,
    action: 'CustomerInformation',
    request,
    answer: { status: answer },
    leaves: answer === 'Accepted' ? following : ['failed', answer],
    ...(data === undefined ? {} : { follow: [information(data)] }),
  })
  const hash = { hashAlgorithm: 'SHA256', issuerNameHash: 'aa', issuerKeyHash: 'bb', serialNumber: '1' }
  checkActs(
    [
      monitors('01', 'by kind of monitor', { monitoringCriteria: ['ThresholdMonitoring'] }),
      monitors('02', 'of a variable', { componentVariable: [variable] }),
      monitors('03', 'by kind of monitor and variable', {
        monitoringCriteria: ['DeltaMonitoring'],
        componentVariable: [variable],
      }),
      monitors('47', 'of everything', {}),
      monitors('60', 'by kind of monitor and several variables', {
        monitoringCriteria: ['PeriodicMonitoring'],
        componentVariable: [variable, { component: { name: 'ChargingStation' } }],
      }),
      {
        title: 'TC_N_05_CSMS: sets the monitoring base',
        action: 'SetMonitoringBase',
        request: { monitoringBase: 'All' },
        answer: accepted,
        leaves: done,
      },
      setMonitors('08', 'one monitor', [monitor()]),
      setMonitors('09', 'several monitors', [monitor(), monitor({ type: 'LowerThreshold', value: 0 })]),
      {
        title: 'TC_N_16_CSMS: sets the monitoring level',
        action: 'SetMonitoringLevel',
        request: { severity: 4 },
        answer: accepted,
        leaves: done,
      },
      {
        title: 'TC_N_17_CSMS: learns that a monitoring level was not taken',
        action: 'SetMonitoringLevel',
        request: { severity: 4 },
        answer: rejected,
        leaves: ['failed', 'Rejected'],
      },
      {
        title: 'TC_N_25_CSMS: follows the upload of a diagnostics log',
        action: 'GetLog',
        request: { logType: 'DiagnosticsLog', log },
        answer: { ...accepted, filename: 'diagnostics.zip' },
        leaves: following,
        follow: [
          logStatus('Uploading', ['following', 'Uploading']),
          logStatus('Uploaded', ['done', 'Uploaded']),
        ],
      },
      {
        title: 'TC_N_34_CSMS: learns that a log was not given',
        action: 'GetLog',
        request: { logType: 'DiagnosticsLog', log },
        answer: rejected,
        leaves: ['failed', 'Rejected'],
      },
      {
        title: 'TC_N_35_CSMS: follows the upload of a security log',
        action: 'GetLog',
        request: { logType: 'SecurityLog', log },
        answer: accepted,
        leaves: following,
        follow: [
          logStatus('Uploading', ['following', 'Uploading']),
          logStatus('Uploaded', ['done', 'Uploaded']),
        ],
      },
      {
        title: 'TC_N_44_CSMS: learns that a monitor was not cleared',
        action: 'ClearVariableMonitoring',
        request: { id: [1] },
        answer: { clearMonitoringResult: [{ id: 1, status: 'Rejected' }] },
        leaves: ['failed', 'Rejected'],
      },
      customer(
        '27',
        'asks what a station knows about a customer',
        { report: true, clear: false, idToken },
        'name: A',
      ),
      customer(
        '28',
        'asks what a station knows, which is nothing',
        { report: true, clear: false, idToken },
        '',
      ),
      customer(
        '29',
        'learns that a station does not say what it knows',
        { report: true, clear: false, idToken },
        undefined,
        'Rejected',
      ),
      customer(
        '30',
        'clears what a station knows, and sees it',
        { report: true, clear: true, idToken },
        'name: A',
      ),
      customer(
        '31',
        'clears what a station knows, which is nothing',
        { report: true, clear: true, idToken },
        '',
      ),
      customer(
        '32',
        'clears what a station knows without seeing it',
        { report: false, clear: true, idToken },
        '',
      ),
      customer(
        '62',
        'clears what a station knows by an identifier',
        { report: true, clear: true, customerIdentifier: 'Customer1' },
        'x',
      ),
      customer(
        '63',
        'clears what a station knows by a certificate',
        { report: true, clear: true, customerCertificate: hash },
        'x',
      ),
    ],
    () => service,
  )
})
