import { describe, expect, it } from 'vitest'
import { hasProofOfPossession, inspectCsr, parseCsr } from '../../../../pki/index.ts'
import { createManualScheduler, createStation } from '../../../../src/simulator/index.ts'
import { QUICK_CAR, useBench } from '../bench.ts'
import { startTestCsms } from '../test-csms.ts'
import { stationAuthority, v2gAuthority } from './authority.ts'

const bench = useBench()

async function triggered(use: 'SignChargingStationCertificate' | 'SignV2GCertificate'): Promise<string> {
  const { csms } = bench
  const before = csms.of('SignCertificate').length
  await csms.call('TriggerMessage', { requestedMessage: use })
  await csms.until('CSR', () => csms.of('SignCertificate').length > before)
  return csms.of('SignCertificate').at(-1)?.csr ?? ''
}

describe('a certificate of the station', () => {
  it('is asked for with a real CSR and taken when it matches the key', async () => {
    const authority = await stationAuthority()
    const station = await bench.launch({ serialNumber: 'SN-77' })
    const csr = await triggered('SignChargingStationCertificate')
    expect(inspectCsr(csr, { organization: 'Example CPO', commonName: 'SN-77' })).toMatchObject({ ok: true })
    expect(hasProofOfPossession(parseCsr(csr))).toBe(true)
    const certificateChain = await authority.sign(csr, 'station-client')
    expect(
      await bench.csms.call('CertificateSigned', {
        certificateChain,
        certificateType: 'ChargingStationCertificate',
      }),
    ).toEqual({ status: 'Accepted' })
    expect(station.certificates.station?.chain[0].commonName).toBe('SN-77')
    expect(station.counters.certificatesSigned).toBe(1)
  })

  it('is refused for another key, a second time, out of order or expired, and says so once each', async () => {
    const authority = await stationAuthority()
    const station = await bench.launch()
    const { csms } = bench
    const first = await triggered('SignChargingStationCertificate')
    const second = await triggered('SignChargingStationCertificate')
    const send = (certificateChain: string) =>
      csms.call('CertificateSigned', { certificateChain, certificateType: 'ChargingStationCertificate' })
    const good = await authority.sign(second, 'station-client')
    const [leaf = '', sub = ''] = good.split(/(?<=-----END CERTIFICATE-----\n)/)
    const old = await stationAuthority({ atMs: Date.now() - 20 * 365 * 86_400_000 })
    const refused = [
      await authority.sign(first, 'station-client'),
      `${sub}${leaf}`,
      `${leaf}${leaf}`,
      await old.sign(second, 'station-client'),
      'not a certificate',
    ]
    for (const chain of refused) expect(await send(chain)).toMatchObject({ status: 'Rejected' })
    expect(await send(good)).toEqual({ status: 'Accepted' })
    expect(await send(good)).toMatchObject({ status: 'Rejected' })
    const types = () => csms.of('SecurityEventNotification').map((each) => each.type)
    await csms.until('security events', () => types().length === 7)
    expect(types().filter((type) => type === 'InvalidChargingStationCertificate')).toHaveLength(6)
    expect(station.counters.certificatesSigned).toBe(1)
  })

  it('is asked for again while the CSMS owes it, at doubling intervals, a limited number of times', async () => {
    const scheduler = createManualScheduler(Date.now())
    await bench.launch({
      scheduler,
      followCsmsTime: false,
      variables: {
        'SecurityCtrlr.CertSigningWaitMinimum': '10',
        'SecurityCtrlr.CertSigningRepeatTimes': '2',
      },
    })
    const { csms } = bench
    await triggered('SignV2GCertificate')
    const asked = () => csms.of('SignCertificate').length
    for (const [waitMs, expected] of [
      [9000, 1],
      [1500, 2],
      [18_000, 2],
      [3000, 3],
      [300_000, 3],
    ] as const) {
      // The answer has to arrive before the next wait begins.
      await csms.call('GetLocalListVersion', {})
      await scheduler.advance(waitMs)
      await csms.call('GetLocalListVersion', {})
      expect(asked()).toBe(expected)
    }
    const csrs = new Set(csms.of('SignCertificate').map((each) => each.csr))
    expect(csrs.size).toBe(1)
  })

  it('is asked for by the station itself when it has none, and not again while it has one', async () => {
    const authority = await v2gAuthority()
    await bench.launch({ obtainCertificates: ['V2GCertificate'] })
    const { csms } = bench
    await csms.until('CSR', () => csms.of('SignCertificate').length === 1)
    const certificateChain = await authority.sign(csms.of('SignCertificate')[0]?.csr ?? '', 'secc-leaf')
    await csms.call('CertificateSigned', { certificateChain, certificateType: 'V2GCertificate' })
    await csms.call('Reset', { type: 'Immediate' })
    await csms.until('booted again', () => csms.of('SecurityEventNotification').length === 2)
    expect(csms.of('SignCertificate')).toHaveLength(1)
  })
})

describe('a V2G certificate', () => {
  it('has to end in the installed V2G root, and its status is asked for', async () => {
    const authority = await v2gAuthority({ ocspUrl: 'http://ocsp.example/' })
    const other = await v2gAuthority()
    bench.csms.answers.GetCertificateStatus = () => ({ status: 'Accepted', ocspResult: 'AAAA' })
    const station = await bench.launch({
      installedRoots: [{ use: 'V2GRootCertificate', pem: authority.root.toPem() }],
    })
    const { csms } = bench
    const csr = await triggered('SignV2GCertificate')
    const send = async (from: typeof authority) =>
      csms.call('CertificateSigned', {
        certificateChain: await from.sign(csr, 'secc-leaf'),
        certificateType: 'V2GCertificate',
      })
    expect(await send(other)).toMatchObject({ status: 'Rejected' })
    expect(await send(authority)).toEqual({ status: 'Accepted' })
    await csms.until('OCSP for leaf and sub-CA', () => csms.of('GetCertificateStatus').length === 2)
    await csms.until('kept', () => station.ocspAnswers.size === 2)
    const listed = await csms.call('GetInstalledCertificateIds', { certificateType: ['V2GCertificateChain'] })
    expect(listed.certificateHashDataChain).toHaveLength(1)
    expect(listed.certificateHashDataChain?.[0]?.childCertificateHashData).toHaveLength(1)
  })
})

describe('security profile 3', () => {
  it('presents the station certificate, and the new one after a renewal', async () => {
    const authority = await stationAuthority()
    const server = await authority.server('localhost')
    const csms = await startTestCsms({
      ...server,
      requestCert: true,
      rejectUnauthorized: true,
      ca: [authority.root.toPem()],
    })
    await bench.launch()
    const chain = await authority.sign(await triggered('SignChargingStationCertificate'), 'station-client')
    await bench.csms.call('CertificateSigned', { certificateChain: chain })
    const own = bench.station.certificates.station
    const secure = createStation({
      id: 'CS-9',
      endpoint: {
        url: csms.url,
        securityProfile: 3,
        trustedPems: [authority.root.toPem()],
        ...(own === undefined ? {} : { clientChainPem: own.chainPem, clientKeyPem: own.keyPem }),
      },
      backOff: { minimumMs: 20, randomRangeMs: 5, repeatTimes: 1 },
      driverDelayMs: QUICK_CAR.reactionMs,
    })
    secure.start()
    await csms.until('connected', () => csms.of('SecurityEventNotification').length === 1)
    expect(csms.authorizations[0]).toBeUndefined()
    await csms.call('TriggerMessage', { requestedMessage: 'SignChargingStationCertificate' })
    await csms.until('CSR', () => csms.of('SignCertificate').length === 1)
    const renewed = await authority.sign(csms.of('SignCertificate')[0]?.csr ?? '', 'station-client')
    expect(
      await csms.call('CertificateSigned', {
        certificateChain: renewed,
        certificateType: 'ChargingStationCertificate',
      }),
    ).toEqual({ status: 'Accepted' })
    await csms.until('reconnected', () => csms.peers.length === 2)
    expect(csms.peers[0]).not.toBe(csms.peers[1])
    expect(csms.of('BootNotification')).toHaveLength(1)
    await secure.stop()
    await csms.stop()
    expect(csms.violations).toEqual([])
  })

  it('does not trust a server under another root', async () => {
    const authority = await stationAuthority()
    const csms = await startTestCsms(await authority.server('localhost'))
    const other = await stationAuthority()
    await bench.launch()
    const wary = createStation({
      id: 'CS-8',
      endpoint: {
        url: csms.url,
        securityProfile: 2,
        password: 'long-enough-secret',
        trustedPems: [other.root.toPem()],
      },
      backOff: { minimumMs: 20, randomRangeMs: 5, repeatTimes: 1 },
    })
    wary.start()
    await csms.until('gave up twice', () => wary.counters.connectFailures >= 2)
    expect(csms.authorizations).toEqual([])
    await wary.stop()
    await csms.stop()
  })
})
