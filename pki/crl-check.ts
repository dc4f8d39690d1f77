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
  readonly anchors: readonly Certificate[]
  readonly atMs: number
}

/** ReasonFlags bits 1 to 8: a verdict of "good" needs every one of them covered. */
const ALL_REASONS = 0b1_1111_1110
const MAX_NESTING = 2

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

const sameScope = (a: Crl, b: Crl): boolean => {
  const [x, y] = [
    a.extensions.get(OID.issuingDistributionPoint),
    b.extensions.get(OID.issuingDistributionPoint),
  ]
  if (x === undefined || y === undefined) return x === y
  return sameBytes(x.value, y.value)
}

/** RFC 5280 6.3.3 c: the newest usable delta for a complete CRL. */
function newestDelta(base: Crl, deltas: readonly Crl[]): Crl | undefined {
  let best: Crl | undefined
  for (const delta of deltas) {
    const { number, baseNumber } = delta
    if (number === undefined || baseNumber === undefined || base.number === undefined) continue
    const fits =
      delta.issuerKey === base.issuerKey &&
      sameScope(delta, base) &&
      baseNumber <= base.number &&
      number >= base.number
    if (fits && (best?.number === undefined || number > best.number)) best = delta
  }
  return best
}

class CrlChecker {
  readonly #source: CrlSource
  readonly #nesting: number
  readonly #usable: Crl[]
  readonly #signed = new Map<string, boolean>()

  constructor(source: CrlSource, nesting = 0) {
    this.#source = source
    this.#nesting = nesting
    this.#usable = source.crls.filter((crl) => !crl.isUnusable && crl.isFreshAt(source.atMs))
  }

  check(certificate: Certificate, issuer: Certificate): RevocationVerdict {
    try {
      return this.#check(certificate, issuer)
    } catch (error) {
      if (!(error instanceof PkiError)) throw error
      return UNKNOWN
    }
  }

  #check(certificate: Certificate, issuer: Certificate): RevocationVerdict {
    const applicable = this.#usable.filter(
      (crl) => coverage(crl, certificate) !== 0 && this.#isAuthentic(crl, certificate, issuer),
    )
    const deltas = applicable.filter((crl) => crl.baseNumber !== undefined)
    let covered = 0
    for (const crl of applicable) {
      if (crl.baseNumber !== undefined) continue
      const entry = this.#entry(crl, newestDelta(crl, deltas), certificate)
      if (entry !== undefined) return { kind: 'revoked', atMs: entry.atMs, reason: entry.reason }
      covered |= coverage(crl, certificate)
    }
    return covered === ALL_REASONS ? { kind: 'good' } : UNKNOWN
  }

  #entry(base: Crl, delta: Crl | undefined, certificate: Certificate): RevokedEntry | undefined {
    const find = (crl: Crl): RevokedEntry | undefined =>
      crl.find(certificate.serialHex, certificate.issuerKey)
    const changed = delta === undefined ? undefined : find(delta)
    if (changed === undefined) return find(base)
    return changed.reason === 'removeFromCRL' ? undefined : changed
  }

  #isAuthentic(crl: Crl, certificate: Certificate, issuer: Certificate): boolean {
    const key = `${this.#source.crls.indexOf(crl)}:${issuer.fingerprint}:${certificate.issuerKey === crl.issuerKey}`
    let known = this.#signed.get(key)
    if (known === undefined) {
      known = this.#findSigner(crl, issuer)
      this.#signed.set(key, known)
    }
    return known
  }

  #findSigner(crl: Crl, issuer: Certificate): boolean {
    if (crl.issuerKey === issuer.subjectKey && maySign(crl, issuer)) return true
    const others = [...(this.#source.pool ?? []), ...this.#source.anchors]
    return others.some(
      (candidate) =>
        candidate.subjectKey === crl.issuerKey && maySign(crl, candidate) && this.#isTrusted(candidate),
    )
  }

  /** A CRL signed by a key that is not in the path: its certificate needs a valid path of its own (6.3.3 f). */
  #isTrusted(signer: Certificate): boolean {
    const { anchors, pool, atMs } = this.#source
    if (anchors.some((anchor) => sameBytes(anchor.der, signer.der))) return true
    if (this.#nesting >= MAX_NESTING) return false
    const nested = new CrlChecker(this.#source, this.#nesting + 1)
    const revocation = (certificate: Certificate, issuer: Certificate): RevocationVerdict =>
      nested.check(certificate, issuer)
    return validatePath({
      leaf: signer,
      anchors,
      atMs,
      ...(pool === undefined ? {} : { intermediates: pool }),
      revocation,
    }).ok
  }
}

function maySign(crl: Crl, signer: Certificate): boolean {
  if (signer.keyUsage?.has('cRLSign') === false) return false
  return crl.isSignedByKey(signer.publicKey)
}

/** A revocation verdict source over CRLs, for `validatePath`'s `revocation`. Doubt is `unknown`, never `good`. */
export function crlRevocation(
  source: CrlSource,
): (certificate: Certificate, issuer: Certificate) => RevocationVerdict {
  const checker = new CrlChecker(source)
  return (certificate, issuer) => checker.check(certificate, issuer)
}
