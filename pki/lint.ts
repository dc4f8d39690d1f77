import type { CertificateDraft } from './authority.ts'
import { finishCertificate, signDraft } from './authority.ts'
import { sameBytes } from './bytes.ts'
import { Certificate } from './certificate.ts'
import { type CertificateProfile, profileAllowsKey } from './certificate-profile.ts'
import { PkiError } from './errors.ts'
import type { LintContext } from './lint-rule.ts'
import { LINT_RULES } from './lint-rules.ts'
import type { SyncSigner } from './signer.ts'

export type LintSeverity = 'error' | 'warning'

export interface LintFinding {
  /** Stable name of the rule. */
  readonly rule: string
  readonly severity: LintSeverity
  /** Where the rule comes from: an RFC section, ISO 15118 or the profile. */
  readonly source: string
  readonly message: string
}

function profileFindings(certificate: Certificate, profile: CertificateProfile): LintFinding[] {
  const findings: LintFinding[] = []
  const error = (rule: string, message: string): void => {
    findings.push({ rule, severity: 'error', source: profile.id, message })
  }
  const { maxDerBytes, domainComponent } = profile
  if (maxDerBytes !== undefined && certificate.der.length > maxDerBytes) {
    error('profile-size', `The certificate has ${certificate.der.length} octets, ${maxDerBytes} are allowed`)
  }
  if (domainComponent !== undefined && !certificate.domainComponents.includes(domainComponent)) {
    error('profile-domain-component', `The subject lacks the domain component ${domainComponent}`)
  }
  const algorithm = certificate.algorithm
  if (algorithm === undefined || !profile.signatures.includes(algorithm)) {
    error(
      'profile-signature-algorithm',
      `The certificate must be signed with ${profile.signatures.join(' or ')}`,
    )
  }
  if (!profileAllowsKey(profile, certificate.publicKey))
    error('profile-key', `The key must be ${profile.keys.join(' or ')}`)
  if ((profile.ca !== undefined) !== certificate.isCa)
    error('profile-ca', profile.ca === undefined ? 'This kind is no CA' : 'This kind is a CA')
  // Cross-certificates and roots are free in their path length; sub-CAs are not.
  const pathLength = certificate.basicConstraints?.pathLength
  if (profile.ca?.pathLength !== undefined && pathLength !== profile.ca.pathLength) {
    error('profile-path-length', `The path length must be ${profile.ca.pathLength}`)
  }
  const usage = certificate.keyUsage
  const missing = profile.keyUsage.filter((name) => usage?.has(name) !== true)
  const extra = [...(usage ?? [])].filter((name) => !profile.keyUsage.includes(name))
  if (missing.length > 0) error('profile-key-usage-missing', `Key usage lacks ${missing.join(', ')}`)
  if (extra.length > 0) error('profile-key-usage-extra', `Key usage must not hold ${extra.join(', ')}`)
  const extended = certificate.extendedKeyUsage ?? []
  const sameUsages =
    extended.length === profile.extendedKeyUsage.length &&
    profile.extendedKeyUsage.every((id) => extended.includes(id))
  if (!sameUsages) error('profile-extended-key-usage', 'The extended key usages are not those of the profile')
  if (profile.subjectAltNames === 'required' && certificate.subjectAltNames === undefined)
    error('profile-alt-names', 'Alternative names are missing')
  if (profile.subjectAltNames === 'forbidden' && certificate.subjectAltNames !== undefined)
    error('profile-alt-names', 'Alternative names do not belong here')
  if (profile.selfSigned && !certificate.isSelfIssued)
    error('profile-self-signed', 'A root must be issued by itself')
  if (profile.ocspNoCheck !== certificate.hasOcspNoCheck)
    error(
      'profile-ocsp-no-check',
      'id-pkix-ocsp-nocheck belongs into OCSP responder certificates and nowhere else',
    )
  return findings
}

function issuerFindings(
  certificate: Certificate,
  issuer: Certificate,
  checkSignature: boolean,
): LintFinding[] {
  const findings: LintFinding[] = []
  const error = (rule: string, source: string, message: string): void => {
    findings.push({ rule, severity: 'error', source, message })
  }
  if (!sameBytes(certificate.issuerDer, issuer.subjectDer)) {
    error(
      'issuer-name-bytes',
      'RFC 5280 4.1.2.4',
      'The issuer name is not byte for byte the subject of the issuer; simple validators compare bytes',
    )
  }
  const [wanted, offered] = [certificate.authorityKeyIdentifier?.keyIdentifier, issuer.subjectKeyIdentifier]
  if (wanted !== undefined && offered !== undefined && !sameBytes(wanted, offered)) {
    error(
      'issuer-key-identifier',
      'RFC 5280 4.2.1.1',
      "authorityKeyIdentifier is not the issuer's subjectKeyIdentifier",
    )
  }
  if (certificate.notAfterMs > issuer.notAfterMs || certificate.notBeforeMs < issuer.notBeforeMs) {
    error('issuer-validity', 'shell model', 'The certificate is valid outside the validity of its issuer')
  }
  if (checkSignature && !certificate.isSignedBy(issuer))
    error('issuer-signature', 'RFC 5280 6.1.3', 'The signature is not by this issuer')
  return findings
}

/**
 * Checks a certificate against RFC 5280 and, if given, its profile and issuer. For our own certificates before they
 * are signed (`lintDraft`) and for foreign ones on import. An empty list means clean; what cannot even be parsed is
 * one finding `malformed`.
 */
export function lintCertificate(
  input: Certificate | string | Uint8Array,
  options: { readonly profile?: CertificateProfile; readonly issuer?: Certificate } = {},
): LintFinding[] {
  try {
    const certificate = input instanceof Certificate ? input : Certificate.parse(input)
    return lintParsed(certificate, options, true)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return [{ rule: 'malformed', severity: 'error', source: 'X.690, RFC 5280 4.1', message: error.message }]
  }
}

function lintParsed(
  certificate: Certificate,
  options: { readonly profile?: CertificateProfile; readonly issuer?: Certificate },
  checkSignature: boolean,
): LintFinding[] {
  const context: LintContext = { certificate }
  const general = LINT_RULES.flatMap(({ rule, severity, source, check }): LintFinding[] => {
    const message = check(context)
    return message === undefined ? [] : [{ rule, severity, source, message }]
  })
  const profile = options.profile === undefined ? [] : profileFindings(certificate, options.profile)
  const issuer =
    options.issuer === undefined ? [] : issuerFindings(certificate, options.issuer, checkSignature)
  return [...general, ...profile, ...issuer]
}

/**
 * Lints a certificate before the CA's key touches it: the draft is signed with a throw-away key of the same
 * algorithm, parsed back and checked. A mistake found after signing could only be revoked.
 */
export function lintDraft(
  draft: CertificateDraft,
  throwAway: SyncSigner,
  issuer?: Certificate,
): LintFinding[] {
  if (throwAway.algorithm.name !== draft.signer.algorithm.name) {
    throw new PkiError('argument-invalid', `The throw-away key must sign with ${draft.signer.algorithm.name}`)
  }
  try {
    const certificate = finishCertificate(draft, throwAway.sign(draft.tbs))
    return lintParsed(
      certificate,
      { profile: draft.profile, ...(issuer === undefined ? {} : { issuer }) },
      false,
    )
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return [{ rule: 'malformed', severity: 'error', source: draft.profile.id, message: error.message }]
  }
}

/** Signs a draft that has no lint errors; otherwise throws `lint-failed` and the CA's key is not used. */
export function signLinted(
  draft: CertificateDraft,
  throwAway: SyncSigner,
  issuer?: Certificate,
): Certificate | Promise<Certificate> {
  const errors = lintDraft(draft, throwAway, issuer).filter((finding) => finding.severity === 'error')
  if (errors.length > 0) {
    const list = errors.map(({ rule, message }) => `${rule}: ${message}`).join('; ')
    throw new PkiError(
      'lint-failed',
      `The certificate was not signed because it breaks its own rules: ${list}`,
    )
  }
  return signDraft(draft)
}
