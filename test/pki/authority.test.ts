import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  CERTIFICATE_KINDS,
  certificateProfile,
  createIssuer,
  createSoftwareSigner,
  draftCertificate,
  issueCertificate,
  PublicKey,
  type Signer,
} from '../../pki/index.ts'
import { AT_MS, DAY_MS, makeCpoHierarchy, makeLeaf, makeRoot, makeSub, newKey, runTool } from './support.ts'

const station = { commonName: 'DE*ABC*E1234', organization: 'Test' }

describe('authority', () => {
  it.each(['iso15118-2', 'iso15118-20'] as const)(
    'issues a %s chain that OpenSSL verifies in strict mode',
    (variant) => {
      const { root, sub1, sub2 } = makeCpoHierarchy(variant, {
        ocspUrl: 'http://ocsp.example.com/',
        crlUrl: 'http://crl.example.com/sub2.crl',
        caIssuersUrl: 'http://ca.example.com/sub2.cer',
      })
      const leaf = makeLeaf(sub2.issuer, 'secc-leaf', station, { variant })
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
          'subs.pem',
          'leaf.pem',
        ],
        {
          'root.pem': root.certificate.toPem(),
          'subs.pem': sub1.certificate.toPem() + sub2.certificate.toPem(),
          'leaf.pem': leaf.certificate.toPem(),
        },
      )
      expect(output).toContain('leaf.pem: OK')
      expect(leaf.certificate.der.length).toBeLessThanOrEqual(variant === 'iso15118-2' ? 800 : 1600)
      expect(leaf.certificate.ocspUrls).toEqual(['http://ocsp.example.com/'])
    },
  )

  it('writes what the profile says and what node reads', () => {
    const { sub2 } = makeCpoHierarchy()
    const { certificate } = makeLeaf(sub2.issuer, 'secc-leaf', station)
    const node = new X509Certificate(certificate.der)
    expect(node.ca).toBe(false)
    expect(node.serialNumber.toLowerCase().replace(/^0+/, '')).toBe(certificate.serialHex)
    expect(certificate.domainComponents).toEqual(['CPO'])
    expect([...(certificate.keyUsage ?? [])].sort()).toEqual(['digitalSignature', 'keyAgreement'])
    expect(certificate.extensions.get('2.5.29.19')?.critical).toBe(true)
    expect(certificate.extendedKeyUsage).toBeUndefined()
    expect(node.checkIssued(sub2.certificate.toNode())).toBe(true)
  })

  it('clamps the end to the issuer and never dates the start into the future', () => {
    const { sub2 } = makeCpoHierarchy()
    const order = {
      issuer: sub2.issuer,
      profile: certificateProfile('secc-leaf'),
      subject: station,
      publicKey: createSoftwareSigner(newKey()).publicKeySpki,
      atMs: AT_MS + DAY_MS,
      random: randomBytes(16),
    }
    const draft = draftCertificate({ ...order, notAfterMs: AT_MS + 100 * 365 * DAY_MS })
    expect(draft.clamped).toBe(true)
    expect(draft.notAfterMs).toBe(sub2.certificate.notAfterMs)
    expect(draft.notBeforeMs).toBeLessThanOrEqual(order.atMs)
    expect(() => draftCertificate({ ...order, notBeforeMs: order.atMs + 1 })).toThrow(/future/)
    expect(() => draftCertificate({ ...order, atMs: sub2.certificate.notAfterMs + 1000 })).toThrow(
      /renew the CA/,
    )
  })

  it('refuses what does not fit: key, algorithm, path length, names, randomness, size', () => {
    const { root, sub1, sub2 } = makeCpoHierarchy()
    const p521 = createSoftwareSigner(newKey('P-521'))
    const order = {
      issuer: sub2.issuer,
      profile: certificateProfile('secc-leaf'),
      subject: station,
      publicKey: createSoftwareSigner(newKey()).publicKeySpki,
      atMs: AT_MS,
      random: randomBytes(16),
    }
    const code = (change: Partial<Parameters<typeof draftCertificate>[0]>) => {
      try {
        issueCertificate({ ...order, ...change })
        return 'issued'
      } catch (error) {
        return error instanceof Error && 'code' in error ? error.code : error
      }
    }
    expect(code({})).toBe('issued')
    expect(code({ publicKey: p521.publicKeySpki })).toBe('profile-mismatch')
    expect(code({ profile: certificateProfile('secc-leaf', 'iso15118-20') })).toBe('issuer-unfit')
    expect(code({ profile: certificateProfile('cpo-sub2') })).toBe('issuer-unfit')
    expect(code({ issuer: sub1.issuer, profile: certificateProfile('cpo-sub1') })).toBe('issuer-unfit')
    expect(code({ issuer: root.issuer, profile: certificateProfile('v2g-root') })).toBe('profile-mismatch')
    expect(code({ subject: { commonName: 'x' } })).toBe('name-invalid')
    expect(code({ subject: { commonName: 'x\u0000', organization: 'Test' } })).toBe('name-invalid')
    expect(code({ subject: { commonName: 'x'.repeat(65), organization: 'Test' } })).toBe('name-invalid')
    expect(code({ random: randomBytes(8) })).toBe('randomness-short')
    expect(code({ altNames: { dns: ['a.example'] } })).toBe('profile-mismatch')
    expect(code({ publicKey: Uint8Array.of(1, 2, 3) })).toBe('key-malformed')
    const long = createIssuer({
      certificate: sub2.certificate,
      signer: sub2.signer,
      addresses: { ocspUrl: `http://ocsp.example.com/${'x'.repeat(400)}` },
    })
    expect(code({ issuer: long })).toBe('certificate-too-large')
    expect(() => createIssuer({ certificate: sub1.certificate, signer: sub2.signer })).toThrow(
      /does not belong/,
    )
  })

  it('refuses a point that is not on the curve', () => {
    const { sub2 } = makeCpoHierarchy()
    const spki = Uint8Array.from(createSoftwareSigner(newKey()).publicKeySpki)
    spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1
    const order = {
      issuer: sub2.issuer,
      profile: certificateProfile('secc-leaf'),
      subject: station,
      atMs: AT_MS,
      random: randomBytes(16),
    }
    expect(() => draftCertificate({ ...order, publicKey: PublicKey.parse(spki) })).toThrow(/not valid/)
  })

  it('refuses a compressed point, which cars do not read', () => {
    const { sub2 } = makeCpoHierarchy()
    const jwk = createPublicKey(newKey()).export({ format: 'jwk' })
    const x = Buffer.from(jwk.x ?? '', 'base64url')
    const prefix = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex')
    const odd = (Buffer.from(jwk.y ?? '', 'base64url').at(-1) ?? 0) & 1
    const spki = Buffer.concat([prefix, Uint8Array.of(2 + odd), x])
    const order = {
      issuer: sub2.issuer,
      profile: certificateProfile('secc-leaf'),
      subject: station,
      atMs: AT_MS,
      random: randomBytes(16),
    }
    expect(() => draftCertificate({ ...order, publicKey: spki })).toThrow(/uncompressed/)
    expect(() => draftCertificate({ ...order, publicKey: spki, atMs: Number.NaN })).toThrow()
    const good = createSoftwareSigner(newKey()).publicKeySpki
    for (const atMs of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      expect(() => draftCertificate({ ...order, publicKey: good, atMs })).toThrow()
    }
    expect(() =>
      draftCertificate({ ...order, publicKey: good, notAfterMs: Number.MAX_SAFE_INTEGER }),
    ).toThrow(/10000/)
  })

  it('does not believe a token that returns a wrong signature', async () => {
    const { sub2 } = makeCpoHierarchy()
    const stalled: Signer = { ...sub2.signer, sign: async () => sub2.signer.sign(Uint8Array.of(1)) }
    const issuer = createIssuer({ certificate: sub2.certificate, signer: stalled })
    const order = {
      issuer,
      profile: certificateProfile('secc-leaf'),
      subject: station,
      publicKey: createSoftwareSigner(newKey()).publicKeySpki,
      atMs: AT_MS,
      random: randomBytes(16),
    }
    await expect(Promise.resolve(issueCertificate(order))).rejects.toThrow(/check the token/)
    const honest: Signer = { ...sub2.signer, sign: async (data) => sub2.signer.sign(data) }
    const made = await issueCertificate({
      ...order,
      issuer: createIssuer({ certificate: sub2.certificate, signer: honest }),
    })
    expect(made.isSignedBy(sub2.certificate)).toBe(true)
  })

  it('has a profile for every kind, and every CA profile can be issued', () => {
    for (const kind of CERTIFICATE_KINDS) {
      const profile = certificateProfile(kind)
      expect(profile.keyUsage.length).toBeGreaterThan(0)
      expect(profile.ca !== undefined).toBe(profile.keyUsage.includes('keyCertSign'))
    }
    for (const [root, subs] of [
      ['mo-root', ['mo-sub1', 'mo-sub2']],
      ['oem-root', ['oem-sub1', 'oem-sub2']],
      ['v2g-root', ['cps-sub1', 'cps-sub2']],
      ['cso-root', ['cso-sub']],
    ] as const) {
      let at = makeRoot(root, root)
      for (const sub of subs) at = makeSub(at.issuer, sub, sub)
      expect(at.certificate.isCa).toBe(true)
    }
  })
})
