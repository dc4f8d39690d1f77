import type { SignatureAlgorithmName } from './algorithms.ts'
import { PkiError } from './errors.ts'
import type { KeyUsageName } from './extensions.ts'
import type { SubjectFields } from './name.ts'
import { OID } from './oids.ts'
import type { PublicKey } from './public-key.ts'

export type CertificateKind =
  | 'v2g-root'
  | 'cpo-sub1'
  | 'cpo-sub2'
  | 'secc-leaf'
  | 'cps-sub1'
  | 'cps-sub2'
  | 'cps-leaf'
  | 'mo-root'
  | 'mo-sub1'
  | 'mo-sub2'
  | 'contract'
  | 'oem-root'
  | 'oem-sub1'
  | 'oem-sub2'
  | 'oem-provisioning'
  | 'cso-root'
  | 'cso-sub'
  | 'station-client'
  | 'csms-server-ecdsa'
  | 'csms-server-rsa'
  | 'ocsp-responder'
  | 'cross-certificate'

/** -2: P-256 with SHA-256 and 800 octets. -20: P-521 with SHA-512 or Ed448, and 1,600 octets. */
export type ProfileVariant = 'iso15118-2' | 'iso15118-20'

/** `rsa` means 2048 to 8192 bits. */
export type KeyRequirement = 'P-256' | 'P-384' | 'P-521' | 'ed25519' | 'ed448' | 'rsa'

/** What a certificate of one kind must contain. Plain data: an operator may derive a variation by spreading it. */
export interface CertificateProfile {
  readonly id: string
  readonly kind: CertificateKind
  readonly variant: ProfileVariant
  /** `undefined` for end entities. `pathLength` undefined means unlimited. */
  readonly ca: { readonly pathLength: number | undefined } | undefined
  readonly selfSigned: boolean
  readonly domainComponent: string | undefined
  readonly requiredSubject: readonly (keyof SubjectFields)[]
  readonly keyUsage: readonly KeyUsageName[]
  readonly extendedKeyUsage: readonly string[]
  readonly subjectAltNames: 'required' | 'optional' | 'forbidden'
  readonly keys: readonly KeyRequirement[]
  readonly signatures: readonly SignatureAlgorithmName[]
  readonly keyIdentifier: 'sha1' | 'truncated'
  readonly ocspNoCheck: boolean
  readonly validityDays: number
  /** How far notBefore lies before the time of issue, for stations whose clock is slow. */
  readonly backdateSeconds: number
  readonly maxDerBytes: number | undefined
}

const CA_USAGE: readonly KeyUsageName[] = ['keyCertSign', 'cRLSign']
const YEAR = 365

interface Row {
  readonly ca?: { readonly pathLength: number | undefined }
  readonly selfSigned?: true
  readonly dc?: string
  readonly usage: readonly KeyUsageName[]
  readonly eku?: readonly string[]
  readonly san?: 'required' | 'optional'
  readonly days: number
  readonly country?: true
  /** Not an ISO 15118 certificate: the station's or the CSMS's own TLS, without ISO's size limit. */
  readonly tls?: { readonly keys: readonly KeyRequirement[] }
  readonly noCheck?: true
}

/**
 * ISO 15118-2 Annex F; -20 differs in algorithms, size and key identifier only, as its own key usage table is not
 * at hand. Validity is the middle of what deployed hierarchies use. End entities of a station carry no EKU
 * (OCPP 2.0.1 A00.FR.514).
 */
const ROWS: Readonly<Record<CertificateKind, Row>> = {
  'v2g-root': {
    ca: { pathLength: undefined },
    selfSigned: true,
    dc: 'V2G',
    usage: CA_USAGE,
    days: 40 * YEAR,
  },
  'cpo-sub1': { ca: { pathLength: 1 }, dc: 'V2G', usage: CA_USAGE, days: 4 * YEAR },
  'cpo-sub2': { ca: { pathLength: 0 }, dc: 'V2G', usage: CA_USAGE, days: 2 * YEAR },
  'secc-leaf': { dc: 'CPO', usage: ['digitalSignature', 'keyAgreement'], days: 90 },
  'cps-sub1': { ca: { pathLength: 1 }, dc: 'CPS', usage: CA_USAGE, days: 4 * YEAR },
  'cps-sub2': { ca: { pathLength: 0 }, dc: 'CPS', usage: CA_USAGE, days: 2 * YEAR },
  'cps-leaf': { dc: 'CPS', usage: ['digitalSignature'], days: 90 },
  'mo-root': { ca: { pathLength: undefined }, selfSigned: true, dc: 'MO', usage: CA_USAGE, days: 40 * YEAR },
  'mo-sub1': { ca: { pathLength: 1 }, dc: 'MO', usage: CA_USAGE, days: 10 * YEAR },
  'mo-sub2': {
    ca: { pathLength: 0 },
    dc: 'MO',
    usage: ['digitalSignature', 'nonRepudiation', 'keyCertSign', 'cRLSign'],
    days: 5 * YEAR,
  },
  contract: {
    dc: 'MO',
    usage: ['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'keyAgreement'],
    days: 2 * YEAR,
  },
  'oem-root': {
    ca: { pathLength: undefined },
    selfSigned: true,
    dc: 'OEM',
    usage: CA_USAGE,
    days: 40 * YEAR,
  },
  'oem-sub1': { ca: { pathLength: 1 }, dc: 'OEM', usage: CA_USAGE, days: 20 * YEAR },
  'oem-sub2': { ca: { pathLength: 0 }, dc: 'OEM', usage: CA_USAGE, days: 20 * YEAR },
  'oem-provisioning': { dc: 'OEM', usage: ['digitalSignature', 'keyAgreement'], days: 20 * YEAR },
  'cso-root': {
    ca: { pathLength: undefined },
    selfSigned: true,
    usage: CA_USAGE,
    days: 20 * YEAR,
    tls: { keys: ['P-256', 'P-384', 'P-521', 'rsa'] },
  },
  'cso-sub': {
    ca: { pathLength: 0 },
    usage: CA_USAGE,
    days: 5 * YEAR,
    tls: { keys: ['P-256', 'P-384', 'P-521', 'rsa'] },
  },
  'station-client': {
    usage: ['digitalSignature', 'keyAgreement'],
    days: YEAR,
    tls: { keys: ['P-256', 'P-384', 'P-521', 'rsa'] },
  },
  'csms-server-ecdsa': {
    usage: ['digitalSignature'],
    eku: [OID.serverAuth],
    san: 'required',
    days: YEAR,
    tls: { keys: ['P-256', 'P-384'] },
  },
  'csms-server-rsa': {
    usage: ['digitalSignature', 'keyEncipherment'],
    eku: [OID.serverAuth],
    san: 'required',
    days: YEAR,
    tls: { keys: ['rsa'] },
  },
  'ocsp-responder': { usage: ['digitalSignature'], eku: [OID.ocspSigning], days: 30, noCheck: true },
  'cross-certificate': { ca: { pathLength: undefined }, usage: CA_USAGE, days: 5 * YEAR },
}

const VARIANTS = {
  'iso15118-2': {
    keys: ['P-256'],
    signatures: ['ecdsa-with-SHA256'],
    maxDerBytes: 800,
    keyIdentifier: 'sha1',
  },
  'iso15118-20': {
    keys: ['P-521', 'ed448'],
    signatures: ['ecdsa-with-SHA512', 'Ed448'],
    maxDerBytes: 1600,
    keyIdentifier: 'truncated',
  },
} as const satisfies Record<ProfileVariant, unknown>

const TLS_SIGNATURES: readonly SignatureAlgorithmName[] = [
  'ecdsa-with-SHA256',
  'ecdsa-with-SHA384',
  'ecdsa-with-SHA512',
  'sha256WithRSAEncryption',
  'sha384WithRSAEncryption',
  'sha512WithRSAEncryption',
]

const BACKDATE_SECONDS = 300

function build(kind: CertificateKind, variant: ProfileVariant): CertificateProfile {
  const row = ROWS[kind]
  const rules = VARIANTS[variant]
  return {
    id: `${kind}/${variant}`,
    kind,
    variant,
    ca: row.ca,
    selfSigned: row.selfSigned ?? false,
    domainComponent: row.dc,
    requiredSubject: ['commonName', 'organization'],
    keyUsage: row.usage,
    extendedKeyUsage: row.eku ?? [],
    subjectAltNames: row.san ?? 'forbidden',
    keys: row.tls?.keys ?? rules.keys,
    signatures: row.tls === undefined ? rules.signatures : TLS_SIGNATURES,
    keyIdentifier: row.tls === undefined ? rules.keyIdentifier : 'sha1',
    ocspNoCheck: row.noCheck ?? false,
    validityDays: row.days,
    backdateSeconds: BACKDATE_SECONDS,
    maxDerBytes: row.tls === undefined ? rules.maxDerBytes : undefined,
  }
}

export const CERTIFICATE_KINDS: readonly CertificateKind[] = Object.keys(ROWS).filter(
  (key): key is CertificateKind => key in ROWS,
)
const PROFILES = new Map(
  CERTIFICATE_KINDS.flatMap((kind) =>
    (['iso15118-2', 'iso15118-20'] as const).map(
      (variant) => [`${kind}/${variant}`, build(kind, variant)] as const,
    ),
  ),
)

/** The profile of a kind. The same object every time, so that authorities can remember what they precomputed. */
export function certificateProfile(
  kind: CertificateKind,
  variant: ProfileVariant = 'iso15118-2',
): CertificateProfile {
  const profile = PROFILES.get(`${kind}/${variant}`)
  if (profile === undefined) throw new PkiError('argument-invalid', `There is no profile ${kind}/${variant}`)
  return profile
}

/** Whether a key is of a type that the profile allows. */
export function profileAllowsKey(profile: CertificateProfile, key: PublicKey): boolean {
  return profile.keys.some((allowed) => {
    if (allowed === 'rsa') return key.kind === 'rsa' && key.bits >= 2048
    return allowed === key.curve || allowed === key.kind
  })
}
