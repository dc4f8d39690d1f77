import { describe, expect, it } from 'vitest'
import { constructed } from '../../pki/der.ts'
import { namedBits, octetString, oid, sequence, TRUE, tlv, utf8String } from '../../pki/der-write.ts'
import { extension } from '../../pki/extension-write.ts'
import { type Crl, crlRevocation, OID, type PathResult, validatePath } from '../../pki/index.ts'
import { CA, directoryName, freshSigner, MINT_AT_MS, type Minted, mint, uriName } from './mint.ts'
import {
  crlIssuer,
  delta,
  entry,
  entryIssuer,
  fullName,
  HOUR_MS,
  INDIRECT,
  list,
  ONLY_ATTRIBUTES,
  ONLY_CAS,
  ONLY_USERS,
  onlyReasons,
  point,
  pointReasons,
  reason,
  scope,
} from './mint-crl.ts'

/**
 * The revocation sections of NIST's path validation test suite (4.4, 4.5, 4.14, 4.15), rebuilt rule by rule with our
 * own certificates. Numbers in brackets are the suite's.
 */

const root = mint({ name: 'Anchor', extensions: CA, signer: freshSigner() })
const rootList = list({ signer: root })

interface Situation {
  readonly leaf: Minted
  readonly subs: readonly Minted[]
  readonly crls: readonly Crl[]
}

function outcome({ leaf, subs, crls }: Situation): PathResult {
  const intermediates = subs.map(({ certificate }) => certificate)
  const anchors = [root.certificate]
  return validatePath({
    leaf: leaf.certificate,
    intermediates,
    anchors,
    atMs: MINT_AT_MS,
    revocation: crlRevocation({ crls, pool: intermediates, anchors, atMs: MINT_AT_MS }),
  })
}

/** `good`, or why not. The anchor's own list is always there. */
function status(leaf: Minted, subs: readonly Minted[], crls: readonly Crl[]): string {
  const result = outcome({ leaf, subs, crls: [rootList, ...crls] })
  return result.ok ? 'good' : result.reason
}

const CRL_ONLY = [extension(OID.keyUsage, true, namedBits([6]))]
const unknown = extension('1.3.6.1.4.1.99999.7', true, octetString())
const sub = (name: string, extensions: readonly Uint8Array[] = CA): Minted =>
  mint({ name, issuer: root, extensions, signer: freshSigner() })

describe('basic revocation (4.4)', () => {
  const ca = sub('Basic CA')
  const leaf = mint({ name: 'Leaf', issuer: ca })
  const check = (crls: readonly Crl[]): string => status(leaf, [ca], crls)

  it('refuses a path for which a list is missing [1]', () => {
    expect(check([])).toBe('revocationUnknown')
  })

  it('refuses revoked CAs and revoked leaves [2, 3]', () => {
    const byRoot = list({ signer: root, entries: [entry(ca)] })
    const revokedCa = outcome({ leaf, subs: [ca], crls: [byRoot, list({ signer: ca })] })
    expect(revokedCa).toMatchObject({ ok: false, reason: 'revoked', certificate: ca.certificate })
    expect(check([list({ signer: ca, entries: [entry(leaf)] })])).toBe('revoked')
  })

  it('refuses lists with a wrong signature or of another issuer [4, 5, 6]', () => {
    const impostor = mint({ name: 'Basic CA', extensions: CA, signer: freshSigner() })
    expect(check([list({ signer: impostor })])).toBe('revocationUnknown')
    expect(check([list({ signer: ca, issuerDer: root.certificate.subjectDer })])).toBe('revocationUnknown')
  })

  it('uses the good one of two lists [7]', () => {
    const impostor = mint({ name: 'Basic CA', extensions: CA, signer: freshSigner() })
    expect(check([list({ signer: impostor, entries: [entry(leaf)] }), list({ signer: ca })])).toBe('good')
  })

  it('does not use a list with unknown critical extensions, wherever they are [8, 9, 10]', () => {
    const other = mint({ name: 'Other', issuer: ca })
    expect(check([list({ signer: ca, entries: [entry(other, unknown)] })])).toBe('revocationUnknown')
    expect(check([list({ signer: ca, extensions: [unknown] })])).toBe('revocationUnknown')
    expect(check([list({ signer: ca, entries: [entry(leaf)], extensions: [unknown] })])).toBe(
      'revocationUnknown',
    )
  })

  it('does not use a list that ran out, in either form of time, or comes from the future [11, 12, 13]', () => {
    const times = (thisUpdateMs: number, nextUpdateMs: number): Crl =>
      list({ signer: ca, thisUpdateMs, nextUpdateMs })
    expect(check([times(MINT_AT_MS - 2 * HOUR_MS, MINT_AT_MS - HOUR_MS)])).toBe('revocationUnknown')
    expect(check([times(Date.UTC(1998, 0, 1), Date.UTC(1999, 0, 1))])).toBe('revocationUnknown')
    expect(check([times(MINT_AT_MS - HOUR_MS, Date.UTC(2060, 0, 1))])).toBe('good')
    expect(check([times(MINT_AT_MS + HOUR_MS, MINT_AT_MS + 2 * HOUR_MS)])).toBe('revocationUnknown')
  })

  it('tells negative and long serial numbers apart [14 to 18]', () => {
    const numbered = (...serial: readonly number[]): Minted =>
      mint({ name: 'Numbered', issuer: ca, serial: Uint8Array.from(serial) })
    const long = (last: number): Minted => numbered(0x7f, ...Array<number>(18).fill(0x12), last)
    const listing = (listed: Minted): Crl[] => [list({ signer: ca, entries: [entry(listed)] })]
    expect(status(numbered(0xff), [ca], listing(numbered(0x00, 0xff)))).toBe('good')
    expect(status(numbered(0xff), [ca], listing(numbered(0xff)))).toBe('revoked')
    expect(status(long(1), [ca], listing(long(2)))).toBe('good')
    expect(status(long(1), [ca], listing(long(1)))).toBe('revoked')
  })

  it('follows a CA to the key it keeps for lists, if that one is valid [19, 20, 21]', () => {
    const certKey = sub('Two keys', [
      extension(OID.basicConstraints, true, sequence(TRUE)),
      extension(OID.keyUsage, true, namedBits([5])),
    ])
    const crlKey = sub('Two keys', CRL_ONLY)
    const below = mint({ name: 'Leaf', issuer: certKey })
    const subs = [certKey, crlKey]
    expect(status(below, subs, [list({ signer: crlKey })])).toBe('good')
    expect(status(below, subs, [list({ signer: crlKey, entries: [entry(below)] })])).toBe('revoked')
    expect(status(below, subs, [list({ signer: certKey })])).toBe('revocationUnknown')
    const revokedKey = list({ signer: root, entries: [entry(crlKey)] })
    expect(outcome({ leaf: below, subs, crls: [revokedKey, list({ signer: crlKey })] })).toMatchObject({
      ok: false,
      reason: 'revocationUnknown',
    })
  })
})

describe('keys that change (4.5)', () => {
  const ca = sub('Renewed CA')
  const subject = ca.certificate.subjectDer
  const newKey = freshSigner()
  const newWithOld = mint({ name: '', subject, issuer: ca, extensions: CA, signer: newKey })

  it('accepts the new key that the old one signed, and lists by either [3, 4, 5]', () => {
    const byNew = mint({ name: 'Leaf', issuer: newWithOld })
    const byOld = mint({ name: 'Leaf', issuer: ca })
    const oldList = list({ signer: ca })
    const newList = list({ signer: newWithOld })
    expect(status(byNew, [ca, newWithOld], [oldList, newList])).toBe('good')
    expect(status(byOld, [ca, newWithOld], [oldList])).toBe('good')
    expect(status(byNew, [ca, newWithOld], [oldList])).toBe('good')
    const listed = list({ signer: newWithOld, entries: [entry(byOld)] })
    expect(status(byOld, [ca, newWithOld], [oldList, listed])).toBe('revoked')
  })

  it('accepts a self-issued key for lists whose own list is the CA’s [6, 7, 8]', () => {
    const dp = uriName('http://c/self-issued')
    const crlKey = mint({
      name: '',
      subject,
      issuer: ca,
      extensions: [...CRL_ONLY, point([fullName(dp)])],
      signer: freshSigner(),
    })
    const aboutKey = list({ signer: ca, extensions: [scope(fullName(dp))] })
    const leaf = mint({ name: 'Leaf', issuer: ca })
    expect(status(leaf, [ca, crlKey], [aboutKey, list({ signer: crlKey })])).toBe('good')
    expect(status(leaf, [ca, crlKey], [list({ signer: crlKey })])).toBe('revocationUnknown')
    const listed = list({ signer: crlKey, entries: [entry(leaf)] })
    expect(status(leaf, [ca, crlKey], [aboutKey, listed])).toBe('revoked')
    const byCrlKey = mint({ name: 'Leaf', issuer: crlKey })
    expect(status(byCrlKey, [ca, crlKey], [aboutKey, list({ signer: crlKey })])).not.toBe('good')
  })

  it('does not take a list from a key under another anchor of the same name', () => {
    const foreignRoot = mint({ name: 'Foreign', extensions: CA, signer: freshSigner() })
    const twin = mint({ name: '', subject, issuer: foreignRoot, extensions: CA, signer: freshSigner() })
    const leaf = mint({ name: 'Leaf', issuer: ca })
    const anchors = [root.certificate, foreignRoot.certificate]
    const crls = [rootList, list({ signer: foreignRoot }), list({ signer: twin })]
    const pool = [ca.certificate, twin.certificate]
    const result = validatePath({
      leaf: leaf.certificate,
      intermediates: pool,
      anchors,
      atMs: MINT_AT_MS,
      revocation: crlRevocation({ crls, pool, anchors, atMs: MINT_AT_MS }),
    })
    expect(result).toMatchObject({ ok: false, reason: 'revocationUnknown' })
  })
})

describe('distribution points (4.14)', () => {
  const ca = sub('Point CA')
  const rdn = (text: string): Uint8Array => sequence(oid(OID.commonName), utf8String(text))
  const relative = (text: string): Uint8Array => tlv(constructed(0), tlv(constructed(1), rdn(text)))
  /** The CA's own name with one more relative name behind it. */
  const below = (text: string, issuer = ca): Uint8Array =>
    fullName(directoryName(sequence(innerOf(issuer.certificate.subjectDer), tlv(0x31, rdn(text)))))
  const innerOf = (der: Uint8Array): Uint8Array => der.subarray(2)
  const at = (...fields: readonly Uint8Array[]): Minted =>
    mint({ name: 'Leaf', issuer: ca, extensions: fields.length === 0 ? [] : [point(fields)] })
  const check = (leaf: Minted, ...lists: ReadonlyArray<readonly Uint8Array[]>): string =>
    status(
      leaf,
      [ca],
      lists.map((fields) => list({ signer: ca, extensions: fields.length === 0 ? [] : [scope(...fields)] })),
    )

  it('matches names in full and relative form, in each of the four ways [1, 3 to 10]', () => {
    for (const inList of [below('a'), relative('a')]) {
      for (const inLeaf of [below('a'), relative('a')]) expect(check(at(inLeaf), [inList])).toBe('good')
      for (const inLeaf of [below('b'), relative('b')])
        expect(check(at(inLeaf), [inList])).toBe('revocationUnknown')
      expect(check(at(), [inList])).toBe('revocationUnknown')
    }
    expect(check(at(below('a')), [])).toBe('good')
  })

  it('keeps lists for users, CAs and attribute certificates apart [11 to 14]', () => {
    const leafCa = mint({ name: 'Leaf CA', issuer: ca, extensions: CA })
    expect(check(leafCa, [ONLY_USERS])).toBe('revocationUnknown')
    expect(check(at(), [ONLY_USERS])).toBe('good')
    expect(check(at(), [ONLY_CAS])).toBe('revocationUnknown')
    expect(check(leafCa, [ONLY_CAS])).toBe('good')
    expect(check(at(), [ONLY_ATTRIBUTES])).toBe('revocationUnknown')
  })

  it('adds up lists by reason [15 to 21]', () => {
    const leaf = at()
    const compromise = [onlyReasons(1, 2)]
    const others = [onlyReasons(3, 4, 5, 6, 7, 8)]
    expect(check(leaf, compromise, others)).toBe('good')
    expect(check(leaf, [onlyReasons(3, 4)], [onlyReasons(5, 6)])).toBe('revocationUnknown')
    expect(check(at(below('a')), [below('a'), ...compromise], [below('a'), ...others])).toBe('good')
    const two = mint({
      name: 'Leaf',
      issuer: ca,
      extensions: [
        extension(
          OID.crlDistributionPoints,
          false,
          sequence(
            sequence(below('a'), pointReasons(1, 2)),
            sequence(below('b'), pointReasons(3, 4, 5, 6, 7, 8)),
          ),
        ),
      ],
    })
    expect(check(two, [below('a'), ...compromise], [below('b'), ...others])).toBe('good')
    expect(check(two, [below('a'), ...compromise], [below('b'), ...compromise])).toBe('revocationUnknown')
    for (const listed of [compromise, others]) {
      const crls = [compromise, others].map((fields) =>
        list({
          signer: ca,
          extensions: [scope(...fields)],
          entries: fields === listed ? [entry(leaf, reason(1))] : [],
        }),
      )
      expect(status(leaf, [ca], crls)).toBe('revoked')
    }
  })

  it('lets a CA issue an indirect list about its own certificates [22, 23]', () => {
    const leaf = at()
    expect(check(leaf, [INDIRECT])).toBe('good')
    const listed = list({ signer: ca, extensions: [scope(INDIRECT)], entries: [entry(leaf)] })
    expect(status(leaf, [ca], [listed])).toBe('revoked')
  })

  it('takes a list from the issuer that the certificate names, and from nobody else [24 to 27, 35]', () => {
    const other = sub('List CA')
    const pointed = at(crlIssuer(other))
    const subs = [ca, other]
    const indirect = (...entries: readonly Uint8Array[]): Crl =>
      list({ signer: other, extensions: [scope(INDIRECT)], entries })
    expect(status(pointed, subs, [indirect()])).toBe('good')
    expect(status(pointed, subs, [indirect(entry(pointed))])).toBe('good')
    expect(status(pointed, subs, [indirect(entry(pointed, entryIssuer(ca)))])).toBe('revoked')
    expect(status(pointed, subs, [list({ signer: other })])).toBe('revocationUnknown')
    expect(status(at(crlIssuer(sub('Nobody'))), subs, [indirect()])).toBe('revocationUnknown')
    const own = list({ signer: ca, extensions: [scope(below('a'))] })
    expect(status(at(below('a'), crlIssuer(other)), subs, [own])).toBe('revocationUnknown')
  })

  it('accepts a list issuer below the same CA, covered by the CA’s list or by its own [28, 29, 30]', () => {
    const signer = (extensions: readonly Uint8Array[], name: string): Minted =>
      mint({ name, issuer: ca, extensions: [...CRL_ONLY, ...extensions], signer: freshSigner() })
    const plain = signer([], 'List issuer')
    const full = [below('a', plain), INDIRECT]
    const byPlain = list({ signer: plain, extensions: [scope(...full)] })
    const caList = list({ signer: ca })
    expect(status(at(below('a', plain), crlIssuer(plain)), [ca, plain], [byPlain, caList])).toBe('good')
    expect(status(at(relative('a'), crlIssuer(plain)), [ca, plain], [byPlain, caList])).toBe('good')
    expect(status(at(relative('a'), crlIssuer(plain)), [ca, plain], [byPlain])).toBe('revocationUnknown')

    const nameOnly = mint({ name: 'Own list', issuer: ca })
    const own = signer([point([crlIssuer(nameOnly)])], 'Own list')
    const pointed = at(crlIssuer(own))
    const about = (...entries: readonly Uint8Array[]): Crl =>
      list({ signer: own, extensions: [scope(INDIRECT)], entries })
    expect(status(pointed, [ca, own], [about()])).toBe('good')
    expect(status(pointed, [ca, own], [about(entry(own, entryIssuer(ca)))])).toBe('revocationUnknown')
    expect(status(pointed, [ca, own], [about(entry(pointed, entryIssuer(ca)))])).toBe('revoked')
  })

  it('hands the issuer of an entry on to those behind it [31 to 34]', () => {
    const other = sub('Shared list')
    const pointed = at(crlIssuer(other))
    const first = at()
    const indirect = (...entries: readonly Uint8Array[]): Crl =>
      list({ signer: other, extensions: [scope(INDIRECT)], entries })
    const subs = [ca, other]
    expect(status(pointed, subs, [indirect(entry(first, entryIssuer(ca)), entry(pointed))])).toBe('revoked')
    expect(status(pointed, subs, [indirect(entry(first, entryIssuer(root)), entry(pointed))])).toBe('good')
    const ownLeaf = mint({ name: 'Leaf', issuer: other })
    const listed = indirect(entry(first, entryIssuer(ca)), entry(ownLeaf, entryIssuer(other)))
    expect(status(ownLeaf, [other], [listed])).toBe('revoked')
  })

  it('does not use a list that speaks about others without being indirect', () => {
    const leaf = at()
    const hiding = list({ signer: ca, entries: [entry(leaf, entryIssuer(root))] })
    expect(status(leaf, [ca], [hiding])).toBe('revocationUnknown')
  })
})

describe('delta lists (4.15)', () => {
  const ca = sub('Delta CA')
  const leaf = mint({ name: 'Leaf', issuer: ca })
  const complete = (order: Partial<Parameters<typeof list>[0]> = {}): Crl =>
    list({ signer: ca, number: 5, ...order })
  const change = (base: number, order: Partial<Parameters<typeof list>[0]> = {}): Crl =>
    list({ signer: ca, number: 7, ...order, extensions: [delta(base), ...(order.extensions ?? [])] })
  const check = (...crls: readonly Crl[]): string => status(leaf, [ca], crls)
  const HOLD = reason(6)
  const REMOVED = reason(8)

  it('is nothing without a complete list [1]', () => {
    expect(check(change(5))).toBe('revocationUnknown')
  })

  it('adds, changes and takes back what the complete list says [2 to 7]', () => {
    expect(check(complete(), change(5))).toBe('good')
    expect(check(complete({ entries: [entry(leaf)] }), change(5))).toBe('revoked')
    expect(check(complete(), change(5, { entries: [entry(leaf)] }))).toBe('revoked')
    const held = complete({ entries: [entry(leaf, HOLD)] })
    expect(check(held, change(5, { entries: [entry(leaf, REMOVED)] }))).toBe('good')
    expect(check(held, change(5, { entries: [entry(leaf, reason(1))] }))).toBe('revoked')
    expect(check(complete(), change(5, { entries: [entry(leaf, REMOVED)] }))).toBe('good')
  })

  it('fits a complete list at or after its base, and not one before it [8, 9, 10]', () => {
    expect(check(complete(), change(3))).toBe('good')
    expect(check(complete(), change(3, { entries: [entry(leaf)] }))).toBe('revoked')
    const past = { nextUpdateMs: MINT_AT_MS - 60_000 }
    expect(check(complete(past), change(6))).toBe('revocationUnknown')
  })

  it('renews a complete list that ran out, as far as it reaches back', () => {
    const past = { nextUpdateMs: MINT_AT_MS - 60_000 }
    expect(check(complete(past))).toBe('revocationUnknown')
    expect(check(complete(past), change(5))).toBe('good')
    expect(check(complete({ ...past, entries: [entry(leaf)] }), change(5))).toBe('revoked')
    expect(check(complete(past), change(5, past))).toBe('revocationUnknown')
  })

  it('fits a complete list of the same scope and key only', () => {
    const listed = { entries: [entry(leaf, REMOVED)] }
    const held = complete({ entries: [entry(leaf, HOLD)] })
    expect(check(held, change(5, { ...listed, extensions: [scope(ONLY_USERS)] }))).toBe('revoked')
    const other = mint({
      name: '',
      subject: ca.certificate.subjectDer,
      issuer: root,
      extensions: CA,
      signer: freshSigner(),
    })
    const byOther = list({ signer: other, number: 7, extensions: [delta(5)], ...listed })
    expect(status(leaf, [ca, other], [held, byOther])).toBe('revoked')
  })
})
