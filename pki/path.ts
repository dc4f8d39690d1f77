import { sameBytes } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import { PkiError } from './errors.ts'
import type { KeyUsageName } from './extensions.ts'
import { checkIso15118, type Iso15118Rules } from './iso15118-path.ts'
import { checkNames, type NameBudget } from './name-constraints.ts'
import { checkAlone, checkAsIssuer, checkExtendedUsage, checkPeerName, type Finding } from './path-checks.ts'
import { checkPolicies, type PolicyInputs } from './policy-graph.ts'
import type { RevocationVerdict } from './revocation.ts'

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
  | 'profile'
  | 'revoked'
  | 'revocationUnknown'
  | 'domainComponent'
  | 'curve'
  | 'budget'

export interface PeerName {
  readonly kind: 'dns' | 'ip' | 'email'
  readonly value: string
}

/**
 * `section6`: what RFC 5280 section 6 asks of a validator; deployed ISO 15118 hierarchies pass it. `profile`: also
 * the rules of section 4 for issuers (key identifiers present, criticality, name forms), for chains that we choose
 * to trust or import.
 */
export type Strictness = 'section6' | 'profile'

export interface PathRequest {
  readonly leaf: Certificate
  /** Untrusted certificates that may help, in any order; the ones that do not fit are ignored. */
  readonly intermediates?: readonly Certificate[]
  /** Trusted certificates. A path ends at the first of them and obeys its constraints too. */
  readonly anchors: readonly Certificate[]
  readonly atMs: number
  readonly strictness?: Strictness
  /** Extended key usages that leaf and self-limiting intermediates must allow. */
  readonly extendedKeyUsage?: readonly string[]
  /** Key usages the leaf must allow, for instance keyAgreement for an OEM provisioning certificate. */
  readonly leafKeyUsage?: readonly KeyUsageName[]
  /** The name, or all of the names, that the leaf's alternative names must cover. */
  readonly peerName?: PeerName | readonly PeerName[]
  readonly policies?: PolicyInputs
  readonly iso15118?: Iso15118Rules
  /** Asked once per certificate of a finished path, never for the anchor. Leave out to skip revocation. */
  readonly revocation?: (
    certificate: Certificate,
    issuer: Certificate,
    anchor: Certificate,
  ) => RevocationVerdict
  /** What an unknown verdict means: `hard` (the default) refuses the path. */
  readonly revocationPolicy?: 'hard' | 'soft'
  /** CA certificates between leaf and anchor that are not self-issued; 10 at most and unless said otherwise. */
  readonly maxDepth?: number
  /** Signatures that may be verified in search of a path; 100 at most and unless said otherwise. */
  readonly maxSignatures?: number
}

export interface PathRefusal {
  readonly ok: false
  readonly reason: PathReason
  readonly message: string
  readonly certificate: Certificate | undefined
}

export type PathResult =
  | {
      readonly ok: true
      /** Leaf first, anchor last. */
      readonly chain: readonly Certificate[]
      /** Certificates whose revocation status is unknown and was allowed to be. */
      readonly unchecked: readonly Certificate[]
    }
  | PathRefusal

const MAX_DEPTH = 10
const MAX_SIGNATURES = 100
/** Certificates in one path, self-issued ones included. */
const MAX_PATH = 16
/** Candidates looked at, signature or not: the bound on a search through many certificates of the same name. */
const MAX_STEPS = 2_000
const MAX_CANDIDATES = 1_000

/** The more a refusal says about a path that could have been, the higher it ranks. */
const RANKS: Partial<Record<PathReason, number>> = {
  untrusted: 0,
  signature: 1,
  algorithm: 1,
  malformed: 1,
  chainLength: 2,
  expired: 4,
  revoked: 5,
}
const rank = (reason: PathReason): number => RANKS[reason] ?? 3

function firstFinding<T>(items: readonly T[], check: (item: T) => Finding | undefined): Finding | undefined {
  for (const item of items) {
    const found = check(item)
    if (found !== undefined) return found
  }
  return undefined
}

class Search {
  readonly #request: PathRequest
  readonly #maxDepth: number
  readonly #maxSignatures: number
  readonly #candidates = new Map<string, Array<{ certificate: Certificate; isAnchor: boolean }>>()
  readonly #signatures = new Map<string, boolean>()
  readonly #names: NameBudget = { comparisons: 0 }
  #steps = 0
  #best: Finding

  constructor(request: PathRequest) {
    this.#request = request
    this.#maxDepth = Math.min(request.maxDepth ?? MAX_DEPTH, MAX_DEPTH)
    this.#maxSignatures = Math.min(request.maxSignatures ?? MAX_SIGNATURES, MAX_SIGNATURES)
    this.#best = {
      reason: 'untrusted',
      message: 'No path leads to a trusted certificate',
      certificate: request.leaf,
    }
    for (const certificate of request.anchors) this.#offer(certificate, true)
    for (const certificate of (request.intermediates ?? []).slice(0, MAX_CANDIDATES))
      this.#offer(certificate, false)
  }

  /** Indexes a candidate by name. One whose name cannot be read can issue nothing and is left out. */
  #offer(certificate: Certificate, isAnchor: boolean): void {
    let key: string
    try {
      key = certificate.subjectKey
    } catch (error) {
      if (error instanceof PkiError) return
      throw error
    }
    const same = this.#candidates.get(key)
    if (same === undefined) this.#candidates.set(key, [{ certificate, isAnchor }])
    else same.push({ certificate, isAnchor })
  }

  #note(finding: Finding): void {
    if (rank(finding.reason) > rank(this.#best.reason)) this.#best = finding
  }

  get #exhausted(): boolean {
    return this.#steps > MAX_STEPS || this.#signatures.size >= this.#maxSignatures
  }

  run(): PathResult {
    const { leaf, anchors } = this.#request
    const found = this.#checkLeaf()
    if (found !== undefined) return { ok: false, ...found }
    const trusted = anchors.find((anchor) => sameBytes(anchor.der, leaf.der))
    const result = trusted === undefined ? this.#extend([leaf]) : this.#finish([leaf])
    if (result !== undefined) return result
    if (this.#exhausted && rank(this.#best.reason) < 3) {
      return {
        ok: false,
        reason: 'budget',
        message: 'The search for a path was stopped; the certificates offered are too many',
        certificate: leaf,
      }
    }
    return { ok: false, ...this.#best }
  }

  /** Everything that depends on the leaf alone: decided once, before any signature is paid for. */
  #checkLeaf(): Finding | undefined {
    const {
      leaf,
      atMs,
      strictness = 'section6',
      extendedKeyUsage = [],
      leafKeyUsage = [],
      peerName,
    } = this.#request
    const missing = leafKeyUsage.find((usage) => leaf.keyUsage?.has(usage) !== true)
    const usage: Finding | undefined =
      missing === undefined
        ? undefined
        : { reason: 'keyUsage', message: `The certificate may not be used for ${missing}`, certificate: leaf }
    return (
      checkAlone(leaf, 'leaf', atMs, strictness) ??
      checkExtendedUsage(leaf, extendedKeyUsage) ??
      usage ??
      firstFinding([peerName ?? []].flat(), (name) => checkPeerName(leaf, name))
    )
  }

  /** Tries every certificate that may have issued the last of `path`; depth first, trusted ones before others. */
  #extend(path: readonly Certificate[]): PathResult | undefined {
    const last = path.at(-1)
    if (last === undefined) return undefined
    for (const { certificate: candidate, isAnchor } of this.#candidates.get(last.issuerKey) ?? []) {
      this.#steps++
      if (this.#exhausted) return undefined
      if (!this.#isFit(candidate, path, isAnchor)) continue
      const longer = [...path, candidate]
      const result = isAnchor ? this.#finish(longer) : this.#extend(longer)
      if (result !== undefined) return result
    }
    return undefined
  }

  #isFit(candidate: Certificate, path: readonly Certificate[], isAnchor: boolean): boolean {
    const last = path.at(-1)
    // The same name and key twice is a circle, whatever the certificates around them say.
    const circular = path.some(
      (seen) => seen.subjectKey === candidate.subjectKey && sameBytes(seen.spki, candidate.spki),
    )
    if (last === undefined || circular) return false
    try {
      if (!last.mayBeIssuedBy(candidate)) return false
      if (!this.#isSigned(last, candidate)) {
        this.#note({ reason: 'signature', message: 'A signature in the path is wrong', certificate: last })
        return false
      }
      const finding = this.#checkIssuer(candidate, path, isAnchor)
      if (finding !== undefined) this.#note(finding)
      return finding === undefined
    } catch (error) {
      if (!(error instanceof PkiError)) throw error
      const reason: PathReason =
        error.code === 'algorithm-unsupported'
          ? 'algorithm'
          : error.code.startsWith('key-')
            ? 'weakKey'
            : 'malformed'
      this.#note({ reason, message: error.message, certificate: candidate })
      return false
    }
  }

  #isSigned(subject: Certificate, issuer: Certificate): boolean {
    // By key, not by certificate: a hundred certificates for one key are one signature to verify.
    const pair = `${subject.fingerprint}:${Buffer.from(issuer.spki).toString('latin1')}`
    const known = this.#signatures.get(pair)
    if (known !== undefined) return known
    // Recorded before verifying, so that a signature that cannot even be tried counts against the budget.
    this.#signatures.set(pair, false)
    const valid = subject.isSignedBy(issuer)
    this.#signatures.set(pair, valid)
    return valid
  }

  #checkIssuer(issuer: Certificate, below: readonly Certificate[], isAnchor: boolean): Finding | undefined {
    const { atMs, strictness = 'section6', extendedKeyUsage = [] } = this.#request
    const found =
      checkAlone(issuer, isAnchor ? 'anchor' : 'intermediate', atMs, strictness) ??
      checkAsIssuer(issuer, below) ??
      (isAnchor ? undefined : checkExtendedUsage(issuer, extendedKeyUsage)) ??
      this.#checkLength(issuer, below, isAnchor)
    return found ?? this.#checkConstraints(issuer, below)
  }

  #checkLength(issuer: Certificate, below: readonly Certificate[], isAnchor: boolean): Finding | undefined {
    const intermediates = isAnchor ? below.slice(1) : [...below.slice(1), issuer]
    const counted = intermediates.filter((certificate) => !certificate.isSelfIssued).length
    if (counted <= this.#maxDepth && below.length < MAX_PATH) return undefined
    return {
      reason: 'chainLength',
      message: `The path has more than ${this.#maxDepth} CA certificates`,
      certificate: issuer,
    }
  }

  #checkConstraints(issuer: Certificate, below: readonly Certificate[]): Finding | undefined {
    const constraints = issuer.nameConstraints
    if (constraints === undefined) return undefined
    for (const [at, certificate] of below.entries()) {
      // 6.1.3 b: self-issued certificates are exempt, unless they are the last.
      if (at > 0 && certificate.isSelfIssued) continue
      const verdict = checkNames(certificate, constraints, this.#names)
      if (!verdict.ok) return { reason: verdict.reason, message: verdict.message, certificate }
    }
    return undefined
  }

  /** What can only be said of a whole path: policies, ISO 15118, revocation. */
  #finish(chain: readonly Certificate[]): PathResult | undefined {
    const { policies = {}, iso15118 } = this.#request
    const path = chain.length > 1 ? chain.slice(0, -1) : chain
    if (!checkPolicies(path, policies)) {
      this.#note({
        reason: 'policy',
        message: 'No acceptable certificate policy is valid along the path',
        certificate: chain[0],
      })
      return undefined
    }
    const iso = iso15118 === undefined ? undefined : checkIso15118(path, iso15118)
    if (iso !== undefined) {
      this.#note(iso)
      return undefined
    }
    return this.#checkRevocation(chain)
  }

  #checkRevocation(chain: readonly Certificate[]): PathResult | undefined {
    const { revocation, revocationPolicy = 'hard' } = this.#request
    const unchecked: Certificate[] = []
    let why = ''
    const anchor = chain.at(-1)
    if (revocation === undefined || anchor === undefined) return { ok: true, chain, unchecked }
    for (const [at, certificate] of chain.entries()) {
      const issuer = chain[at + 1]
      if (issuer === undefined) break
      const verdict = revocation(certificate, issuer, anchor)
      if (verdict.kind === 'revoked') {
        this.#note({ reason: 'revoked', message: 'A certificate in the path is revoked', certificate })
        return undefined
      }
      if (verdict.kind !== 'unknown') continue
      if (unchecked.length === 0 && verdict.why !== undefined) why = `: ${verdict.why}`
      unchecked.push(certificate)
    }
    if (unchecked.length === 0 || revocationPolicy === 'soft') return { ok: true, chain, unchecked }
    this.#note({
      reason: 'revocationUnknown',
      message: `The revocation status of a certificate is not known${why}`,
      certificate: unchecked[0],
    })
    return undefined
  }
}

/**
 * Builds and validates a path from `leaf` to one of `anchors` at a given time (RFC 5280 section 6), among
 * candidates that may be cross-signed, circular or hostile. Never throws for what a certificate contains.
 * Of several failing paths the most telling reason is returned.
 */
export function validatePath(request: PathRequest): PathResult {
  try {
    return new Search(request).run()
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    const reason: PathReason = error.code.startsWith('key-') ? 'weakKey' : 'malformed'
    return { ok: false, reason, message: error.message, certificate: request.leaf }
  }
}
