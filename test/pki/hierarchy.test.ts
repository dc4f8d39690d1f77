import { describe, expect, it } from 'vitest'
import { changeRevocation, inspectHierarchy, validatePath } from '../../pki/index.ts'
import { AT_MS, DAY_MS, makeCpoHierarchy, makeLeaf, makeRoot, runTool } from './support.ts'

const { root, sub1, sub2 } = makeCpoHierarchy()
describe('hierarchy import', () => {
  it('sorts a pile of certificates and says what is wrong with which', () => {
    const stray = makeRoot('mo-root', 'Elsewhere')
    const orphan = makeLeaf(stray.issuer, 'contract', {
      commonName: 'DEABC',
      organization: 'Test',
    }).certificate
    const pile = [sub2, sub1, root, sub1].map(({ certificate }) => certificate)
    const members = inspectHierarchy([orphan, ...pile], AT_MS)
    expect(members.map(({ certificate, role, refusal }) => [certificate.commonName, role, refusal])).toEqual([
      ['Test V2G Root', 'root', undefined],
      ['Test CPO Sub1', 'sub-ca', undefined],
      ['Test CPO Sub2', 'sub-ca', undefined],
      ['DEABC', 'end-entity', 'untrusted'],
    ])
    expect(members.flatMap(({ findings }) => findings)).toEqual([])
    expect(members[2]?.issuer).toBe(sub1.certificate)
    expect(
      inspectHierarchy(pile, AT_MS + 5 * 365 * DAY_MS).filter(({ refusal }) => refusal === 'expired'),
    ).toHaveLength(2)
  })
})

describe('cross-signing', () => {
  it('makes an old root vouch for a new one, and OpenSSL follows', () => {
    const next = makeRoot('v2g-root', 'Next V2G Root')
    const nextSub = makeLeaf(next.issuer, 'cpo-sub1', {
      commonName: 'Next Sub',
      organization: 'Test',
    }).certificate
    const cross = makeLeaf(
      root.issuer,
      'cross-certificate',
      { der: next.certificate.subjectDer },
      { privateKey: next.privateKey },
    ).certificate
    const path = validatePath({
      leaf: nextSub,
      intermediates: [cross, next.certificate],
      anchors: [root.certificate],
      atMs: AT_MS,
      strictness: 'profile',
    })
    expect(path.ok && path.chain.map((certificate) => certificate.issuerText)).toHaveLength(3)
    const output = runTool(
      [
        'openssl',
        'verify',
        '-x509_strict',
        '-attime',
        `${AT_MS / 1000}`,
        '-CAfile',
        'root.pem',
        '-untrusted',
        'cross.pem',
        'sub.pem',
      ],
      {
        'root.pem': root.certificate.toPem(),
        'cross.pem': cross.toPem(),
        'sub.pem': nextSub.toPem(),
      },
    )
    expect(output).toContain('OK')
  })
})

describe('revocation state', () => {
  const good = { kind: 'good' } as const
  const held = { kind: 'revoked', atMs: 5, reason: 'certificateHold' } as const
  const gone = { kind: 'revoked', atMs: 5, reason: 'keyCompromise' } as const

  it('takes back a hold and nothing else', () => {
    expect(changeRevocation(good, { kind: 'hold', atMs: 5 })).toEqual({
      ok: true,
      status: held,
      changed: true,
    })
    expect(changeRevocation(held, { kind: 'release' })).toEqual({ ok: true, status: good, changed: true })
    expect(changeRevocation(gone, { kind: 'release' })).toEqual({ ok: false, reason: 'not-on-hold' })
    expect(changeRevocation(gone, { kind: 'hold', atMs: 9 })).toEqual({
      ok: false,
      reason: 'already-revoked',
    })
  })

  it('keeps the earlier time when a hold becomes final, and repeats harmlessly', () => {
    const final = changeRevocation(held, { kind: 'revoke', atMs: 9, reason: 'keyCompromise' })
    expect(final).toEqual({ ok: true, status: gone, changed: true })
    expect(changeRevocation(gone, { kind: 'revoke', atMs: 9, reason: 'keyCompromise' })).toEqual({
      ok: true,
      status: gone,
      changed: false,
    })
    expect(changeRevocation(gone, { kind: 'revoke', atMs: 9, reason: 'superseded' })).toEqual({
      ok: false,
      reason: 'already-revoked',
    })
    expect(changeRevocation(good, { kind: 'revoke', atMs: 9, reason: 'removeFromCRL' })).toEqual({
      ok: false,
      reason: 'reason-invalid',
    })
    expect(changeRevocation({ kind: 'unknown' }, { kind: 'hold', atMs: 9 })).toEqual({
      ok: false,
      reason: 'never-issued',
    })
  })
})
