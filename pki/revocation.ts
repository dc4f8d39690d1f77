import type { CertificateStatus, RevocationReason } from './ocsp.ts'

/** One answer for everyone who asks whether a certificate is revoked, wherever it comes from. */
export type RevocationVerdict =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly atMs?: number | undefined; readonly reason?: string | undefined }
  /** `why`: what stood in the way, for an operator to mend. */
  | { readonly kind: 'unknown'; readonly why?: string }

export type RevocationAction =
  | { readonly kind: 'revoke'; readonly atMs: number; readonly reason: RevocationReason }
  | { readonly kind: 'hold'; readonly atMs: number }
  | { readonly kind: 'release' }

export type RevocationChange =
  | { readonly ok: true; readonly status: CertificateStatus; readonly changed: boolean }
  | {
      readonly ok: false
      readonly reason: 'not-on-hold' | 'already-revoked' | 'never-issued' | 'reason-invalid'
    }

/**
 * What revoking, holding or releasing makes of a status (RFC 5280 5.3.1). Only a hold can be taken back; revoking
 * what is on hold keeps the earlier time, since nothing signed meanwhile should become good again. Repeating an
 * action changes nothing and is no error, so that a retried order is harmless.
 */
export function changeRevocation(current: CertificateStatus, action: RevocationAction): RevocationChange {
  if (current.kind === 'unknown') return { ok: false, reason: 'never-issued' }
  const isHeld = current.kind === 'revoked' && current.reason === 'certificateHold'
  if (action.kind === 'release') {
    if (current.kind === 'good') return { ok: true, status: current, changed: false }
    return isHeld
      ? { ok: true, status: { kind: 'good' }, changed: true }
      : { ok: false, reason: 'not-on-hold' }
  }
  if (action.kind === 'hold') {
    if (current.kind === 'good') return revoked(action.atMs, 'certificateHold')
    return isHeld ? { ok: true, status: current, changed: false } : { ok: false, reason: 'already-revoked' }
  }
  // A hold is asked for as a hold, and removeFromCRL exists in delta CRLs only.
  if (action.reason === 'certificateHold' || action.reason === 'removeFromCRL')
    return { ok: false, reason: 'reason-invalid' }
  if (current.kind === 'good') return revoked(action.atMs, action.reason)
  if (isHeld) return revoked(Math.min(current.atMs, action.atMs), action.reason)
  const isSame = (current.reason ?? 'unspecified') === action.reason
  return isSame ? { ok: true, status: current, changed: false } : { ok: false, reason: 'already-revoked' }
}

function revoked(atMs: number, reason: RevocationReason): RevocationChange {
  return { ok: true, status: { kind: 'revoked', atMs, reason }, changed: true }
}
