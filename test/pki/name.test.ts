import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { oid, printableString, sequence, setOf, tlv, utf8String } from '../../pki/der-write.ts'
import { Certificate, nameText, nameValues, OID, parseName } from '../../pki/index.ts'
import { encodeName, nameKey } from '../../pki/name.ts'
import { runTool } from './support.ts'

const one = (type: string, value: Uint8Array): Uint8Array => setOf(sequence(oid(type), value))
const key = (...rdns: readonly Uint8Array[]): string => nameKey(parseName(sequence(...rdns)))
const cn = (value: Uint8Array): string => key(one(OID.commonName, value))

describe('names', () => {
  it('come back as they were written', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((value) => isPlain(value))
    fc.assert(
      fc.property(text, text, (commonName, organization) => {
        const name = parseName(
          encodeName({ commonName, organization, country: 'DE', domainComponent: 'CPO' }),
        )
        expect(nameValues(name, OID.commonName)).toEqual([commonName])
        expect(nameValues(name, OID.organization)).toEqual([organization])
        expect(nameValues(name, OID.domainComponent)).toEqual(['CPO'])
      }),
    )
  })

  it('match without regard to case, spaces and string type, and in nothing else', () => {
    expect(cn(utf8String('Example  CA'))).toBe(cn(printableString(' example ca ')))
    expect(cn(tlv(0x1e, Buffer.from('Example CA', 'utf16le').swap16()))).toBe(cn(utf8String('EXAMPLE CA')))
    expect(cn(utf8String('Exämple'))).toBe(cn(utf8String('EXÄMPLE')))
    expect(cn(utf8String('Example CA'))).not.toBe(cn(utf8String('ExampleCA')))
    expect(cn(utf8String('a'))).not.toBe(key(one(OID.organization, utf8String('a'))))
    const [a, b] = [one(OID.commonName, utf8String('a')), one(OID.organization, utf8String('b'))]
    expect(key(a, b)).not.toBe(key(b, a))
    const both = setOf(
      sequence(oid(OID.commonName), utf8String('a')),
      sequence(oid(OID.organization), utf8String('b')),
    )
    expect(key(both)).not.toBe(key(a, b))
  })

  it('cannot be made equal by clever characters', () => {
    const text = fc.string({ unit: fc.constantFrom('"', '[', ']', ',', '/', '=', '\\', 'a'), maxLength: 12 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), fc.array(text, { maxLength: 4 }), (x, y) => {
        const keyOf = (texts: readonly string[]): string =>
          key(...texts.map((value) => one(OID.commonName, utf8String(value))))
        return (keyOf(x) === keyOf(y)) === (JSON.stringify(x) === JSON.stringify(y))
      }),
    )
  })

  it('read as OpenSSL reads them', () => {
    const subject = '/DC=CPO/C=DE/O=Smith, Jones + Söhne/CN=DE*ABC*E1'
    const pem = runTool([
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      'k.pem',
      '-utf8',
      '-subj',
      subject,
      '-outform',
      'PEM',
    ])
    const text = runTool(
      ['openssl', 'x509', '-in', 'c.pem', '-noout', '-subject', '-nameopt', 'RFC2253,-esc_msb,utf8'],
      { 'c.pem': pem },
    )
    const der = Buffer.from(
      runTool(['openssl', 'x509', '-in', 'c.pem', '-outform', 'DER'], { 'c.pem': pem }),
      'latin1',
    )
    expect(Buffer.from(text, 'latin1').toString('utf8').trim()).toBe(`subject=${nameText(subjectOf(der))}`)
  })

  it.each([
    [{ commonName: '' }, 'commonName'],
    [{ commonName: 'x'.repeat(65) }, 'commonName'],
    [{ commonName: 'a\nb' }, 'commonName'],
    [{ country: 'de' }, 'country'],
    [{ country: 'DEU' }, 'country'],
    [{ domainComponent: 'C P O' }, 'domain component'],
  ])('refuse to write %j', (fields, message) => {
    expect(() => encodeName(fields)).toThrow(message)
  })
})

function subjectOf(der: Uint8Array) {
  return parseName(Certificate.parse(der).subjectDer)
}

/** No control characters, and no half of a surrogate pair. */
function isPlain(text: string): boolean {
  const survives = Buffer.from(text, 'utf8').toString('utf8') === text
  return survives && [...text].every((character) => character >= ' ' && character !== '\u007f')
}
