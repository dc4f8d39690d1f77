import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type {
  ContractJudgement,
  EvCertificateAnswer,
  PresentedContract,
  VehicleContracts,
} from '../../src/certificates/ports.ts'
import { noCertificates, startService, type TestService } from './support/ocpp-service.ts'

const AT = '2026-03-01T10:00:00Z'
const EMAID = 'DEABCC12345678'
const idToken = { idToken: EMAID, type: 'eMAID' }
const hash = {
  hashAlgorithm: 'SHA256',
  issuerNameHash: 'aa',
  issuerKeyHash: 'bb',
  serialNumber: '1',
  responderURL: 'http://ocsp.example.com',
}

let judgement: ContractJudgement
let provided: EvCertificateAnswer
let presented: PresentedContract[] = []
const contracts: VehicleContracts = {
  provide: async () => provided,
  judge: async (contract) => {
    presented.push(contract)
    return judgement
  },
  account: async () => ({ status: 'Accepted', spellings: [EMAID] }),
}

let service: TestService
beforeAll(async () => {
  service = await startService({ certificates: { ...noCertificates, contracts } })
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

async function authorize(stationId: string, request: object) {
  presented = []
  const station = await service.booted(stationId)
  const answer = await station.ok('Authorize', { idToken, ...request })
  await station.close()
  return answer
}

describe('C: contract certificates, as OCPP carries the verdict of the contract pool', () => {
  it('TC_C_50_CSMS: accepts a contract that the station has verified, by the hashes of its certificates', async () => {
    judgement = { kind: 'valid' }
    expect(await authorize('TC_C_50_CSMS', { iso15118CertificateHashData: [hash] })).toMatchObject({
      idTokenInfo: { status: 'Accepted' },
      certificateStatus: 'Accepted',
    })
    expect(presented).toEqual([{ stationId: 'TC_C_50_CSMS', emaid: EMAID, hashData: [hash] }])
  })

  it('TC_C_51_CSMS: refuses a contract whose certificate is revoked', async () => {
    judgement = { kind: 'revoked', detail: 'by its authority' }
    expect(await authorize('TC_C_51_CSMS', { iso15118CertificateHashData: [hash] })).toEqual({
      idTokenInfo: { status: 'Invalid' },
      certificateStatus: 'CertificateRevoked',
    })
  })

  it('TC_C_52_CSMS: accepts a contract by the chain that the station has left to us', async () => {
    judgement = { kind: 'valid' }
    const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
    expect(await authorize('TC_C_52_CSMS', { certificate })).toMatchObject({ certificateStatus: 'Accepted' })
    expect(presented).toEqual([{ stationId: 'TC_C_52_CSMS', emaid: EMAID, certificatePem: certificate }])
  })
})

describe('M: certificates for cars, as OCPP carries what the contract pool says', () => {
  it.each([
    ['TC_M_26_CSMS', 'Install'],
    ['TC_M_28_CSMS', 'Update'],
  ])('%s: %s is answered with what the pool has for the car', async (stationId, action) => {
    provided = { status: 'Accepted', exiResponse: 'gJgC' }
    const station = await service.booted(stationId)
    const request = { iso15118SchemaVersion: 'urn:iso:15118:2:2013:MsgDef', action, exiRequest: 'gJgC' }
    expect(await station.ok('Get15118EVCertificate', request)).toMatchObject({
      status: 'Accepted',
      exiResponse: 'gJgC',
    })
    await station.close()
  })
})
