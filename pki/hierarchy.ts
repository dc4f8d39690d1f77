import { sameBytes } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import { PkiError } from './errors.ts'
import { type LintFinding, lintCertificate } from './lint.ts'
import { type PathReason, validatePath } from './path.ts'

/** What an import of foreign CA certificates found out about one of them. */
export interface HierarchyMember {
  readonly certificate: Certificate
  readonly role: 'root' | 'sub-ca' | 'end-entity'
  /** The member that issued it; itself for a root, undefined when the issuer is not among them. */
  readonly issuer: Certificate | undefined
  /** Why it does not validate up to a root of the same import, if it does not. */
  readonly refusal: PathReason | undefined
  readonly findings: readonly LintFinding[]
}

const MAX_MEMBERS = 256

function roleOf(certificate: Certificate): HierarchyMember['role'] {
  if (!certificate.isCa) return 'end-entity'
  return certificate.isSelfSigned ? 'root' : 'sub-ca'
}

/** A certificate whose names, key or extensions cannot be read is left to its lint finding. */
function readable<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof PkiError) return otherwise
    throw error
  }
}

/**
 * Looks at a pile of certificates before an operator takes them over as a hierarchy: who issued whom, what does not
 * validate, what lint finds. Duplicates are dropped, roots come first, issuers before what they issued. Nothing is
 * trusted by being listed: the operator chooses the roots.
 */
export function inspectHierarchy(certificates: readonly Certificate[], atMs: number): HierarchyMember[] {
  if (certificates.length > MAX_MEMBERS)
    throw new PkiError('argument-invalid', `Import at most ${MAX_MEMBERS} certificates at once`)
  const unique = certificates.filter(
    (certificate, at) => certificates.findIndex((other) => sameBytes(other.der, certificate.der)) === at,
  )
  const roots = unique.filter((certificate) => readable(() => roleOf(certificate) === 'root', false))
  const members = unique.map((certificate): HierarchyMember & { depth: number } => {
    const role = readable(() => roleOf(certificate), 'end-entity')
    const result = validatePath({ leaf: certificate, intermediates: unique, anchors: roots, atMs })
    const chained = result.ok ? (result.chain[1] ?? certificate) : undefined
    const issuer =
      chained ??
      unique.find((other) =>
        readable(() => certificate.mayBeIssuedBy(other) && certificate.isSignedBy(other), false),
      )
    const findings = lintCertificate(certificate, issuer === undefined ? {} : { issuer })
    return {
      certificate,
      role,
      issuer,
      refusal: result.ok ? undefined : result.reason,
      findings,
      depth: result.ok ? result.chain.length : MAX_MEMBERS,
    }
  })
  return members.sort((a, b) => a.depth - b.depth).map(({ depth: _depth, ...member }) => member)
}
