import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  type Certificate,
  type CertificateKind,
  certificateProfile,
  createIssuer,
  createSoftwareSigner,
  type Issuer,
  issueCertificate,
  issueRoot,
  PublicKey,
  parseCsr,
} from '../../../../pki/index.ts'

const ORGANIZATION = 'Example CPO'

export interface TestAuthority {
  readonly root: Certificate
  readonly sub: Certificate
  /** Certificate for a CSR in PEM, with the sub-CA behind it. */
  sign(csrPem: string, kind: CertificateKind): Promise<string>
  /** Certificate and key for a server. */
  server(name: string): Promise<{ cert: string; key: string }>
}

const key = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** A root and one sub-CA, as a CPO would have them. */
export async function createTestAuthority(
  kinds: { root: CertificateKind; sub: CertificateKind },
  name: string,
  times: { atMs?: number; ocspUrl?: string } = {},
): Promise<TestAuthority> {
  const atMs = times.atMs ?? Date.now() - 60_000
  const rootSigner = createSoftwareSigner(key())
  const root = await issueRoot({
    profile: certificateProfile(kinds.root),
    subject: { commonName: `${name} root`, organization: ORGANIZATION },
    signer: rootSigner,
    atMs,
    random: randomBytes(16),
  })
  const subKey = key()
  const subSigner = createSoftwareSigner(subKey)
  const addresses = times.ocspUrl === undefined ? {} : { addresses: { ocspUrl: times.ocspUrl } }
  const sub = await issueCertificate({
    issuer: createIssuer({ certificate: root, signer: rootSigner, ...addresses }),
    profile: certificateProfile(kinds.sub),
    subject: { commonName: `${name} sub`, organization: ORGANIZATION },
    publicKey: PublicKey.fromKeyObject(subKey),
    atMs,
    random: randomBytes(16),
  })
  const issuer: Issuer = createIssuer({ certificate: sub, signer: subSigner, ...addresses })
  return {
    root,
    sub,
    sign: async (csrPem, kind) => {
      const csr = parseCsr(csrPem)
      const leaf = await issueCertificate({
        issuer,
        profile: certificateProfile(kind),
        subject: {
          commonName: csr.commonNames[0] ?? '',
          organization: csr.organizations[0] ?? '',
        },
        publicKey: csr.publicKey,
        atMs,
        random: randomBytes(16),
      })
      return `${leaf.toPem()}${sub.toPem()}`
    },
    server: async (commonName) => {
      const serverKey = key()
      const leaf = await issueCertificate({
        issuer,
        profile: certificateProfile('csms-server-ecdsa'),
        subject: { commonName, organization: ORGANIZATION },
        publicKey: PublicKey.fromKeyObject(serverKey),
        atMs,
        random: randomBytes(16),
        altNames: { dns: [commonName], ip: [Uint8Array.of(127, 0, 0, 1)] },
      })
      return {
        cert: `${leaf.toPem()}${sub.toPem()}`,
        key: serverKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      }
    },
  }
}

export const stationAuthority = (times?: { atMs?: number }) =>
  createTestAuthority({ root: 'cso-root', sub: 'cso-sub' }, 'Station', times)

export const v2gAuthority = (times?: { ocspUrl?: string }) =>
  createTestAuthority({ root: 'v2g-root', sub: 'cpo-sub1' }, 'V2G', times)
