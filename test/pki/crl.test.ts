import { describe, expect, it } from 'vitest'
import { Crl, type CrlEntry, type CrlOrder, crlRevocation, deltaEntries, signCrl } from '../../pki/index.ts'
import { AT_MS, DAY_MS, makeCpoHierarchy, makeLeaf, runTool } from './support.ts'

const { root, sub1, sub2 } = makeCpoHierarchy()
const leaf = makeLeaf(sub2.issuer, 'secc-leaf', { commonName: 'DE*ABC*E1', organization: 'Test' }).certificate
const other = makeLeaf(sub2.issuer, 'secc-leaf', {
  commonName: 'DE*ABC*E2',
  organization: 'Test',
}).certificate

function make(entries: readonly CrlEntry[], change: Partial<CrlOrder> = {}): Crl {
  const crl = signCrl({
    issuer: sub2.issuer,
    entries,
    thisUpdateMs: AT_MS,
    nextUpdateMs: AT_MS + 7 * DAY_MS,
    number: 1n,
    ...change,
  })
  if (crl instanceof Promise) throw new Error('software signers answer at once')
  return crl
}
const revoked: CrlEntry = { serialHex: leaf.serialHex, atMs: AT_MS - 1000, reason: 'keyCompromise' }
const verdict = (crls: readonly Crl[], certificate = leaf, atMs = AT_MS): string =>
  crlRevocation({ crls, anchors: [root.certificate], pool: [sub1.certificate], atMs })(
    certificate,
    sub2.certificate,
  ).kind

describe('crl', () => {
  it('is accepted by openssl and by certtool, full and delta', () => {
    const full = make([revoked])
    const text = runTool(
      ['openssl', 'crl', '-in', 'crl.pem', '-noout', '-text', '-CAfile', 'ca.pem', '-verify'],
      {
        'crl.pem': full.toPem(),
        'ca.pem': sub2.certificate.toPem(),
      },
    )
    expect(text).toContain('Key Compromise')
    expect(text.toLowerCase()).toContain(leaf.serialHex)
    const freshestUrl = 'http://crl.example/delta.crl'
    const named = runTool(['openssl', 'crl', '-in', 'crl.pem', '-noout', '-text'], {
      'crl.pem': make([], { freshestUrl }).toPem(),
    })
    expect(named).toMatch(/Freshest CRL:\s*\n\s*Full Name:\s*\n\s*URI:http:\/\/crl\.example\/delta\.crl/)
    expect(() => make([], { number: 2n, baseNumber: 1n, freshestUrl })).toThrow(/delta/)
    const delta = make([{ ...revoked, serialHex: other.serialHex }], { number: 2n, baseNumber: 1n })
    expect(
      runTool(['openssl', 'crl', '-in', 'crl.pem', '-noout', '-text'], { 'crl.pem': delta.toPem() }),
    ).toContain('Delta CRL Indicator: critical')
    const check = runTool(
      [
        'bash',
        '-c',
        `openssl verify -crl_check -attime ${AT_MS / 1000} -CAfile all.pem -CRLfile crl.pem leaf.pem 2>&1; true`,
      ],
      {
        'all.pem': [root, sub1, sub2].map(({ certificate }) => certificate.toPem()).join(''),
        'crl.pem': full.toPem(),
        'leaf.pem': leaf.toPem(),
      },
    )
    expect(check).toContain('certificate revoked')
  })

  it('decides between good, revoked and unknown', () => {
    const full = make([revoked])
    expect(verdict([full])).toBe('revoked')
    expect(verdict([full], other)).toBe('good')
    expect(verdict([])).toBe('unknown')
    expect(verdict([full], leaf, AT_MS + 8 * DAY_MS)).toBe('unknown')
    expect(verdict([full], leaf, AT_MS - DAY_MS)).toBe('unknown')
    expect(verdict([make([], { issuer: sub1.issuer })])).toBe('unknown')
  })

  it('speaks only about its scope', () => {
    expect(verdict([make([], { onlyCas: true })])).toBe('unknown')
    expect(verdict([make([], { onlyUsers: true })])).toBe('good')
    expect(verdict([make([], { distributionPoint: 'http://crl.example.com/2.crl' })])).toBe('unknown')
  })

  it('applies a delta: additions, and holds that were released', () => {
    const held: CrlEntry = { serialHex: other.serialHex, atMs: AT_MS - 5000, reason: 'certificateHold' }
    const full = make([held])
    expect(verdict([full], other)).toBe('revoked')
    const changes = deltaEntries(full, [revoked], AT_MS)
    expect(changes.map((entry) => entry.reason)).toEqual(['keyCompromise', 'removeFromCRL'])
    const delta = make(changes, { number: 2n, baseNumber: 1n })
    expect(verdict([full, delta], other)).toBe('good')
    expect(verdict([full, delta])).toBe('revoked')
    expect(verdict([delta])).toBe('unknown')
    const foreign = make(changes, { number: 3n, baseNumber: 2n })
    expect(verdict([full, foreign], other)).toBe('revoked')
  })

  it('refuses to sign nonsense', () => {
    expect(() => make([revoked, revoked])).toThrow(/twice/)
    expect(() => make([], { nextUpdateMs: AT_MS })).toThrow(/after/)
    expect(() => make([], { baseNumber: 1n })).toThrow(/higher/)
    expect(() => make([{ serialHex: 'XY', atMs: AT_MS }])).toThrow(/lower-case hex/)
  })

  it('reads its own lists back and refuses forged ones', () => {
    const full = make([revoked])
    expect(Crl.parse(full.toPem()).number).toBe(1n)
    expect(full.entryCount).toBe(1)
    const forged = Buffer.from(full.der)
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    expect(verdict([Crl.parse(forged)])).toBe('unknown')
    expect(() => Crl.parse(forged.subarray(1))).toThrow(/cannot be read|block/)
  })
})
