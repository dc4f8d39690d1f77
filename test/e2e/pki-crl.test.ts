import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Crl, certificateProfile } from '../../pki/index.ts'
import { ORGANISATION, type PkiTestService, startPkiService } from './support/pki-service.ts'

const HOUR_MS = 3_600_000

let service: PkiTestService

beforeAll(async () => {
  service = await startPkiService({ withPublicUrl: true })
  await service.writeAuthority('cpo-sub2')
})
afterAll(() => service.close())

async function fetchCrl(name: string): Promise<Crl> {
  const response = await fetch(`${service.url}/crl/${name}.crl`)
  expect(response.status).toBe(200)
  return Crl.parse(new Uint8Array(await response.arrayBuffer()))
}

/** What `openssl verify` says about a leaf with the CRLs of every authority above it. */
async function verify(name: string) {
  const chain = ['cpo-sub2', 'cpo-sub1', 'v2g-root']
  const parts: string[] = []
  for (const id of chain) {
    await service.write(`${id}.crl`, (await fetchCrl(id)).der)
    parts.push((await service.run('openssl', 'crl', '-inform', 'DER', '-in', `${id}.crl`)).stdout)
  }
  await service.write('crls.pem', parts.join(''))
  return service.run(
    'openssl',
    ...['verify', '-crl_check_all', '-CRLfile', 'crls.pem', '-CAfile', 'cpo-sub2-chain.pem', `${name}.pem`],
  )
}

test('openssl verifies a good certificate with our CRLs, and refuses it once it is revoked', async () => {
  const record = await service.leaf('verified')
  expect((await verify('verified')).stdout).toContain('verified.pem: OK')
  await service.certificates.revoke(record.fingerprint, 'keyCompromise')
  const refused = await verify('verified')
  expect(refused.code).not.toBe(0)
  expect(`${refused.stdout}${refused.stderr}`).toContain('certificate revoked')
})

test('openssl reads number, times, reason and signature of a CRL', async () => {
  const record = await service.leaf('listed')
  await service.certificates.revoke(record.fingerprint, 'superseded')
  await service.write('listed.crl', (await fetchCrl('cpo-sub2')).der)
  const text = await service.run(
    'openssl',
    ...['crl', '-inform', 'DER', '-in', 'listed.crl', '-noout', '-text', '-CAfile', 'cpo-sub2-chain.pem'],
  )
  expect(text.stderr).toContain('verify OK')
  expect(text.stdout).toMatch(/X509v3 CRL Number:\s+\d+/)
  expect(text.stdout.replaceAll(/\s/g, '').toLowerCase()).toContain(
    `serialnumber:${record.serialNumber.padStart(record.serialNumber.length + (record.serialNumber.length % 2), '0')}`,
  )
  expect(text.stdout).toContain('Superseded')
})

test('a hold is listed and its release takes it off again; the delta says so, too', async () => {
  const record = await service.leaf('held')
  await service.certificates.revoke(record.fingerprint, 'certificateHold')
  const held = await fetchCrl('cpo-sub2')
  expect(held.find(record.serialNumber)?.reason).toBe('certificateHold')
  const delta = await fetchCrl('cpo-sub2-delta')
  expect(delta.find(record.serialNumber)?.reason).toBe('certificateHold')
  expect(delta.baseNumber).toBeLessThan(held.number ?? 0n)
  expect(delta.number).toBe(held.number)
  await service.certificates.release(record.fingerprint)
  const released = await fetchCrl('cpo-sub2')
  expect(released.find(record.serialNumber)).toBeUndefined()
  expect(released.number).toBeGreaterThan(held.number ?? 0n)
  expect((await fetchCrl('cpo-sub2-delta')).find(record.serialNumber)).toBeUndefined()
})

test('a hold that was in the base comes off by a delta with removeFromCRL', async () => {
  const record = await service.leaf('based')
  await service.certificates.revoke(record.fingerprint, 'certificateHold')
  service.advance(13 * HOUR_MS)
  await service.certificates.upkeep()
  const base = await fetchCrl('cpo-sub2')
  expect(base.find(record.serialNumber)).toBeDefined()
  expect((await fetchCrl('cpo-sub2-delta')).baseNumber).toBe(base.number)
  await service.certificates.release(record.fingerprint)
  expect((await fetchCrl('cpo-sub2-delta')).find(record.serialNumber)?.reason).toBe('removeFromCRL')
})

test('a hold may become a revocation for good, and nothing after that', async () => {
  const record = await service.leaf('condemned')
  const { fingerprint } = record
  expect(await service.certificates.revoke(fingerprint, 'certificateHold')).toBe('revoked')
  expect(await service.certificates.revoke(fingerprint, 'certificateHold')).toBe('already-revoked')
  expect(await service.certificates.revoke(fingerprint, 'keyCompromise')).toBe('revoked')
  expect(await service.certificates.revoke(fingerprint, 'superseded')).toBe('already-revoked')
  expect(await service.certificates.release(fingerprint)).toBe('not-on-hold')
  expect(await service.certificates.release('00'.repeat(32))).toBe('unknown')
  expect((await fetchCrl('cpo-sub2')).find(record.serialNumber)?.reason).toBe('keyCompromise')
})

test('every authority has a CRL from the start, renewed at half of its life, numbers growing', async () => {
  const before = new Map<string, Crl>()
  for (const id of service.certificates.authorities.keys()) before.set(id, await fetchCrl(id))
  await service.certificates.upkeep()
  for (const [id, crl] of before) expect((await fetchCrl(id)).number, id).toBe(crl.number)
  service.advance(13 * HOUR_MS)
  await service.certificates.upkeep()
  for (const [id, crl] of before) {
    const after = await fetchCrl(id)
    expect(after.number, id).toBeGreaterThan(crl.number ?? 0n)
    expect(after.nextUpdateMs ?? 0, id).toBeGreaterThan(crl.nextUpdateMs ?? 0)
  }
})

test('a thousand revocations cost a few CRLs, and all of them are listed', async () => {
  const before = (await fetchCrl('station-ca')).number ?? 0n
  const records: Awaited<ReturnType<typeof service.leaf>>[] = []
  for (let n = 0; n < 5; n++) records.push(await service.leaf(`many-${n}`, 'station-ca'))
  await Promise.all(
    Array.from({ length: 1000 }, (_, n) =>
      n < 5
        ? service.certificates.revoke(records[n]?.fingerprint ?? '', 'superseded')
        : service.certificates.crls.regenerate('station-ca'),
    ),
  )
  const after = await fetchCrl('station-ca')
  for (const record of records) expect(after.find(record.serialNumber)).toBeDefined()
  expect(Number((after.number ?? 0n) - before)).toBeLessThan(12)
})

describe('certificates', () => {
  test('name their OCSP responder, CRL and issuer where the public address is configured', async () => {
    await service.leaf('addressed')
    const { stdout } = await service.run('openssl', 'x509', '-in', 'addressed.pem', '-noout', '-text')
    expect(stdout).toContain('URI:http://pki.example.com/ocsp')
    expect(stdout).toContain('URI:http://pki.example.com/crl/cpo-sub2.crl')
    expect(stdout).toContain('CA Issuers - URI:http://pki.example.com/ca/cpo-sub2.cer')
  })

  test('of contracts name OCSP only and their sub-CAs nothing, because answers to cars have to stay small', async () => {
    const authority = service.certificates.authorities.signing('mo-sub2')
    expect(authority.certificate.ocspUrls).toEqual([])
    expect(authority.certificate.crlUrls).toEqual([])
    const contract = await service.certificates.issuance.issue({
      authority,
      profile: certificateProfile('contract'),
      subject: { commonName: 'DE8AA1A2B3C4D59', organization: ORGANISATION },
      publicKey: authority.certificate.spki,
    })
    expect(contract.ocspUrls).toEqual(['http://pki.example.com/ocsp'])
    expect(contract.caIssuerUrls).toEqual([])
  })

  test('leave addresses out rather than grow beyond the 800 octets of ISO 15118-2', async () => {
    const long = await startPkiService({ publicUrl: `http://pki.${'very-'.repeat(9)}long.example.com` })
    try {
      const record = await long.leaf('lean')
      expect(record.der.length).toBeLessThanOrEqual(800)
      const { stdout } = await long.run('openssl', 'x509', '-in', 'lean.pem', '-noout', '-text')
      expect(stdout).toContain('/ocsp')
      expect(stdout).not.toContain('CA Issuers')
    } finally {
      await long.close()
    }
  })
})

describe('the documents', () => {
  test('have the media types that clients expect, and lengths of life', async () => {
    const head = async (path: string) => {
      const response = await fetch(`${service.url}${path}`)
      await response.arrayBuffer()
      return [response.status, response.headers.get('content-type')?.split(';')[0]]
    }
    expect(await head('/crl/cpo-sub2.crl')).toEqual([200, 'application/pkix-crl'])
    expect(await head('/ca/cpo-sub2.cer')).toEqual([200, 'application/pkix-cert'])
    expect(await head('/ca/cpo-sub2.pem')).toEqual([200, 'application/x-pem-file'])
    expect(await head('/ca/cpo-sub2.p7c')).toEqual([200, 'application/pkcs7-mime'])
    for (const path of [
      '/crl/nobody.crl',
      '/crl/cpo-sub2',
      '/crl/..%2fx.crl',
      '/ca/nobody.pem',
      '/ca/x.key',
      '/',
    ])
      expect((await head(path))[0], path).toBe(404)
    const response = await fetch(`${service.url}/crl/cpo-sub2.crl`)
    expect(response.headers.get('cache-control')).toMatch(/max-age=\d+/)
    expect(Date.parse(response.headers.get('expires') ?? '')).toBeGreaterThan(service.now())
  })

  test('can be read by openssl: DER, PKCS#7', async () => {
    for (const [extension, args] of [
      ['cer', ['x509', '-inform', 'DER', '-noout', '-subject']],
      ['p7c', ['pkcs7', '-inform', 'DER', '-print_certs', '-noout']],
    ] as const) {
      const response = await fetch(`${service.url}/ca/cpo-sub2.${extension}`)
      await service.write(`file.${extension}`, new Uint8Array(await response.arrayBuffer()))
      const read = await service.run('openssl', ...args, '-in', `file.${extension}`)
      expect(read.stdout).toContain('CPO Sub-CA 2')
    }
  })
})
