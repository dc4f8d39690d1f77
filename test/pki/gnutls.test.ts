import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  CERTIFICATE_KINDS,
  certIdFor,
  certificateProfile,
  certsOnlyToPem,
  createOcspResponder,
  encodeCertsOnly,
  type ProfileVariant,
  signCrl,
} from '../../pki/index.ts'
import { AT_MS, DAY_MS, makeCpoHierarchy, makeLeaf, makeRoot, makeSub, newKey } from './support.ts'

const hasCerttool = spawnSync('certtool', ['--version']).status === 0
if (!hasCerttool) {
  const reason = 'certtool is not installed (apt-get install gnutls-bin)'
  if (process.env.GRIDKEEP_REQUIRE_ALL === '1') throw new Error(`${reason}, and GRIDKEEP_REQUIRE_ALL is set`)
  console.warn(`Tests against GnuTLS are skipped: ${reason}`)
}

const directory = mkdtempSync(join(tmpdir(), 'pki-gnutls-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function run(program: string, args: readonly string[], files: Readonly<Record<string, string | Uint8Array>>) {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: directory, encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}

describe.skipIf(!hasCerttool)('GnuTLS', () => {
  it.each<ProfileVariant>(['iso15118-2', 'iso15118-20'])('verifies a %s chain of ours', (variant) => {
    // certtool knows no time but now.
    const atMs = Date.now()
    const { root, sub1, sub2 } = makeCpoHierarchy(variant, {}, atMs)
    const leaf = makeLeaf(
      sub2.issuer,
      'secc-leaf',
      { commonName: 'DE*ABC*E1', organization: 'Test' },
      { variant, atMs },
    )
    const chain = [leaf, sub2, sub1].map(({ certificate }) => certificate.toPem()).join('')
    const result = run(
      'certtool',
      ['--verify', '--load-ca-certificate', 'root.pem', '--infile', 'chain.pem'],
      {
        'root.pem': root.certificate.toPem(),
        'chain.pem': chain,
      },
    )
    expect(result.text).toContain('The certificate is trusted')
    expect(result.status).toBe(0)
  })

  it('reads a certificate of every kind', () => {
    const root = makeRoot('v2g-root', 'Root')
    const sub1 = makeSub(root.issuer, 'cpo-sub1', 'Sub1')
    const sub2 = makeSub(sub1.issuer, 'cpo-sub2', 'Sub2')
    for (const kind of CERTIFICATE_KINDS.filter((name) => !certificateProfile(name).selfSigned)) {
      const profile = certificateProfile(kind)
      if (!profile.keys.includes('P-256')) continue
      const issuer = profile.ca === undefined ? sub2 : profile.ca.pathLength === 0 ? sub1 : root
      const options = profile.subjectAltNames === 'required' ? { dns: ['csms.example.com'] } : {}
      const { certificate } = makeLeaf(
        issuer.issuer,
        kind,
        { commonName: 'X', organization: 'Test' },
        { ...options, privateKey: newKey() },
      )
      const result = run('certtool', ['--certificate-info', '--infile', 'c.pem'], {
        'c.pem': certificate.toPem(),
      })
      expect(result.text).not.toMatch(/error|warning|unknown critical/i)
      expect(result.text).toContain('Key Usage (critical)')
    }
  })

  it('reads our CRLs, OCSP answers and certs-only messages', () => {
    const { sub2, sub1 } = makeCpoHierarchy()
    const leaf = makeLeaf(sub2.issuer, 'secc-leaf', {
      commonName: 'DE*ABC*E1',
      organization: 'Test',
    }).certificate
    const entries = [{ serialHex: leaf.serialHex, atMs: AT_MS, reason: 'superseded' as const }]
    const crl = signCrl({
      issuer: sub2.issuer,
      entries,
      thisUpdateMs: AT_MS,
      nextUpdateMs: AT_MS + DAY_MS,
      number: 5n,
    })
    if (crl instanceof Promise) throw new Error('software signers answer at once')
    const crlFiles = { 'crl.pem': crl.toPem(), 'ca.pem': sub2.certificate.toPem() }
    expect(run('certtool', ['--crl-info', '--infile', 'crl.pem'], crlFiles).text).toMatch(/CRL Number/)
    expect(
      run('certtool', ['--verify-crl', '--load-ca-certificate', 'ca.pem', '--infile', 'crl.pem'], crlFiles)
        .text,
    ).toMatch(/Verified|verified/)

    const responder = createOcspResponder({ issuer: sub2.certificate, signer: sub2.signer })
    const certId = certIdFor({ issuer: sub2.certificate, serial: leaf.serial })
    const answer = responder.respond({
      entries: [
        {
          certId,
          status: { kind: 'revoked', atMs: AT_MS, reason: 'superseded' },
          thisUpdateMs: AT_MS,
          nextUpdateMs: AT_MS + DAY_MS,
        },
      ],
      producedAtMs: AT_MS,
    })
    if (answer instanceof Promise) throw new Error('software signers answer at once')
    const ocsp = run('ocsptool', ['--response-info', '--infile', 'a.der'], { 'a.der': answer })
    expect(ocsp.text).toMatch(/Certificate Status: revoked/)
    expect(ocsp.text).toMatch(/Responder Key ID/)

    const message = certsOnlyToPem(encodeCertsOnly([leaf, sub1.certificate]))
    expect(run('certtool', ['--p7-info', '--infile', 'm.p7'], { 'm.p7': message }).text).toMatch(
      /Number of certificates: 2/,
    )
  })
})
