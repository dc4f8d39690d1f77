import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Certificate } from '../../pki/index.ts'
import { EstClient, type EstClientOptions } from '../../src/certificates/external/est-client.ts'
import { type ClientCredentialsOptions, clientCredentials } from '../../src/certificates/external/oauth.ts'
import type { CertificateService } from '../../src/certificates/service.ts'
import { type EstStandIn, startEstStandIn } from './support/est-stand-in.ts'
import { ORGANISATION, PASSWORD, type PkiTestService, startPkiService } from './support/pki-service.ts'

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** The authority of somebody else, the front of its EST server, and we. */
let other: PkiTestService
let front: EstStandIn
let ours: PkiTestService

beforeEach(async () => {
  other = await startPkiService()
  await other.station('CS1', { serialNumber: 'SN-1' })
  front = await startEstStandIn(other)
  ours = await startPkiService({ v2gAuthority: client() })
  await ours.station('CS1', { serialNumber: 'SN-1' })
})
afterEach(async () => {
  await ours.close()
  await front.close()
  await other.close()
})

function client(change: Partial<EstClientOptions> = {}): EstClient {
  return new EstClient({
    enrollUrl: `${front.url}/.well-known/est/{ca}/simpleenroll/{version}`,
    caCertsUrl: `${front.url}/{ca}/cacerts/{version}/{algorithm}/`,
    values: { ca: 'cpo', version: 'ISO15118-2', algorithm: 'secp256r1' },
    auth: { kind: 'basic', username: 'CS1', password: async () => PASSWORD },
    timeoutMs: 2000,
    clock: { now: () => Date.now() },
    ...change,
  })
}

async function csr(name = `CN=SN-1,O=${ORGANISATION}`): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: ecdsa })
  return request.toString('pem')
}

const der = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')

async function ask(service: CertificateService, request: string) {
  const station = await ours.store.stations.get('CS1')
  if (!station) throw new Error('The station is gone')
  expect(await service.requestSigning(station, { csr: request, certificateType: 'V2GCertificate' })).toEqual({
    status: 'Accepted',
  })
  await settled(service)
}

/** Waits for the round that the request woke; from then on only the tests advance orders. */
async function settled(service: CertificateService): Promise<void> {
  await service.stop()
  await service.orders.advance()
}

const orders = () => ours.store.certificates.orders({ stationId: 'CS1' })

describe('orders', () => {
  test('for V2G certificates are signed by the external authority, with its chain and without its root', async () => {
    await ask(ours.certificates, await csr())
    const [order] = await orders()
    expect(order).toMatchObject({ state: 'issued', attempts: 0 })
    const chain = Certificate.parseChain(order?.chainPem ?? '')
    expect(chain.map((one) => one.commonName)).toEqual([
      'SN-1',
      `${ORGANISATION} CPO Sub-CA 2`,
      `${ORGANISATION} CPO Sub-CA 1`,
    ])
    const theirs = other.certificates.authorities.signing('cpo-sub2').certificate
    expect(chain[0]?.isSignedBy(theirs)).toBe(true)
    const record = await ours.store.certificates.byFingerprint(order?.fingerprint ?? '')
    expect(record).toMatchObject({ authorityId: null, stationId: 'CS1' })
    expect(record?.profile).toMatch(/^external\/127\.0\.0\.1/)
  })

  test('for station certificates stay with our own authority', async () => {
    const station = await ours.store.stations.get('CS1')
    if (!station) throw new Error('The station is gone')
    await ours.certificates.requestSigning(station, {
      csr: await csr(),
      certificateType: 'ChargingStationCertificate',
    })
    await settled(ours.certificates)
    const [order] = await orders()
    expect(order?.chainPem).toBeNull()
    expect(front.requests).toEqual([])
  })

  test('whose answer was lost get the certificate that was issued, after a restart of ours', async () => {
    front.faults.push('lost')
    await ask(ours.certificates, await csr())
    expect(await orders()).toMatchObject([{ state: 'requested', attempts: 1 }])
    const [issued] = await other.store.certificates.list({ stationId: 'CS1' })
    // A new process on the same database.
    const restarted = await startPkiService({ v2gAuthority: client(), store: ours.store, keys: ours.keys })
    restarted.advance(60_000)
    await restarted.certificates.orders.advance()
    expect(await orders()).toMatchObject([{ state: 'issued', fingerprint: issued?.fingerprint }])
    await restarted.certificates.stop()
  })

  test('wait as long as they are told, and are not asked for in between', async () => {
    front.faults.push({ status: 202, headers: { 'retry-after': '120' } })
    await ask(ours.certificates, await csr())
    const before = front.requests.length
    await ours.certificates.orders.advance()
    expect(front.requests.length).toBe(before)
    ours.advance(121_000)
    await ours.certificates.orders.advance()
    expect(await orders()).toMatchObject([{ state: 'issued' }])
  })

  test.each([
    ['an overloaded server', { status: 503, headers: { 'retry-after': '5' } }],
    ['a wrong credential', { status: 401 }],
    ['a wrong address', { status: 404 }],
    ['a redirect, which is not followed', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }],
    ['silence', 'stall'],
  ] as const)('are kept and tried again after %s', async (_what, fault) => {
    front.faults.push(fault)
    await ask(ours.certificates, await csr())
    const [order] = await orders()
    expect(order).toMatchObject({ state: 'requested', attempts: 1 })
    expect(order?.detail).toMatch(/answer/)
    ours.advance(10_000)
    await ours.certificates.orders.advance()
    expect(await orders()).toMatchObject([{ state: 'issued' }])
  })

  test('that the authority refuses end, with its words', async () => {
    front.faults.push({ status: 400 })
    await ask(ours.certificates, await csr())
    const [order] = await orders()
    expect(order).toMatchObject({ state: 'failed' })
    expect(order?.detail).toContain('the stand-in says no')
  })

  test('are given up after many attempts', async () => {
    front.faults.push({ status: 503 })
    await ask(ours.certificates, await csr())
    for (let n = 0; n < 70; n++) {
      front.faults.splice(0, 10, { status: 503 })
      ours.advance(4_000_000)
      await ours.certificates.orders.advance()
    }
    expect(await orders()).toMatchObject([{ state: 'failed', attempts: 60 }])
  })
})

describe('an answer that does not fit', () => {
  async function outcome(change: Partial<EstClientOptions>, change2: Partial<{ name: string }> = {}) {
    return client(change).enroll(der(await csr(change2.name)))
  }

  test('is told apart: another deployment shape works, a wrong one does not', async () => {
    const opnc = { enrollUrl: `${front.url}/est/simpleenroll?caDomain={ca}&iso15118Version={version}` }
    expect(await outcome(opnc)).toMatchObject({ kind: 'issued' })
    expect(front.requests[0]?.path).toBe('/est/simpleenroll?caDomain=cpo&iso15118Version=ISO15118-2')
    await expect(outcome({ enrollUrl: `${front.url}/{nothing}/simpleenroll` })).rejects.toThrow(/placeholder/)
  })

  test('a certificate for another key or name is not taken', async () => {
    const stranger = {
      name: 'stranger',
      enroll: async () => client().enroll(der(await csr())),
    }
    const tricked = await startPkiService({ v2gAuthority: stranger, store: ours.store, keys: ours.keys })
    await ask(tricked.certificates, await csr())
    const [order] = await orders()
    expect(order).toMatchObject({ state: 'failed' })
    expect(order?.detail).toContain('another key')
    await tricked.certificates.stop()
  })

  test('too many octets and nonsense are refused without harm', async () => {
    front.faults.push({ status: 200 })
    expect(await outcome({})).toMatchObject({ kind: 'unreachable' })
    expect(await outcome({ enrollUrl: 'http://127.0.0.1:1/simpleenroll' })).toMatchObject({
      kind: 'unreachable',
    })
    expect(await outcome({ enrollUrl: 'ftp://127.0.0.1/simpleenroll' })).toMatchObject({
      kind: 'unreachable',
    })
  })
})

describe('signing in', () => {
  test('a bearer token that was refused is renewed once', async () => {
    front.faults.push({ status: 401 }, { status: 403 })
    const asked: boolean[] = []
    const token = async (renewed: boolean) => {
      asked.push(renewed)
      return renewed ? 'new' : 'old'
    }
    const answer = await client({ auth: { kind: 'bearer', token } }).enroll(der(await csr()))
    expect(answer).toMatchObject({ kind: 'unreachable' })
    expect(asked).toEqual([false, true])
    expect(front.requests.map((one) => one.authorization)).toEqual(['Bearer old', 'Bearer new'])
  })

  test('a client certificate renews itself by simplereenroll, and csrattrs are read', async () => {
    await other.leaf('SN-1', 'station-ca', 'CS1')
    await other.writeAuthority('csms-ca')
    const read = async (name: string) => (await other.read(name)).toString()
    const direct = client({
      reenrollUrl: `${other.estUrl}/.well-known/est/cso/simplereenroll`,
      caCertsUrl: `${other.estUrl}/.well-known/est/cso/cacerts`,
      csrAttributesUrl: `${other.estUrl}/.well-known/est/cso/csrattrs`,
      auth: { kind: 'none' },
      tls: { cert: await read('SN-1.pem'), key: await read('SN-1.key'), ca: await read('csms-ca-chain.pem') },
    })
    expect((await direct.csrAttributes()).map(({ oid }) => oid)).toContain('1.2.840.10045.4.3.2')
    const answer = await direct.reenroll(der(await csr()))
    expect(answer).toMatchObject({ kind: 'issued' })
    expect(await client().reenroll(der(await csr()))).toMatchObject({ kind: 'refused' })
    // Without trusting its root the server is not even asked.
    const distrusting = client({ enrollUrl: `${other.estUrl}/.well-known/est/simpleenroll` })
    expect(await distrusting.enroll(der(await csr()))).toMatchObject({ kind: 'unreachable' })
  })
})

describe('tokens by client credentials', () => {
  let asked: { type: string; body: string }[]
  let answer: { status: number; body: string }
  let server: Server
  let tokenUrl: string

  beforeEach(async () => {
    asked = []
    answer = { status: 200, body: '{"access_token":"t-1","expires_in":100}' }
    server = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (body: string) => {
        asked.push({ type: request.headers['content-type'] ?? '', body })
        response.writeHead(answer.status).end(answer.body)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    tokenUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/oauth/token`
  })
  afterEach(() => server.close())

  const source = (change: Partial<ClientCredentialsOptions> = {}, clock = { now: () => 0 }) =>
    clientCredentials({
      ...{ tokenUrl, clientId: 'us', clientSecret: async () => 'secret & more', audience: 'pki' },
      ...{ encoding: 'form', timeoutMs: 2000, clock },
      ...change,
    })

  test('are asked for once, kept until shortly before they end, and again where one is refused', async () => {
    let nowMs = 0
    const token = source({}, { now: () => nowMs })
    expect(await Promise.all([token(false), token(false)])).toEqual(['t-1', 't-1'])
    nowMs = 69_000
    await token(false)
    expect(asked).toHaveLength(1)
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'us',
      client_secret: 'secret & more',
      audience: 'pki',
    })
    await token(true)
    nowMs = 140_000
    await token(false)
    expect(asked).toHaveLength(3)
  })

  test('are asked for in JSON where the server wants that', async () => {
    await source({ encoding: 'json' })(false)
    expect(asked[0]?.type).toBe('application/json')
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({ client_id: 'us', audience: 'pki' })
  })

  test.each([
    ['a refusal that repeats the secret', 401, '{"error":"bad secret & more"}'],
    ['no JSON', 200, 'secret & more'],
    ['no token', 200, '{}'],
    ['a token with a line break', 200, '{"access_token":"a\\r\\nx-admin: 1"}'],
  ])('%s is a failure without the secret in it', async (_what, status, body) => {
    answer = { status, body }
    const failure = await source()(false).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'unreachable' })
    expect(String(failure)).not.toContain('secret & more')
  })
})

describe('revocations', () => {
  let told: unknown[]
  let status: number
  let server: Server
  let revokeUrl: string

  beforeEach(async () => {
    told = []
    status = 200
    server = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (body: string) => {
        told.push(JSON.parse(body))
        response.writeHead(status).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    revokeUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/pki/revokeCertificate`
    await ours.close()
    ours = await startPkiService({ v2gAuthority: client({ revokeUrl }) })
    await ours.station('CS1', { serialNumber: 'SN-1' })
    await ask(ours.certificates, await csr())
  })
  afterEach(() => server.close())

  const issued = async () => {
    const [order] = await orders()
    const record = await ours.store.certificates.byFingerprint(order?.fingerprint ?? '')
    if (!record) throw new Error('Nothing was issued')
    return record
  }

  test('are passed on to whoever issued the certificate', async () => {
    const { fingerprint, der } = await issued()
    expect(await ours.certificates.revoke(fingerprint, 'keyCompromise')).toBe('revoked')
    const certificate = Buffer.from(der).toString('base64')
    expect(told).toEqual([{ certificate, revocationReason: 'keyCompromise' }])
    const [entry] = await ours.store.audit.list({ action: 'certificate.revocation-forwarded' })
    expect(entry?.subject).toBe(fingerprint)
  })

  const forwarded = async () =>
    (await ours.store.audit.list({}))
      .map(({ action }) => action)
      .filter((action) => action.includes('forwarded'))

  test('hold here whatever the issuer answers, and what it answered is on record', async () => {
    status = 403
    const { fingerprint } = await issued()
    expect(await ours.certificates.revoke(fingerprint, 'cACompromise')).toBe('revoked')
    expect(told).toMatchObject([{ revocationReason: 'unspecified' }])
    const [entry] = await ours.store.audit.list({ action: 'certificate.revocation-not-forwarded' })
    expect(entry?.detail).toMatchObject({ kind: 'refused' })
    expect((await issued()).revokedAt).not.toBeNull()
    ours.advance(3_600_000)
    await ours.certificates.upkeep()
    expect(told).toHaveLength(1)
  })

  test('are passed on again, ever less often, until the issuer answers', async () => {
    status = 503
    const { fingerprint } = await issued()
    await ours.certificates.revoke(fingerprint, 'keyCompromise')
    await ours.certificates.upkeep()
    expect(told).toHaveLength(1)
    for (const [minutes, times] of [
      [1, 2],
      [1, 2],
      [1, 3],
    ] as const) {
      ours.advance(minutes * 60_000)
      await ours.certificates.upkeep()
      expect(told).toHaveLength(times)
    }
    expect(await forwarded()).toEqual(['certificate.revocation-not-forwarded'])
    status = 200
    ours.advance(3_600_000)
    await ours.certificates.upkeep()
    await ours.certificates.upkeep()
    expect(told).toHaveLength(4)
    expect(await forwarded()).toEqual([
      'certificate.revocation-not-forwarded',
      'certificate.revocation-forwarded',
    ])
  })

  test('of several certificates at once are passed on once each', async () => {
    await ask(ours.certificates, await csr())
    const fingerprints = (await orders()).map(({ fingerprint }) => fingerprint ?? '')
    expect(new Set(fingerprints).size).toBe(2)
    await Promise.all(fingerprints.map((one) => ours.certificates.revoke(one, 'keyCompromise')))
    expect(told).toHaveLength(2)
    expect(await forwarded()).toHaveLength(2)
  })

  test('are not passed on any more once the certificate has expired', async () => {
    status = 503
    const { fingerprint, notAfter } = await issued()
    await ours.certificates.revoke(fingerprint, 'keyCompromise')
    ours.advance(Date.parse(notAfter) - ours.now())
    await ours.certificates.upkeep()
    expect(told).toHaveLength(1)
    expect(await ours.store.certificates.revocationsToForward('9999', 10)).toEqual([])
  })
})
