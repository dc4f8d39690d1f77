/** ISO 15118-20 over real sockets: every response code that a car can be told, and stations with long fields. */

import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type CertificateInstallationReq20,
  decodeCommonMessage,
  encodeCommonMessage,
} from '../../pki/index.ts'
import { createPlugAndChargeEv, type EvRequest, type PlugAndChargeEv } from '../../src/simulator/ev/index.ts'
import { type IssueOptions, issue, newKey } from '../pki/contract/hierarchy.ts'
import { createOem, type PncWorld } from '../support/pnc.ts'
import type { TestClient } from './support/ocpp-client.ts'
import { DAY_MS, EMAID, PCID, type PncService, startPncService } from './support/pnc-service.ts'

let pnc: PncService
let world: PncWorld
let station: TestClient
let revoked: boolean
let lines: { msg: string; code?: string }[]
beforeEach(async () => {
  revoked = false
  const external = { status: async () => ({ kind: revoked ? 'revoked' : 'good' }) as const }
  lines = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  pnc = await startPncService({ external, log })
  world = pnc.world
  station = pnc.station
})
afterEach(() => pnc.close())

const announce = (value: string) =>
  station.ok('NotifyReport', {
    requestId: 1,
    generatedAt: new Date().toISOString(),
    seqNo: 0,
    reportData: [
      {
        component: { name: 'OCPPCommCtrlr' },
        variable: { name: 'FieldLength', instance: 'Get15118EVCertificateResponse.exiResponse' },
        variableAttribute: [{ value }],
      },
    ],
  })

/** A car whose provisioning certificate is special. */
function carWith(options: IssueOptions & { pcid?: string } = {}, oem = world.oem['15118-20']) {
  const [sub2, sub1] = oem.subs
  const made = issue(sub2, '15118-20', 'oem-provisioning', options.pcid ?? PCID, options)
  const [root] = world.certificates.authorities.generations('v2g20-root')
  return createPlugAndChargeEv(
    {
      protocol: '15118-20',
      provisioning: { ...made, subCas: [sub2.certificate, sub1.certificate] },
      v2gRoots: root ? [root.certificate] : [],
    },
    { nowMs: Date.now, random: (octets) => crypto.getRandomValues(new Uint8Array(octets)) },
  )
}

function changed(
  request: EvRequest,
  change: (message: CertificateInstallationReq20) => CertificateInstallationReq20,
): EvRequest {
  const message = decodeCommonMessage(request.exiRequest)
  if (!('CertificateInstallationReq' in message)) throw new Error('it is a request')
  const exiRequest = encodeCommonMessage({
    CertificateInstallationReq: change(message.CertificateInstallationReq),
  })
  return { ...request, exiRequest }
}

describe('a station that takes long answers', () => {
  test('hands a contract on that is longer than the field of OCPP 2.0.1, and the car charges with it', async () => {
    await announce('12000')
    await world.contract(PCID, EMAID)
    const ev = world.car(PCID, '15118-20')
    const { status, exiResponse } = await pnc.provision(ev.installationRequest())
    expect(status).toBe('Accepted')
    expect(exiResponse.length).toBeGreaterThan(4200)
    expect(ev.receive(exiResponse)).toMatchObject({ ok: true, remainingContracts: 0 })
  })

  test('that announced less than the answer has is told Failed, as is one that announced nothing, with a line in the log', async () => {
    await world.contract(PCID, EMAID)
    const ev = world.car(PCID, '15118-20')
    const failed = { status: 'Failed', reasonCode: 'ResponseTooLarge' }
    expect(await pnc.provision(ev.installationRequest())).toMatchObject(failed)
    await announce('5000')
    expect(await pnc.provision(ev.installationRequest())).toMatchObject(failed)
    expect((await world.store.contracts.list())[0]?.state).toBe('offered')
    expect(lines.map(({ code }) => code)).toEqual(['response-too-large', 'response-too-large'])
  })
})

describe('a car is told over the socket', () => {
  test('WARNING_NoContractMatchingPCIDFound without a contract, and when its contract ended', async () => {
    expect(await pnc.told(carWith())).toEqual(['Accepted', 'WARNING_NoContractMatchingPCIDFound'])
    const { id } = await world.contract(PCID, EMAID)
    await world.contracts.pool.terminate(id)
    expect(await pnc.told(carWith())).toEqual(['Accepted', 'WARNING_NoContractMatchingPCIDFound'])
  })

  test('WARNING_NoCertificateAvailable when it knows none of our V2G roots', async () => {
    const ev = carWith()
    const unknown = [{ X509IssuerName: 'CN=Somebody', X509SerialNumber: 1n << 100n }]
    const request = changed(ev.installationRequest(), (message) => ({
      ...message,
      ListOfRootCertificateIDs: { RootCertificateID: unknown },
    }))
    expect(await pnc.told(ev, request)).toEqual(['Accepted', 'WARNING_NoCertificateAvailable'])
  })

  test.each<[string, () => PlugAndChargeEv]>([
    ['nobody trusts its maker', () => carWith({}, createOem('15118-20', 'Stranger'))],
    ['its certificate may not agree on keys', () => carWith({ profile: { keyUsage: ['digitalSignature'] } })],
    ['its certificate is one for something else', () => carWith({ profile: { domainComponent: 'CPO' } })],
    ['its name is no PCID', () => carWith({ pcid: 'MY CAR' })],
  ])('WARNING_CertificateValidationError when %s', async (_, make) => {
    expect(await pnc.told(make())).toEqual(['Accepted', 'WARNING_CertificateValidationError'])
  })

  test('WARNING_CertificateExpired and WARNING_CertificateNotYetValid by the dates of its certificate', async () => {
    const now = Date.now()
    const past = carWith({ notBeforeMs: now - DAY_MS, notAfterMs: now - 2_000 })
    expect(await pnc.told(past)).toEqual(['Accepted', 'WARNING_CertificateExpired'])
    const future = carWith({ atMs: now + 2 * DAY_MS, notBeforeMs: now + DAY_MS })
    expect(await pnc.told(future)).toEqual(['Accepted', 'WARNING_CertificateNotYetValid'])
  })

  test('WARNING_CertificateRevoked when the responder of its maker says so', async () => {
    const maker = createOem('15118-20', 'Maker', { ocspUrl: 'http://ocsp.maker.example/' })
    await world.contracts.trust('OEM', maker.pem)
    revoked = true
    expect(await pnc.told(carWith({}, maker))).toEqual(['Accepted', 'WARNING_CertificateRevoked'])
  })

  test('FAILED_SignatureError when its chain is not what it signed', async () => {
    const ev = carWith()
    const request = changed(ev.installationRequest(), (message) => ({
      ...message,
      OEMProvisioningCertificateChain: {
        ...message.OEMProvisioningCertificateChain,
        Id: 'id1',
        SubCertificates: {
          Certificate: [
            ...(message.OEMProvisioningCertificateChain.SubCertificates?.Certificate ?? []),
          ].reverse(),
        },
      },
    }))
    expect(await pnc.told(ev, request)).toEqual(['Accepted', 'FAILED_SignatureError'])
  })

  test('FAILED when its key is of a kind that is not served', async () => {
    const ev = carWith()
    const { certificate } = issue(world.oem['15118-2'].subs[0], '15118-2', 'oem-provisioning', PCID, {
      key: newKey('15118-2'),
    })
    const request = changed(ev.installationRequest(), (message) => ({
      ...message,
      OEMProvisioningCertificateChain: { Id: 'id1', Certificate: certificate.der },
    }))
    expect(await pnc.told(ev, request)).toEqual(['Accepted', 'FAILED'])
  })

  test('FAILED_SequenceError when its station calls an installation an update', async () => {
    const ev = carWith()
    const answer = await pnc.told(ev, ev.installationRequest(), { action: 'Update' })
    expect(answer).toEqual(['Accepted', 'FAILED_SequenceError'])
  })
})
