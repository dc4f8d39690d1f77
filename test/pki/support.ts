import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Certificate,
  type CertificateKind,
  certificateProfile,
  createIssuer,
  createSoftwareSigner,
  draftCertificate,
  draftRoot,
  finishCertificate,
  type Issuer,
  type IssuerAddresses,
  type ProfileVariant,
  type Subject,
  type SyncSigner,
} from '../../pki/index.ts'

export const AT_MS = Date.UTC(2026, 10, 22, 9, 0, 0)
export const DAY_MS = 86_400_000

const CURVES: Readonly<Record<ProfileVariant, string>> = { 'iso15118-2': 'P-256', 'iso15118-20': 'P-521' }

export interface Held {
  readonly certificate: Certificate
  readonly privateKey: KeyObject
  readonly signer: SyncSigner
}
export interface Authority extends Held {
  readonly issuer: Issuer
}

export const newKey = (namedCurve = 'P-256'): KeyObject =>
  generateKeyPairSync('ec', { namedCurve }).privateKey

export function makeRoot(
  kind: CertificateKind,
  name: string,
  variant: ProfileVariant = 'iso15118-2',
  atMs: number = AT_MS,
): Authority {
  const privateKey = newKey(CURVES[variant])
  const signer = createSoftwareSigner(privateKey)
  const draft = draftRoot({
    profile: certificateProfile(kind, variant),
    subject: { commonName: name, organization: 'Test', country: 'DE' },
    signer,
    atMs,
    random: randomBytes(16),
  })
  const certificate = finishCertificate(draft, signer.sign(draft.tbs))
  return { certificate, privateKey, signer, issuer: createIssuer({ certificate, signer }) }
}

export function makeLeaf(
  issuer: Issuer,
  kind: CertificateKind,
  subject: Subject,
  options: {
    readonly variant?: ProfileVariant
    readonly notAfterMs?: number
    readonly dns?: readonly string[]
    readonly privateKey?: KeyObject
    readonly atMs?: number
  } = {},
): Held {
  const variant = options.variant ?? 'iso15118-2'
  const privateKey = options.privateKey ?? newKey(CURVES[variant])
  const signer = createSoftwareSigner(privateKey)
  const draft = draftCertificate({
    issuer,
    profile: certificateProfile(kind, variant),
    subject,
    publicKey: signer.publicKeySpki,
    atMs: options.atMs ?? AT_MS,
    random: randomBytes(16),
    ...(options.notAfterMs === undefined ? {} : { notAfterMs: options.notAfterMs }),
    ...(options.dns === undefined ? {} : { altNames: { dns: options.dns } }),
  })
  return { certificate: sign(draft, issuer), privateKey, signer }
}

function sign(draft: ReturnType<typeof draftCertificate>, issuer: Issuer): Certificate {
  const signature = issuer.signer.sign(draft.tbs)
  if (signature instanceof Promise) throw new Error('the tests use software signers')
  return finishCertificate(draft, signature)
}

export function makeSub(
  issuer: Issuer,
  kind: CertificateKind,
  name: string,
  variant: ProfileVariant = 'iso15118-2',
  addresses: IssuerAddresses = {},
  atMs: number = AT_MS,
): Authority {
  const held = makeLeaf(
    issuer,
    kind,
    { commonName: name, organization: 'Test', country: 'DE' },
    { variant, atMs },
  )
  return { ...held, issuer: createIssuer({ certificate: held.certificate, signer: held.signer, addresses }) }
}

export interface CpoHierarchy {
  readonly root: Authority
  readonly sub1: Authority
  readonly sub2: Authority
}

export function makeCpoHierarchy(
  variant: ProfileVariant = 'iso15118-2',
  addresses: IssuerAddresses = {},
  atMs: number = AT_MS,
): CpoHierarchy {
  const root = makeRoot('v2g-root', 'Test V2G Root', variant, atMs)
  const sub1 = makeSub(root.issuer, 'cpo-sub1', 'Test CPO Sub1', variant, addresses, atMs)
  const sub2 = makeSub(sub1.issuer, 'cpo-sub2', 'Test CPO Sub2', variant, addresses, atMs)
  return { root, sub1, sub2 }
}

/** Runs a command in a directory that holds `files`; the independent tools work on files. */
export function runTool(
  command: readonly [string, ...string[]],
  files: Readonly<Record<string, string | Uint8Array>> = {},
): string {
  const directory = mkdtempSync(join(tmpdir(), 'pki-test-'))
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
    const [program, ...args] = command
    return execFileSync(program, args, {
      cwd: directory,
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A CSR made by OpenSSL, not by us. */
export function opensslCsr(options: {
  readonly subject: string
  readonly key?: readonly string[]
  readonly extra?: readonly string[]
}): string {
  const key = options.key ?? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  return runTool([
    'openssl',
    'req',
    '-new',
    ...key,
    '-nodes',
    '-keyout',
    'key.pem',
    '-subj',
    options.subject,
    ...(options.extra ?? []),
  ])
}
