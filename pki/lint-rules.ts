import { keyIdentifierOf } from './authority.ts'
import { sameBytes } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import { constructed, readSingle, TAG } from './der.ts'
import type { GeneralName } from './extensions.ts'
import { isPresentedHost, parseMailbox } from './host-names.ts'
import { EXTENSION_RULES } from './lint-extensions.ts'
import { error, has, isCritical, type LintRule, warning, when } from './lint-rule.ts'
import type { NameAttribute } from './name.ts'
import { OID } from './oids.ts'
import { isStrongEnough } from './public-key.ts'

const PRINTABLE = /^[A-Za-z0-9 '()+,./:=?-]*$/
const UPPER_BOUNDS: Readonly<Record<string, number>> = {
  [OID.commonName]: 64,
  [OID.organization]: 64,
  [OID.organizationalUnit]: 64,
  [OID.locality]: 128,
  [OID.state]: 128,
  [OID.country]: 2,
  [OID.serialNumber]: 64,
  [OID.domainComponent]: 63,
  [OID.title]: 64,
  [OID.emailAddress]: 255,
}

const attributes = (certificate: Certificate): NameAttribute[] =>
  [...certificate.subject, ...certificate.issuer].flat()

function attributeProblem(attribute: NameAttribute): string | undefined {
  const { text, tag, type } = attribute
  if (text === undefined) return `attribute ${type} is not readable text`
  if (text.length === 0) return `attribute ${type} is empty`
  if (text !== text.trim()) return `attribute ${type} begins or ends with a space`
  if (tag === TAG.printableString && !PRINTABLE.test(text))
    return `attribute ${type} uses characters outside PrintableString`
  if (tag === TAG.teletexString || tag === TAG.bmpString || tag === TAG.universalString)
    return `attribute ${type} is in an outdated string type`
  if (type === OID.country && (tag !== TAG.printableString || !/^[A-Z]{2}$/.test(text)))
    return 'the country is not two upper-case letters'
  if (type === OID.domainComponent && tag !== TAG.ia5String) return 'a domain component is not an IA5String'
  const bound = UPPER_BOUNDS[type]
  return bound !== undefined && [...text].length > bound
    ? `attribute ${type} is longer than ${bound} characters`
    : undefined
}

const firstProblem = <T>(
  items: readonly T[],
  problem: (item: T) => string | undefined,
): string | undefined => {
  for (const item of items) {
    const found = problem(item)
    if (found !== undefined) return found
  }
  return undefined
}

/** Tags of notBefore and notAfter: RFC 5280 ties the form to the year, and the parser reads both. */
function timeForm(certificate: Certificate): string | undefined {
  const tbs = readSingle(certificate.tbs, TAG.sequence)
  tbs.enterOptional(constructed(0))
  tbs.raw(TAG.integer)
  tbs.raw(TAG.sequence)
  tbs.raw(TAG.sequence)
  const validity = tbs.enter(TAG.sequence)
  for (const atMs of [certificate.notBeforeMs, certificate.notAfterMs]) {
    const tag = validity.peek()
    validity.value(tag)
    const year = new Date(atMs).getUTCFullYear()
    if ((tag === TAG.utcTime) !== (year >= 1950 && year < 2050))
      return `a time of ${year} is in the wrong form`
  }
  return undefined
}

function altNameProblem(name: GeneralName): string | undefined {
  if (name.kind === 'dns')
    return when(!isPresentedHost(name.value.toLowerCase()), `"${name.value}" is not a host name`)
  if (name.kind === 'email')
    return when(parseMailbox(name.value) === undefined, `"${name.value}" is not a mailbox`)
  if (name.kind === 'ip')
    return when(name.value.length !== 4 && name.value.length !== 16, 'an address has neither 4 nor 16 octets')
  if (name.kind === 'uri')
    return when(!/^[a-z][a-z0-9+.-]*:\S+$/i.test(name.value), `"${name.value}" is not a URI`)
  return undefined
}

const urlProblem = (url: string): string | undefined =>
  when(!/^https?:\/\/[a-z0-9.-]+(:\d+)?(\/\S*)?$/i.test(url), `"${url}" is not an http address`)

const CRITICALITY: ReadonlyArray<readonly [oid: string, name: string, critical: boolean, section: string]> = [
  [OID.keyUsage, 'keyUsage', true, '4.2.1.3'],
  [OID.nameConstraints, 'nameConstraints', true, '4.2.1.10'],
  [OID.policyConstraints, 'policyConstraints', true, '4.2.1.11'],
  [OID.inhibitAnyPolicy, 'inhibitAnyPolicy', true, '4.2.1.14'],
  [OID.authorityKeyIdentifier, 'authorityKeyIdentifier', false, '4.2.1.1'],
  [OID.subjectKeyIdentifier, 'subjectKeyIdentifier', false, '4.2.1.2'],
  [OID.authorityInfoAccess, 'authorityInfoAccess', false, '4.2.2.1'],
  [OID.crlDistributionPoints, 'cRLDistributionPoints', false, '4.2.1.13'],
  [OID.freshestCrl, 'freshestCRL', false, '4.2.1.15'],
  [OID.subjectInfoAccess, 'subjectInfoAccess', false, '4.2.2.2'],
  ['2.5.29.9', 'subjectDirectoryAttributes', false, '4.2.1.8'],
]

function keyIdentifierProblem(certificate: Certificate): string | undefined {
  const id = certificate.subjectKeyIdentifier
  if (id === undefined)
    return certificate.isCa ? 'subjectKeyIdentifier is missing from a CA certificate' : undefined
  return when(id.length === 0 || id.length > 64, 'subjectKeyIdentifier has an odd length')
}

/** Rules for every certificate, whatever its kind. Order is the order of findings. */
export const LINT_RULES: readonly LintRule[] = [
  error('version', 'RFC 5280 4.1.2.1', (c) => when(c.version !== 3, 'The certificate is not version 3')),
  error('serial-positive', 'RFC 5280 4.1.2.2', (c) =>
    when((c.serial[0] ?? 0) >= 0x80 || c.serialHex === '0', 'The serial number is not positive'),
  ),
  error('serial-length', 'RFC 5280 4.1.2.2', (c) =>
    when(c.serial.length > 20, 'The serial number is longer than 20 octets'),
  ),
  warning('serial-entropy', 'CA/B BR 7.1', (c) =>
    when(c.serial.length < 8, 'The serial number is too short to hold 64 random bits'),
  ),
  error('issuer-empty', 'RFC 5280 4.1.2.4', (c) => when(c.issuer.length === 0, 'The issuer name is empty')),
  error('subject-empty', 'RFC 5280 4.1.2.6', (c) =>
    when(
      c.subject.length === 0 && (c.isCa || !isCritical(c, OID.subjectAltName)),
      'The subject is empty without a critical subjectAltName',
    ),
  ),
  error('name-attributes', 'RFC 5280 4.1.2.4, appendix A', (c) =>
    firstProblem(attributes(c), attributeProblem),
  ),
  error('time-form', 'RFC 5280 4.1.2.5', timeForm),
  error('encoded-default', 'X.690 11.5', (c) => {
    const inExtension = [...c.extensions.values()].some(({ encodesDefault }) => encodesDefault)
    return when(
      inExtension || c.basicConstraints?.encodesDefault === true,
      'A default value (FALSE) is written out',
    )
  }),
  error('validity-order', 'RFC 5280 4.1.2.5', (c) =>
    when(c.notAfterMs <= c.notBeforeMs, 'notAfter is not after notBefore'),
  ),
  error('unique-ids', 'RFC 5280 4.1.2.8', (c) => when(c.hasUniqueIds, 'Unique identifiers must not be used')),
  error('key-strength', 'OCPP 2.0.1 A00.FR.502/503', (c) =>
    when(!isStrongEnough(c.publicKey), 'The key is weak or of a kind that is not accepted'),
  ),
  error('key-point', 'RFC 5480 2.2', (c) => {
    try {
      c.publicKey.import()
      return undefined
    } catch {
      return 'The public key is not valid'
    }
  }),
  error('signature-algorithm', 'RFC 8996, NIST SP 800-131A', (c) =>
    when(c.algorithm === undefined, 'The signature algorithm is unknown or too weak'),
  ),
  error('basic-constraints-critical', 'RFC 5280 4.2.1.9', (c) =>
    when(
      has(c, OID.basicConstraints) && !isCritical(c, OID.basicConstraints) && c.isCa,
      'basicConstraints must be critical in a CA certificate',
    ),
  ),
  warning('basic-constraints-critical-leaf', 'ISO 15118-2 Annex F', (c) =>
    when(
      has(c, OID.basicConstraints) && !isCritical(c, OID.basicConstraints) && !c.isCa,
      'ISO 15118 wants basicConstraints critical, in leaves too',
    ),
  ),
  error('path-length', 'RFC 5280 4.2.1.9', (c) =>
    when(
      c.basicConstraints?.pathLength !== undefined && (!c.isCa || c.keyUsage?.has('keyCertSign') !== true),
      'A path length needs cA and keyCertSign',
    ),
  ),
  error('key-usage-missing', 'RFC 5280 4.2.1.3', (c) =>
    when(c.isCa && c.keyUsage === undefined, 'A CA certificate needs keyUsage'),
  ),
  error('key-usage-empty', 'RFC 5280 4.2.1.3', (c) =>
    when(c.keyUsage?.size === 0, 'keyUsage must set at least one bit'),
  ),
  error('key-usage-ca', 'RFC 5280 4.2.1.3', (c) =>
    when(
      c.keyUsage !== undefined && c.keyUsage.has('keyCertSign') !== c.isCa,
      'keyCertSign and cA must go together',
    ),
  ),
  ...CRITICALITY.map(([oid, name, critical, section]) =>
    error(`critical-${name}`, `RFC 5280 ${section}`, (c) =>
      when(
        has(c, oid) && isCritical(c, oid) !== critical,
        `${name} must ${critical ? '' : 'not '}be critical`,
      ),
    ),
  ),
  error('subject-key-identifier', 'RFC 5280 4.2.1.2', keyIdentifierProblem),
  warning('subject-key-identifier-method', 'RFC 5280 4.2.1.2', (c) => {
    const id = c.subjectKeyIdentifier
    const known =
      id === undefined ||
      (['sha1', 'truncated'] as const).some((method) => sameBytes(id, keyIdentifierOf(c.publicKey, method)))
    return when(!known, 'subjectKeyIdentifier is not made by method 1 or 2')
  }),
  error('authority-key-identifier', 'RFC 5280 4.2.1.1', (c) =>
    when(
      !c.isSelfIssued && c.authorityKeyIdentifier?.keyIdentifier === undefined,
      'authorityKeyIdentifier is missing',
    ),
  ),
  error('alt-names', 'RFC 5280 4.2.1.6', (c) => firstProblem(c.subjectAltNames ?? [], altNameProblem)),
  error('extended-key-usage', 'RFC 5280 4.2.1.12', (c) =>
    when(
      new Set(c.extendedKeyUsage).size !== (c.extendedKeyUsage?.length ?? 0),
      'An extended key usage is listed twice',
    ),
  ),
  error('name-constraints-ca', 'RFC 5280 4.2.1.10', (c) =>
    when(c.nameConstraints !== undefined && !c.isCa, 'nameConstraints belong into CA certificates'),
  ),
  error('policies', 'RFC 5280 4.2.1.4', (c) => {
    void c.certificatePolicies
    void c.policyMappings
    return when(
      (c.policyMappings !== undefined || c.policyConstraints !== undefined) && !c.isCa,
      'Policy mappings and constraints belong into CA certificates',
    )
  }),
  error('status-addresses', 'RFC 5280 4.2.2.1, 4.2.1.13', (c) =>
    firstProblem([...c.ocspUrls, ...c.caIssuerUrls, ...c.crlUrls], urlProblem),
  ),
  ...EXTENSION_RULES,
]
