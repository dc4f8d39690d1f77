import { describe, expect, it } from 'vitest'
import { TAG } from '../../pki/der.ts'
import {
  bitString,
  generalizedTime,
  ia5String,
  namedBits,
  oid,
  printableString,
  sequence,
  setOf,
  smallInteger,
  TRUE,
  tlv,
  utf8String,
} from '../../pki/der-write.ts'
import { extension } from '../../pki/extension-write.ts'
import { Certificate, OID, type PathReason, validatePath } from '../../pki/index.ts'
import {
  altNames,
  CA,
  directoryName,
  dnsName,
  emailName,
  freshSigner,
  MINT_AT_MS,
  type Minted,
  mint,
  nameConstraints,
  unknownCritical,
  uriName,
} from './mint.ts'

/**
 * The sections of NIST's path validation test suite that need no revocation list and no policy (4.1 to 4.3, 4.5 to
 * 4.7, 4.13, 4.16), rebuilt rule by rule with our own certificates. Policies are compared with OpenSSL in
 * `policy.test.ts`, lists are in `pkits-crl.test.ts`.
 */

const root = mint({ name: 'Anchor', extensions: CA, signer: freshSigner() })
const sub = (name: string, extensions: readonly Uint8Array[] = CA, issuer = root): Minted =>
  mint({ name, issuer, extensions, signer: freshSigner() })

function verdict(leaf: Minted, ...subs: readonly Minted[]): 'valid' | PathReason {
  const result = validatePath({
    leaf: leaf.certificate,
    intermediates: subs.map(({ certificate }) => certificate),
    anchors: [root.certificate],
    atMs: MINT_AT_MS,
  })
  return result.ok ? 'valid' : result.reason
}

/** The same certificate with the last octet of its signature changed. */
function forged({ certificate, signer }: Minted): Minted {
  const der = Uint8Array.from(certificate.der)
  der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1
  return { certificate: Certificate.parse(der), signer }
}

const plain = sub('Plain CA')

describe('signatures and dates (4.1, 4.2)', () => {
  it('refuses a wrong signature anywhere', () => {
    const leaf = mint({ name: 'Leaf', issuer: plain })
    expect(verdict(leaf, plain)).toBe('valid')
    expect(verdict(forged(leaf), plain)).toBe('signature')
    expect(verdict(leaf, forged(plain))).toBe('signature')
  })

  it('reads two-digit years as 1950 to 2049, and four-digit ones as they are', () => {
    const utc = (text: string): Uint8Array => tlv(TAG.utcTime, Buffer.from(text))
    const dated = (notBefore: Uint8Array, notAfter: Uint8Array): string =>
      verdict(mint({ name: 'Leaf', issuer: plain, validity: sequence(notBefore, notAfter) }), plain)
    const late = generalizedTime(Date.UTC(2060, 0, 1))
    expect(dated(utc('500101120000Z'), late)).toBe('valid')
    expect(dated(generalizedTime(Date.UTC(2002, 0, 1)), utc('490101120000Z'))).toBe('valid')
    expect(dated(utc('490101120000Z'), late)).toBe('notYetValid')
    expect(dated(utc('500101120000Z'), utc('990101120000Z'))).toBe('expired')
    expect(dated(generalizedTime(Date.UTC(1949, 0, 1)), late)).toBe('valid')
  })

  it('refuses a time that is none', () => {
    const leaf = mint({ name: 'Leaf', issuer: plain }).certificate
    const request = { leaf, intermediates: [plain.certificate], anchors: [root.certificate] }
    expect(validatePath({ ...request, atMs: Number.NaN }).ok).toBe(false)
  })
})

describe('names that chain (4.3)', () => {
  const rdn = (type: string, value: Uint8Array): Uint8Array => setOf(sequence(oid(type), value))
  const named = (...names: readonly Uint8Array[]): Uint8Array => sequence(...names)
  const o = (text: string, encode = printableString): Uint8Array => rdn(OID.organization, encode(text))
  const cn = (text: string, encode = printableString): Uint8Array => rdn(OID.commonName, encode(text))
  const chain = (subject: Uint8Array, issuerName: Uint8Array): string => {
    const ca = mint({ name: '', subject, issuer: root, extensions: CA, signer: freshSigner() })
    return verdict(mint({ name: 'Leaf', issuer: ca, issuerName }), ca)
  }

  it('compares names without regard to case, outer and repeated spaces and string type', () => {
    const subject = named(o('Test Org'), cn('The CA'))
    expect(chain(subject, named(o('  test  ORG '), cn('the ca')))).toBe('valid')
    expect(chain(subject, named(o('Test Org', utf8String), cn('THE CA', utf8String)))).toBe('valid')
    expect(chain(named(cn('Straße Café', utf8String)), named(cn('straße CAFÉ', utf8String)))).toBe('valid')
  })

  it('refuses another name, and the same names in another order', () => {
    const subject = named(o('Test Org'), cn('The CA'))
    expect(chain(subject, named(o('Test Org'), cn('Other CA')))).toBe('untrusted')
    expect(chain(subject, named(cn('The CA'), o('Test Org')))).toBe('untrusted')
    expect(chain(subject, named(o('Test Org')))).toBe('untrusted')
  })

  it('accepts attributes of any type', () => {
    const types = ['2.5.4.5', '2.5.4.46', '2.5.4.8', '2.5.4.44', '2.5.4.65', '1.3.6.1.4.1.99999.3']
    const subject = named(
      rdn(OID.domainComponent, ia5String('gov')),
      ...types.map((type) => rdn(type, printableString('x'))),
    )
    expect(chain(subject, subject)).toBe('valid')
  })
})

describe('basic constraints and key usage (4.6, 4.7)', () => {
  const limited = (pathLength: number, issuer = root, name = `Limit ${pathLength}`): Minted =>
    sub(
      name,
      [
        extension(OID.basicConstraints, true, sequence(TRUE, smallInteger(pathLength))),
        extension(OID.keyUsage, true, namedBits([5, 6])),
      ],
      issuer,
    )
  const selfIssued = (ca: Minted): Minted =>
    mint({ name: '', subject: ca.certificate.subjectDer, issuer: ca, extensions: CA, signer: freshSigner() })

  it('takes nobody for a CA who does not say so, critical or not', () => {
    const keyUsage = extension(OID.keyUsage, true, namedBits([5, 6]))
    const notCas = [
      [keyUsage],
      [keyUsage, extension(OID.basicConstraints, true, sequence())],
      [keyUsage, extension(OID.basicConstraints, false, sequence())],
    ]
    for (const extensions of notCas) {
      const ca = sub('No CA', extensions)
      expect(verdict(mint({ name: 'Leaf', issuer: ca }), ca)).toBe('notCa')
    }
    const quiet = sub('Not critical', [keyUsage, extension(OID.basicConstraints, false, sequence(TRUE))])
    expect(verdict(mint({ name: 'Leaf', issuer: quiet }), quiet)).toBe('valid')
  })

  it('counts CAs between, not the last certificate, whatever it is', () => {
    const zero = limited(0)
    const below = sub('Below', CA, zero)
    expect(verdict(mint({ name: 'Leaf', issuer: zero }), zero)).toBe('valid')
    expect(verdict(below, zero)).toBe('valid')
    expect(verdict(mint({ name: 'Leaf', issuer: below }), zero, below)).toBe('pathLength')
  })

  it('lets no CA below allow more than the one above', () => {
    const six = limited(6)
    const zero = limited(0, six, 'Zero below six')
    const three = limited(3, zero, 'Three below zero')
    const last = sub('Last', CA, three)
    expect(verdict(mint({ name: 'Leaf', issuer: zero }), six, zero)).toBe('valid')
    expect(verdict(mint({ name: 'Leaf', issuer: last }), six, zero, three, last)).toBe('pathLength')
  })

  it('does not count CAs that issued themselves', () => {
    const zero = limited(0)
    const again = selfIssued(zero)
    expect(verdict(mint({ name: 'Leaf', issuer: again }), zero, again)).toBe('valid')
    const one = limited(1)
    const oneAgain = selfIssued(one)
    const below = sub('Below one', CA, oneAgain)
    const belowAgain = selfIssued(below)
    expect(verdict(mint({ name: 'Leaf', issuer: belowAgain }), one, oneAgain, below, belowAgain)).toBe(
      'valid',
    )
  })

  it('needs keyCertSign where key usages are listed, critical or not', () => {
    const basic = extension(OID.basicConstraints, true, sequence(TRUE))
    for (const critical of [true, false]) {
      const ca = sub('No signing', [basic, extension(OID.keyUsage, critical, namedBits([6]))])
      expect(verdict(mint({ name: 'Leaf', issuer: ca }), ca)).toBe('keyUsage')
    }
    const silent = sub('Silent', [basic])
    expect(verdict(mint({ name: 'Leaf', issuer: silent }), silent)).toBe('valid')
  })
})

describe('name constraints (4.13)', () => {
  const dn = (...parts: ReadonlyArray<readonly [string, string]>): Uint8Array =>
    sequence(...parts.map(([type, text]) => setOf(sequence(oid(type), utf8String(text)))))
  const ORG = [OID.organization, 'Test'] as const
  const unit = (name: string) => [OID.organizationalUnit, name] as const
  const common = (name: string) => [OID.commonName, name] as const
  const constrained = (
    permitted: readonly Uint8Array[],
    excluded: readonly Uint8Array[] = [],
    issuer = root,
  ): Minted =>
    mint({
      name: '',
      subject: dn(ORG, common('Constrained')),
      issuer,
      extensions: [...CA, nameConstraints(permitted, excluded)],
      signer: freshSigner(),
    })
  const leaf = (ca: Minted, subject: Uint8Array, ...names: readonly Uint8Array[]): Minted =>
    mint({ name: '', subject, issuer: ca, extensions: names.length === 0 ? [] : [altNames(...names)] })

  it('keeps distinguished names inside, in the subject and among the alternative names', () => {
    const ca = constrained([directoryName(dn(ORG, unit('in')))])
    const inside = dn(ORG, unit('in'), common('x'))
    expect(verdict(leaf(ca, inside), ca)).toBe('valid')
    expect(verdict(leaf(ca, dn(ORG, unit('out'), common('x'))), ca)).toBe('nameConstraint')
    expect(verdict(leaf(ca, inside, directoryName(dn(ORG, unit('in'), common('y')))), ca)).toBe('valid')
    expect(verdict(leaf(ca, inside, directoryName(dn(ORG, unit('out')))), ca)).toBe('nameConstraint')
    expect(verdict(leaf(ca, sequence(), dnsName('a.example')), ca)).toBe('valid')
  })

  it('lets exclusion win over permission, and every level only narrow', () => {
    const ca = constrained([directoryName(dn(ORG))], [directoryName(dn(ORG, unit('out')))])
    expect(verdict(leaf(ca, dn(ORG, unit('in'))), ca)).toBe('valid')
    expect(verdict(leaf(ca, dn(ORG, unit('out'), common('x'))), ca)).toBe('nameConstraint')
    const narrow = mint({
      name: '',
      subject: dn(ORG, unit('in'), common('Narrow')),
      issuer: ca,
      extensions: [...CA, nameConstraints([directoryName(dn(ORG, unit('out')))])],
      signer: freshSigner(),
    })
    expect(verdict(leaf(narrow, dn(ORG, unit('in'))), ca, narrow)).toBe('nameConstraint')
    expect(verdict(leaf(narrow, dn(ORG, unit('out'))), ca, narrow)).toBe('nameConstraint')
  })

  it('exempts self-issued CAs, but not a self-issued leaf', () => {
    const ca = constrained([directoryName(dn(ORG, unit('in')))])
    const subject = ca.certificate.subjectDer
    const again = mint({ name: '', subject, issuer: ca, extensions: CA, signer: freshSigner() })
    expect(verdict(leaf(again, dn(ORG, unit('in'), common('x'))), ca, again)).toBe('valid')
    expect(verdict(leaf(ca, subject), ca)).toBe('nameConstraint')
  })

  it('compares mailboxes by host, by domain and by mailbox', () => {
    const subject = dn(ORG, common('x'))
    const check = (base: string, mailbox: string, excluded = false): string => {
      const ca = excluded ? constrained([], [emailName(base)]) : constrained([emailName(base)])
      return verdict(leaf(ca, subject, emailName(mailbox)), ca)
    }
    expect(check('.test.example', 'a@mail.test.example')).toBe('valid')
    expect(check('.test.example', 'a@test.example')).toBe('nameConstraint')
    expect(check('test.example', 'a@test.example')).toBe('valid')
    expect(check('test.example', 'a@mail.test.example')).toBe('nameConstraint')
    expect(check('A@test.example', 'A@TEST.example')).toBe('valid')
    expect(check('A@test.example', 'a@test.example')).toBe('nameConstraint')
    expect(check('test.example', 'a@test.example', true)).toBe('nameConstraint')
    expect(check('test.example', 'a@mail.test.example', true)).toBe('valid')
  })

  it('finds a mailbox in the subject where no alternative name holds one', () => {
    const ca = constrained([directoryName(dn(ORG)), emailName('test.example')])
    const withMailbox = (mailbox: string): Uint8Array =>
      sequence(
        ...[ORG, common('x')].map(([type, text]) => setOf(sequence(oid(type), utf8String(text)))),
        setOf(sequence(oid(OID.emailAddress), ia5String(mailbox))),
      )
    expect(verdict(leaf(ca, withMailbox('a@test.example')), ca)).toBe('valid')
    expect(verdict(leaf(ca, withMailbox('a@other.example')), ca)).toBe('nameConstraint')
  })

  it('compares hosts and the hosts of URIs', () => {
    const subject = dn(ORG, common('x'))
    const check = (base: Uint8Array, name: Uint8Array, excluded = false): string => {
      const ca = excluded ? constrained([], [base]) : constrained([base])
      return verdict(leaf(ca, subject, name), ca)
    }
    expect(check(dnsName('test.example'), dnsName('a.test.example'))).toBe('valid')
    expect(check(dnsName('test.example'), dnsName('mytest.example'))).toBe('nameConstraint')
    expect(check(dnsName('other.example'), dnsName('a.other.example'), true)).toBe('nameConstraint')
    expect(check(uriName('.test.example'), uriName('http://a.test.example/x'))).toBe('valid')
    expect(check(uriName('.test.example'), uriName('http://test.example/x'))).toBe('nameConstraint')
    expect(check(uriName('other.example'), uriName('ftp://other.example:21/x'), true)).toBe('nameConstraint')
    expect(check(uriName('.test.example'), uriName('urn:none'))).toBe('nameConstraint')
  })
})

describe('private extensions (4.16)', () => {
  it('refuses those that are critical and not understood', () => {
    const quiet = extension('1.3.6.1.4.1.99999.1', false, bitString(Uint8Array.of(1)))
    expect(verdict(mint({ name: 'Leaf', issuer: plain, extensions: [quiet] }), plain)).toBe('valid')
    expect(verdict(mint({ name: 'Leaf', issuer: plain, extensions: [unknownCritical()] }), plain)).toBe(
      'criticalExtension',
    )
  })
})
