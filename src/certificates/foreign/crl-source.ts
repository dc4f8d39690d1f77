import { type Certificate, Crl, type RevocationVerdict } from '../../../pki/index.ts'
import { exchange } from '../outbound.ts'
import type { AllowedUrl } from './allow-list.ts'

const MAX_CRL_BYTES = 8 * 1024 * 1024
const MAX_CRLS = 64

interface Known {
  readonly crl: Crl
  readonly fetchedAtMs: number
}

/** How long a CRL is used before a newer one is looked for, even where it says it holds longer. */
const LOOK_AGAIN_MS = 3_600_000

/** CRLs of other authorities: the way around responders that do not answer. Kept until their nextUpdate. */
export class CrlCache {
  readonly #now: () => number
  readonly #known = new Map<string, Known>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** `unknown` where the CRL is not about every certificate of this issuer, not fresh, or not signed by it. */
  async status(
    { url, refuseAddress }: AllowedUrl,
    question: { readonly serialHex: string; readonly issuer: Certificate; readonly timeoutMs: number },
  ): Promise<{ readonly verdict: RevocationVerdict; readonly expiresAtMs: number }> {
    const { serialHex, issuer, timeoutMs } = question
    const nowMs = this.#now()
    let known = this.#known.get(url.href)
    if (!known || nowMs >= known.fetchedAtMs + LOOK_AGAIN_MS || !known.crl.isFreshAt(nowMs)) {
      const answer = await exchange({ url, method: 'GET', timeoutMs, maxBytes: MAX_CRL_BYTES, refuseAddress })
      known = { crl: Crl.parse(answer.body), fetchedAtMs: nowMs }
      if (this.#known.size >= MAX_CRLS) this.#known.clear()
      this.#known.set(url.href, known)
    }
    const { crl } = known
    const expiresAtMs = Math.min(crl.nextUpdateMs ?? 0, known.fetchedAtMs + LOOK_AGAIN_MS)
    if (!isComplete(crl) || crl.issuerKey !== issuer.subjectKey || !crl.isFreshAt(nowMs))
      return { verdict: UNKNOWN, expiresAtMs }
    if (issuer.keyUsage?.has('cRLSign') === false || !crl.isSignedByKey(issuer.publicKey))
      return { verdict: UNKNOWN, expiresAtMs }
    const entry = crl.find(serialHex)
    return entry === undefined
      ? { verdict: { kind: 'good' }, expiresAtMs }
      : { verdict: { kind: 'revoked', atMs: entry.atMs, reason: entry.reason }, expiresAtMs }
  }
}

const UNKNOWN: RevocationVerdict = { kind: 'unknown' }

/** A delta or a CRL for a part of the certificates cannot say that one is good. */
function isComplete(crl: Crl): boolean {
  const { scope } = crl
  const isPartial =
    scope !== undefined &&
    (scope.onlyUsers ||
      scope.onlyCas ||
      scope.onlyAttributes ||
      scope.indirect ||
      scope.reasons !== undefined)
  return !crl.isUnusable && crl.baseNumber === undefined && !isPartial
}
