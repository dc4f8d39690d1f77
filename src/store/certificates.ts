/**
 * Port: authorities, issued certificates and the orders that lead to them.
 * Private keys appear here only wrapped (see pki/key-wrap.ts).
 */

export interface AuthorityRecord {
  readonly id: string
  /** Name of the certificate profile in pki/certificate-profile.ts. */
  readonly profile: string
  readonly generation: number
  readonly issuerId: string | null
  readonly certificateDer: Uint8Array
  /** Where the key is: a name in the key store. */
  readonly keyName: string
  readonly createdAt: string
}

export interface IssuedCertificate {
  /** SHA-256 over the DER, lower-case hex. */
  readonly fingerprint: string
  readonly authorityId: string | null
  readonly profile: string
  /** Lower-case hex without leading zeros. */
  readonly serialNumber: string
  readonly subject: string
  readonly stationId: string | null
  readonly notBefore: string
  readonly notAfter: string
  readonly der: Uint8Array
  /** Name in the key store where the private key is ours (TLS server, OCSP responder, CPS), otherwise null. */
  readonly keyName: string | null
  readonly revokedAt: string | null
  readonly revocationReason: string | null
}

export type OrderState = 'requested' | 'issued' | 'delivered' | 'rejected' | 'failed'

/** One certificate wanted by a station: identified by the station, the use and the public key of its CSR. */
export interface SigningOrder {
  readonly id: string
  readonly stationId: string
  /** OCPP CertificateSigningUseEnumType, or null where the station left it out (combined use). */
  readonly certificateType: 'ChargingStationCertificate' | 'V2GCertificate' | null
  readonly keyHash: string
  readonly csrPem: string
  readonly state: OrderState
  readonly fingerprint: string | null
  readonly attempts: number
  readonly detail: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

export interface CertificateStore {
  putAuthority(record: AuthorityRecord): Promise<void>
  authorities(): Promise<readonly AuthorityRecord[]>
  /**
   * Records an issued certificate and moves the order to `issued` in the same transaction.
   * A serial number that the authority has used already is refused with an exception.
   */
  recordIssued(
    certificate: IssuedCertificate,
    order?: { readonly id: string; readonly at: string },
  ): Promise<void>
  byFingerprint(fingerprint: string): Promise<IssuedCertificate | undefined>
  bySerial(authorityId: string, serialNumber: string): Promise<IssuedCertificate | undefined>
  list(filter?: {
    stationId?: string
    profile?: string
    expiresBefore?: string
    after?: string
    limit?: number
  }): Promise<readonly IssuedCertificate[]>
  revoke(fingerprint: string, reason: string, at: string): Promise<boolean>
  /** Opens an order, or gives back the one that exists for the same station, use and key. */
  openOrder(
    order: Pick<SigningOrder, 'id' | 'stationId' | 'certificateType' | 'keyHash' | 'csrPem'>,
    at: string,
  ): Promise<{ order: SigningOrder; existed: boolean }>
  updateOrder(
    id: string,
    change: Partial<Pick<SigningOrder, 'state' | 'fingerprint' | 'attempts' | 'detail'>>,
    at: string,
  ): Promise<void>
  orders(filter?: {
    stationId?: string
    states?: readonly OrderState[]
    limit?: number
  }): Promise<readonly SigningOrder[]>
}

/** Wrapped private keys by name. */
export interface KeyBlobStore {
  put(name: string, blob: Uint8Array): Promise<void>
  get(name: string): Promise<Uint8Array | undefined>
  names(): Promise<readonly string[]>
}
