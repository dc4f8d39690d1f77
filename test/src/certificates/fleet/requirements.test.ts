import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Certificate, certificateHashData, parseOcspResponse } from '../../../../pki/index.ts'
import { writeCsr } from '../../../../src/simulator/index.ts'
import { hashPassword } from '../../../../src/stations/credentials.ts'
import { connect } from '../../../e2e/support/ocpp-client.ts'
import { BOOT, PASSWORD, startService } from '../../../e2e/support/ocpp-service.ts'
import { ORGANISATION } from '../support.ts'
import { answered, createFleetBench, type FleetBench, ID } from './support.ts'

let bench: FleetBench
beforeEach(async () => {
  bench = await createFleetBench()
  bench.pki.service.start(bench.bus)
})
afterEach(() => bench.close())

const csr = (commonName = ID): string =>
  writeCsr(
    { commonName, organization: ORGANISATION },
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  )
const sent = (action: string) => bench.station.calls.filter((call) => call.action === action)

async function request(certificateType?: 'ChargingStationCertificate' | 'V2GCertificate', commonName = ID) {
  const station = await bench.pki.store.stations.get(ID)
  if (station === undefined) throw new Error('no station')
  const verdict = await bench.pki.service.requestSigning(station, {
    csr: csr(commonName),
    ...(certificateType && { certificateType }),
  })
  await bench.pki.service.orders.advance()
  await expect
    .poll(async () => (await bench.pki.store.certificates.orders({ states: ['requested'] })).length)
    .toBe(0)
  return verdict
}

describe('SignCertificate', () => {
  it('A02.FR.11 A03.FR.11: is accepted where it can be processed, A02.FR.14 A03.FR.14: and answered with its own type', async () => {
    expect((await request('V2GCertificate')).status).toBe('Accepted')
    await expect.poll(() => sent('CertificateSigned').length).toBe(1)
    expect(sent('CertificateSigned')[0]?.payload.certificateType).toBe('V2GCertificate')
    expect((await request()).status).toBe('Accepted')
    await expect.poll(() => sent('CertificateSigned').length).toBe(2)
    expect(sent('CertificateSigned')[1]?.payload).not.toHaveProperty('certificateType')
  })

  it('A03.FR.12: is rejected where it cannot, and the reason is in the security log', async () => {
    expect((await request('ChargingStationCertificate', 'somebody-else')).status).toBe('Rejected')
    expect((await bench.pki.store.events.list({ stationId: ID })).map(({ type }) => type)).toContain(
      'CsrRejected',
    )
  })

  it('A02.FR.04 A03.FR.04: is signed by the authority of stations, which is not the one of our server', async () => {
    await request('ChargingStationCertificate')
    await expect.poll(() => sent('CertificateSigned').length).toBe(1)
    const [leaf] = Certificate.parseChain(String(sent('CertificateSigned')[0]?.payload.certificateChain))
    const record = await bench.pki.store.certificates.byFingerprint(leaf?.fingerprint ?? '')
    expect(record?.authorityId).toBe('station-ca')
    expect(bench.pki.service.authorities.chain('station-ca').at(-1)?.record.id).not.toBe(
      bench.pki.service.authorities.chain('csms-ca').at(-1)?.record.id,
    )
  })

  it('A02.FR.07 A03.FR.07: is not tried again where the station rejected the certificate', async () => {
    bench.station.answer = (action) =>
      action === 'CertificateSigned' ? answered({ status: 'Rejected' }) : undefined
    await request('ChargingStationCertificate')
    await expect
      .poll(async () => (await bench.pki.store.certificates.orders({ states: ['rejected'] })).length)
      .toBe(1)
    await bench.pki.service.orders.advance()
    expect(sent('CertificateSigned')).toHaveLength(1)
  })

  it('A03.FR.01: may come from the station itself at any time', async () => {
    expect((await request('ChargingStationCertificate')).status).toBe('Accepted')
    expect((await request('ChargingStationCertificate')).status).toBe('Accepted')
    expect(await bench.pki.store.certificates.orders({})).toHaveLength(2)
  })
})

describe('GetCertificateStatus', () => {
  const dataOf = (line: string) => {
    const authority = bench.pki.service.authorities.current(line)
    const issuer = bench.pki.service.authorities.get(authority?.record.issuerId ?? '')
    if (authority === undefined || issuer === undefined) throw new Error('no authority')
    return {
      ...certificateHashData(authority.certificate, issuer.certificate),
      responderURL: 'http://ocsp.example/',
    }
  }

  it('M06.FR.01 M06.FR.02 M06.FR.03: is answered with the OCSP response, M06.FR.08 M06.FR.09: in DER as RFC 6960 has it', async () => {
    const answer = await bench.pki.service.certificateStatus(dataOf('cpo-sub2'))
    expect(answer.status).toBe('Accepted')
    const der = Buffer.from(answer.status === 'Accepted' ? answer.ocspResult : '', 'base64')
    expect(parseOcspResponse(der).kind).toBe('basic')
  })

  it('M06.FR.04: fails, and says so, where nothing is known of the issuer', async () => {
    const unknown = { ...dataOf('cpo-sub2'), issuerKeyHash: '00'.repeat(32) }
    expect((await bench.pki.service.certificateStatus(unknown)).status).toBe('Failed')
  })
})

describe('Passwords', () => {
  it('A01.FR.06 A01.FR.07: differ from station to station and are random', async () => {
    await bench.pki.store.stations.put(
      {
        id: 'CS-2',
        enrolment: 'active',
        registration: 'Accepted',
        securityProfile: 2,
        passwordHash: 'x',
        serialNumber: null,
        organisation: null,
        group: null,
      },
      '2026-11-22T10:00:00.000Z',
    )
    const limits = {
      waves: [],
      perSite: 10,
      perHour: 100,
      atOnce: 10,
      maxFailures: 1,
      soakS: 0,
      offlineGraceS: 60,
    }
    const { id } = await bench.fleet.campaigns.create(
      { kind: 'basic-auth-password', name: 'p', targets: { all: true }, limits },
      'alice',
    )
    await bench.fleet.campaigns.act(id, 'start', 'alice')
    await bench.advance()
    const passwords = sent('SetVariables').map(
      ({ payload }) => (payload.setVariableData as { attributeValue: string }[])[0]?.attributeValue,
    )
    expect(new Set(passwords).size).toBe(2)
  })

  it('A01.FR.08: are kept as salted hashes only', async () => {
    const [one, other] = [await hashPassword('the same'), await hashPassword('the same')]
    expect(one).not.toBe(other)
    expect(one).not.toContain('the same')
  })
})

describe('A security event', () => {
  it('A04.FR.03: is confirmed once it is stored, A01.FR.09: and no password is in it', async () => {
    const service = await startService()
    const station = await service.booted('CS-9')
    const answer = await station.call('SecurityEventNotification', {
      type: 'TamperDetectionActivated',
      timestamp: new Date().toISOString(),
    })
    expect(answer).toMatchObject({ payload: {} })
    expect(await service.store.events.list({ stationId: 'CS-9', critical: true })).toMatchObject([
      { type: 'TamperDetectionActivated' },
    ])
    await connect(`${service.url}/ocpp/CS-9`, { password: 'not-the-right-password' }).catch(() => undefined)
    await expect
      .poll(async () => (await service.store.events.list({ kind: 'csms-security' })).length)
      .toBeGreaterThan(0)
    expect(JSON.stringify(await service.store.events.list({}))).not.toMatch(
      new RegExp(`not-the-right-password|${PASSWORD}`),
    )
    expect(BOOT.reason).toBe('PowerUp')
    await service.stop()
  })
})

describe('A CSMS root for a station that checks roots', () => {
  it('M05.FR.10 M05.FR.11: is sent as the old root signed it', async () => {
    const { service, store } = bench.pki
    bench.station.held.push({ use: 'CSMSRootCertificate', certificate: bench.root('csms-root') })
    const old = bench.root('csms-root')
    await store.stations.recordVariables(
      ID,
      [
        {
          component: 'SecurityCtrlr',
          componentInstance: null,
          evseId: null,
          connectorId: null,
          variable: 'AdditionalRootCertificateCheck',
          variableInstance: null,
          attributeType: 'Actual',
          value: 'true',
          mutability: null,
          persistent: null,
          constant: null,
          characteristics: null,
        },
      ],
      '2026-11-22T10:00:00.000Z',
    )
    await service.operations.submit({ kind: 'new-generation', line: 'csms-root' }, 'test')
    bench.station.answer = (action) =>
      action === 'InstallCertificate' ? answered({ status: 'Rejected' }) : undefined
    const limits = {
      waves: [],
      perSite: 10,
      perHour: 100,
      atOnce: 10,
      maxFailures: 1,
      soakS: 0,
      offlineGraceS: 60,
    }
    const { id } = await bench.fleet.campaigns.create(
      { kind: 'csms-root-rollover', name: 'r', targets: { all: true }, limits },
      'alice',
    )
    await bench.fleet.campaigns.act(id, 'start', 'alice')
    await bench.advance()
    const certificate = Certificate.parse(String(sent('InstallCertificate')[0]?.payload.certificate))
    expect(certificate.isSelfSigned).toBe(false)
    expect(certificate.isSignedBy(old)).toBe(true)
    expect(certificate.subjectKey).toBe(bench.root('csms-root').subjectKey)
  })
})
