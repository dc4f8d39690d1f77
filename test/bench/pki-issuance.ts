import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from 'node:crypto'
import {
  Certificate,
  certificateProfile,
  createIssuer,
  createSoftwareSigner,
  type Issuer,
  inspectCsr,
  issueCertificate,
  issueRoot,
} from '../../pki/index.ts'
import { encodeCsr } from './csr-maker.ts'
import { opensslSpeed, type Print, perSecond } from './measure.ts'

const AT_MS = Date.now()
const CSRS = 400
const POLICY = { organization: 'Bench', commonName: 'SN-1' }

function makeIssuer(): Issuer {
  const signer = createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const certificate = issueRoot({
    profile: certificateProfile('v2g-root'),
    subject: { commonName: 'Bench Root', organization: 'Bench' },
    signer,
    atMs: AT_MS,
    random: randomBytes(16),
  })
  if (certificate instanceof Promise) throw new Error('the software signer answers at once')
  return createIssuer({ certificate, signer, addresses: { ocspUrl: 'http://ocsp.example.com/' } })
}

/** The least that CSR to certificate can cost: one verify, one key import, one sign, nothing else. */
function bound(key: KeyObject): number {
  const publicKey = createPublicKey(key)
  const jwk = publicKey.export({ format: 'jwk' })
  const data = randomBytes(400)
  const signature = sign('sha256', data, key)
  return perSecond(() => {
    const imported = createPublicKey({ key: jwk, format: 'jwk' })
    if (!verify('sha256', data, imported, signature)) throw new Error('the bound must verify')
    sign('sha256', data, key)
  })
}

/** CSR to certificate in process, against the verify + import + sign that it cannot do without. */
export async function run(print: Print): Promise<boolean> {
  const issuer = makeIssuer()
  const profile = certificateProfile('secc-leaf')
  const csrs = Array.from({ length: CSRS }, () => {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    return encodeCsr(key, { commonName: 'SN-1', organization: 'Bench' })
  })
  const random = randomBytes(16)
  let next = 0
  const issue = (): void => {
    const verdict = inspectCsr(csrs[next++ % CSRS] ?? '', POLICY)
    if (!verdict.ok) throw new Error(verdict.message)
    random.writeUInt32BE(next)
    const made = issueCertificate({
      issuer,
      profile,
      subject: { commonName: 'SN-1', organization: 'Bench' },
      publicKey: verdict.csr.publicKey,
      atMs: AT_MS,
      random,
    })
    if (!(made instanceof Certificate)) throw new Error('the software signer answers at once')
  }
  const endToEnd = perSecond(issue)
  const least = bound(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const der = issuer.certificate.der
  const parse = perSecond(() => Certificate.parse(der))
  const signs = opensslSpeed('sign')
  const ratio = endToEnd / least
  print(
    JSON.stringify({
      bench: 'pki-issuance',
      csrToCertificatePerSecond: Math.round(endToEnd),
      verifyImportSignPerSecond: Math.round(least),
      ratioToBound: round(ratio),
      opensslSignsPerSecond: Math.round(signs),
      ratioToOpensslSign: round(endToEnd / signs),
      certificateParsesPerSecond: Math.round(parse),
      pass: endToEnd >= 3000 || ratio >= 0.4,
    }),
  )
  return endToEnd >= 3000 || ratio >= 0.4
}

const round = (value: number): number => Math.round(value * 1000) / 1000
