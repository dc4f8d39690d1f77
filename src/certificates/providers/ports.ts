/** Port: somebody else who makes contract certificates for cars. */

import type { TrustUsage } from '../../store/contracts.ts'

export interface ProviderRequest {
  readonly action: 'Install' | 'Update'
  /** Namespace of the schema, as the station sent it. */
  readonly schemaVersion: string
  readonly exiRequest: Uint8Array
  /** For everything, sign-in and retries included: a car waits. */
  readonly deadlineMs: number
}

export type ProviderAnswer =
  /** Response bytes for the car, in the order in which it should get them; -2 has one. */
  | {
      readonly kind: 'provided'
      readonly answers: readonly { readonly exiResponse: Uint8Array; readonly emaid: string | null }[]
    }
  /** It knows of no contract; it may say so in the car's language. */
  | { readonly kind: 'none'; readonly detail: string; readonly exiResponse?: Uint8Array }
  /** It refuses us or the request; asking again is of no use. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'unreachable'; readonly detail: string }

export interface ProvisioningProvider {
  readonly name: string
  provide(request: ProviderRequest): Promise<ProviderAnswer>
  /** Sign-in and connections, ahead of the first car. Never throws. */
  warmUp(): Promise<void>
  close(): Promise<void>
}

/** What a provider's pool of root certificates says; the operator decides what of it to trust. */
export interface RootPool {
  roots(usage: TrustUsage): Promise<readonly Uint8Array[]>
  /** Provisioning certificate with its sub-CAs, leaf first; undefined where the pool has none. */
  provisioningCertificate(pcid: string): Promise<readonly Uint8Array[] | undefined>
}

/** Who is asked, in which order; the first who has a contract answers. `local` is the pool of this service. */
export interface Route {
  /** World manufacturer identifiers: the first three characters of a PCID. Absent: any car. */
  readonly manufacturers?: readonly string[]
  /** Parts of the issuer's name on the car's certificate, e.g. `O=Example Motors`. */
  readonly issuers?: readonly string[]
  /** Beginnings of eMAIDs, e.g. `DE8AA`; only updates carry one. */
  readonly emaidPrefixes?: readonly string[]
  readonly order: readonly string[]
}
