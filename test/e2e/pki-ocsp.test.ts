import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  buildOcspRequest,
  Certificate,
  certIdFor,
  parseOcspResponse,
  verifyOcspResponse,
} from '../../pki/index.ts'
import { type PkiTestService, startPkiService } from './support/pki-service.ts'

const DAY_MS = 86_400_000
const TYPE = { 'content-type': 'application/ocsp-request' }

let service: PkiTestService
let issuer: Certificate

beforeAll(async () => {
  service = await startPkiService()
  for (const line of ['cpo-sub2', 'station-ca', 'mo-sub2']) await service.writeAuthority(line)
  issuer = service.certificates.authorities.signing('cpo-sub2').certificate
})
afterAll(() => service.close())

const ask = (name: string, ...more: string[]) =>
  service.run(
    'openssl',
    ...['ocsp', '-issuer', 'cpo-sub2.pem', '-cert', `${name}.pem`, '-url', `${service.url}/ocsp`],
    ...['-CAfile', 'cpo-sub2-chain.pem', ...more],
  )

const request = (record: { der: Uint8Array }, nonce?: Uint8Array) =>
  buildOcspRequest([certIdFor({ issuer, serial: Certificate.parse(record.der).serial })], nonce)

/** The parsed answer: its error, or its content. */
async function parsed(response: Response) {
  const answer = parseOcspResponse(new Uint8Array(await response.arrayBuffer()))
  return answer.kind === 'error'
    ? { error: answer.error, certificates: [], singles: [] }
    : { error: undefined, ...answer.basic }
}

const post = (body: Uint8Array, headers: Record<string, string> = TYPE) =>
  fetch(`${service.url}/ocsp`, { method: 'POST', headers, body: Buffer.from(body) })

describe('openssl ocsp', () => {
  test('believes the answers: good, then revoked with its reason, with and without a nonce', async () => {
    const record = await service.leaf('believed')
    for (const nonce of ['-nonce', '-no_nonce']) {
      const good = await ask('believed', nonce)
      expect(`${good.stdout}${good.stderr}`).toContain('Response verify OK')
      expect(good.stdout).toContain('believed.pem: good')
    }
    expect(await service.certificates.revoke(record.fingerprint, 'keyCompromise')).toBe('revoked')
    for (const nonce of ['-nonce', '-no_nonce']) {
      const revoked = await ask('believed', nonce)
      expect(revoked.stdout).toContain('believed.pem: revoked')
      expect(revoked.stdout).toContain('Reason: keyCompromise')
    }
  })

  test('gets a hold and its release', async () => {
    const record = await service.leaf('held')
    expect(await service.certificates.revoke(record.fingerprint, 'certificateHold')).toBe('revoked')
    expect((await ask('held', '-no_nonce')).stdout).toContain('Reason: certificateHold')
    expect(await service.certificates.release(record.fingerprint)).toBe('released')
    expect(await service.certificates.release(record.fingerprint)).toBe('not-on-hold')
    expect((await ask('held', '-no_nonce')).stdout).toContain('held.pem: good')
  })

  test('gets "unknown" for a serial number that was never issued', async () => {
    const answer = await service.run(
      'openssl',
      ...['ocsp', '-issuer', 'cpo-sub2.pem', '-serial', '0x0123456789', '-url', `${service.url}/ocsp`],
      ...['-CAfile', 'cpo-sub2-chain.pem'],
    )
    expect(answer.stdout).toContain('0x0123456789: unknown')
  })

  test('gets answers whatever hash names the certificate, and for several certificates at once', async () => {
    await service.leaf('first')
    const second = await service.leaf('second')
    await service.certificates.revoke(second.fingerprint, 'superseded')
    for (const hash of ['sha1', 'sha256', 'sha384', 'sha512']) {
      const answer = await service.run(
        'openssl',
        ...[
          'ocsp',
          `-${hash}`,
          '-issuer',
          'cpo-sub2.pem',
          '-cert',
          'first.pem',
          `-${hash}`,
          '-cert',
          'second.pem',
        ],
        ...['-url', `${service.url}/ocsp`, '-CAfile', 'cpo-sub2-chain.pem'],
      )
      expect(answer.stdout).toContain('first.pem: good')
      expect(answer.stdout).toContain('second.pem: revoked')
    }
  })

  test('is refused where the issuer is not ours', async () => {
    await service.run(
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'foreign.key',
      '-out',
      'foreign.pem',
      '-subj',
      '/CN=Foreign',
    )
    const answer = await service.run(
      'openssl',
      ...['ocsp', '-issuer', 'foreign.pem', '-serial', '1', '-url', `${service.url}/ocsp`],
    )
    expect(`${answer.stdout}${answer.stderr}`).toContain('unauthorized')
  })
})

describe('the responder', () => {
  test('signs with a delegate that only answers OCSP, not with the key of the authority', async () => {
    const record = await service.leaf('delegated')
    const response = await parsed(await post(request(record)))
    expect(response.certificates).toHaveLength(1)
    const [delegate] = response.certificates
    expect(delegate?.hasOcspNoCheck).toBe(true)
    expect(delegate?.extendedKeyUsage).toEqual(['1.3.6.1.5.5.7.3.9'])
    expect((delegate?.notAfterMs ?? 0) - (delegate?.notBeforeMs ?? 0)).toBeLessThanOrEqual(30 * DAY_MS)
    expect(delegate?.isSignedBy(issuer)).toBe(true)
  })

  test('may be asked by GET, with the path encoded in either way', async () => {
    const record = await service.leaf('got')
    const text = Buffer.from(request(record)).toString('base64')
    for (const path of [encodeURIComponent(text), text]) {
      const response = await fetch(`${service.url}/ocsp/${path}`)
      expect(response.headers.get('content-type')).toBe('application/ocsp-response')
      const verdict = verifyOcspResponse({
        response: new Uint8Array(await response.arrayBuffer()),
        certId: certIdFor({ issuer, serial: Certificate.parse(record.der).serial }),
        issuer,
        atMs: service.now(),
      })
      expect(verdict).toMatchObject({ ok: true, status: { kind: 'good' } })
    }
  })

  test('tells HTTP caches how long an answer holds (RFC 5019 section 6), and answers 304', async () => {
    const record = await service.leaf('cached')
    const url = `${service.url}/ocsp/${encodeURIComponent(Buffer.from(request(record)).toString('base64'))}`
    const first = await fetch(url)
    const maxAgeS = Number(/max-age=(\d+)/.exec(first.headers.get('cache-control') ?? '')?.[1])
    expect(maxAgeS).toBeGreaterThan(86_000)
    expect(first.headers.get('cache-control')).toMatch(/public, no-transform, must-revalidate/)
    const expires = Date.parse(first.headers.get('expires') ?? '')
    expect(Math.abs(expires - service.now() - maxAgeS * 1000)).toBeLessThan(2000)
    expect(Date.parse(first.headers.get('last-modified') ?? '')).toBeLessThanOrEqual(service.now())
    const etag = first.headers.get('etag') ?? ''
    const again = await fetch(url, { headers: { 'if-none-match': etag } })
    expect(again.status).toBe(304)
    await service.certificates.revoke(record.fingerprint, 'superseded')
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(200)
  })

  test('lets nobody keep an answer with a nonce, an error, or an unknown certificate', async () => {
    const record = await service.leaf('fresh')
    const bodies = [
      request(record, Buffer.alloc(32, 7)),
      new Uint8Array([1, 2, 3]),
      request({ der: issuer.der }),
    ]
    for (const body of bodies) {
      const response = await post(body)
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toBe('no-store')
    }
  })

  test('echoes the nonce and signs anew for each', async () => {
    const record = await service.leaf('nonced')
    const certId = certIdFor({ issuer, serial: Certificate.parse(record.der).serial })
    const answers = await Promise.all(
      [1, 2].map(async (octet) => {
        const nonce = Buffer.alloc(32, octet)
        const response = new Uint8Array(await (await post(request(record, nonce))).arrayBuffer())
        expect(verifyOcspResponse({ response, certId, issuer, atMs: service.now(), nonce })).toMatchObject({
          ok: true,
        })
        return Buffer.from(response).toString('hex')
      }),
    )
    expect(answers[0]).not.toBe(answers[1])
  })

  test('serves the same signed answer until the certificate is revoked, then never again', async () => {
    const record = await service.leaf('kept')
    const octets = async () => Buffer.from(await (await post(request(record))).arrayBuffer()).toString('hex')
    const first = await octets()
    expect(await octets()).toBe(first)
    await service.certificates.revoke(record.fingerprint, 'keyCompromise')
    const second = await octets()
    expect(second).not.toBe(first)
    expect(await octets()).toBe(second)
  })

  test('answers malformed requests as RFC 6960 says, and refuses what is no OCSP', async () => {
    const status = async (response: Response) => (await parsed(response)).error
    expect(await status(await post(new Uint8Array(0)))).toBe('malformedRequest')
    expect(await status(await fetch(`${service.url}/ocsp/%%%`))).toBe('malformedRequest')
    expect(await status(await fetch(`${service.url}/ocsp/${'A'.repeat(20_000)}`))).toBe('malformedRequest')
    expect((await post(new Uint8Array(3), { 'content-type': 'application/json' })).status).toBe(415)
    expect((await fetch(`${service.url}/ocsp`, { method: 'PUT' })).status).toBe(405)
    expect((await fetch(`${service.url}/ocsp`)).status).toBe(405)
    expect((await post(new Uint8Array(20_000))).status).toBe(413)
    expect((await fetch(`${service.url}/ocspx`)).status).toBe(404)
  })

  test('does not answer for two authorities in one response', async () => {
    const other = service.certificates.authorities.signing('mo-sub2').certificate
    const body = buildOcspRequest([
      certIdFor({ issuer, serial: issuer.serial }),
      certIdFor({ issuer: other, serial: other.serial }),
    ])
    const response = await parsed(await post(body))
    expect(response.error).toBe('unauthorized')
  })
})

describe('delegates', () => {
  test('renew themselves at half of their life, and an answer never outlives its delegate', async () => {
    const of = (id: string) =>
      service.certificates.ocsp.responders().find((one) => one.authorityId === id)?.delegate
    const before = of('cpo-sub2')
    await service.certificates.ocsp.refreshDelegates()
    expect(of('cpo-sub2')).toEqual(before)
    service.advance(8 * DAY_MS)
    await service.certificates.upkeep()
    const after = of('cpo-sub2')
    expect(after?.fingerprint).not.toBe(before?.fingerprint)
    expect(after?.notAfterMs).toBeGreaterThan((before?.notAfterMs ?? 0) + 7 * DAY_MS)
    // Not renewed for a fortnight: what is signed on the last day ends with the delegate.
    service.advance(13.5 * DAY_MS)
    const record = await service.leaf('late')
    const response = await parsed(await post(request(record)))
    expect(response.singles[0]?.nextUpdateMs).toBe(after?.notAfterMs)
    service.advance(DAY_MS)
    const expired = await parsed(await post(request(record, Buffer.alloc(16, 1))))
    expect(expired.error).toBe('tryLater')
  })
})
