import { constants, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certificateProfile, createSoftwareSigner, issueRoot } from '../../../../pki/index.ts'
import { FirmwareFiles } from '../../../../src/certificates/fleet/firmware-file.ts'
import { AllowList } from '../../../../src/certificates/foreign/allow-list.ts'
import { createFleetBench, type FleetBench, ID } from './support.ts'

describe('Signed firmware (L01.FR.01)', () => {
  let bench: FleetBench
  beforeAll(async () => {
    bench = await createFleetBench()
  })
  afterAll(() => bench.close())

  const check = (change: object) =>
    bench.fleet.api().checkFirmware({
      location: 'https://example.com/firmware.bin',
      retrieveDateTime: '2026-11-22T10:00:00.000Z',
      signingCertificate: 'nonsense',
      signature: Buffer.alloc(70, 1).toString('base64'),
      ...change,
    })

  it('is refused where its certificate cannot be read, is a CA, or leads to no manufacturer root', async () => {
    expect(await check({})).toMatchObject({ ok: false, reason: 'certificate-malformed' })
    expect(await check({ location: 'file:///etc/passwd' })).toMatchObject({
      ok: false,
      reason: 'location-invalid',
    })
    expect(await check({ signature: 'not base64!' })).toMatchObject({
      ok: false,
      reason: 'signature-invalid',
    })
    expect(await check({ signingCertificate: bench.root('cpo-sub2').toPem() })).toMatchObject({
      ok: false,
      reason: 'certificate-is-ca',
    })
    const leaf = await enrol()
    expect(await check({ signingCertificate: leaf })).toMatchObject({
      ok: false,
      reason: 'no-manufacturer-root',
    })
    const other = createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
    const root = await issueRoot({
      profile: certificateProfile('oem-root'),
      subject: { commonName: 'Maker Root', organization: 'Maker', country: 'DE' },
      signer: other,
      atMs: bench.pki.clock.now() - 1000,
      random: randomBytes(16),
    })
    expect((await bench.fleet.addAnchor('ManufacturerRootCertificate', root.toPem(), 'alice')).ok).toBe(true)
    expect(await check({ signingCertificate: leaf })).toMatchObject({ ok: false })
  })

  it('is taken where its certificate leads to a manufacturer root, and refused again once that certificate is revoked', async () => {
    const station = bench.root('station-root')
    expect((await bench.fleet.addAnchor('ManufacturerRootCertificate', station.toPem(), 'alice')).ok).toBe(
      true,
    )
    const chain = `${await enrol()}${bench.root('station-ca').toPem()}`
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const signature = sign('sha256', Buffer.from('firmware'), privateKey).toString('base64')
    expect(await check({ signingCertificate: chain, signature })).toMatchObject({ ok: true })
    expect(
      await check({ signingCertificate: chain, signature: Buffer.alloc(256, 1).toString('base64') }),
    ).toMatchObject({ ok: false, reason: 'signature-invalid' })
    await bench.fleet.compromise(ID, { actor: 'alice', block: false, rekey: false })
    expect(await check({ signingCertificate: chain, signature })).toMatchObject({
      ok: false,
      reason: 'revoked',
    })
  })

  describe('on a host that may be read', () => {
    const file = randomBytes(300_000)
    let server: Server
    let location = ''
    beforeAll(async () => {
      server = createServer((request, response) => {
        if (request.url === '/there') response.end(file)
        else response.writeHead(404).end()
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      location = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/there`
    })
    afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))
    const files = (isListed: boolean) => {
      const hosts = isListed ? [new URL(location).host] : []
      return new FirmwareFiles(new AllowList({ hosts, privateHosts: hosts }))
    }

    it.each([
      ['ECDSA', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }), undefined],
      ['RSA-PSS', () => generateKeyPairSync('rsa', { modulusLength: 2048 }), constants.RSA_PKCS1_PSS_PADDING],
      ['RSA PKCS #1', () => generateKeyPairSync('rsa', { modulusLength: 2048 }), constants.RSA_PKCS1_PADDING],
    ])('L01.FR.04: has its %s signature checked on the file', async (_, pair, padding) => {
      const { privateKey, publicKey } = pair()
      const key = { key: privateKey, ...(padding === undefined ? {} : { padding }) }
      const signature = sign('sha256', file, key)
      const other = sign('sha256', Buffer.concat([file, Buffer.of(0)]), key)
      expect(await files(true).verify(location, signature, publicKey)).toEqual({ kind: 'verified' })
      expect(await files(true).verify(location, other, publicKey)).toMatchObject({
        reason: 'signature-wrong',
      })
      expect(await files(false).verify(location, other, publicKey)).toEqual({ kind: 'not-read' })
      expect(await files(true).verify(`${location}-not`, signature, publicKey)).toMatchObject({
        reason: 'file-unreadable',
      })
    })
  })

  async function enrol(): Promise<string> {
    const { writeCsr } = await import('../../../../src/simulator/index.ts')
    const station = await bench.pki.store.stations.get(ID)
    if (station === undefined) throw new Error('no station')
    const csr = writeCsr(
      { commonName: ID, organization: 'Example CPO' },
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    )
    const issued = await bench.pki.service.orders.enrol(station, csr, 'ChargingStationCertificate')
    if (issued.kind !== 'issued') throw new Error('not issued')
    return issued.certificate.toPem()
  }
})
