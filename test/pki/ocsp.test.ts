import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  buildOcspRequest,
  certIdFor,
  certIdFromHashData,
  certIdIssuerKey,
  certificateHashData,
  createOcspResponder,
  issuerLookupKeys,
  ocspErrorResponse,
  parseOcspRequest,
  parseOcspResponse,
  type StatusEntry,
  verifyOcspResponse,
} from '../../pki/index.ts'
import { AT_MS, DAY_MS, makeCpoHierarchy, makeLeaf, runTool } from './support.ts'

const { root, sub1, sub2 } = makeCpoHierarchy()
const leaf = makeLeaf(sub2.issuer, 'secc-leaf', { commonName: 'DE*ABC*E1', organization: 'Test' })
const delegate = makeLeaf(sub2.issuer, 'ocsp-responder', { commonName: 'OCSP', organization: 'Test' })
const direct = createOcspResponder({ issuer: sub2.certificate, signer: sub2.signer })
const delegated = createOcspResponder({
  issuer: sub2.certificate,
  signer: delegate.signer,
  delegate: delegate.certificate,
})

function bytes(value: Uint8Array | Promise<Uint8Array>): Uint8Array {
  if (value instanceof Promise) throw new Error('software signers answer at once')
  return value
}
const certId = certIdFor({ issuer: sub2.certificate, serial: leaf.certificate.serial, hash: 'SHA256' })
const good: StatusEntry = {
  certId,
  status: { kind: 'good' },
  thisUpdateMs: AT_MS,
  nextUpdateMs: AT_MS + DAY_MS,
}

describe('ocsp', () => {
  it.each(['SHA256', 'SHA384', 'SHA512'] as const)(
    'answers an OCPP request by %s hash data',
    (hashAlgorithm) => {
      const hashData = certificateHashData(leaf.certificate, sub2.certificate, hashAlgorithm)
      const asked = certIdFromHashData({
        ...hashData,
        serialNumber: `0X00${hashData.serialNumber.toUpperCase()}`,
      })
      expect(issuerLookupKeys(sub2.certificate)).toContain(certIdIssuerKey(asked))
      const response = bytes(
        delegated.respond({ entries: [{ ...good, certId: asked }], producedAtMs: AT_MS }),
      )
      const verdict = verifyOcspResponse({ response, certId: asked, issuer: sub2.certificate, atMs: AT_MS })
      expect(verdict).toMatchObject({ ok: true, status: { kind: 'good' } })
    },
  )

  it('is understood by openssl ocsp, with nonce, several certificates and a revocation', () => {
    const other = makeLeaf(sub2.issuer, 'secc-leaf', { commonName: 'DE*ABC*E2', organization: 'Test' })
    const files = {
      'chain.pem': root.certificate.toPem() + sub1.certificate.toPem(),
      'issuer.pem': sub2.certificate.toPem(),
      'a.pem': leaf.certificate.toPem(),
      'b.pem': other.certificate.toPem(),
    }
    const request = Buffer.from(
      runTool(
        [
          'bash',
          '-c',
          'openssl ocsp -issuer issuer.pem -cert a.pem -cert b.pem -reqout req.der >&2; cat req.der',
        ],
        files,
      ),
      'latin1',
    )
    const parsed = parseOcspRequest(request)
    expect(parsed.certIds.map((id) => id.serialHex)).toEqual([
      leaf.certificate.serialHex,
      other.certificate.serialHex,
    ])
    expect(parsed.nonce).toBeDefined()
    const [first, second] = parsed.certIds
    if (first === undefined || second === undefined) throw new Error('two certificates were asked for')
    const response = bytes(
      delegated.respond({
        entries: [
          { ...good, certId: first },
          {
            ...good,
            certId: second,
            status: { kind: 'revoked', atMs: AT_MS - 1000, reason: 'keyCompromise' },
          },
        ],
        producedAtMs: AT_MS,
        nonce: parsed.nonce,
      }),
    )
    const output = runTool(
      [
        'bash',
        '-c',
        `openssl ocsp -respin resp.der -reqin req.der -no_nonce -issuer issuer.pem -cert a.pem -cert b.pem -CAfile chain.pem -verify_other issuer.pem -attime ${AT_MS / 1000} -validity_period 1000000000 2>&1`,
      ],
      { ...files, 'resp.der': response, 'req.der': request },
    )
    expect(output).toContain('Response verify OK')
    expect(output).toMatch(/a\.pem: good/)
    expect(output).toMatch(/b\.pem: revoked/)
    expect(output).toContain('keyCompromise')
  })

  it('reads its own requests back, nonce included', () => {
    const nonce = randomBytes(32)
    const parsed = parseOcspRequest(buildOcspRequest([certId], nonce))
    expect(parsed.certIds[0]?.serialHex).toBe(leaf.certificate.serialHex)
    const response = bytes(direct.respond({ entries: [good], producedAtMs: AT_MS, nonce: parsed.nonce }))
    const base = { response, certId, issuer: sub2.certificate, atMs: AT_MS }
    expect(verifyOcspResponse({ ...base, nonce })).toMatchObject({ ok: true })
    expect(verifyOcspResponse({ ...base, nonce: randomBytes(32) })).toMatchObject({
      ok: false,
      reason: 'nonce-mismatch',
    })
  })

  it('refuses everything that is not a fresh, signed answer about this certificate', () => {
    const respond = (entry: StatusEntry) =>
      bytes(delegated.respond({ entries: [entry], producedAtMs: AT_MS }))
    const check = (response: Uint8Array, change: object = {}) => {
      const verdict = verifyOcspResponse({
        response,
        certId,
        issuer: sub2.certificate,
        atMs: AT_MS,
        ...change,
      })
      return verdict.ok ? verdict.status.kind : verdict.reason
    }
    expect(check(respond(good))).toBe('good')
    expect(check(respond({ ...good, status: { kind: 'unknown' } }))).toBe('unknown')
    expect(check(respond({ ...good, status: { kind: 'revoked', atMs: AT_MS } }))).toBe('revoked')
    expect(check(respond(good), { atMs: AT_MS + 2 * DAY_MS })).toBe('stale')
    expect(check(respond(good), { atMs: AT_MS - DAY_MS / 2 })).toBe('signer-untrusted')
    expect(
      check(bytes(direct.respond({ entries: [good], producedAtMs: AT_MS })), { atMs: AT_MS - DAY_MS }),
    ).toBe('not-yet-valid')
    expect(check(respond(good), { issuer: sub1.certificate })).toBe('signer-untrusted')
    const elsewhere = certIdFor({ issuer: sub2.certificate, serial: Uint8Array.of(7), hash: 'SHA256' })
    expect(check(respond(good), { certId: elsewhere })).toBe('certificate-not-answered')
    const forged = Uint8Array.from(bytes(direct.respond({ entries: [good], producedAtMs: AT_MS })))
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    expect(['signature-invalid', 'malformed']).toContain(check(forged))
    expect(check(ocspErrorResponse('tryLater'))).toBe('responder-error')
    expect(check(Uint8Array.of(0x30))).toBe('malformed')
  })

  it('does not let an ordinary leaf of the CA act as a delegate', () => {
    expect(() =>
      createOcspResponder({ issuer: sub2.certificate, signer: leaf.signer, delegate: leaf.certificate }),
    ).toThrow(/OCSPSigning/)
    expect(() =>
      createOcspResponder({
        issuer: sub1.certificate,
        signer: delegate.signer,
        delegate: delegate.certificate,
      }),
    ).toThrow(/directly/)
  })

  it('reads error answers', () => {
    expect(parseOcspResponse(ocspErrorResponse('unauthorized'))).toEqual({
      kind: 'error',
      error: 'unauthorized',
    })
  })
})
