import type { Clock } from '../observe/clock.ts'
import type { ForwardedRevocation } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import type { ExternalAuthority } from './external/ports.ts'

/** An issuer that does not answer is asked again after a minute, then two, four, up to an hour. */
const FIRST_RETRY_MS = 60_000
const LONGEST_RETRY_MS = 3_600_000
const PER_ROUND = 50

export interface ForwardingOptions {
  readonly store: Store
  readonly clock: Clock
  /** Told of the revocation of what it issued. */
  readonly external?: ExternalAuthority | undefined
}

/** Whether revocations for this reason are passed on. A hold may be released again, for which others have no words. */
export function isForwarded({ external }: ForwardingOptions, reason: string): boolean {
  return external?.revoke !== undefined && reason !== 'certificateHold'
}

/**
 * Tells the issuer of what was revoked here, until it has answered. We do not accept such a certificate any more,
 * whatever the issuer says; what it said is in the audit trail. After one that does not answer the round ends.
 */
export async function forwardRevocations(options: ForwardingOptions): Promise<void> {
  const { store, clock } = options
  const due = await store.certificates.revocationsToForward(iso(clock.now()), PER_ROUND)
  for (const one of due) if (!(await forwardRevocation(options, one))) return
}

/** Tells of one; false where the issuer did not answer. */
export async function forwardRevocation(
  { external, store, clock }: ForwardingOptions,
  one: ForwardedRevocation,
): Promise<boolean> {
  const { fingerprint, reason, attempts } = one
  const record = await store.certificates.byFingerprint(fingerprint)
  // An expired certificate is of no use to anybody, and an issuer may have forgotten it.
  if (!external?.revoke || !record || Date.parse(record.notAfter) <= clock.now()) {
    await store.certificates.forwarded(fingerprint)
    return true
  }
  const answer = await external.revoke(record.der, reason)
  const isAnswered = answer.kind !== 'unreachable'
  if (isAnswered || attempts === 0)
    await store.audit.append({
      at: iso(clock.now()),
      actor: 'system',
      action:
        answer.kind === 'revoked'
          ? 'certificate.revocation-forwarded'
          : 'certificate.revocation-not-forwarded',
      subject: fingerprint,
      detail: { authority: external.name, ...answer, ...(isAnswered ? {} : { triedAgain: true }) },
    })
  if (isAnswered) await store.certificates.forwarded(fingerprint)
  else
    await store.certificates.forwardLater(
      fingerprint,
      iso(clock.now() + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10))),
    )
  return isAnswered
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
