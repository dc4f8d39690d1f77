import { type Certificate, sameBytes } from './certificate.ts'
import { PkiError } from './errors.ts'
import { OID } from './oids.ts'

export type PathReason =
  | 'malformed'
  | 'expired'
  | 'notYetValid'
  | 'untrusted'
  | 'signature'
  | 'algorithm'
  | 'weakKey'
  | 'notCa'
  | 'keyUsage'
  | 'extendedKeyUsage'
  | 'pathLength'
  | 'chainLength'
  | 'criticalExtension'
  | 'nameConstraint'
  | 'policy'
  | 'peerName'
  | 'revoked'
  | 'revocationUnknown'
  | 'domainComponent'
  | 'curve'
  | 'budget'

export interface PathRequest {
  readonly leaf: Certificate
  readonly intermediates?: readonly Certificate[]
  /** Trusted certificates; a path ends at the first of them. */
  readonly anchors: readonly Certificate[]
  readonly atMs: number
  /** Extended key usages the leaf must allow, if it has that extension. */
  readonly extendedKeyUsage?: readonly string[]
  /** CA certificates between leaf and anchor; 10 unless said otherwise. */
  readonly maxDepth?: number
  readonly maxSignatures?: number
}

export type PathResult =
  | { readonly ok: true /** Leaf first, anchor last. */; readonly chain: readonly Certificate[] }
  | {
      readonly ok: false
      readonly reason: PathReason
      readonly message: string
      readonly certificate: Certificate | undefined
    }

const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.subjectAltName,
])

type Refusal = Extract<PathResult, { ok: false }>
const refuse = (reason: PathReason, message: string, certificate?: Certificate): Refusal => ({
  ok: false,
  reason,
  message,
  certificate,
})

function checkCertificate(certificate: Certificate, atMs: number): Refusal | undefined {
  if (atMs < certificate.notBeforeMs)
    return refuse('notYetValid', 'The certificate is not valid yet', certificate)
  if (atMs > certificate.notAfterMs) return refuse('expired', 'The certificate has expired', certificate)
  for (const { oid, critical } of certificate.extensions.values()) {
    if (critical && !KNOWN_EXTENSIONS.has(oid))
      return refuse('criticalExtension', `Critical extension ${oid} is not understood`, certificate)
  }
  return undefined
}

function checkIssuer(issuer: Certificate, depth: number): Refusal | undefined {
  const constraints = issuer.basicConstraints
  if (constraints?.ca !== true) return refuse('notCa', 'An issuer in the path is not a CA', issuer)
  if (issuer.keyUsage?.has('keyCertSign') === false)
    return refuse('keyUsage', 'An issuer may not sign certificates', issuer)
  if (constraints.pathLength !== undefined && depth > constraints.pathLength)
    return refuse('pathLength', 'The path is too long for its issuer', issuer)
  return undefined
}

/** Builds and validates a path from `leaf` to one of `anchors` at a given time. */
export function validatePath(request: PathRequest): PathResult {
  const { leaf, intermediates = [], anchors, atMs, maxDepth = 10, maxSignatures = 100 } = request
  let signatures = 0
  let best: Refusal = refuse('untrusted', 'No path leads to a trusted root', leaf)
  const extend = (chain: readonly Certificate[], depth: number): PathResult => {
    const last = chain.at(-1) ?? leaf
    const refused = checkCertificate(last, atMs)
    if (refused !== undefined) return refused
    if (anchors.some((anchor) => sameBytes(anchor.der, last.der))) return { ok: true, chain }
    if (chain.length > maxDepth + 1) return refuse('chainLength', 'The path is too long', last)
    for (const candidate of [...anchors, ...intermediates]) {
      if (!last.mayBeIssuedBy(candidate) || chain.some((seen) => sameBytes(seen.der, candidate.der))) continue
      const unfit = checkIssuer(candidate, depth)
      if (unfit !== undefined) {
        best = unfit
        continue
      }
      if (++signatures > maxSignatures) return refuse('budget', 'Too many candidate signatures', last)
      if (!last.isSignedBy(candidate)) continue
      const result = extend([...chain, candidate], depth + (candidate.isSelfIssued ? 0 : 1))
      if (result.ok || result.reason === 'budget') return result
      best = result
    }
    return best
  }
  try {
    return extend([leaf], 0)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return refuse('malformed', error.message)
  }
}
