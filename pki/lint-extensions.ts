import type { Certificate } from './certificate.ts'
import { DerReader, readSingle, TAG } from './der.ts'
import { error, has, isCritical, type LintRule, warning, when } from './lint-rule.ts'
import { OID } from './oids.ts'

/** DER wants the trailing zero bits of a named bit list left out (X.690 11.2.2). */
function hasTrailingZeros(certificate: Certificate): boolean {
  const extension = certificate.extensions.get(OID.keyUsage)
  if (extension === undefined) return false
  const { unusedBits, bytes } = new DerReader(extension.value).bitString()
  const last = bytes.at(-1)
  return last !== undefined && ((last >> unusedBits) & 1) === 0
}

/** RSA keys and signatures carry NULL parameters (RFC 3279 2.3.1, RFC 4055 1.2); the parser reads both forms. */
function lacksRsaNull(certificate: Certificate): boolean {
  const algorithm = readSingle(certificate.spki, TAG.sequence).enter(TAG.sequence)
  return algorithm.oid() === OID.rsaEncryption && algorithm.peek() !== TAG.null
}

/** What the extensions of a certificate owe to RFC 5280 beyond being readable: the rules zlint has for it, in our words. */
export const EXTENSION_RULES: readonly LintRule[] = [
  error('key-usage-encoding', 'X.690 11.2.2', (c) =>
    when(hasTrailingZeros(c), 'keyUsage is encoded with trailing zero bits'),
  ),
  error('rsa-parameters', 'RFC 3279 2.3.1', (c) =>
    when(lacksRsaNull(c), 'The parameters of an RSA key must be NULL'),
  ),
  error('authority-key-identifier-pair', 'RFC 5280 4.2.1.1', (c) => {
    const id = c.authorityKeyIdentifier
    return when(
      id !== undefined && id.issuer.length > 0 !== (id.serial !== undefined),
      'authorityKeyIdentifier names issuer and serial number both or neither',
    )
  }),
  warning('subject-key-identifier-leaf', 'RFC 5280 4.2.1.2', (c) =>
    when(!c.isCa && c.subjectKeyIdentifier === undefined, 'A leaf should carry a subjectKeyIdentifier'),
  ),
  warning('alt-names-critical', 'RFC 5280 4.2.1.6', (c) =>
    when(
      c.subject.length > 0 && isCritical(c, OID.subjectAltName),
      'subjectAltName should not be critical beside a subject',
    ),
  ),
  warning('extended-key-usage-critical', 'RFC 5280 4.2.1.12', (c) =>
    when(
      isCritical(c, OID.extendedKeyUsage) && c.extendedKeyUsage?.includes(OID.anyExtendedKeyUsage) === true,
      'extendedKeyUsage should not be critical where it allows any use',
    ),
  ),
  error('policy-mappings-any', 'RFC 5280 4.2.1.5', (c) =>
    when(
      (c.policyMappings ?? []).some(
        ({ issuerDomain, subjectDomain }) =>
          issuerDomain === OID.anyPolicy || subjectDomain === OID.anyPolicy,
      ),
      'No policy is mapped to or from anyPolicy',
    ),
  ),
  warning('policy-mappings-critical', 'RFC 5280 4.2.1.5', (c) =>
    when(
      has(c, OID.policyMappings) && !isCritical(c, OID.policyMappings),
      'policyMappings should be critical',
    ),
  ),
  warning('policy-mappings-listed', 'RFC 5280 4.2.1.5', (c) => {
    const listed = new Set((c.certificatePolicies ?? []).map(({ policy }) => policy))
    return when(
      (c.policyMappings ?? []).some(({ issuerDomain }) => !listed.has(issuerDomain)),
      'A policy that is mapped should be among the certificate policies',
    )
  }),
  error('policy-constraints-empty', 'RFC 5280 4.2.1.11', (c) => {
    const constraints = c.policyConstraints
    return when(
      constraints !== undefined &&
        constraints.requireExplicitPolicy === undefined &&
        constraints.inhibitPolicyMapping === undefined,
      'policyConstraints must constrain something',
    )
  }),
  error('distribution-points', 'RFC 5280 4.2.1.13', (c) =>
    when(
      (c.crlDistributionPoints ?? []).some(
        ({ fullName, relativeName, crlIssuer }) =>
          fullName.length + crlIssuer.length === 0 && relativeName === undefined,
      ),
      'A distribution point names neither a place nor an issuer',
    ),
  ),
  warning('multi-valued-names', 'RFC 5280 appendix A', (c) =>
    when(
      [...c.subject, ...c.issuer].some((rdn) => rdn.length > 1),
      'A relative name holds several attributes, which few tools compare well',
    ),
  ),
]
