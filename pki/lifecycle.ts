import { PkiError } from './errors.ts'

export interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

export interface RenewalPolicy {
  /** Part of the life after which renewal is due; two thirds unless said otherwise. */
  readonly fraction?: number
  /** Width of the window that renewals are spread over, as part of the life; a tenth unless said otherwise. */
  readonly spread?: number
}

const TWO_THIRDS = 2 / 3
const TENTH = 0.1

/**
 * When to renew: at two thirds of the life, earlier by up to a tenth of it. `jitter` (0 to 1) belongs to the
 * certificate, for instance from a hash of its serial, so that a fleet issued in one hour does not renew in one hour.
 */
export function renewalTimeMs(validity: Validity, jitter: number, policy: RenewalPolicy = {}): number {
  const { fraction = TWO_THIRDS, spread = TENTH } = policy
  const sane = jitter >= 0 && jitter <= 1 && spread >= 0 && fraction > spread && fraction <= 1
  if (!sane)
    throw new PkiError(
      'argument-invalid',
      'Jitter and renewal fractions lie between 0 and 1, the spread below the fraction',
    )
  const lifeMs = validity.notAfterMs - validity.notBeforeMs
  return Math.round(validity.notBeforeMs + lifeMs * (fraction - spread * jitter))
}

/** A number from 0 to 1 that is always the same for one serial number: the jitter of that certificate. */
export function jitterOf(serialHex: string): number {
  const digits = serialHex.slice(-8).padStart(8, '0')
  if (!/^[0-9a-f]{8}$/.test(digits))
    throw new PkiError('argument-invalid', `"${serialHex}" is not a serial number in lower-case hex`)
  return Number.parseInt(digits, 16) / 0xffffffff
}

export type RenewalState = 'notYetValid' | 'fresh' | 'due' | 'urgent' | 'expired'

/** `urgent` is the last tenth of the life: an alarm is better than one more quiet retry. */
export function renewalState(
  validity: Validity,
  jitter: number,
  atMs: number,
  policy: RenewalPolicy = {},
): RenewalState {
  if (atMs < validity.notBeforeMs) return 'notYetValid'
  if (atMs > validity.notAfterMs) return 'expired'
  const lifeMs = validity.notAfterMs - validity.notBeforeMs
  if (atMs >= validity.notAfterMs - lifeMs * TENTH) return 'urgent'
  return atMs >= renewalTimeMs(validity, jitter, policy) ? 'due' : 'fresh'
}

/** What is known of one station during a rotation. Facts come from its own reports, never from what we sent. */
export interface RotationView {
  readonly online: boolean
  /** From GetInstalledCertificateIds after the last change; undefined when it has not been asked since. */
  readonly rootInstalled: boolean | undefined
  readonly oldRootInstalled: boolean | undefined
  /** The station cannot hold both roots (one CSMS root, full store): it is served a cross-signed chain instead. */
  readonly canHoldBothRoots: boolean
  /** A certificate by the new CA has been delivered and accepted. */
  readonly leafDelivered: boolean
  /** The station has presented the new certificate in a TLS handshake. */
  readonly leafInUse: boolean
  readonly oldLeafRevoked: boolean
  /** Tries of the current step that the station refused. */
  readonly refusals: number
}

export type RotationStep =
  | { readonly kind: 'wait'; readonly why: 'offline' | 'paused' }
  | { readonly kind: 'inventory' }
  | { readonly kind: 'install-root' }
  | { readonly kind: 'issue-leaf'; readonly chain: 'new-root' | 'cross-signed' }
  | { readonly kind: 'reconnect' }
  | { readonly kind: 'revoke-old-leaf' }
  | { readonly kind: 'delete-old-root' }
  | { readonly kind: 'done' }
  | { readonly kind: 'stuck'; readonly why: string }

const MAX_REFUSALS = 3

/**
 * The next step of moving one station to a new root: new root in and confirmed by inventory, then the leaf under it,
 * then proof that it is used, and only then the old ones out. At no moment does the station hold a leaf that nobody
 * trusts. Call again with fresh facts after every step.
 */
export function nextRotationStep(view: RotationView): RotationStep {
  if (view.refusals >= MAX_REFUSALS)
    return { kind: 'stuck', why: 'The station refused the step three times; look at its security events' }
  if (!view.online) return { kind: 'wait', why: 'offline' }
  if (view.rootInstalled === undefined || view.oldRootInstalled === undefined) return { kind: 'inventory' }
  if (view.canHoldBothRoots && !view.rootInstalled) return { kind: 'install-root' }
  if (!view.leafDelivered)
    return { kind: 'issue-leaf', chain: view.canHoldBothRoots ? 'new-root' : 'cross-signed' }
  if (!view.leafInUse) return { kind: 'reconnect' }
  if (!view.oldLeafRevoked) return { kind: 'revoke-old-leaf' }
  // A station with room for one root swaps last: the cross-signed chain holds under either.
  if (!view.rootInstalled) return { kind: 'install-root' }
  if (view.oldRootInstalled) return { kind: 'delete-old-root' }
  return { kind: 'done' }
}

export interface WaveProgress {
  /** Stations of the current wave. */
  readonly total: number
  readonly done: number
  readonly failed: number
  readonly startedMs: number
  readonly wave: number
  readonly waves: number
}

export interface WavePolicy {
  /** Part of a wave that may fail before everything halts. */
  readonly maxFailures: number
  /** Time a finished wave is watched before the next one starts. */
  readonly soakMs: number
}

export type WaveDecision = 'continue' | 'soak' | 'next-wave' | 'halt' | 'finished'

/** Whether a campaign goes on: the canary wave first, the fleet only after it held. Halting is always allowed, going on never by default. */
export function decideWave(
  progress: WaveProgress,
  policy: WavePolicy,
  finishedMs: number | undefined,
  atMs: number,
): WaveDecision {
  if (progress.failed > progress.total * policy.maxFailures) return 'halt'
  if (progress.done + progress.failed < progress.total) return 'continue'
  if (finishedMs === undefined || atMs - finishedMs < policy.soakMs) return 'soak'
  return progress.wave + 1 >= progress.waves ? 'finished' : 'next-wave'
}
