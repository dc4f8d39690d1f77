/** Port: an authority of somebody else that signs certificates for our stations. */

import type { Certificate } from '../../../pki/index.ts'

export type ExternalAnswer =
  | {
      readonly kind: 'issued'
      readonly certificate: Certificate
      /** Loose certificates that came with it or that the authority publishes; linked by issuer, never by position. */
      readonly others: readonly Certificate[]
    }
  /** Accepted, but not yet there: ask again with the same request. */
  | { readonly kind: 'pending'; readonly retryAfterMs: number }
  /** For good: asking again with the same request is of no use. */
  | { readonly kind: 'refused'; readonly detail: string }
  /** No answer, or one that says nothing: ask again later. */
  | { readonly kind: 'unreachable'; readonly detail: string; readonly retryAfterMs?: number }

export interface ExternalAuthority {
  /** For records and messages, e.g. `est.example.org`. */
  readonly name: string
  /** Safe to call again with the same request after a lost answer or a restart. */
  enroll(csrDer: Uint8Array): Promise<ExternalAnswer>

  /** Asks to revoke a certificate it issued. Left out where the authority offers no such service. */
  revoke?(certificateDer: Uint8Array, reason: string): Promise<ExternalRevocationAnswer>
}

export type ExternalRevocationAnswer =
  | { readonly kind: 'revoked' }
  | { readonly kind: 'refused' | 'unreachable'; readonly detail: string }
