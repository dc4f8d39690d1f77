import type { Logger } from 'pino'
import type { StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { IssuedCertificate } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import type { CrlPublisher } from './crl-publisher.ts'
import type { ExternalAuthority } from './external/ports.ts'
import type { OcspStatus } from './ocsp-status.ts'

export interface RevokingOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly bus: StationBus
  readonly ocsp: OcspStatus
  readonly crls: CrlPublisher
  /** Told of the revocation of what it issued. */
  readonly external?: ExternalAuthority | undefined
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
  if (!(await store.certificates.revoke(fingerprint, reason, at))) return 'already-revoked'
  await publish(options, record)
  if (record.stationId !== null && !keepConnection)
    bus.disconnect(record.stationId, 'Its certificate was revoked')
  if (record.authorityId === null) await tellIssuer(options, record, reason)
  return 'revoked'
}

/** We do not accept it any more, whatever its issuer answers; what it answered is on record for the operator. */
async function tellIssuer(
  { external, store, clock }: RevokingOptions,
  { der, fingerprint }: IssuedCertificate,
  reason: string,
): Promise<void> {
  // A hold may be released again, for which others have no words.
  if (external?.revoke === undefined || reason === 'certificateHold') return
  const answer = await external.revoke(der, reason)
  await store.audit.append({
    at: new Date(clock.now()).toISOString(),
    actor: 'system',
    action:
      answer.kind === 'revoked' ? 'certificate.revocation-forwarded' : 'certificate.revocation-not-forwarded',
    subject: fingerprint,
    detail: { authority: external.name, ...answer },
  })
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
