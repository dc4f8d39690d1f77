import { describe, expect, it } from 'vitest'
import {
  Certificate,
  Crl,
  crlRevocation,
  type PathRequest,
  type RevocationVerdict,
  validatePath,
} from '../../pki/index.ts'
import { AT_MS, DAY_MS, makeCpoHierarchy, makeLeaf, makeRoot, makeSub, runTool } from './support.ts'

const { root, sub1, sub2 } = makeCpoHierarchy()
const leaf = makeLeaf(sub2.issuer, 'secc-leaf', { commonName: 'DE*ABC*E1', organization: 'Test' }).certificate
const base: PathRequest = {
  leaf,
  intermediates: [sub1.certificate, sub2.certificate],
  anchors: [root.certificate],
  atMs: AT_MS,
}
const outcome = (change: Partial<PathRequest>): string => {
  const result = validatePath({ ...base, ...change })
  return result.ok ? 'ok' : result.reason
}

describe('validatePath', () => {
  it('finds the chain whatever the order of the intermediates', () => {
    const result = validatePath({
      ...base,
      intermediates: [sub2.certificate, leaf, root.certificate, sub1.certificate],
    })
    expect(result.ok && result.chain.map((certificate) => certificate.commonName)).toEqual([
      'DE*ABC*E1',
      'Test CPO Sub2',
      'Test CPO Sub1',
      'Test V2G Root',
    ])
  })

  it('accepts our own chains under the strict profile, too', () => {
    expect(outcome({ strictness: 'profile' })).toBe('ok')
  })

  it('names the reason', () => {
    const stranger = makeRoot('v2g-root', 'Test V2G Root')
    expect(outcome({ atMs: leaf.notAfterMs + 1000 })).toBe('expired')
    expect(outcome({ atMs: AT_MS - 30 * DAY_MS })).toBe('notYetValid')
    expect(outcome({ anchors: [] })).toBe('untrusted')
    expect(outcome({ intermediates: [sub1.certificate] })).toBe('untrusted')
    expect(outcome({ anchors: [stranger.certificate] })).toBe('untrusted')
    expect(outcome({ maxDepth: 1 })).toBe('chainLength')
    expect(outcome({ leafKeyUsage: ['keyAgreement'] })).toBe('ok')
    expect(outcome({ leafKeyUsage: ['keyCertSign'] })).toBe('keyUsage')
    expect(outcome({ peerName: { kind: 'dns', value: 'example.com' } })).toBe('peerName')
    expect(outcome({ policies: { requireExplicit: true } })).toBe('policy')
    expect(outcome({ maxSignatures: 1 })).toBe('budget')
  })

  it('notices a changed certificate', () => {
    const der = Uint8Array.from(leaf.der)
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1
    expect(['signature', 'malformed']).toContain(outcome({ leaf: Certificate.parse(der) }))
    const text = Buffer.from(leaf.der)
    text.write('DE*ABC*E2', text.indexOf('DE*ABC*E1'))
    expect(outcome({ leaf: Certificate.parse(text) })).toBe('signature')
  })

  it('does not let a leaf issue certificates', () => {
    const key = makeLeaf(sub2.issuer, 'station-client', { commonName: 'SN1', organization: 'Test' })
    const forged = runTool(
      [
        'bash',
        '-c',
        `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k.pem -subj /CN=forged -out r.csr &&
         openssl x509 -req -in r.csr -CA ca.pem -CAkey ca.key -days 30 -set_serial 5`,
      ],
      {
        'ca.pem': key.certificate.toPem(),
        'ca.key': key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      },
    )
    const later = Math.max(AT_MS, Certificate.parse(forged).notBeforeMs)
    const pool = [sub1.certificate, sub2.certificate, key.certificate]
    expect(outcome({ leaf: Certificate.parse(forged), intermediates: pool, atMs: later })).toBe('notCa')
  })

  it('applies the rules of ISO 15118', () => {
    const iso15118 = { variant: 'iso15118-2', leafDomainComponent: 'CPO' } as const
    expect(outcome({ iso15118 })).toBe('ok')
    expect(outcome({ iso15118: { ...iso15118, leafDomainComponent: 'CPS' } })).toBe('domainComponent')
    expect(outcome({ iso15118: { variant: 'iso15118-20' } })).toBe('curve')
  })

  it('asks for revocation from the leaf up, never for the anchor', () => {
    const asked: string[] = []
    const answer = (verdict: RevocationVerdict) => (certificate: Certificate) => {
      asked.push(certificate.commonName ?? '')
      return verdict
    }
    expect(outcome({ revocation: answer({ kind: 'good' }) })).toBe('ok')
    expect(asked).toEqual(['DE*ABC*E1', 'Test CPO Sub2', 'Test CPO Sub1'])
    expect(outcome({ revocation: answer({ kind: 'revoked' }) })).toBe('revoked')
    expect(outcome({ revocation: answer({ kind: 'unknown' }) })).toBe('revocationUnknown')
    expect(outcome({ revocation: answer({ kind: 'unknown' }), revocationPolicy: 'soft' })).toBe('ok')
  })

  it('takes the way around a circle of cross-certificates', () => {
    const other = makeRoot('mo-root', 'Other Root')
    const cross = (from: typeof root, to: typeof root) =>
      makeLeaf(
        from.issuer,
        'cross-certificate',
        { commonName: to.certificate.commonName ?? '', organization: 'Test', country: 'DE' },
        { privateKey: to.privateKey },
      ).certificate
    const crossed = makeLeaf(
      other.issuer,
      'cross-certificate',
      { commonName: 'Test V2G Root', organization: 'Test', country: 'DE', domainComponent: 'V2G' },
      { privateKey: root.privateKey },
    ).certificate
    const pool = [cross(root, other), crossed, sub1.certificate, sub2.certificate]
    const result = validatePath({ ...base, intermediates: pool, anchors: [other.certificate] })
    expect(result.ok && result.chain.at(-1)?.commonName).toBe('Other Root')
    expect(outcome({ intermediates: pool, anchors: [] })).toBe('untrusted')
  })

  it('stays within its budget among a hundred CAs of one name', () => {
    const many = Array.from({ length: 120 }, () => makeRoot('v2g-root', 'Test CPO Sub2').certificate)
    const start = performance.now()
    expect(['untrusted', 'budget']).toContain(outcome({ intermediates: many }))
    expect(performance.now() - start).toBeLessThan(1000)
  })

  it('keeps the path length of a sub-CA', () => {
    // Our authority refuses to sign this, so OpenSSL does.
    const pem = runTool(
      [
        'bash',
        '-c',
        `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k.pem -subj /CN=Sub3 -out r.csr &&
         printf 'basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,keyCertSign' > e.txt &&
         openssl x509 -req -in r.csr -CA ca.pem -CAkey ca.key -days 3000 -set_serial 5 -extfile e.txt > sub3.pem &&
         openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k2.pem -subj /CN=L -out l.csr &&
         openssl x509 -req -in l.csr -CA sub3.pem -CAkey k.pem -days 30 -set_serial 6 && cat sub3.pem`,
      ],
      {
        'ca.pem': sub2.certificate.toPem(),
        'ca.key': sub2.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      },
    )
    const [last, sub3] = Certificate.parseChain(pem)
    if (last === undefined || sub3 === undefined) throw new Error('two certificates were made')
    expect(
      outcome({
        leaf: last,
        intermediates: [sub1.certificate, sub2.certificate, sub3],
        atMs: last.notBeforeMs,
      }),
    ).toBe('pathLength')
  })
})

describe('crlRevocation', () => {
  const ca = makeSub(root.issuer, 'cpo-sub1', 'CRL Sub')
  const opensslCa = (revoke: string): Crl =>
    Crl.parse(
      runTool(
        [
          'bash',
          '-c',
          `touch index.txt && echo 01 > crlnumber && printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\ncrlnumber=crlnumber\\ndefault_md=sha256\\ncrl_extensions=x\\n[x]\\nauthorityKeyIdentifier=keyid' > c.cnf && ${revoke}
           openssl ca -config c.cnf -gencrl -cert ca.pem -keyfile ca.key -crl_lastupdate 20261101000000Z -crl_nextupdate 20261231000000Z`,
        ],
        {
          'ca.pem': ca.certificate.toPem(),
          'ca.key': ca.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
          'leaf.pem': held.certificate.toPem(),
        },
      ),
    )
  const held = makeSub(ca.issuer, 'cpo-sub2', 'Held')
  const rootVerdict: RevocationVerdict = { kind: 'good' }
  const check = (crls: readonly Crl[], atMs = AT_MS): string => {
    const source = crlRevocation({ crls, anchors: [root.certificate], pool: [ca.certificate], atMs })
    const result = validatePath({
      leaf: held.certificate,
      intermediates: [ca.certificate],
      anchors: [root.certificate],
      atMs,
      revocation: (certificate, issuer) =>
        issuer === root.certificate ? rootVerdict : source(certificate, issuer),
    })
    return result.ok ? 'ok' : result.reason
  }

  it('reads what OpenSSL signs', () => {
    expect(check([opensslCa('')])).toBe('ok')
    expect(
      check([
        opensslCa(
          'openssl ca -config c.cnf -cert ca.pem -keyfile ca.key -revoke leaf.pem -crl_reason keyCompromise 2>/dev/null;',
        ),
      ]),
    ).toBe('revoked')
    expect(check([])).toBe('revocationUnknown')
    expect(check([opensslCa('')], Date.UTC(2027, 0, 2))).toBe('revocationUnknown')
  })
})
