import 'reflect-metadata'
import { randomBytes, randomUUID, webcrypto } from 'node:crypto'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Certificate, certificateHashData } from '../../pki/index.ts'
import { createEventHub } from '../../src/bus/hub.ts'
import { type CertificateService, createCertificateService } from '../../src/certificates/service.ts'
import { openWrappedKeys } from '../../src/keys/wrapped.ts'
import { systemClock } from '../../src/observe/clock.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

let service: TestService
let certificates: CertificateService
beforeAll(async () => {
  const store = createSqliteStore(':memory:')
  const cheapScrypt = { cost: 2 ** 14, blockSize: 8, parallelization: 1 }
  certificates = await createCertificateService({
    store,
    keys: await openWrappedKeys(store.keyBlobs, 'a passphrase for tests', cheapScrypt),
    hub: createEventHub(() => {}),
    clock: systemClock,
    log: pino({ level: 'silent' }),
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    organisation: 'Example CPO',
    sweepMs: 100,
  })
  service = await startService({ store, certificates })
  certificates.start(service.server.bus)
})
afterAll(async () => {
  await certificates.stop()
  await service.stop()
})

async function csr(commonName: string): Promise<string> {
  const keys = (await webcrypto.subtle.generateKey(ecdsa, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${commonName}, O=Example CPO`,
    keys: keys as never,
    signingAlgorithm: ecdsa,
  })
  return request.toString('pem')
}

/** A station that was triggered to ask for a certificate, up to the CertificateSigned that it gets. */
async function ask(id: string, requestedMessage: string, certificateType: string | undefined, takes: string) {
  await service.register(id, { serialNumber: id, organisation: 'Example CPO' })
  const station = await service.booted(id)
  station.answer((action) => ({ status: action === 'CertificateSigned' ? takes : 'Accepted' }))
  const { order } = await service.server.orders.place(
    id,
    'TriggerMessage',
    { requestedMessage: requestedMessage as 'SignV2GCertificate' },
    { actor: 'test' },
  )
  const type = certificateType === undefined ? {} : { certificateType }
  expect(await station.ok('SignCertificate', { csr: await csr(id), ...type })).toEqual({ status: 'Accepted' })
  expect(await service.server.orders.get(order.id)).toMatchObject({ state: 'done', outcome: 'Received' })
  const [, , , signed] = await station.next((message) => message[2] === 'CertificateSigned')
  return { station, signed: signed as { certificateChain: string; certificateType?: string } }
}

describe('A: certificates of stations', () => {
  it.each([
    ['TC_A_11_CSMS', 'SignChargingStationCertificate', 'ChargingStationCertificate'],
    ['TC_A_12_CSMS', 'SignV2GCertificate', 'V2GCertificate'],
    ['TC_A_13_CSMS', 'SignCombinedCertificate', undefined],
  ])('%s: %s is followed to a certificate that the station takes', async (title, trigger, type) => {
    const id = title.replaceAll('_', '-')
    const { station, signed } = await ask(id, trigger, type, 'Accepted')
    expect(signed.certificateType).toBe(type)
    const chain = Certificate.parseChain(signed.certificateChain)
    expect(chain[0]?.commonName).toBe(id)
    expect(chain.every((certificate) => !certificate.isSelfSigned)).toBe(true)
    await expect
      .poll(async () => (await service.store.certificates.orders({ stationId: id }))[0]?.state)
      .toBe('delivered')
    await station.close()
  })

  it('TC_A_14_CSMS: a certificate that the station refuses is not sent for ever', async () => {
    const { station } = await ask(
      'TC-A-14',
      'SignChargingStationCertificate',
      'ChargingStationCertificate',
      'Rejected',
    )
    const state = async () => (await service.store.certificates.orders({ stationId: 'TC-A-14' }))[0]?.state
    await expect.poll(state).toBe('rejected')
    expect(station.received.filter((message) => message[2] === 'CertificateSigned')).toHaveLength(1)
    await station.close()
  })
})

describe('M: the status of certificates', () => {
  it('TC_M_24_CSMS: is answered by a signed OCSP response for a certificate of ours', async () => {
    const { station, signed } = await ask('TC-M-24', 'SignV2GCertificate', 'V2GCertificate', 'Accepted')
    const [leaf, issuer] = Certificate.parseChain(signed.certificateChain)
    if (leaf === undefined || issuer === undefined) throw new Error('the chain is too short')
    const data = certificateHashData(leaf, issuer, 'SHA256')
    const answer = await station.ok('GetCertificateStatus', {
      ocspRequestData: { ...data, responderURL: 'http://ocsp.example.com' },
    })
    expect(answer).toMatchObject({ status: 'Accepted' })
    expect(Buffer.from(String(answer.ocspResult), 'base64')[0]).toBe(0x30)
    await station.close()
  })
})
