import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  buildOcspRequest,
  certIdFor,
  certIdIssuerKey,
  certificateProfile,
  createIssuer,
  createOcspResponder,
  createSoftwareSigner,
  issueCertificate,
  issueRoot,
  issuerLookupKeys,
  parseOcspRequest,
} from '../../pki/index.ts'
import { opensslSpeed, type Print, perSecond } from './measure.ts'

const AT_MS = Date.now()
const HOUR_MS = 3_600_000
const REQUESTS = 256

function now<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error('the software signer answers at once')
  return value
}

/** OCSP in process: parse, look up, sign with nonce; and the same served from memory. */
export async function run(print: Print): Promise<boolean> {
  const newSigner = () => createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const signer = newSigner()
  const subject = { commonName: 'Bench', organization: 'Bench' }
  const common = { subject, atMs: AT_MS, random: randomBytes(16) }
  const ca = now(issueRoot({ ...common, profile: certificateProfile('v2g-root'), signer }))
  const delegateSigner = newSigner()
  const delegate = now(
    issueCertificate({
      ...common,
      issuer: createIssuer({ certificate: ca, signer }),
      profile: certificateProfile('ocsp-responder'),
      publicKey: delegateSigner.publicKeySpki,
    }),
  )
  const responder = createOcspResponder({ issuer: ca, signer: delegateSigner, delegate })
  const issuers = new Map(issuerLookupKeys(ca).map((key) => [key, responder]))
  const requests = Array.from({ length: REQUESTS }, () =>
    buildOcspRequest([certIdFor({ issuer: ca, serial: randomBytes(16).fill(1, 0, 1) })], randomBytes(32)),
  )
  let next = 0
  const answer = (der: Uint8Array): Uint8Array => {
    const request = parseOcspRequest(der)
    const [certId] = request.certIds
    const found = certId === undefined ? undefined : issuers.get(certIdIssuerKey(certId))
    if (certId === undefined || found === undefined)
      throw new Error('the bench asks about its own certificates')
    const entry = {
      certId,
      status: { kind: 'good' },
      thisUpdateMs: AT_MS,
      nextUpdateMs: AT_MS + HOUR_MS,
    } as const
    return now(found.respond({ entries: [entry], producedAtMs: AT_MS, nonce: request.nonce }))
  }
  const cache = new Map<string, Uint8Array>()
  const fresh = perSecond(() => answer(requests[next++ % REQUESTS] ?? new Uint8Array()))
  const cached = perSecond(() => {
    const der = requests[next++ % REQUESTS] ?? new Uint8Array()
    const [certId] = parseOcspRequest(der).certIds
    const key = `${certId === undefined ? '' : certIdIssuerKey(certId)}:${certId?.serialHex}`
    if (!cache.has(key)) cache.set(key, answer(der))
  })
  const signs = opensslSpeed('sign')
  const pass = fresh / signs >= 0.2 && cached / signs >= 0.5
  print(
    JSON.stringify({
      bench: 'pki-ocsp',
      freshWithNoncePerSecond: Math.round(fresh),
      cachedPerSecond: Math.round(cached),
      opensslSignsPerSecond: Math.round(signs),
      freshRatio: Math.round((fresh / signs) * 1000) / 1000,
      cachedRatio: Math.round((cached / signs) * 1000) / 1000,
      pass,
    }),
  )
  return pass
}
