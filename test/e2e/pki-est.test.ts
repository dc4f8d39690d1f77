import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ORGANISATION, PASSWORD, type PkiTestService, startPkiService } from './support/pki-service.ts'

const DAY_MS = 86_400_000

let service: PkiTestService

beforeAll(async () => {
  service = await startPkiService()
  await service.writeAuthority('csms-ca')
  await service.writeAuthority('station-ca')
  await service.writeAuthority('cpo-sub2')
  await service.station('CS1', { serialNumber: 'SN-1' })
  await service.station('CS2')
})
afterAll(() => service.close())

/** Makes NAME.key (unless it is there) and NAME.csr, base64 DER as RFC 8951 wants it. */
async function makeCsr(name: string, subject: string, key = name): Promise<void> {
  if ((await service.run('test', '-f', `${key}.key`)).code !== 0)
    await service.run('openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${key}.key`)
  await service.run(
    'openssl',
    ...['req', '-new', '-key', `${key}.key`, '-subj', subject, '-outform', 'DER', '-out', `${name}.der`],
  )
  await service.run('openssl', 'base64', '-in', `${name}.der`, '-out', `${name}.csr`)
}

/** Calls EST with curl; the answer's status, headers and body. */
async function curl(path: string, ...args: string[]) {
  const result = await service.run(
    'curl',
    ...['-sS', '-i', '--cacert', 'csms-ca-chain.pem', ...args, `${service.estUrl}/.well-known/est/${path}`],
  )
  const parts = result.stdout.split('\r\n\r\n')
  const head = parts.shift() ?? ''
  return {
    status: Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1]),
    head,
    body: parts.join('\r\n\r\n'),
    error: result.stderr,
  }
}

const basic = (user: string, password = PASSWORD) => ['-u', `${user}:${password}`]
const body = (name: string) => ['-H', 'content-type: application/pkcs10', '--data-binary', `@${name}.csr`]

/** Turns a certs-only answer into NAME.pem. */
async function saveCertificates(name: string, base64: string): Promise<string> {
  await service.write(`${name}.p7`, Buffer.from(base64, 'base64'))
  await service.run(
    'openssl',
    'pkcs7',
    '-inform',
    'DER',
    '-in',
    `${name}.p7`,
    '-print_certs',
    '-out',
    `${name}.pem`,
  )
  return (await service.read(`${name}.pem`)).toString()
}

async function enrol(name: string, subject = `/O=${ORGANISATION}/CN=SN-1`, path = 'simpleenroll') {
  await makeCsr(name, subject)
  const answer = await curl(path, ...basic('CS1'), ...body(name))
  expect(answer.status, answer.body).toBe(200)
  return saveCertificates(name, answer.body)
}

describe('cacerts and csrattrs', () => {
  test('give the authorities of a label to anyone, as openssl reads them', async () => {
    for (const [path, root] of [
      ['cacerts', 'Station Root CA'],
      ['cso/cacerts', 'Station Root CA'],
      ['v2g/cacerts', 'V2G Root CA'],
      ['cpo/cacerts', 'CPO Sub-CA 2'],
    ] as const) {
      const answer = await curl(path)
      expect(answer.status).toBe(200)
      expect(answer.head.toLowerCase()).toContain(
        'content-type: application/pkcs7-mime; smime-type=certs-only',
      )
      expect(await saveCertificates('cas', answer.body)).toContain(root)
    }
    expect((await curl('nobody/cacerts')).status).toBe(404)
  })

  test('ask for P-256 and SHA-256', async () => {
    const answer = await curl('csrattrs')
    expect(answer.head.toLowerCase()).toContain('content-type: application/csrattrs')
    await service.write('attrs.der', Buffer.from(answer.body, 'base64'))
    const { stdout } = await service.run('openssl', 'asn1parse', '-inform', 'DER', '-in', 'attrs.der')
    expect(stdout).toContain('prime256v1')
    expect(stdout).toContain('ecdsa-with-SHA256')
  })
})

describe('simpleenroll', () => {
  test('gives a station with its password a certificate that openssl verifies', async () => {
    const pem = await enrol('enrolled')
    expect(pem).toContain('CN = SN-1')
    const verified = await service.run('openssl', 'verify', '-CAfile', 'station-ca-chain.pem', 'enrolled.pem')
    expect(verified.stdout).toContain('enrolled.pem: OK')
    const [record] = await service.store.certificates.list({ stationId: 'CS1' })
    expect(record).toMatchObject({ authorityId: 'station-ca', stationId: 'CS1' })
    expect(await service.store.certificates.orders({ stationId: 'CS1' })).toMatchObject([
      { state: 'delivered' },
    ])
  })

  test('gives the same certificate for the same key, so that a lost answer costs nothing', async () => {
    const first = await enrol('twice')
    expect(await enrol('twice')).toBe(first)
  })

  test('issues V2G certificates under their label, without what the CSR asks for', async () => {
    await service.write(
      'ca.cnf',
      '[req]\ndistinguished_name=dn\nreq_extensions=ext\n[dn]\n[ext]\nbasicConstraints=critical,CA:TRUE\nsubjectAltName=DNS:evil.example.com\n',
    )
    await service.run('openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'greedy.key')
    await service.run(
      'openssl',
      ...[
        'req',
        '-new',
        '-config',
        'ca.cnf',
        '-key',
        'greedy.key',
        '-subj',
        `/O=${ORGANISATION}/CN=SN-1`,
        '-outform',
        'DER',
        '-out',
        'greedy.der',
      ],
    )
    await service.run('openssl', 'base64', '-in', 'greedy.der', '-out', 'greedy.csr')
    const answer = await curl('v2g/simpleenroll', ...basic('CS1'), ...body('greedy'))
    await saveCertificates('greedy', answer.body)
    const { stdout } = await service.run('openssl', 'x509', '-in', 'greedy.pem', '-noout', '-text')
    expect(stdout).toContain('CPO Sub-CA 2')
    expect(stdout).toContain('CA:FALSE')
    expect(stdout).not.toContain('evil')
  })

  test('takes PEM armour and unbroken base64, too', async () => {
    await makeCsr('armoured', `/O=${ORGANISATION}/CN=SN-1`)
    await service.run('openssl', 'req', '-inform', 'DER', '-in', 'armoured.der', '-out', 'armoured.csr')
    expect((await curl('simpleenroll', ...basic('CS1'), ...body('armoured'))).status).toBe(200)
    await makeCsr('unbroken', `/O=${ORGANISATION}/CN=SN-1`)
    await service.write('unbroken.csr', (await service.read('unbroken.der')).toString('base64'))
    expect((await curl('simpleenroll', ...basic('CS1'), ...body('unbroken'))).status).toBe(200)
  })

  test('refuses strangers, other names, weak keys, stolen requests and nonsense, and says why', async () => {
    await makeCsr('refused', `/O=${ORGANISATION}/CN=SN-1`)
    expect((await curl('simpleenroll', ...body('refused'))).status).toBe(401)
    expect((await curl('simpleenroll', ...basic('CS1', 'wrong'), ...body('refused'))).status).toBe(401)
    expect((await curl('simpleenroll', ...basic('nobody'), ...body('refused'))).status).toBe(401)
    await makeCsr('other', `/O=${ORGANISATION}/CN=CS2`)
    const other = await curl('simpleenroll', ...basic('CS1'), ...body('other'))
    expect(other.status).toBe(400)
    expect(other.body).toContain('common name')
    await makeCsr('elsewhere', '/O=Somebody Else/CN=SN-1')
    expect((await curl('simpleenroll', ...basic('CS1'), ...body('elsewhere'))).body).toContain('organisation')
    await service.run('openssl', 'genrsa', '-out', 'weak.key', '1024')
    await makeCsr('weak', `/O=${ORGANISATION}/CN=SN-1`)
    expect((await curl('simpleenroll', ...basic('CS1'), ...body('weak'))).body).toContain('weak')
    const broken = await service.read('refused.der')
    broken[broken.length - 3] = (broken[broken.length - 3] ?? 0) ^ 0xff
    await service.write('broken.csr', broken.toString('base64'))
    expect((await curl('simpleenroll', ...basic('CS1'), ...body('broken'))).status).toBe(400)
    await service.write('nonsense.csr', 'not base64 at all!')
    expect((await curl('simpleenroll', ...basic('CS1'), ...body('nonsense'))).status).toBe(400)
    await service.write('huge.csr', 'A'.repeat(20_000))
    expect((await curl('simpleenroll', ...basic('CS1'), ...body('huge'))).status).toBe(413)
    const type = ['-H', 'content-type: application/json', '--data-binary', '{}']
    expect((await curl('simpleenroll', ...basic('CS1'), ...type)).status).toBe(415)
  })

  test('does not exist without TLS', async () => {
    const response = await fetch(`${service.url}/.well-known/est/cacerts`)
    expect(response.status).toBe(404)
  })
})

describe('simplereenroll', () => {
  const mtls = (name: string) => ['--cert', `${name}.pem`, '--key', `${name}.key`]

  test('renews for the certificate that was presented, with a new key', async () => {
    await enrol('old')
    await makeCsr('renewed', `/O=${ORGANISATION}/CN=SN-1`)
    const answer = await curl('simplereenroll', ...mtls('old'), ...body('renewed'))
    expect(answer.status, answer.body).toBe(200)
    await saveCertificates('renewed', answer.body)
    const verified = await service.run('openssl', 'verify', '-CAfile', 'station-ca-chain.pem', 'renewed.pem')
    expect(verified.stdout).toContain('OK')
  })

  test('renews with the same key once the certificate has aged', async () => {
    await enrol('aged')
    await makeCsr('aged-again', `/O=${ORGANISATION}/CN=SN-1`, 'aged')
    const same = await curl('simplereenroll', ...mtls('aged'), ...body('aged-again'))
    expect(await saveCertificates('same', same.body)).toBe((await service.read('aged.pem')).toString())
    service.advance(260 * DAY_MS)
    const next = await curl('simplereenroll', ...mtls('aged'), ...body('aged-again'))
    expect(next.status, next.body).toBe(200)
    expect(await saveCertificates('next', next.body)).not.toBe((await service.read('aged.pem')).toString())
    service.advance(-260 * DAY_MS)
  })

  test('needs a certificate, ours, good, and for the same name', async () => {
    await enrol('current')
    await makeCsr('wanted', `/O=${ORGANISATION}/CN=SN-1`)
    expect((await curl('simplereenroll', ...basic('CS1'), ...body('wanted'))).status).toBe(400)
    await makeCsr('renamed', `/O=${ORGANISATION}/CN=CS2`)
    expect((await curl('simplereenroll', ...mtls('current'), ...body('renamed'))).status).toBe(400)
    await service.run(
      'openssl',
      'req',
      '-x509',
      '-key',
      'current.key',
      '-out',
      'fake.pem',
      '-subj',
      `/O=${ORGANISATION}/CN=SN-1`,
    )
    const forged = await curl(
      'simplereenroll',
      '--cert',
      'fake.pem',
      '--key',
      'current.key',
      ...body('wanted'),
    )
    expect(forged.status).toBe(401)
    const { stdout } = await service.run(
      'openssl',
      'x509',
      '-in',
      'current.pem',
      '-noout',
      '-fingerprint',
      '-sha256',
    )
    const fingerprint = (stdout.split('=')[1] ?? '').trim().replaceAll(':', '').toLowerCase()
    expect(await service.certificates.revoke(fingerprint, 'keyCompromise')).toBe('revoked')
    expect((await curl('simplereenroll', ...mtls('current'), ...body('wanted'))).status).toBe(401)
  })
})

describe('serverkeygen', () => {
  test('gives a key and its certificate, and keeps no copy', async () => {
    await makeCsr('keygen', `/O=${ORGANISATION}/CN=SN-1`)
    const answer = await curl('serverkeygen', ...basic('CS1'), ...body('keygen'))
    expect(answer.status, answer.body).toBe(200)
    const boundary = /boundary=([\w-]+)/.exec(answer.head)?.[1] ?? ''
    const [, keyPart = '', certPart = ''] = answer.body.split(`--${boundary}`)
    expect(keyPart).toContain('application/pkcs8')
    const content = (part: string) => part.split('\r\n\r\n')[1] ?? ''
    await service.write('made.p8', Buffer.from(content(keyPart), 'base64'))
    await saveCertificates('made', content(certPart))
    const fromKey = await service.run('openssl', 'pkey', '-inform', 'DER', '-in', 'made.p8', '-pubout')
    const fromCertificate = await service.run('openssl', 'x509', '-in', 'made.pem', '-noout', '-pubkey')
    expect(fromKey.stdout).toBe(fromCertificate.stdout)
    expect((await service.store.keyBlobs.names()).filter((name) => name.includes('CS1'))).toEqual([])
  })

  test('keeps to the names of the station', async () => {
    await makeCsr('keygen-other', `/O=${ORGANISATION}/CN=CS2`)
    expect((await curl('serverkeygen', ...basic('CS1'), ...body('keygen-other'))).status).toBe(400)
  })
})

describe('passwords', () => {
  test('are worth nothing for a station with security profile 3, or one that is gone', async () => {
    await service.station('CS3', { securityProfile: 3 })
    await makeCsr('third', `/O=${ORGANISATION}/CN=CS3`)
    expect((await curl('simpleenroll', ...basic('CS3'), ...body('third'))).status).toBe(401)
    await service.station('CS4', { registration: 'Rejected' })
    await makeCsr('fourth', `/O=${ORGANISATION}/CN=CS4`)
    expect((await curl('simpleenroll', ...basic('CS4'), ...body('fourth'))).status).toBe(401)
  })

  test('cannot be guessed for long from one address', async () => {
    const statuses = new Set<number>()
    for (let n = 0; n < 12; n++)
      statuses.add((await curl('simpleenroll', ...basic('CS2', `guess-${n}`), ...body('refused'))).status)
    expect([...statuses].sort()).toEqual([401, 429])
  })

  test('get one station only so many certificates within an hour', async () => {
    await service.close()
    service = await startPkiService({ perStationPerHour: 2 })
    await service.writeAuthority('csms-ca')
    await service.station('CS2')
    const statuses: number[] = []
    for (const name of ['one', 'two', 'three']) {
      await makeCsr(name, `/O=${ORGANISATION}/CN=CS2`)
      statuses.push((await curl('simpleenroll', ...basic('CS2'), ...body(name))).status)
    }
    expect(statuses).toEqual([200, 200, 429])
    service.advance(3_600_000)
    expect((await curl('simpleenroll', ...basic('CS2'), ...body('three'))).status).toBe(200)
  })
})
