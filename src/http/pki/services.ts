/** What the PKI listener asks of the rest of the service. The composition root satisfies it. */

export interface Caching {
  readonly etag: string
  readonly producedAtMs: number
  readonly expiresAtMs: number
}

export interface PublishedAnswer {
  readonly der: Uint8Array
  /** Undefined for what nobody may keep. */
  readonly caching: Caching | undefined
}

export interface PublishedCrl {
  readonly der: Uint8Array
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
}

export interface AuthorityFiles {
  /** The authority's certificate alone. */
  readonly der: Uint8Array
  /** PEM of it and those above it, nearest first. */
  readonly chainPem: string
  /** The same as certs-only CMS (PKCS#7), DER. */
  readonly pkcs7: Uint8Array
}

export interface PkiServices {
  /** DER OCSPRequest in, DER OCSPResponse out; without a promise where the answer is at hand. */
  ocsp(requestDer: Uint8Array): PublishedAnswer | Promise<PublishedAnswer>
  crl(authorityId: string, kind: 'full' | 'delta'): Promise<PublishedCrl | undefined>
  authority(id: string): AuthorityFiles | undefined
  now(): number
}

/** Who a station proved to be. */
export interface EstCaller {
  readonly stationId: string
  /** DER of the certificate it presented; undefined where it came with a password. */
  readonly certificateDer: Uint8Array | undefined
}

/** `v2g`: the certificate for cars (ISO 15118); `cso`: the station's own for OCPP. */
export type EstLabel = 'v2g' | 'cso'

export type EstAnswer =
  | { readonly kind: 'issued'; readonly pkcs7: Uint8Array }
  | { readonly kind: 'pending'; readonly retryAfterMs: number }
  | { readonly kind: 'refused'; readonly detail: string }

export type EstGeneratedKey =
  | { readonly kind: 'issued'; readonly pkcs7: Uint8Array; readonly pkcs8: Uint8Array }
  | Exclude<EstAnswer, { kind: 'issued' }>

/** EST (RFC 7030, RFC 8951) without HTTP. */
export interface EstServices {
  /** By TLS client certificate, leaf first. */
  authenticateCertificate(chainDer: readonly Uint8Array[]): Promise<EstCaller | undefined>
  /** `busy`: too many passwords are being checked; nobody knows yet. */
  authenticatePassword(stationId: string, password: string): Promise<EstCaller | 'busy' | undefined>
  /** Certs-only CMS with the authorities of a label. */
  caCertificates(label: EstLabel): Promise<Uint8Array>
  csrAttributes(label: EstLabel): Uint8Array
  enrol(caller: EstCaller, label: EstLabel, csrDer: Uint8Array): Promise<EstAnswer>
  /** For the certificate that the caller presented. */
  reenrol(caller: EstCaller, label: EstLabel, csrDer: Uint8Array): Promise<EstAnswer>
  generateKey(caller: EstCaller, label: EstLabel, csrDer: Uint8Array): Promise<EstGeneratedKey>
}
