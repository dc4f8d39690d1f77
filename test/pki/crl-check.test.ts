import { describe, expect, it } from 'vitest'
import { constructed } from '../../pki/der.ts'
import { namedBits, octetString, sequence, TRUE, tlv } from '../../pki/der-write.ts'
import { extension } from '../../pki/extension-write.ts'
import { type Crl, crlRevocation, OID } from '../../pki/index.ts'
import { altNames, CA, directoryName, MINT_AT_MS, type Minted, mint, uriName } from './mint.ts'
import { entry, fullName, INDIRECT, list, onlyReasons, point, scope } from './mint-crl.ts'

const root = mint({ name: 'CRL Root', extensions: CA })
const ca = mint({ name: 'CRL CA', issuer: root, extensions: CA })
const leaf = mint({ name: 'CRL Leaf', issuer: ca })
const verdict = (crls: readonly Crl[], certificate = leaf, pool: readonly Minted[] = []): string =>
  crlRevocation({
    crls,
    pool: pool.map((minted) => minted.certificate),
    anchors: [root.certificate],
    atMs: MINT_AT_MS,
  })(certificate.certificate, ca.certificate).kind

describe('CRLs as RFC 5280 section 6.3 reads them', () => {
  it('needs all reasons covered before it says good', () => {
    const some = list({ signer: ca, extensions: [scope(onlyReasons(1, 2))] })
    const rest = list({ signer: ca, extensions: [scope(onlyReasons(3, 4, 5, 6, 7, 8))] })
    expect(verdict([some])).toBe('unknown')
    expect(verdict([some, rest])).toBe('good')
    expect(
      verdict([some, list({ signer: ca, entries: [entry(leaf)], extensions: [scope(onlyReasons(3))] })]),
    ).toBe('revoked')
  })

  it('accepts a list signed by another key of the same name only if that key has a path', () => {
    const crlKey = mint({
      name: 'CRL CA',
      issuer: root,
      extensions: [extension(OID.keyUsage, true, namedBits([6]))],
    })
    const byOther = list({ signer: crlKey })
    const rootList = list({ signer: root })
    expect(verdict([byOther])).toBe('unknown')
    expect(verdict([byOther, rootList], leaf, [crlKey])).toBe('good')
    expect(verdict([byOther, list({ signer: root, entries: [entry(crlKey)] })], leaf, [crlKey])).toBe(
      'unknown',
    )
    const selfMade = mint({ name: 'CRL CA', extensions: CA })
    expect(verdict([list({ signer: selfMade }), rootList], leaf, [selfMade])).toBe('unknown')
  })

  it('follows an indirect list by the issuer of each entry', () => {
    const authority = mint({ name: 'Indirect', issuer: root, extensions: CA })
    const pointed = mint({
      name: 'Pointed',
      issuer: ca,
      extensions: [
        point([
          fullName(uriName('http://c/1')),
          tlv(constructed(2), directoryName(authority.certificate.subjectDer)),
        ]),
      ],
    })
    const certificateIssuer = extension(
      OID.certificateIssuer,
      true,
      sequence(directoryName(ca.certificate.subjectDer)),
    )
    const idp = scope(fullName(uriName('http://c/1')), INDIRECT)
    const rootList = list({ signer: root })
    const clean = list({ signer: authority, extensions: [idp] })
    const listed = list({
      signer: authority,
      entries: [entry(pointed, certificateIssuer)],
      extensions: [idp],
    })
    const sameSerialElsewhere = list({ signer: authority, entries: [entry(pointed)], extensions: [idp] })
    expect(verdict([clean, rootList], pointed, [authority])).toBe('good')
    expect(verdict([listed, rootList], pointed, [authority])).toBe('revoked')
    expect(verdict([sameSerialElsewhere, rootList], pointed, [authority])).toBe('good')
    expect(
      verdict(
        [list({ signer: authority, extensions: [scope(fullName(uriName('http://c/1')))] }), rootList],
        pointed,
        [authority],
      ),
    ).toBe('unknown')
  })

  it('matches the distribution point by name', () => {
    const pointed = mint({
      name: 'Pointed',
      issuer: ca,
      extensions: [point([fullName(uriName('http://c/1'))])],
    })
    expect(
      verdict([list({ signer: ca, extensions: [scope(fullName(uriName('http://c/1')))] })], pointed),
    ).toBe('good')
    expect(
      verdict([list({ signer: ca, extensions: [scope(fullName(uriName('http://c/2')))] })], pointed),
    ).toBe('unknown')
    expect(verdict([list({ signer: ca })], pointed)).toBe('good')
  })

  it('does not use a list with critical extensions it does not know', () => {
    const unknown = extension('1.3.6.1.4.1.99999.9', true, octetString())
    expect(verdict([list({ signer: ca, extensions: [unknown] })])).toBe('unknown')
    expect(verdict([list({ signer: ca, entries: [entry(root, unknown)] })])).toBe('unknown')
  })

  it('does not use a list whose signer may not sign lists', () => {
    const silent = mint({
      name: 'Silent',
      issuer: root,
      extensions: [
        extension(OID.basicConstraints, true, sequence(TRUE)),
        extension(OID.keyUsage, true, namedBits([5])),
        altNames(uriName('http://x.example.com')),
      ],
    })
    const below = mint({ name: 'Below', issuer: silent })
    const crl = list({ signer: silent })
    expect(
      crlRevocation({ crls: [crl], anchors: [root.certificate], atMs: MINT_AT_MS })(
        below.certificate,
        silent.certificate,
      ).kind,
    ).toBe('unknown')
  })
})
