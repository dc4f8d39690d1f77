import { sameBytes } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import type { Crl, RevokedEntry } from './crl.ts'
import { hasBit } from './der.ts'
import { PkiError } from './errors.ts'
import type { DistributionPoint, GeneralName } from './extensions.ts'
import { nameKey, parseRelativeName, relativeNameKey } from './name.ts'
import { OID } from './oids.ts'
import { validatePath } from './path.ts'
import type { RevocationVerdict } from './revocation.ts'

export interface CrlSource {
  readonly crls: readonly Crl[]
  /** Certificates that may have signed a CRL with a key of its own, besides the issuers in the path. */
  readonly pool?: readonly Certificate[]
  /** Where a signer's own path may end, when the caller does not say which anchor the certificate's path has. */
  readonly anchors: readonly Certificate[]
  readonly atMs: number
}

/** Asked by `validatePath` for each certificate of a path that ends in `anchor`. */
export type CrlRevocation = (
  certificate: Certificate,
  issuer: Certificate,
  anchor?: Certificate,
) => RevocationVerdict

/** ReasonFlags bits 1 to 8: a verdict of "good" needs every one of them covered. */
const ALL_REASONS = 0b1_1111_1110
const MAX_NESTING = 2
const MAX_SIGNER_PATHS = 32

const UNKNOWN: RevocationVerdict = { kind: 'unknown' }

const nameOf = (name: GeneralName): string => {
  if (name.kind === 'directory') return `directory:${nameKey(name.value)}`
  if (name.kind === 'ip' || name.kind === 'other')
    return `${name.kind}:${Buffer.from(name.value).toString('hex')}`
  return `${name.kind}:${name.value}`
}

/** Full names of a distribution point; a relative name is completed with the name of whoever issues the CRL. */
function pointNames(
  point: Pick<DistributionPoint, 'fullName' | 'relativeName'>,
  issuerKey: string,
): string[] {
  if (point.relativeName === undefined) return point.fullName.map(nameOf)
  const relative = relativeNameKey(parseRelativeName(point.relativeName))
  return [`directory:${issuerKey}${issuerKey === '' ? '' : '/'}${relative}`]
}

function mask(reasons: { readonly bytes: Uint8Array; readonly unusedBits: number } | undefined): number {
  if (reasons === undefined) return ALL_REASONS
  let bits = 0
  for (let n = 1; n <= 8; n++) if (hasBit(reasons, n)) bits |= 1 << n
  return bits
}

/** 6.3.3: lists of the issuer itself count, too, where no distribution point names them. */
const ISSUER_ITSELF: DistributionPoint = {
  fullName: [],
  relativeName: undefined,
  reasons: undefined,
  crlIssuer: [],
}

/** Which reasons `crl` decides for `certificate`; 0 when it does not speak about it (RFC 5280 6.3.3 b). */
function coverage(crl: Crl, certificate: Certificate): number {
  const scope = crl.scope
  const points = [...(certificate.crlDistributionPoints ?? []), ISSUER_ITSELF]
  if (scope !== undefined) {
    if (scope.onlyAttributes || (scope.onlyUsers && certificate.isCa) || (scope.onlyCas && !certificate.isCa))
      return 0
  }
  let covered = 0
  for (const point of points) if (pointFits(crl, certificate, point)) covered |= mask(point.reasons)
  return covered & mask(scope?.reasons)
}

function pointFits(crl: Crl, certificate: Certificate, point: DistributionPoint): boolean {
  const scope = crl.scope
  if (point.crlIssuer.length > 0) {
    // Somebody else signs: the point must name the CRL's issuer and the CRL must say that it is indirect.
    if (scope?.indirect !== true || !point.crlIssuer.map(nameOf).includes(`directory:${crl.issuerKey}`))
      return false
  } else if (crl.issuerKey !== certificate.issuerKey) return false
  const wanted = scope === undefined ? [] : pointNames(scope.name, crl.issuerKey)
  if (wanted.length === 0) return true
  const offered = pointNames(point, crl.issuerKey)
  const names = offered.length > 0 ? offered : point.crlIssuer.map(nameOf)
  return names.some((name) => wanted.includes(name))
}

/** Both lack the extension, or both carry it with the same octets. */
function sameExtension(a: Crl, b: Crl, oid: string): boolean {
  const [x, y] = [a.extensions.get(oid), b.extensions.get(oid)]
  if (x === undefined || y === undefined) return x === y
  return sameBytes(x.value, y.value)
}

/** RFC 5280 6.3.3 c: the newest usable delta for a complete CRL: same issuer, scope and key, and no gap between them. */
function newestDelta(base: Crl, deltas: readonly Crl[]): Crl | undefined {
  let best: Crl | undefined
  for (const delta of deltas) {
    const { number, baseNumber } = delta
    if (number === undefined || baseNumber === undefined || base.number === undefined) continue
    const fits =
      delta.issuerKey === base.issuerKey &&
      sameExtension(delta, base, OID.issuingDistributionPoint) &&
      sameExtension(delta, base, OID.authorityKeyIdentifier) &&
      baseNumber <= base.number &&
      number >= base.number
    if (fits && (best?.number === undefined || number > best.number)) best = delta
  }
  return best
}

/** What a question about one certificate carries along into the questions it raises. */
interface Context {
  readonly anchors: readonly Certificate[]
  /** Signers whose own path is being validated further up. */
  readonly signers: readonly Certificate[]
  /** Paths of signers validated for this question: an attacker may offer as many signers as he likes. */
  readonly spent: { paths: number }
}

class CrlChecker {
  readonly #source: CrlSource
  readonly #usable: readonly Crl[]
  readonly #signed = new Map<string, boolean>()

  constructor(source: CrlSource) {
    this.#source = source
    this.#usable = source.crls.filter((crl) => !crl.isUnusable && crl.thisUpdateMs <= source.atMs)
  }

  check(certificate: Certificate, issuer: Certificate, context: Context): RevocationVerdict {
    try {
      return this.#check(certificate, issuer, context)
    } catch (error) {
      if (!(error instanceof PkiError)) throw error
      return UNKNOWN
    }
  }

  #check(certificate: Certificate, issuer: Certificate, context: Context): RevocationVerdict {
    const { atMs } = this.#source
    const applicable = this.#usable.filter(
      (crl) => coverage(crl, certificate) !== 0 && this.#isAuthentic(crl, certificate, issuer, context),
    )
    const deltas = applicable.filter((crl) => crl.baseNumber !== undefined && crl.isFreshAt(atMs))
    let covered = 0
    for (const crl of applicable) {
      if (crl.baseNumber !== undefined) continue
      const delta = newestDelta(crl, deltas)
      // 6.3.3 a: a complete list that has run out is as good as its delta.
      if (delta === undefined && !crl.isFreshAt(atMs)) continue
      const entry = findEntry(crl, delta, certificate)
      if (entry !== undefined) return { kind: 'revoked', atMs: entry.atMs, reason: entry.reason }
      covered |= coverage(crl, certificate)
    }
    return covered === ALL_REASONS ? { kind: 'good' } : UNKNOWN
  }

  #isAuthentic(crl: Crl, certificate: Certificate, issuer: Certificate, context: Context): boolean {
    if (crl.issuerKey === issuer.subjectKey && this.#maySign(crl, issuer)) return true
    const others = [...(this.#source.pool ?? []), ...context.anchors]
    return others.some(
      (candidate) =>
        candidate.subjectKey === crl.issuerKey &&
        this.#maySign(crl, candidate) &&
        this.#isTrusted(candidate, certificate, context),
    )
  }

  /** A CRL signed by a key that is not in the path: its certificate needs a valid path of its own (6.3.3 f). */
  #isTrusted(signer: Certificate, certificate: Certificate, context: Context): boolean {
    const { pool, atMs } = this.#source
    const { anchors, signers, spent } = context
    if (anchors.some((anchor) => sameBytes(anchor.der, signer.der))) return true
    // The signer's own status on its own list: as its issuer named it for that, the list may speak for its signer, and
    // can only take the signer out. Any other circle proves nothing.
    if (signers.includes(signer)) return certificate === signer && namesCrlIssuer(certificate, signer)
    if (signers.length >= MAX_NESTING || ++spent.paths > MAX_SIGNER_PATHS) return false
    const nested: Context = { ...context, signers: [...signers, signer] }
    return validatePath({
      leaf: signer,
      anchors,
      atMs,
      ...(pool === undefined ? {} : { intermediates: pool }),
      revocation: (below, issuer) => this.check(below, issuer, nested),
    }).ok
  }

  #maySign(crl: Crl, signer: Certificate): boolean {
    if (signer.keyUsage?.has('cRLSign') === false) return false
    const key = `${this.#usable.indexOf(crl)}:${signer.fingerprint}`
    let known = this.#signed.get(key)
    if (known === undefined) {
      known = crl.isSignedByKey(signer.publicKey)
      this.#signed.set(key, known)
    }
    return known
  }
}

function findEntry(base: Crl, delta: Crl | undefined, certificate: Certificate): RevokedEntry | undefined {
  const find = (crl: Crl): RevokedEntry | undefined => crl.find(certificate.serialHex, certificate.issuerKey)
  const changed = delta === undefined ? undefined : find(delta)
  if (changed === undefined) return find(base)
  return changed.reason === 'removeFromCRL' ? undefined : changed
}

const namesCrlIssuer = (certificate: Certificate, signer: Certificate): boolean =>
  (certificate.crlDistributionPoints ?? []).some((point) =>
    point.crlIssuer.map(nameOf).includes(`directory:${signer.subjectKey}`),
  )

/** A revocation verdict source over CRLs, for `validatePath`'s `revocation`. Doubt is `unknown`, never `good`. */
export function crlRevocation(source: CrlSource): CrlRevocation {
  const checker = new CrlChecker(source)
  return (certificate, issuer, anchor) =>
    checker.check(certificate, issuer, {
      // 6.3.3 f: a list's signer leads to the same anchor as the certificate it speaks about.
      anchors: anchor === undefined ? source.anchors : [anchor],
      signers: [],
      spent: { paths: 0 },
    })
}
