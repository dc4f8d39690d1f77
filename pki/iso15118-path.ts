import type { Certificate } from './certificate.ts'
import type { ProfileVariant } from './certificate-profile.ts'
import type { Finding } from './path-checks.ts'

/** What ISO 15118 asks of a chain on top of RFC 5280. */
export interface Iso15118Rules {
  readonly variant: ProfileVariant
  /** Domain component the leaf must carry: CPO, CPS, MO or OEM. */
  readonly leafDomainComponent?: string
}

/**
 * -2: P-256, 800 octets, at most three certificates that are not self-signed. -20: P-521 or Ed448, 1,600 octets,
 * leaf and up to three sub-CAs. The root is the relying party's choice and not measured.
 */
const LIMITS = {
  'iso15118-2': { curves: ['P-256'], bytes: 800, certificates: 3 },
  'iso15118-20': { curves: ['P-521', 'ed448'], bytes: 1600, certificates: 4 },
} as const

const curveOf = (certificate: Certificate): string =>
  certificate.publicKey.curve ?? certificate.publicKey.kind

/** `path` is leaf first, without the anchor. */
export function checkIso15118(path: readonly Certificate[], rules: Iso15118Rules): Finding | undefined {
  const limits = LIMITS[rules.variant]
  const [leaf] = path
  if (path.length > limits.certificates) {
    return {
      reason: 'chainLength',
      message: `ISO 15118 allows ${limits.certificates} certificates below the root`,
      certificate: leaf,
    }
  }
  for (const certificate of path) {
    if (!limits.curves.some((curve) => curve === curveOf(certificate))) {
      return {
        reason: 'curve',
        message: `${rules.variant} does not allow ${curveOf(certificate)} keys`,
        certificate,
      }
    }
    if (certificate.der.length > limits.bytes) {
      return {
        reason: 'profile',
        message: `${rules.variant} allows ${limits.bytes} octets per certificate`,
        certificate,
      }
    }
  }
  const wanted = rules.leafDomainComponent
  if (wanted !== undefined && leaf?.domainComponents.includes(wanted) !== true) {
    return {
      reason: 'domainComponent',
      message: `The leaf does not carry the domain component ${wanted}`,
      certificate: leaf,
    }
  }
  return undefined
}
