import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  answerOcspRequest,
  buildOcspRequest,
  type CertId,
  certIdFor,
  createOcspResponder,
  decodeOcspPath,
  issuerLookupKeys,
  type OcspService,
  ocspCacheHeaders,
  parseOcspResponse,
} from '../../pki/index.ts'
import { AT_MS, DAY_MS, makeCpoHierarchy } from './support.ts'

const { root, sub1, sub2 } = makeCpoHierarchy()
const [one, two] = [sub1, sub2].map((ca) =>
  createOcspResponder({ issuer: ca.certificate, signer: ca.signer }),
)
if (one === undefined || two === undefined) throw new Error('two responders were made')
const service: OcspService = {
  responders: new Map([
    ...issuerLookupKeys(sub1.certificate).map((key) => [key, one] as const),
    ...issuerLookupKeys(sub2.certificate).map((key) => [key, two] as const),
  ]),
  statusOf: (_responder, serialHex) => ({
    status: serialHex === '7' ? { kind: 'good' } : { kind: 'unknown' },
    thisUpdateMs: AT_MS,
    nextUpdateMs: AT_MS + DAY_MS,
  }),
  echoNonce: true,
}
const id = (issuer: typeof sub1, serial: number, hash: 'SHA1' | 'SHA512' = 'SHA1'): CertId =>
  certIdFor({ issuer: issuer.certificate, serial: Uint8Array.of(serial), hash })

function ask(certIds: readonly CertId[], nonce?: Uint8Array) {
  const response = answerOcspRequest(buildOcspRequest(certIds, nonce), service, AT_MS)
  if (response instanceof Promise) throw new Error('software signers answer at once')
  return parseOcspResponse(response)
}
const kinds = (certIds: readonly CertId[]) => {
  const answer = ask(certIds)
  return answer.kind === 'basic' ? answer.basic.singles.map((single) => single.status.kind) : answer.error
}

describe('answerOcspRequest', () => {
  it('answers for its own certificates by any hash, and says unknown to numbers it never issued', () => {
    expect(kinds([id(sub1, 7), id(sub1, 8), id(sub1, 7, 'SHA512')])).toEqual(['good', 'unknown', 'good'])
  })

  it('does not let one CA speak for another', () => {
    expect(kinds([id(sub1, 7), id(sub2, 7)])).toEqual(['good', 'unknown'])
    expect(kinds([id(root, 7), id(sub2, 7)])).toEqual(['unknown', 'good'])
  })

  it('is not authorised for strangers and does not read nonsense', () => {
    expect(kinds([id(root, 7)])).toBe('unauthorized')
    const malformed = answerOcspRequest(Uint8Array.of(1, 2, 3), service, AT_MS)
    expect(malformed instanceof Promise ? undefined : parseOcspResponse(malformed)).toEqual({
      kind: 'error',
      error: 'malformedRequest',
    })
  })

  it('echoes the nonce, up to 128 octets (RFC 9654)', () => {
    const nonce = randomBytes(128)
    const answer = ask([id(sub1, 7)], nonce)
    expect(
      answer.kind === 'basic' &&
        Buffer.from(answer.basic.nonce ?? [])
          .subarray(3)
          .equals(nonce),
    ).toBe(true)
    expect(() => buildOcspRequest([id(sub1, 7)], randomBytes(129))).toThrow(/128/)
  })

  it('reads GET paths and refuses what is not base64', () => {
    const request = buildOcspRequest([id(sub1, 7)])
    const encoded = encodeURIComponent(Buffer.from(request).toString('base64'))
    expect(Buffer.from(decodeOcspPath(encoded) ?? []).equals(Buffer.from(request))).toBe(true)
    expect(decodeOcspPath('%')).toBeUndefined()
    expect(decodeOcspPath('a b')).toBeUndefined()
    expect(decodeOcspPath('A'.repeat(5000))).toBeUndefined()
  })

  it('lets caches keep an answer until nextUpdate and no longer', () => {
    const freshness = { thisUpdateMs: AT_MS, nextUpdateMs: AT_MS + DAY_MS, hasNonce: false }
    const headers = ocspCacheHeaders(Uint8Array.of(1), freshness, AT_MS + DAY_MS / 2)
    expect(headers['cache-control']).toBe('max-age=43200, public, no-transform, must-revalidate')
    expect(headers.expires).toBe(new Date(AT_MS + DAY_MS).toUTCString())
    expect(ocspCacheHeaders(Uint8Array.of(1), { ...freshness, hasNonce: true }, AT_MS)).toEqual({
      'cache-control': 'no-store',
    })
    expect(ocspCacheHeaders(Uint8Array.of(1), freshness, AT_MS + 2 * DAY_MS)).toEqual({
      'cache-control': 'no-store',
    })
    expect(ocspCacheHeaders(Uint8Array.of(1), undefined, AT_MS)).toEqual({ 'cache-control': 'no-store' })
  })
})
