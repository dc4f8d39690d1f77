/**
 * Port: authorities, issued certificates and the orders that lead to them.
 * Private keys appear here only wrapped (see pki/key-wrap.ts).
 */

/** `active` issues for its line; `retired` still answers for what it issued. */
export type AuthorityState = 'active' | 'retired'

export interface AuthorityRecord {
  /** The line's name for its first generation, `<line>-g<generation>` for the later ones. */
  readonly id: string
  /** What the generations of one authority have in common, e.g. `cpo-sub2`. */
  readonly line: string
  readonly state: AuthorityState
  readonly origin: 'created' | 'imported' | 'ceremony'
  /** Name of the certificate profile in pki/certificate-profile.ts. */
  readonly profile: string
  readonly generation: number
  readonly issuerId: string | null
  readonly certificateDer: Uint8Array
  /** Where the key is: a name in the key store; null where it is not here (an offline root). */
  readonly keyName: string | null
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
  /** PEM to deliver, leaf first, where an external authority issued; null where the chain is our own. */
  readonly chainPem: string | null
  /** Not to be tried before this time; null where nothing holds it back. */
  readonly notBefore: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

export interface Revocation {
  readonly serialNumber: string
  readonly revokedAt: string
  readonly revocationReason: string | null
}

/** A revocation that the certificate's issuer, somebody else, has not answered yet. */
export interface ForwardedRevocation {
  readonly fingerprint: string
  readonly reason: string
  /** Times that it did not answer. */
  readonly attempts: number
}

export interface CertificateFilter {
  readonly stationId?: string
  readonly profile?: string
  readonly authorityId?: string
  readonly serialNumber?: string
  /** Part of the subject, whatever its case. */
  readonly subject?: string
  readonly revoked?: boolean
  readonly expiresBefore?: string
  readonly after?: string
  readonly limit?: number
}

/** `base`: the complete CRL that deltas build on; `full`: the newest complete one. */
export type CrlKind = 'base' | 'full' | 'delta'

export interface CrlRecord {
  readonly authorityId: string
  readonly kind: CrlKind
  readonly number: number
  readonly thisUpdate: string
  readonly nextUpdate: string
  readonly der: Uint8Array
}

/** `waiting` for another pair of eyes or for a file from a ceremony; the rest is final. */
export type OperationState = 'waiting' | 'awaiting-answer' | 'done' | 'rejected' | 'failed'

/** A change to the authorities themselves: who asked, who agreed, what came of it. Never holds a secret. */
export interface AuthorityOperation {
  readonly id: string
  readonly kind: string
  readonly parameters: object
  readonly state: OperationState
  readonly requestedBy: string
  readonly decidedBy: string | null
  readonly result: object | null
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
    order?: { readonly id: string; readonly at: string; readonly chainPem?: string },
  ): Promise<void>
  byFingerprint(fingerprint: string): Promise<IssuedCertificate | undefined>
  bySerial(authorityId: string, serialNumber: string): Promise<IssuedCertificate | undefined>
  list(filter?: CertificateFilter): Promise<readonly IssuedCertificate[]>
  /** Whether one of these certificates is revoked. */
  anyRevoked(fingerprints: readonly string[]): Promise<boolean>
  /** Writes a serial number down before its certificate is signed; one that was used is refused with an exception. */
  reserveSerial(serial: {
    readonly authorityId: string
    readonly serialNumber: string
    readonly profile: string
    readonly at: string
  }): Promise<void>
  /** Serials that were reserved before `at` and never became a recorded certificate: forgets and returns them. */
  takeOrphanedSerials(
    at: string,
  ): Promise<readonly { readonly authorityId: string; readonly serialNumber: string }[]>
  /** What OCSP needs: undefined where the authority never issued the number, null where it is not revoked. */
  revocation(
    authorityId: string,
    serialNumber: string,
  ): Promise<Omit<Revocation, 'serialNumber'> | null | undefined>
  /** For a CRL: what is revoked and had not expired at `at`, by serial number, at most `limit`. */
  revocations(authorityId: string, at: string, limit: number): Promise<readonly Revocation[]>
  /**
   * False where it is revoked already; a hold may become a revocation for good. `forward` writes down in the same
   * transaction that its issuer is to be told.
   */
  revoke(
    fingerprint: string,
    reason: string,
    at: string,
    how?: { readonly forward: boolean },
  ): Promise<boolean>
  /** What is to be told to issuers now, oldest first. */
  revocationsToForward(at: string, limit: number): Promise<readonly ForwardedRevocation[]>
  forwarded(fingerprint: string): Promise<void>
  forwardLater(fingerprint: string, notBefore: string): Promise<void>
  /** Ends a hold. False where the certificate is not on hold. */
  release(fingerprint: string): Promise<boolean>
  putCrls(records: readonly CrlRecord[]): Promise<void>
  crl(authorityId: string, kind: CrlKind): Promise<CrlRecord | undefined>
  crls(): Promise<readonly CrlRecord[]>
  putOperation(operation: AuthorityOperation): Promise<void>
  /** Moves a waiting operation on; false where somebody else was faster. */
  decideOperation(
    id: string,
    from: OperationState,
    change: Pick<AuthorityOperation, 'state' | 'decidedBy' | 'result' | 'detail' | 'updatedAt'>,
  ): Promise<boolean>
  operation(id: string): Promise<AuthorityOperation | undefined>
  operations(filter?: {
    readonly state?: OperationState
    readonly limit?: number
  }): Promise<readonly AuthorityOperation[]>
  /** Opens an order, or gives back the one that exists for the same station, use and key. */
  openOrder(
    order: Pick<SigningOrder, 'id' | 'stationId' | 'certificateType' | 'keyHash' | 'csrPem'>,
    at: string,
  ): Promise<{ order: SigningOrder; existed: boolean }>
  updateOrder(
    id: string,
    change: Partial<Pick<SigningOrder, 'state' | 'fingerprint' | 'attempts' | 'detail' | 'notBefore'>>,
    at: string,
  ): Promise<void>
  orders(filter?: {
    stationId?: string
    states?: readonly OrderState[]
    /** Only orders that nothing holds back at this time. */
    dueAt?: string
    limit?: number
  }): Promise<readonly SigningOrder[]>
  order(id: string): Promise<SigningOrder | undefined>
}

/** Wrapped private keys by name. */
export interface KeyBlobStore {
  put(name: string, blob: Uint8Array): Promise<void>
  get(name: string): Promise<Uint8Array | undefined>
  names(): Promise<readonly string[]>
  /** All or nothing: for a rotation of the key encryption key. */
  putAll(blobs: ReadonlyMap<string, Uint8Array>): Promise<void>
}
