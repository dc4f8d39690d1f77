import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import {
  Certificate,
  type CertificateKind,
  type CertificateProfile,
  type ContractAuthority,
  type Cps,
  certificateProfile,
  createContractAuthority,
  createCps,
  createIssuer,
  createSoftwareSigner,
  type Issuer,
  type IssuerAddresses,
  issueCertificate,
  issueRoot,
  type Protocol,
  PublicKey,
  type SyncSigner,
} from '../../../pki/index.ts'
import {
  createPlugAndChargeEv,
  type EvCredential,
  type PlugAndChargeEv,
} from '../../../src/simulator/ev/index.ts'

/** A whole Plug & Charge world for tests: V2G root with CPS, MO and OEM hierarchies, made with our own profiles. */

export const NOW_MS = Date.UTC(2026, 10, 22, 12)
export const DAY_MS = 86_400_000

export interface Ca {
  readonly certificate: Certificate
  readonly issuer: Issuer
  readonly signer: SyncSigner
}

export interface World {
  readonly protocol: Protocol
  readonly v2gRoot: Ca
  readonly cps: Cps
  readonly moRoot: Ca
  readonly moSubs: readonly [Ca, Ca]
  readonly oemRoot: Ca
  /** Issuing sub-CA first. */
  readonly oemSubs: readonly [Ca, Ca]
  readonly contracts: ContractAuthority
}

const variantOf = (protocol: Protocol) => (protocol === '15118-2' ? 'iso15118-2' : 'iso15118-20')

export function newKey(protocol: Protocol): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: protocol === '15118-2' ? 'P-256' : 'P-521' }).privateKey
}

function synchronous(issued: Certificate | Promise<Certificate>): Certificate {
  if (issued instanceof Promise) throw new Error('software signers answer at once')
  return issued
}

export function createRoot(protocol: Protocol, kind: CertificateKind, commonName: string): Ca {
  const signer = createSoftwareSigner(newKey(protocol))
  const certificate = synchronous(
    issueRoot({
      profile: certificateProfile(kind, variantOf(protocol)),
      subject: { commonName, organization: 'Gridkeep', country: 'DE' },
      atMs: NOW_MS - DAY_MS,
      random: randomBytes(16),
      signer,
    }),
  )
  return { certificate, signer, issuer: createIssuer({ certificate, signer }) }
}

export interface IssueOptions {
  readonly key?: KeyObject
  /** When it is issued. */
  readonly atMs?: number
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  /** Overrides of the profile, to make certificates that are wrong. */
  readonly profile?: Partial<CertificateProfile>
}

export function issue(
  from: Ca,
  protocol: Protocol,
  kind: CertificateKind,
  commonName: string,
  options: IssueOptions = {},
): { readonly certificate: Certificate; readonly privateKey: KeyObject } {
  const privateKey = options.key ?? newKey(protocol)
  const { notBeforeMs, notAfterMs } = options
  const certificate = synchronous(
    issueCertificate({
      issuer: from.issuer,
      profile: { ...certificateProfile(kind, variantOf(protocol)), ...options.profile },
      subject: { commonName, organization: 'Gridkeep', country: 'DE' },
      atMs: options.atMs ?? NOW_MS - DAY_MS / 2,
      ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
      ...(notAfterMs === undefined ? {} : { notAfterMs }),
      random: randomBytes(16),
      publicKey: PublicKey.fromKeyObject(privateKey),
    }),
  )
  return { certificate, privateKey }
}

export function createSub(
  from: Ca,
  protocol: Protocol,
  kind: CertificateKind,
  name: string,
  addresses?: IssuerAddresses,
): Ca {
  const { certificate, privateKey } = issue(from, protocol, kind, name)
  const signer = createSoftwareSigner(privateKey)
  return {
    certificate,
    signer,
    issuer: createIssuer({ certificate, signer, ...(addresses ? { addresses } : {}) }),
  }
}

export function createTestCps(
  protocol: Protocol,
  v2gRoot: Ca,
  options: IssueOptions = {},
  addresses?: IssuerAddresses,
): Cps {
  const root: Ca =
    addresses === undefined ? v2gRoot : { ...v2gRoot, issuer: createIssuer({ ...v2gRoot, addresses }) }
  const sub1 = createSub(root, protocol, 'cps-sub1', 'CPS Sub1', addresses)
  const sub2 = createSub(sub1, protocol, 'cps-sub2', 'CPS Sub2', addresses)
  const leaf = issue(sub2, protocol, 'cps-leaf', 'CPS Leaf', options)
  const subCas = [sub2.certificate, sub1.certificate]
  const signer = createSoftwareSigner(leaf.privateKey)
  return createCps({ leaf: leaf.certificate, subCas, root: v2gRoot.certificate, signer }, NOW_MS)
}

const OCSP = { ocspUrl: 'http://ocsp.gridkeep.example/' }

export function createWorld(protocol: Protocol, moAddresses: IssuerAddresses = OCSP): World {
  const v2gRoot = createRoot(protocol, 'v2g-root', 'V2G Root')
  const moRoot = createRoot(protocol, 'mo-root', 'MO Root')
  const moIssuer: Ca = { ...moRoot, issuer: createIssuer({ ...moRoot, addresses: moAddresses }) }
  const moSub1 = createSub(moIssuer, protocol, 'mo-sub1', 'MO Sub1', moAddresses)
  const moSub2 = createSub(moSub1, protocol, 'mo-sub2', 'MO Sub2', moAddresses)
  const oemRoot = createRoot(protocol, 'oem-root', 'OEM Root')
  const oemSub1 = createSub(oemRoot, protocol, 'oem-sub1', 'OEM Sub1')
  const oemSub2 = createSub(oemSub1, protocol, 'oem-sub2', 'OEM Sub2')
  return {
    protocol,
    v2gRoot,
    cps: createTestCps(protocol, v2gRoot),
    moRoot,
    moSubs: [moSub2, moSub1],
    oemRoot,
    oemSubs: [oemSub2, oemSub1],
    contracts: createContractAuthority({ issuer: moSub2.issuer, upperCas: [moSub1.certificate] }),
  }
}

export const PCID = 'WGKTESTCAR1234567X'

export function provisioningCredential(
  world: World,
  options: IssueOptions & { readonly pcid?: string } = {},
): EvCredential {
  const [sub2, sub1] = world.oemSubs
  const { certificate, privateKey } = issue(
    sub2,
    world.protocol,
    'oem-provisioning',
    options.pcid ?? PCID,
    options,
  )
  return { certificate, privateKey, subCas: [sub2.certificate, sub1.certificate] }
}

export function createEv(
  world: World,
  provisioning: EvCredential = provisioningCredential(world),
  nowMs: () => number = () => NOW_MS,
): PlugAndChargeEv {
  const v2gRoots = [world.v2gRoot.certificate]
  const moRoots = [world.moRoot.certificate]
  return createPlugAndChargeEv(
    { protocol: world.protocol, provisioning, v2gRoots, moRoots },
    { nowMs, random: randomBytes },
  )
}

/** The same private key in node's form, from a PEM of a fixture. */
export const readKey = (pem: string): KeyObject => createPrivateKey(pem)
export const readCertificate = (pem: string): Certificate => Certificate.parse(pem)
