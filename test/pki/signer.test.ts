import { generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  Certificate,
  certificateProfile,
  createPooledSigner,
  createSoftwareSigner,
  issueRoot,
  lintCertificate,
  PublicKey,
  signatureFromRaw,
  signatureToRaw,
  verifySignature,
} from '../../pki/index.ts'
import { AT_MS, newKey, runTool } from './support.ts'

const keys = {
  'P-256': newKey('P-256'),
  'P-384': newKey('P-384'),
  'P-521': newKey('P-521'),
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ed25519: generateKeyPairSync('ed25519').privateKey,
  ed448: generateKeyPairSync('ed448').privateKey,
}
const data = Buffer.from('to be signed')

describe('signers', () => {
  it.each([
    ['P-256', 'ecdsa-with-SHA256'],
    ['P-384', 'ecdsa-with-SHA384'],
    ['P-521', 'ecdsa-with-SHA512'],
    ['rsa', 'sha256WithRSAEncryption'],
    ['ed25519', 'Ed25519'],
    ['ed448', 'Ed448'],
  ] as const)('sign with %s as %s, on the event loop or beside it', async (kind, name) => {
    for (const signer of [createSoftwareSigner(keys[kind]), createPooledSigner(keys[kind])]) {
      expect(signer.algorithm.name).toBe(name)
      const signature = await signer.sign(data)
      const check = {
        identifier: signer.algorithm.identifier,
        key: PublicKey.parse(signer.publicKeySpki),
        signature,
      }
      expect(verifySignature({ ...check, data })).toBe(true)
      expect(verifySignature({ ...check, data: Buffer.from('something else') })).toBe(false)
    }
  })

  it('refuse keys and algorithms that do not fit', () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    expect(() => createSoftwareSigner(weak)).toThrow(/2048/)
    expect(() => createSoftwareSigner(keys.rsa, 'Ed25519')).toThrow(/cannot sign/)
    expect(() => createSoftwareSigner(generateKeyPairSync('x25519').privateKey)).toThrow()
    expect(() => createSoftwareSigner(newKey('secp224r1'))).toThrow(/No signature algorithm/)
  })

  it('make an Ed448 root for ISO 15118-20 that OpenSSL verifies', async () => {
    const profile = certificateProfile('v2g-root', 'iso15118-20')
    const subject = { commonName: 'Ed448 Root', organization: 'Test' }
    const root = await issueRoot({
      profile,
      subject,
      signer: createPooledSigner(keys.ed448),
      atMs: AT_MS,
      random: randomBytes(16),
    })
    expect(lintCertificate(root, { profile })).toEqual([])
    expect(root.subjectKeyIdentifier).toHaveLength(8)
    const command = [
      'openssl',
      'verify',
      '-attime',
      `${AT_MS / 1000}`,
      '-CAfile',
      'root.pem',
      'root.pem',
    ] as const
    expect(runTool(command, { 'root.pem': root.toPem() })).toContain('OK')
  })

  it.each([
    ['P-256', 32, 'sha256'],
    ['P-521', 66, 'sha512'],
  ] as const)('convert between DER and raw signatures of %s', (kind, size, hash) => {
    const signer = createSoftwareSigner(keys[kind])
    for (let i = 0; i < 20; i++) {
      const der = signer.sign(data)
      const raw = signatureToRaw(der, size)
      expect(
        verify(
          hash,
          data,
          { key: PublicKey.parse(signer.publicKeySpki).import(), dsaEncoding: 'ieee-p1363' },
          raw,
        ),
      ).toBe(true)
      expect(Buffer.from(signatureFromRaw(raw)).equals(Buffer.from(der))).toBe(true)
    }
    expect(() => signatureToRaw(signer.sign(data), size - 2)).toThrow(/does not fit/)
    expect(() => signatureFromRaw(new Uint8Array(3))).toThrow(/equal length/)
  })

  it('pad short numbers', () => {
    const number = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(number, number, fc.nat(31), (r, s, zeros) => {
        const raw = Buffer.concat([r.fill(0, 0, zeros), s])
        return Buffer.from(signatureToRaw(signatureFromRaw(raw), 32)).equals(raw)
      }),
    )
  })
})

describe('serial numbers', () => {
  it('tells minus one from 255, which have the same octets', () => {
    const make = (serial: string) =>
      Certificate.parse(
        runTool([
          'bash',
          '-c',
          `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k.pem -subj /CN=x -set_serial ${serial} -days 10`,
        ]),
      ).serialHex
    expect(make('255')).toBe('ff')
    expect(make('-1')).toBe('-ff')
  })
})
