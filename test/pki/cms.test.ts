import { describe, expect, it } from 'vitest'
import {
  certsOnlyToPem,
  decodeCertsOnly,
  decodeCsrAttributes,
  ecKeyAttribute,
  encodeCertsOnly,
  encodeCsrAttributes,
  importPkcs12,
  importPrivateKey,
  orderChain,
  PkiError,
} from '../../pki/index.ts'
import { mutateDer, randomNumbers } from '../bench/der-mutator.ts'
import { makeCpoHierarchy, makeLeaf, newKey, runTool } from './support.ts'

const { root, sub1, sub2 } = makeCpoHierarchy()
const leaf = makeLeaf(sub2.issuer, 'secc-leaf', { commonName: 'DE*ABC*E1', organization: 'Test' })
const all = [leaf.certificate, sub2.certificate, sub1.certificate, root.certificate]

describe('certs-only messages', () => {
  it('are read by openssl, and read back', () => {
    const der = encodeCertsOnly(all)
    const text = runTool(['openssl', 'pkcs7', '-in', 'm.p7', '-print_certs', '-noout'], {
      'm.p7': certsOnlyToPem(der),
    })
    for (const certificate of all) expect(text).toContain(certificate.commonName)
    expect(
      decodeCertsOnly(der)
        .map((certificate) => certificate.fingerprint)
        .sort(),
    ).toEqual(all.map((certificate) => certificate.fingerprint).sort())
  })

  it('reads what openssl makes', () => {
    const pem = runTool(['openssl', 'crl2pkcs7', '-nocrl', '-certfile', 'all.pem'], {
      'all.pem': all.map((certificate) => certificate.toPem()).join(''),
    })
    expect(decodeCertsOnly(pem)).toHaveLength(4)
  })

  it('reads indefinite lengths, as streaming servers send them', () => {
    const der = encodeCertsOnly([root.certificate])
    const inner = der.subarray(der[1] === 0x82 ? 4 : 3)
    const ber = Buffer.concat([Uint8Array.of(0x30, 0x80), inner, Uint8Array.of(0, 0)])
    expect(decodeCertsOnly(ber)[0]?.fingerprint).toBe(root.certificate.fingerprint)
    expect(() => decodeCertsOnly(ber.subarray(0, -1))).toThrow(/cannot be read/)
  })

  it('orders a chain by issuer and leaves the root out', () => {
    expect(
      orderChain(leaf.certificate, [root.certificate, sub1.certificate, leaf.certificate, sub2.certificate]),
    ).toEqual([leaf.certificate, sub2.certificate, sub1.certificate])
  })

  it('keeps CSR attributes', () => {
    const attributes = [{ oid: '1.2.840.10045.4.3.2' }, ecKeyAttribute('1.2.840.10045.3.1.7')]
    const read = decodeCsrAttributes(encodeCsrAttributes(attributes))
    expect(read.map((attribute) => attribute.oid)).toEqual(['1.2.840.10045.4.3.2', '1.2.840.10045.2.1'])
    expect(decodeCsrAttributes(encodeCsrAttributes([]))).toEqual([])
  })
})

describe('importing identities', () => {
  const pem = leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const files = { 'k.pem': pem, 'c.pem': leaf.certificate.toPem(), 'ca.pem': sub2.certificate.toPem() }

  it.each([
    ['AES-256 as OpenSSL 3 writes it', ''],
    ['the old SHA-1 and 3DES', '-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1'],
    ['a longer digest', '-macalg sha512 -certpbe AES-128-CBC'],
  ])('opens PKCS#12 with %s', (_name, flags) => {
    const p12 = Buffer.from(
      runTool(
        [
          'bash',
          '-c',
          `openssl pkcs12 -export -inkey k.pem -in c.pem -certfile ca.pem -passout pass:s€cret ${flags}`,
        ],
        files,
      ),
      'latin1',
    )
    const identity = importPkcs12(p12, 's€cret')
    expect(identity.certificate.fingerprint).toBe(leaf.certificate.fingerprint)
    expect(identity.others.map((certificate) => certificate.fingerprint)).toEqual([
      sub2.certificate.fingerprint,
    ])
    expect(() => importPkcs12(p12, 'wrong')).toThrow(/wrong passphrase/)
    const changed = Buffer.from(p12)
    changed[200] = (changed[200] ?? 0) ^ 1
    expect(() => importPkcs12(changed, 's€cret')).toThrow()
  })

  it('throws nothing but PkiError for PKCS#12 files that were changed', () => {
    const p12 = Buffer.from(
      runTool(
        ['bash', '-c', 'openssl pkcs12 -export -inkey k.pem -in c.pem -passout pass:x -iter 10'],
        files,
      ),
      'latin1',
    )
    const random = randomNumbers(7)
    for (let i = 0; i < 500; i++) {
      const changed = mutateDer(p12, encodeCertsOnly([leaf.certificate]), random)
      try {
        expect(importPkcs12(changed, 'x').certificate.fingerprint).toBe(leaf.certificate.fingerprint)
      } catch (error) {
        expect(error).toBeInstanceOf(PkiError)
      }
    }
  })

  it('opens encrypted PKCS#8 and says nothing about the key when it cannot', () => {
    const encrypted = runTool(
      ['openssl', 'pkcs8', '-topk8', '-in', 'k.pem', '-passout', 'pass:x', '-v2', 'aes-256-cbc'],
      files,
    )
    expect(importPrivateKey(encrypted, 'x').equals(leaf.privateKey)).toBe(true)
    expect(
      importPrivateKey(leaf.privateKey.export({ type: 'pkcs8', format: 'der' })).equals(leaf.privateKey),
    ).toBe(true)
    expect(importPrivateKey(newKey().export({ type: 'sec1', format: 'pem' })).asymmetricKeyType).toBe('ec')
    try {
      importPrivateKey(encrypted, 'y')
      expect.unreachable()
    } catch (error) {
      expect(error instanceof Error && error.cause).toBeUndefined()
    }
  })
})
