import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  Certificate,
  certIdFor,
  certificateHashData,
  parseOcspRequest,
  verifyOcspResponse,
} from '../../pki/index.ts'
import {
  ForeignRevocation,
  type ForeignRevocationOptions,
} from '../../src/certificates/foreign/foreign-revocation.ts'
import { foreignStatus } from '../../src/certificates/foreign/station-status.ts'
import { type PkiTestService, startPkiService } from './support/pki-service.ts'

const HOUR_MS = 3_600_000

/** Somebody else's authority, and a front of its responder that counts, changes and breaks answers. */
let other: PkiTestService
let issuer: Certificate
let front: Server
let host: string
let requests: { readonly certIds: number; readonly path: string }[]
let behaviour: 'pass' | 'error' | 'stall' | 'huge' | 'redirect' | 'wrong' | 'single'
let wrongAnswer: Uint8Array

beforeAll(async () => {
  other = await startPkiService()
  issuer = other.certificates.authorities.signing('mo-sub2').certificate
  front = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const body = Buffer.concat(chunks)
      const certIds = body.length > 0 ? parseOcspRequest(body).certIds.length : 0
      requests.push({ certIds, path: request.url ?? '' })
      if (request.url?.startsWith('/crl/')) {
        const crl = await fetch(`${other.url}${request.url}`)
        response.end(Buffer.from(await crl.arrayBuffer()))
      } else if (request.url === '/broken' || behaviour === 'error') response.writeHead(500).end()
      else if (behaviour === 'redirect') response.writeHead(302, { location: `${other.url}/ocsp` }).end()
      else if (behaviour === 'huge') response.end(Buffer.alloc(1_000_000))
      else if (behaviour === 'wrong') response.end(wrongAnswer)
      else if (behaviour === 'single' && certIds > 1) response.end(wrongAnswer)
      else if (behaviour !== 'stall') {
        const answer = await other.certificates.ocsp.respond(body)
        response.end(answer)
      }
    })
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  host = `127.0.0.1:${(front.address() as AddressInfo).port}`
})
afterAll(async () => {
  front.closeAllConnections()
  await new Promise((resolve) => front.close(resolve))
  await other.close()
})

let aheadMs: number
beforeEach(() => {
  requests = []
  behaviour = 'pass'
  aheadMs = 0
})

function proxy(change: Partial<ForeignRevocationOptions> = {}): ForeignRevocation {
  return new ForeignRevocation({
    clock: { now: () => other.now() + aheadMs },
    hosts: [host],
    privateHosts: [host],
    timeoutMs: 500,
    ...change,
  })
}

async function certificate(name: string): Promise<Certificate> {
  return Certificate.parse((await other.leaf(name, 'mo-sub2')).der)
}

const ask = (
  one: Certificate,
  urls: readonly string[] = [`http://${host}/`],
  crlUrls: readonly string[] = [],
) => ({
  certId: certIdFor({ issuer, serial: one.serial, hash: 'SHA256' }),
  issuer,
  urls,
  crlUrls,
  deadlineMs: 2000,
})

describe('the proxy', () => {
  test('asks once, verifies, and keeps the answer until its nextUpdate', async () => {
    const one = await certificate('EMAID1')
    const foreign = proxy()
    expect(await foreign.status(ask(one))).toEqual({ kind: 'good' })
    expect(await foreign.status(ask(one))).toEqual({ kind: 'good' })
    expect(requests).toHaveLength(1)
    await other.certificates.revoke(one.fingerprint, 'keyCompromise')
    aheadMs = 23 * HOUR_MS
    expect(await foreign.status(ask(one))).toEqual({ kind: 'good' })
    aheadMs = 25 * HOUR_MS
    behaviour = 'error'
    expect(await proxy().status(ask(one))).toMatchObject({ kind: 'unknown' })
    expect(await foreign.status(ask(one))).toMatchObject({ kind: 'unknown' })
  })

  test('refreshes ahead of the end, so that a revocation shows without anybody waiting', async () => {
    const one = await certificate('EMAID2')
    const foreign = proxy()
    expect(await foreign.status(ask(one))).toEqual({ kind: 'good' })
    await other.certificates.revoke(one.fingerprint, 'superseded')
    await foreign.refresh()
    expect(requests).toHaveLength(1)
    aheadMs = 18 * HOUR_MS
    await foreign.refresh()
    expect(requests).toHaveLength(2)
    expect(await foreign.status(ask(one))).toMatchObject({ kind: 'revoked', reason: 'superseded' })
  })

  test('puts questions of the same moment into one request, and equal ones into one question', async () => {
    const all = await Promise.all(['B1', 'B2', 'B3'].map((name) => certificate(name)))
    const foreign = proxy()
    const verdicts = await Promise.all([...all, ...all, ...all].map((one) => foreign.status(ask(one))))
    expect(verdicts.every(({ kind }) => kind === 'good')).toBe(true)
    expect(requests).toMatchObject([{ certIds: 3 }])
  })

  test('asks one by one where a responder answers only about one', async () => {
    const all = await Promise.all(['C1', 'C2'].map((name) => certificate(name)))
    wrongAnswer = Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x06)
    behaviour = 'single'
    const foreign = proxy()
    const verdicts = await Promise.all(all.map((one) => foreign.status(ask(one))))
    expect(verdicts).toEqual([{ kind: 'good' }, { kind: 'good' }])
    expect(requests.map(({ certIds }) => certIds)).toEqual([2, 1, 1])
  })

  test('goes on to the next responder, then to the CRL, and leaves a broken one alone for a while', async () => {
    const one = await certificate('D1')
    const two = await certificate('D2')
    const foreign = proxy()
    const urls = [`http://${host}/broken`, `http://${host}/`]
    expect(await foreign.status(ask(one, urls))).toEqual({ kind: 'good' })
    expect(await foreign.status(ask(two, urls))).toEqual({ kind: 'good' })
    expect(requests.map(({ path }) => path)).toEqual(['/broken', '/', '/'])
    const three = await certificate('D3')
    await other.certificates.revoke(three.fingerprint, 'keyCompromise')
    const crl = [`http://${host}/crl/mo-sub2.crl`]
    expect(await foreign.status(ask(three, [`http://${host}/broken`], crl))).toMatchObject({
      kind: 'revoked',
    })
    expect(await foreign.status(ask(await certificate('D4'), [], crl))).toEqual({ kind: 'good' })
    // A CRL of another authority, a delta, or no CRL at all proves nothing.
    for (const path of ['cpo-sub2', 'mo-sub2-delta', 'nobody'])
      expect(await proxy().status(ask(one, [], [`http://${host}/crl/${path}.crl`])), path).toMatchObject({
        kind: 'unknown',
      })
  })

  test.each([
    ['error', 'answered 500'],
    ['stall', 'ms'],
    ['huge', 'octets'],
    ['redirect', '302'],
  ] as const)('takes %s for unknown, in time, and says so', async (what, why) => {
    const one = await certificate(`E-${what}`)
    behaviour = what
    const startMs = performance.now()
    const verdict = await proxy().status(ask(one))
    expect(verdict).toEqual({ kind: 'unknown', why: expect.stringContaining(why) })
    expect(performance.now() - startMs).toBeLessThan(1500)
    expect(requests).toHaveLength(1)
  })

  test('believes nothing that is signed by somebody else, about another certificate, or too old', async () => {
    const one = await certificate('F1')
    const two = await certificate('F2')
    behaviour = 'wrong'
    wrongAnswer = await proxy()
      .response(ask(two))
      .then(() => new Uint8Array(0))
    behaviour = 'pass'
    wrongAnswer = (await proxy().response(ask(two))) ?? new Uint8Array(0)
    expect(wrongAnswer.length).toBeGreaterThan(0)
    behaviour = 'wrong'
    const wrong = (reason: string) => ({ kind: 'unknown', why: expect.stringContaining(reason) })
    expect(await proxy().status(ask(one))).toEqual(wrong('about other certificates'))
    const stranger = other.certificates.authorities.signing('cpo-sub2').certificate
    expect(await proxy().status({ ...ask(two), issuer: stranger })).toEqual(wrong('neither by the CA nor'))
    aheadMs = 48 * HOUR_MS
    expect(await proxy().status(ask(two))).toEqual(wrong('no longer fresh'))
  })
})

describe('the guard', () => {
  test('asks nobody who is not listed', async () => {
    const one = await certificate('G1')
    const port = host.split(':')[1]
    const refused = [
      `http://localhost:${port}/`,
      'http://127.0.0.1/',
      `https://${host.replace(/\d+$/, '1')}/`,
      `ftp://${host}/`,
      `http://user:secret@${host}/`,
      'file:///etc/passwd',
      `http://${host}/${'x'.repeat(2000)}`,
      'nonsense',
      '',
    ]
    const notListed = {
      kind: 'unknown',
      why: expect.stringContaining('not listed in pki.foreignOcsp.allowHosts'),
    }
    expect(await proxy().status(ask(one, refused.slice(0, 4)))).toEqual(notListed)
    expect(await proxy().status(ask(one, refused.slice(4)))).toEqual(notListed)
    expect(requests).toEqual([])
  })

  test('goes to no private address unless it is meant, by number, by name, in any clothes', async () => {
    const one = await certificate('G2')
    const port = host.split(':')[1]
    for (const name of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1']) {
      const listed =
        name === '2130706433' || name === '0x7f.1'
          ? '127.0.0.1'
          : name === '[::ffff:127.0.0.1]'
            ? '[::ffff:7f00:1]'
            : name
      const guarded = proxy({ hosts: [`${listed}:${port}`], privateHosts: [] })
      expect(await guarded.status(ask(one, [`http://${name}:${port}/`])), name).toEqual({
        kind: 'unknown',
        why: expect.stringContaining('is private'),
      })
    }
    expect(requests).toEqual([])
  })
})

describe('stations', () => {
  test('get the verified answer of somebody else about a certificate under an issuer that we trust', async () => {
    const one = await certificate('H1')
    const foreign = proxy()
    const data = { ...certificateHashData(one, issuer, 'SHA256'), responderURL: `http://${host}/` }
    const answer = await foreignStatus({ foreign, issuer: async () => issuer }, data)
    expect(answer.status).toBe('Accepted')
    const response = Buffer.from(answer.status === 'Accepted' ? answer.ocspResult : '', 'base64')
    const certId = certIdFor({ issuer, serial: one.serial, hash: 'SHA256' })
    expect(verifyOcspResponse({ response, certId, issuer, atMs: other.now() })).toMatchObject({ ok: true })
    expect(await foreignStatus({ foreign, issuer: async () => undefined }, data)).toMatchObject({
      reasonCode: 'UnknownIssuer',
    })
    const elsewhere = { ...data, serialNumber: '01', responderURL: 'http://169.254.169.254/' }
    expect(await foreignStatus({ foreign, issuer: async () => issuer }, elsewhere)).toMatchObject({
      reasonCode: 'NoAnswer',
    })
    expect(
      await foreignStatus({ foreign, issuer: async () => issuer }, { ...data, issuerKeyHash: 'x' }),
    ).toMatchObject({
      reasonCode: 'InvalidHashData',
    })
  })
})
