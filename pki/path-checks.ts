import { sameBytes } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import type { GeneralName } from './extensions.ts'
import { hostMatches, isPresentedHost, parseIp, parseMailbox } from './host-names.ts'
import { OID } from './oids.ts'
import type { PathReason, PeerName, Strictness } from './path.ts'
import { isStrongEnough } from './public-key.ts'

export interface Finding {
  readonly reason: PathReason
  readonly message: string
  readonly certificate: Certificate | undefined
}
export type Role = 'leaf' | 'intermediate' | 'anchor'

const PROCESSED: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.subjectAltName,
  OID.nameConstraints,
  OID.certificatePolicies,
  OID.policyMappings,
  OID.policyConstraints,
  OID.inhibitAnyPolicy,
  // Evaluated by revocation checking; being critical asks for no more than that.
  OID.crlDistributionPoints,
])

const finding = (certificate: Certificate, reason: PathReason, message: string): Finding => ({
  reason,
  message,
  certificate,
})

/** RFC 5280 counts in whole seconds, both ends inclusive; a fraction of a second belongs to its second. */
function checkValidity(certificate: Certificate, atMs: number): Finding | undefined {
  const second = Math.floor(atMs / 1000) * 1000
  // In the positive, so that a time that is no number is refused.
  if (!(second >= certificate.notBeforeMs))
    return finding(certificate, 'notYetValid', 'The certificate is not valid yet')
  if (!(second <= certificate.notAfterMs))
    return finding(certificate, 'expired', 'The certificate has expired')
  return undefined
}

function checkKey(certificate: Certificate): Finding | undefined {
  const key = certificate.publicKey
  if (!isStrongEnough(key))
    return finding(certificate, 'weakKey', 'The key is weak or of a kind that is not accepted')
  if (key.kind === 'rsa' && key.bits % 8 !== 0)
    return finding(certificate, 'weakKey', 'RSA moduli are whole octets')
  return undefined
}

function checkCritical(certificate: Certificate): Finding | undefined {
  for (const { oid, critical } of certificate.extensions.values()) {
    if (critical && !PROCESSED.has(oid)) {
      return finding(certificate, 'criticalExtension', `Critical extension ${oid} is not understood`)
    }
  }
  return undefined
}

/** Forces every extension that decides something to be parsed, so that a malformed one is refused and not skipped. */
function readAll(certificate: Certificate): void {
  void certificate.basicConstraints
  void certificate.keyUsage
  void certificate.extendedKeyUsage
  void certificate.subjectAltNames
  void certificate.nameConstraints
  void certificate.certificatePolicies
  void certificate.policyMappings
  void certificate.policyConstraints
  void certificate.inhibitAnyPolicy
  void certificate.authorityInfoAccess
  void certificate.authorityKeyIdentifier
  void certificate.subjectKeyIdentifier
}

type Rule = readonly [broken: boolean, message: string]

function keyIdentifierRules(certificate: Certificate, role: Role): Rule[] {
  const authority = certificate.authorityKeyIdentifier
  const subjectId = certificate.subjectKeyIdentifier
  const critical = (oid: string): boolean => certificate.extensions.get(oid)?.critical === true
  // Whoever signed an anchor plays no part in the path; only a self-signed certificate may leave the identifier out.
  const ownSignature = subjectId !== undefined && sameBytes(authority?.keyIdentifier ?? subjectId, subjectId)
  const isExempt = role === 'anchor' || (certificate.isSelfIssued && ownSignature)
  return [
    [critical(OID.authorityKeyIdentifier), 'authorityKeyIdentifier must not be critical (4.2.1.1)'],
    [
      authority?.keyIdentifier === undefined && !isExempt,
      'authorityKeyIdentifier with a keyIdentifier is missing (4.2.1.1)',
    ],
    [critical(OID.subjectKeyIdentifier), 'subjectKeyIdentifier must not be critical (4.2.1.2)'],
    [certificate.isCa && subjectId === undefined, 'a CA certificate needs a subjectKeyIdentifier (4.2.1.2)'],
  ]
}

function altNameRules(certificate: Certificate): Rule[] {
  const names = certificate.subjectAltNames ?? []
  const critical = certificate.extensions.get(OID.subjectAltName)?.critical === true
  const malformed = (name: GeneralName): boolean => {
    if (name.kind === 'dns') return !isPresentedHost(name.value.toLowerCase())
    if (name.kind === 'email') return parseMailbox(name.value) === undefined
    return name.kind === 'ip' && name.value.length !== 4 && name.value.length !== 16
  }
  return [
    [
      certificate.subject.length === 0 && !critical,
      'an empty subject needs a critical subjectAltName (4.2.1.6)',
    ],
    [names.some(malformed), 'a subjectAltName is malformed (4.2.1.6)'],
  ]
}

/** Rules of RFC 5280 section 4 for those who issue; section 6 does not ask a validator to check them. */
function profileRules(certificate: Certificate, role: Role): Rule[] {
  const { basicConstraints, keyUsage } = certificate
  const extension = (oid: string) => certificate.extensions.get(oid)
  const maySign = keyUsage?.has('keyCertSign') ?? certificate.isCa
  return [
    [certificate.issuer.length === 0, 'the issuer name is empty (4.1.2.4)'],
    [certificate.version !== 3 && certificate.extensions.size > 0, 'extensions need version 3 (4.1.2.1)'],
    [certificate.serial.length > 20, 'the serial number is longer than 20 octets (4.1.2.2)'],
    [certificate.isCa && certificate.subject.length === 0, 'a CA needs a subject name (4.1.2.6)'],
    [
      role === 'anchor' && extension(OID.basicConstraints)?.critical !== true,
      'basicConstraints must be critical (4.2.1.9)',
    ],
    [keyUsage?.has('keyCertSign') === true && !certificate.isCa, 'keyCertSign without cA (4.2.1.3)'],
    [
      basicConstraints?.pathLength !== undefined && (!certificate.isCa || !maySign),
      'a path length without cA and keyCertSign (4.2.1.9)',
    ],
    [
      extension(OID.authorityInfoAccess)?.critical === true,
      'authorityInfoAccess must not be critical (4.2.2.1)',
    ],
    [
      extension(OID.nameConstraints) !== undefined && !certificate.isCa,
      'nameConstraints belong into CA certificates only (4.2.1.10)',
    ],
    [extension(OID.nameConstraints)?.critical === false, 'nameConstraints must be critical (4.2.1.10)'],
    [extension(OID.policyConstraints)?.critical === false, 'policyConstraints must be critical (4.2.1.11)'],
    ...keyIdentifierRules(certificate, role),
    ...altNameRules(certificate),
  ]
}

/** What every certificate of a path must fulfil by itself, wherever it stands. */
export function checkAlone(
  certificate: Certificate,
  role: Role,
  atMs: number,
  strictness: Strictness,
): Finding | undefined {
  readAll(certificate)
  const found = checkValidity(certificate, atMs) ?? checkKey(certificate) ?? checkCritical(certificate)
  if (found !== undefined || strictness === 'section6') return found
  const broken = profileRules(certificate, role).find(([isBroken]) => isBroken)
  return broken === undefined ? undefined : finding(certificate, 'profile', `RFC 5280: ${broken[1]}`)
}

/** What a certificate must fulfil to have issued `below` (leaf side first): RFC 5280 6.1.4 k to n. */
export function checkAsIssuer(issuer: Certificate, below: readonly Certificate[]): Finding | undefined {
  const constraints = issuer.basicConstraints
  if (constraints?.ca !== true) return finding(issuer, 'notCa', 'An issuer in the path is not a CA')
  if (issuer.keyUsage?.has('keyCertSign') === false) {
    return finding(issuer, 'keyUsage', 'An issuer in the path may not sign certificates')
  }
  const intermediates = below.slice(1).filter((certificate) => !certificate.isSelfIssued).length
  if (constraints.pathLength !== undefined && intermediates > constraints.pathLength) {
    return finding(
      issuer,
      'pathLength',
      `The path is longer than the ${constraints.pathLength} its issuer allows`,
    )
  }
  return undefined
}

/** Extended key usage of a leaf, and of intermediates that limit themselves; anchors are not limited (as browsers do). */
export function checkExtendedUsage(certificate: Certificate, wanted: readonly string[]): Finding | undefined {
  const usages = certificate.extendedKeyUsage
  if (usages === undefined || usages.includes(OID.anyExtendedKeyUsage)) return undefined
  const missing = wanted.find((usage) => !usages.includes(usage))
  return missing === undefined
    ? undefined
    : finding(certificate, 'extendedKeyUsage', `The certificate is not for usage ${missing}`)
}

/** Whether the leaf is for this peer. Only alternative names count; a common name is not a host (RFC 9525 2). */
export function checkPeerName(leaf: Certificate, peer: PeerName): Finding | undefined {
  const names = leaf.subjectAltNames ?? []
  const mismatch = finding(leaf, 'peerName', `The certificate is not for ${peer.value}`)
  if (peer.kind === 'dns') {
    return names.some((name) => name.kind === 'dns' && hostMatches(name.value, peer.value))
      ? undefined
      : mismatch
  }
  if (peer.kind === 'ip') {
    const wanted = parseIp(peer.value)
    const found =
      wanted !== undefined && names.some((name) => name.kind === 'ip' && sameBytes(name.value, wanted))
    return found ? undefined : mismatch
  }
  const wanted = parseMailbox(peer.value)
  const found = names.some((name) => {
    const mailbox = name.kind === 'email' ? parseMailbox(name.value) : undefined
    return mailbox !== undefined && mailbox.local === wanted?.local && mailbox.host === wanted.host
  })
  return found ? undefined : mismatch
}
