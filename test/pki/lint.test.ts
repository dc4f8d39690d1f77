import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { octetString, oid, sequence, TRUE } from '../../pki/der-write.ts'
import {
  CERTIFICATE_KINDS,
  certificateProfile,
  createSoftwareSigner,
  draftCertificate,
  lintCertificate,
  lintDraft,
  OID,
  signLinted,
} from '../../pki/index.ts'
import { readCases } from '../../src/conformance/paths.ts'
import { mint } from './mint.ts'
import { AT_MS, makeCpoHierarchy, makeLeaf, makeRoot, newKey, runTool } from './support.ts'

const throwAway = createSoftwareSigner(newKey())
const { root, sub1, sub2 } = makeCpoHierarchy()

describe('lint', () => {
  it.each(CERTIFICATE_KINDS)('finds nothing in a %s of ours', (kind) => {
    const profile = certificateProfile(kind)
    if (profile.selfSigned) {
      const made = makeRoot(kind, kind)
      expect(lintCertificate(made.certificate, { profile, issuer: made.certificate })).toEqual([])
      return
    }
    const issuer =
      profile.ca?.pathLength === 1 || profile.ca?.pathLength === undefined
        ? root
        : profile.ca === undefined
          ? sub2
          : sub1
    const made = makeLeaf(
      issuer.issuer,
      kind,
      { commonName: 'DE*ABC*E1', organization: 'Test', country: 'DE' },
      {
        ...(profile.subjectAltNames === 'required' ? { dns: ['csms.example.com'] } : {}),
        ...(kind === 'csms-server-rsa'
          ? { privateKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey }
          : {}),
      },
    )
    expect(lintCertificate(made.certificate, { profile, issuer: issuer.certificate })).toEqual([])
  })

  it('stops a certificate before the CA key signs it', () => {
    let signatures = 0
    const counted = {
      ...sub2.signer,
      sign: (data: Uint8Array) => {
        signatures++
        return sub2.signer.sign(data)
      },
    }
    const order = {
      issuer: sub2.issuer,
      profile: certificateProfile('secc-leaf'),
      subject: { commonName: ' padded ', organization: 'Test' },
      publicKey: createSoftwareSigner(newKey()).publicKeySpki,
      atMs: AT_MS,
      random: randomBytes(16),
    }
    const draft = { ...draftCertificate(order), signer: counted }
    expect(lintDraft(draft, throwAway, sub2.certificate).map((finding) => finding.rule)).toEqual([
      'name-attributes',
    ])
    expect(() => signLinted(draft, throwAway)).toThrow(/name-attributes/)
    expect(signatures).toBe(0)
    const clean = {
      ...draftCertificate({ ...order, subject: { commonName: 'clean', organization: 'Test' } }),
      signer: counted,
    }
    signLinted(clean, throwAway, sub2.certificate)
    expect(signatures).toBe(1)
  })

  it('names what is wrong with foreign certificates', () => {
    const bad = runTool([
      'bash',
      '-c',
      `printf '[r]\\nbasicConstraints=CA:TRUE\\nkeyUsage=digitalSignature\\nsubjectAltName=DNS:bad_name\\nauthorityInfoAccess=critical,OCSP;URI:ftp://x\\n[req]\\ndistinguished_name=d\\n[d]' > c.cnf &&
         openssl req -x509 -config c.cnf -extensions r -newkey rsa:1024 -nodes -keyout k.pem -subj '/C=de/CN=x' -set_serial 0 -days 10 -sha1`,
    ])
    const rules = lintCertificate(bad).map((finding) => finding.rule)
    for (const rule of [
      'serial-positive',
      'name-attributes',
      'key-strength',
      'signature-algorithm',
      'basic-constraints-critical',
      'key-usage-ca',
      'critical-keyUsage',
      'critical-authorityInfoAccess',
      'alt-names',
      'status-addresses',
    ]) {
      expect(rules).toContain(rule)
    }
    expect(lintCertificate('nonsense')[0]?.rule).toBe('malformed')
  })

  it('reads a default that is written out, as some issuers do, and says that it should not be', () => {
    const written = sequence(oid(OID.basicConstraints), TRUE, octetString(sequence(Uint8Array.of(1, 1, 0))))
    const alsoWritten = sequence(oid('1.3.6.1.4.1.99999.5'), Uint8Array.of(1, 1, 0), octetString(sequence()))
    const rulesOf = (extensions: readonly Uint8Array[]) =>
      lintCertificate(mint({ name: 'x', extensions }).certificate).map((finding) => finding.rule)
    expect(rulesOf([written])).toContain('encoded-default')
    expect(rulesOf([alsoWritten])).toContain('encoded-default')
    expect(rulesOf([])).not.toContain('encoded-default')
  })

  it('compares with the profile and the issuer', () => {
    const station = makeLeaf(sub2.issuer, 'station-client', {
      commonName: 'SN1',
      organization: 'Test',
    }).certificate
    const rules = lintCertificate(station, {
      profile: certificateProfile('contract'),
      issuer: sub1.certificate,
    }).map((finding) => finding.rule)
    expect(rules).toEqual(
      expect.arrayContaining([
        'profile-domain-component',
        'profile-key-usage-missing',
        'issuer-name-bytes',
        'issuer-key-identifier',
        'issuer-signature',
      ]),
    )
  })

  const limbo = new URL('../../../shared/vectors/x509-limbo.json', import.meta.url).pathname
  if (!existsSync(limbo))
    console.info(`skipped: ${limbo} is not here; the suite belongs to another project and is not copied`)
  it.skipIf(!existsSync(limbo))('never throws on the certificates of a public suite', () => {
    for (const test of readCases(limbo)) {
      for (const pem of [test.peer_certificate, ...test.trusted_certs])
        expect(Array.isArray(lintCertificate(pem))).toBe(true)
    }
  })
})
