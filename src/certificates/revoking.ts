import type { Logger } from 'pino'
import type { StationBus } from '../bus/ports.ts'
import type { IssuedCertificate } from '../store/certificates.ts'
import type { CrlPublisher } from './crl-publisher.ts'
import type { OcspStatus } from './ocsp-status.ts'
import { type ForwardingOptions, forwardRevocation, isForwarded } from './revocation-forwarding.ts'

export interface RevokingOptions extends ForwardingOptions {
  readonly log: Logger
  readonly bus: StationBus
  readonly ocsp: OcspStatus
  readonly crls: CrlPublisher
}

/**
 * Takes a certificate back, for good or (`certificateHold`) until it is released. On disk first; then OCSP and CRL
 * say so, and the station that used it must prove itself anew.
 */
export async function revoke(
  options: RevokingOptions,
  fingerprint: string,
  reason: string,
  /** The station is known to use another certificate by now: its connection is not cut. */
  { keepConnection = false }: { readonly keepConnection?: boolean } = {},
): Promise<'revoked' | 'already-revoked' | 'unknown'> {
  const { store, clock, bus } = options
  const record = await store.certificates.byFingerprint(fingerprint)
  if (!record) return 'unknown'
  const at = new Date(clock.now()).toISOString()
  const forward = record.authorityId === null && isForwarded(options, reason)
  if (!(await store.certificates.revoke(fingerprint, reason, at, { forward }))) return 'already-revoked'
  await publish(options, record)
  if (record.stationId !== null && !keepConnection)
    bus.disconnect(record.stationId, 'Its certificate was revoked')
  // The others that wait are left to the upkeep: revocations in parallel must not tell of each other's.
  if (forward) await forwardRevocation(options, { fingerprint, reason, attempts: 0 })
  return 'revoked'
}

/** Ends a hold: the certificate is good again. */
export async function release(
  options: RevokingOptions,
  fingerprint: string,
): Promise<'released' | 'not-on-hold' | 'unknown'> {
  const { store } = options
  const record = await store.certificates.byFingerprint(fingerprint)
  if (!record) return 'unknown'
  if (!(await store.certificates.release(fingerprint))) return 'not-on-hold'
  await publish(options, record)
  return 'released'
}

/** A CRL that cannot be made now must not undo the revocation; OCSP says it at once, the schedule makes the CRL. */
async function publish({ ocsp, crls, log }: RevokingOptions, record: IssuedCertificate): Promise<void> {
  if (record.authorityId === null) return
  ocsp.invalidate(record.authorityId, record.serialNumber)
  try {
    await crls.regenerate(record.authorityId)
  } catch (error) {
    log.error({ err: error, authority: record.authorityId }, 'The CRL after a revocation could not be made')
  }
}
