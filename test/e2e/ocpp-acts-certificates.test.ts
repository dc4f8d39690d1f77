import { afterAll, beforeAll, describe } from 'vitest'
import { type Act, accepted, checkActs, done } from './support/acts.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 5000 } })
})
afterAll(() => service.stop())

describe('M: certificates as an operator handles them', () => {
  const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
  const hash = { hashAlgorithm: 'SHA256', issuerNameHash: 'aa', issuerKeyHash: 'bb', serialNumber: '1' }
  const install = (id: string, certificateType: string, answer = 'Accepted'): Act => ({
    title: `TC_M_${id}_CSMS: installs a ${certificateType}${answer === 'Accepted' ? '' : `, which ends ${answer}`}`,
    action: 'InstallCertificate',
    request: { certificateType, certificate },
    answer: { status: answer },
    leaves: [answer === 'Accepted' ? 'done' : 'failed', answer],
  })
  const list = (id: string, certificateType: readonly string[], found = true): Act => ({
    title: `TC_M_${id}_CSMS: lists ${certificateType.length === 0 ? 'all certificates' : certificateType.join(' and ')}`,
    action: 'GetInstalledCertificateIds',
    request: certificateType.length === 0 ? {} : { certificateType },
    answer: found
      ? {
          ...accepted,
          certificateHashDataChain: [
            { certificateType: certificateType[0] ?? 'V2GRootCertificate', certificateHashData: hash },
          ],
        }
      : { status: 'NotFound' },
    leaves: ['done', found ? 'Accepted' : 'NotFound'],
  })
  checkActs(
    [
      install('01', 'CSMSRootCertificate'),
      install('02', 'ManufacturerRootCertificate'),
      install('03', 'V2GRootCertificate'),
      install('04', 'MORootCertificate'),
      install('05', 'CSMSRootCertificate', 'Failed'),
      list('12', ['CSMSRootCertificate']),
      list('13', ['ManufacturerRootCertificate']),
      list('14', ['V2GRootCertificate']),
      list('15', ['V2GCertificateChain']),
      list('16', ['MORootCertificate']),
      list('17', ['CSMSRootCertificate', 'ManufacturerRootCertificate']),
      list('18', []),
      list('19', ['MORootCertificate'], false),
      {
        title: 'TC_M_20_CSMS: deletes a certificate',
        action: 'DeleteCertificate',
        request: { certificateHashData: hash },
        answer: accepted,
        leaves: done,
      },
      {
        title: 'TC_M_21_CSMS: learns that a certificate was not deleted',
        action: 'DeleteCertificate',
        request: { certificateHashData: hash },
        answer: { status: 'Failed' },
        leaves: ['failed', 'Failed'],
      },
    ],
    () => service,
  )
})
