import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  buildOcspRequest,
  Certificate,
  Crl,
  certIdFor,
  certificateProfile,
  createIssuer,
  createOcspResponder,
  createSoftwareSigner,
  crlRevocation,
  decodeCertsOnly,
  decodeCsrAttributes,
  ecKeyAttribute,
  encodeCertsOnly,
  encodeCsrAttributes,
  type Issuer,
  inspectCsr,
  issueCertificate,
  issueRoot,
  lintCertificate,
  PkiError,
  parseOcspRequest,
  parsePem,
  signCrl,
  validatePath,
  verifyOcspResponse,
} from '../../pki/index.ts'
import { encodeCsr } from './csr-maker.ts'
import { mutateDer, randomNumbers } from './der-mutator.ts'
import type { Print } from './measure.ts'

/**
 * Throws mutated certificates, CSRs, OCSP messages, CRLs and CMS messages at everything that reads them. Whatever
 * comes in, parsers throw nothing but PkiError, deciders throw nothing at all, and nothing whose signed part was
 * changed is ever accepted.
 */
export interface FuzzReport {
  readonly inputs: number
  readonly accepted: number
  readonly refused: Readonly<Record<string, number>>
  readonly failures: readonly string[]
  readonly slowestMs: number
  readonly heapGrowthBytes: number
  readonly seconds: number
}

interface Target {
  readonly name: string
  readonly seeds: readonly Uint8Array[]
  /** A word for the outcome; `accepted` where the input was believed. */
  readonly feed: (input: Uint8Array) => string
}

const AT_MS = Date.UTC(2026, 10, 22)
const HOUR_MS = 3_600_000
const SLOW_MS = 1_000

function now<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error('software signers answer at once')
  return value
}

interface World {
  readonly root: Certificate
  readonly sub: Certificate
  readonly leaf: Certificate
  readonly subIssuer: Issuer
}

function makeWorld(): World {
  const newSigner = () => createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const [rootSigner, subSigner, leafSigner] = [newSigner(), newSigner(), newSigner()]
  const common = { atMs: AT_MS, subject: { commonName: 'Fuzz', organization: 'Test', country: 'DE' } }
  const root = now(
    issueRoot({
      ...common,
      profile: certificateProfile('v2g-root'),
      signer: rootSigner,
      random: randomBytes(16),
    }),
  )
  const addresses = { ocspUrl: 'http://o.example.com/', crlUrl: 'http://c.example.com/1.crl' }
  const sub = now(
    issueCertificate({
      ...common,
      subject: { ...common.subject, commonName: 'Fuzz Sub' },
      issuer: createIssuer({ certificate: root, signer: rootSigner, addresses }),
      profile: certificateProfile('cpo-sub2'),
      publicKey: subSigner.publicKeySpki,
      random: randomBytes(16),
    }),
  )
  const subIssuer = createIssuer({ certificate: sub, signer: subSigner, addresses })
  const leaf = now(
    issueCertificate({
      ...common,
      issuer: subIssuer,
      profile: certificateProfile('csms-server-ecdsa'),
      publicKey: leafSigner.publicKeySpki,
      random: randomBytes(16),
      altNames: { dns: ['a.example.com', '*.b.example.com'], ip: [Uint8Array.of(10, 0, 0, 1)] },
    }),
  )
  return { root, sub, leaf, subIssuer }
}

const sameTbs = (certificate: Certificate, seed: Certificate): boolean =>
  Buffer.compare(certificate.tbs, seed.tbs) === 0

function certificateTarget({ root, sub, leaf }: World): Target {
  const feed = (input: Uint8Array): string => {
    lintCertificate(input, { issuer: sub })
    const certificate = Certificate.parse(input)
    void certificate.toJSON()
    const asLeaf = validatePath({
      leaf: certificate,
      intermediates: [sub],
      anchors: [root],
      atMs: AT_MS,
      strictness: 'profile',
    })
    const asIssuer = validatePath({ leaf, intermediates: [certificate], anchors: [root], atMs: AT_MS })
    if (asLeaf.ok && ![leaf, sub].some((seed) => sameTbs(certificate, seed)))
      throw new Error('a changed certificate was accepted')
    if (asIssuer.ok && !sameTbs(certificate, sub)) throw new Error('a changed sub-CA was accepted')
    return asLeaf.ok ? 'accepted' : asLeaf.reason
  }
  return { name: 'certificate', seeds: [leaf.der, sub.der], feed }
}

function csrTarget(): Target {
  const pem = encodeCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, {
    commonName: 'SN-1',
    organization: 'Test',
  })
  const [block] = parsePem(pem)
  if (block === undefined) throw new Error('a CSR was made')
  const seed = block.der
  const feed = (input: Uint8Array): string => {
    const verdict = inspectCsr(input, { organization: 'Test', commonName: 'SN-1' })
    if (!verdict.ok) return verdict.reason
    // Signed part: outer header, then the request info with its own header; the signature comes last.
    const info = Buffer.from(verdict.csr.info)
    if (Buffer.from(seed).indexOf(info) < 0) throw new Error('a changed request was accepted')
    return 'accepted'
  }
  return { name: 'csr', seeds: [seed], feed }
}

function ocspTargets({ sub, leaf, subIssuer }: World): Target[] {
  const certId = certIdFor({ issuer: sub, serial: leaf.serial, hash: 'SHA256' })
  const nonce = randomBytes(32)
  const request = buildOcspRequest([certId, certIdFor({ issuer: sub, serial: Uint8Array.of(1) })], nonce)
  const responder = createOcspResponder({ issuer: sub, signer: subIssuer.signer })
  const entry = { certId, thisUpdateMs: AT_MS, nextUpdateMs: AT_MS + HOUR_MS }
  const parsed = parseOcspRequest(request)
  const revoked = now(
    responder.respond({
      entries: [{ ...entry, status: { kind: 'revoked', atMs: AT_MS, reason: 'keyCompromise' } }],
      producedAtMs: AT_MS,
      nonce: parsed.nonce,
    }),
  )
  return [
    {
      name: 'ocsp-request',
      seeds: [request],
      feed: (input) => {
        for (const id of parseOcspRequest(input).certIds)
          now(
            responder.respond({
              entries: [{ ...entry, certId: id, status: { kind: 'unknown' } }],
              producedAtMs: AT_MS,
            }),
          )
        return 'read'
      },
    },
    {
      name: 'ocsp-response',
      seeds: [revoked],
      feed: (input) => {
        const verdict = verifyOcspResponse({ response: input, certId, issuer: sub, atMs: AT_MS, nonce })
        if (verdict.ok && verdict.status.kind !== 'revoked') throw new Error('a changed answer was believed')
        return verdict.ok ? 'accepted' : verdict.reason
      },
    },
  ]
}

function crlTarget({ root, sub, leaf, subIssuer }: World): Target {
  const entries = [
    { serialHex: leaf.serialHex, atMs: AT_MS, reason: 'superseded' as const },
    { serialHex: 'ff01', atMs: AT_MS, reason: 'certificateHold' as const },
  ]
  const crl = now(
    signCrl({
      issuer: subIssuer,
      entries,
      thisUpdateMs: AT_MS,
      nextUpdateMs: AT_MS + HOUR_MS,
      number: 7n,
      distributionPoint: 'http://c.example.com/1.crl',
    }),
  )
  const feed = (input: Uint8Array): string => {
    const read = Crl.parse(input)
    const verdict = crlRevocation({ crls: [read], anchors: [root], atMs: AT_MS })(leaf, sub)
    if (verdict.kind === 'good') throw new Error('a changed CRL cleared a revoked certificate')
    return verdict.kind === 'revoked' ? 'accepted' : verdict.kind
  }
  return { name: 'crl', seeds: [crl.der], feed }
}

function cmsTargets({ root, sub }: World): Target[] {
  return [
    {
      name: 'cms',
      seeds: [encodeCertsOnly([root, sub])],
      feed: (input) => `read ${decodeCertsOnly(input).length}`,
    },
    {
      name: 'csr-attributes',
      seeds: [encodeCsrAttributes([{ oid: '1.2.3' }, ecKeyAttribute('1.2.840.10045.3.1.7')])],
      feed: (input) => `read ${decodeCsrAttributes(input).length > 0}`,
    },
  ]
}

/** Feeds `count` mutated inputs. The same seed gives the same mutations of (newly keyed) seeds. */
export function fuzz(count: number, seed = 1): FuzzReport {
  const world = makeWorld()
  const targets = [
    certificateTarget(world),
    csrTarget(),
    ...ocspTargets(world),
    crlTarget(world),
    ...cmsTargets(world),
  ]
  const random = randomNumbers(seed)
  const refused: Record<string, number> = {}
  const failures: string[] = []
  let [accepted, slowestMs] = [0, 0]
  const heapBefore = process.memoryUsage().heapUsed
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    const target = targets[i % targets.length]
    const [from, other] = [
      target?.seeds[random(target.seeds.length)],
      targets[random(targets.length)]?.seeds[0],
    ]
    if (target === undefined || from === undefined || other === undefined) continue
    const input = mutateDer(from, other, random)
    const began = performance.now()
    let outcome: string
    try {
      outcome = target.feed(input)
    } catch (error) {
      outcome = error instanceof PkiError ? error.code : 'failure'
      if (outcome === 'failure' && failures.length < 20)
        failures.push(`#${i} ${target.name}: ${String(error)}: ${Buffer.from(input).toString('base64')}`)
    }
    const ms = performance.now() - began
    slowestMs = Math.max(slowestMs, ms)
    if (ms > SLOW_MS && failures.length < 20) failures.push(`#${i} ${target.name}: ${Math.round(ms)} ms`)
    if (outcome === 'accepted') accepted++
    else refused[`${target.name}: ${outcome}`] = (refused[`${target.name}: ${outcome}`] ?? 0) + 1
  }
  const seconds = (performance.now() - start) / 1000
  return {
    inputs: count,
    accepted,
    refused,
    failures,
    slowestMs,
    heapGrowthBytes: process.memoryUsage().heapUsed - heapBefore,
    seconds,
  }
}

/** `FUZZ_COUNT` inputs, one million unless said otherwise. */
export async function run(
  print: Print,
  count = Number(process.env.FUZZ_COUNT ?? 1_000_000),
  seed = Number(process.env.FUZZ_SEED ?? 1),
): Promise<FuzzReport> {
  const report = fuzz(count, seed)
  print(JSON.stringify(report))
  return report
}
