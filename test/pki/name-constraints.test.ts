import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ia5String, oid, printableString, sequence, setOf, utf8String } from '../../pki/der-write.ts'
import { hostMatches, OID, parseIp, validatePath } from '../../pki/index.ts'
import { encodeName } from '../../pki/name.ts'
import {
  altNames,
  CA,
  directoryName,
  dnsName,
  emailName,
  ipName,
  MINT_AT_MS,
  type Minted,
  mint,
  nameConstraints,
  unknownCritical,
  uriName,
} from './mint.ts'

const root = mint({ name: 'NC Root', extensions: CA })

function verdict(
  constraints: Uint8Array,
  leaf: { extensions?: readonly Uint8Array[]; subject?: Uint8Array },
): string {
  const sub = mint({ name: 'NC Sub', issuer: root, extensions: [...CA, constraints] })
  const made = mint({ name: 'Leaf', issuer: sub, ...leaf })
  return validate(made, [sub])
}
function validate(leaf: Minted, subs: readonly Minted[]): string {
  const result = validatePath({
    leaf: leaf.certificate,
    intermediates: subs.map(({ certificate }) => certificate),
    anchors: [root.certificate],
    atMs: MINT_AT_MS,
  })
  return result.ok ? 'ok' : result.reason
}
const names = (...list: readonly Uint8Array[]) => ({ extensions: [altNames(...list)] })

describe('name constraints', () => {
  it.each([
    ['http://a.example.com/x', 'a.example.com', 'ok'],
    ['http://b.a.example.com/x', 'a.example.com', 'nameConstraint'],
    ['http://b.example.com:8080', '.example.com', 'ok'],
    ['http://user@b.example.com', '.example.com', 'ok'],
    ['http://example.com', '.example.com', 'nameConstraint'],
    ['http://10.0.0.1/', '.example.com', 'nameConstraint'],
    ['mailto:a@example.com', 'example.com', 'nameConstraint'],
    ['http://evil.com/.example.com', '.example.com', 'nameConstraint'],
    ['http://evil.com#@b.example.com', '.example.com', 'nameConstraint'],
  ])('URI %s under permitted %s: %s', (uri, base, expected) => {
    expect(verdict(nameConstraints([uriName(base)]), names(uriName(uri)))).toBe(expected)
  })

  it.each([
    ['*.example.com', 'example.com', 'ok'],
    ['*.example.com', 'a.example.com', 'nameConstraint'],
    ['xexample.com', 'example.com', 'nameConstraint'],
    ['A.EXAMPLE.com', 'example.COM', 'ok'],
    ['a.example.com', '', 'ok'],
  ])('host %s under permitted "%s": %s', (host, base, expected) => {
    expect(verdict(nameConstraints([dnsName(base)]), names(dnsName(host)))).toBe(expected)
  })

  it.each([
    ['*.example.com', 'a.example.com', 'nameConstraint'],
    ['*.example.com', 'b.a.example.com', 'ok'],
    ['*.a.example.com', 'example.com', 'nameConstraint'],
    ['a.example.org', 'example.com', 'ok'],
  ])('host %s under excluded %s: %s', (host, base, expected) => {
    expect(verdict(nameConstraints([], [dnsName(base)]), names(dnsName(host)))).toBe(expected)
  })

  it('looks at the e-mail address in a subject that has no alternative names', () => {
    const subject = sequence(setOf(sequence(oid(OID.emailAddress), ia5String('a@example.com'))))
    expect(verdict(nameConstraints([emailName('example.com')]), { subject })).toBe('ok')
    expect(verdict(nameConstraints([emailName('example.org')]), { subject })).toBe('nameConstraint')
  })

  it('compares directory names without regard to case, spaces and string type', () => {
    const base = sequence(setOf(sequence(oid(OID.organization), printableString('Acme  Charging'))))
    const below = sequence(
      setOf(sequence(oid(OID.organization), utf8String(' ACME charging'))),
      setOf(sequence(oid(OID.commonName), utf8String('x'))),
    )
    expect(verdict(nameConstraints([directoryName(base)]), { subject: below })).toBe('ok')
    expect(verdict(nameConstraints([], [directoryName(base)]), { subject: below })).toBe('nameConstraint')
    expect(
      verdict(nameConstraints([directoryName(base)]), { subject: encodeName({ commonName: 'x' }) }),
    ).toBe('nameConstraint')
  })

  it('keeps address ranges apart by family and refuses masks with holes', () => {
    const v4 = ipName(10, 0, 0, 0, 255, 0, 0, 0)
    expect(verdict(nameConstraints([v4]), names(ipName(10, 9, 8, 7)))).toBe('ok')
    expect(verdict(nameConstraints([v4]), names(ipName(11, 9, 8, 7)))).toBe('nameConstraint')
    expect(verdict(nameConstraints([v4]), names(ipName(...Array<number>(16).fill(10))))).toBe(
      'nameConstraint',
    )
    expect(verdict(nameConstraints([ipName(10, 0, 0, 0, 255, 0, 255, 0)]), names(ipName(10, 0, 0, 1)))).toBe(
      'nameConstraint',
    )
  })

  it('holds for every CA below, and ignores self-issued ones in the middle only', () => {
    const limited = mint({
      name: 'Limited',
      issuer: root,
      extensions: [...CA, nameConstraints([dnsName('example.com')])],
    })
    const bad = mint({ name: 'Bad', issuer: limited, extensions: [...CA, altNames(dnsName('example.org'))] })
    const rolled = mint({
      name: 'Limited',
      issuer: limited,
      extensions: [...CA, altNames(dnsName('example.org'))],
    })
    const leafOf = (issuer: Minted) =>
      mint({ name: 'L', issuer, extensions: [altNames(dnsName('a.example.com'))] })
    expect(validate(leafOf(bad), [limited, bad])).toBe('nameConstraint')
    expect(validate(leafOf(rolled), [limited, rolled])).toBe('ok')
    expect(validate(rolled, [limited])).toBe('nameConstraint')
  })
})

describe('other rules of a path', () => {
  it('refuses critical extensions nobody understands, wherever they are', () => {
    expect(validate(mint({ name: 'L', issuer: root, extensions: [unknownCritical()] }), [])).toBe(
      'criticalExtension',
    )
    const sub = mint({ name: 'S', issuer: root, extensions: [...CA, unknownCritical()] })
    expect(validate(mint({ name: 'L', issuer: sub }), [sub])).toBe('criticalExtension')
  })

  it('prefers to say expired when the only path has expired', () => {
    const sub = mint({ name: 'S', issuer: root, extensions: CA, notAfterMs: MINT_AT_MS - 1000 })
    expect(validate(mint({ name: 'L', issuer: sub }), [sub])).toBe('expired')
  })
})

describe('host names', () => {
  it.each([
    ['example.com', 'EXAMPLE.com', true],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'b.a.example.com', false],
    ['*.example.com', 'example.com', false],
    ['a*.example.com', 'ab.example.com', false],
    ['*.com', 'example.com', false],
    ['*', 'com', false],
    ['10.0.0.1', '10.0.0.1', false],
    ['example.com.', 'example.com', false],
  ])('%s covers %s: %s', (presented, wanted, expected) => {
    expect(hostMatches(presented, wanted)).toBe(expected)
  })

  it('reads addresses and nothing that only looks like one', () => {
    expect([...(parseIp('192.0.2.1') ?? [])]).toEqual([192, 0, 2, 1])
    expect(parseIp('2001:db8::1')?.length).toBe(16)
    expect([...(parseIp('::ffff:192.0.2.1') ?? [])].slice(-6)).toEqual([255, 255, 192, 0, 2, 1])
    for (const text of [
      '',
      '1.2.3',
      '1.2.3.256',
      '01.2.3.4',
      '1::2::3',
      ':::',
      '1:2:3:4:5:6:7',
      '::1%eth0',
      '12345::',
    ]) {
      expect(parseIp(text)).toBeUndefined()
    }
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const [bytes, url] = [parseIp(text), new URL(`http://[${text}]/`).hostname]
        return bytes !== undefined && new URL(`http://[${hex(bytes)}]/`).hostname === url
      }),
    )
    fc.assert(fc.property(fc.ipV4(), (text) => parseIp(text)?.join('.') === text))
  })
})

const hex = (bytes: Uint8Array): string => (Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).join(':')
