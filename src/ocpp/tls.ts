/** TLS of the wss listener: versions, suites and certificates (A00.FR.312-322, 415-426). */

import { type SecureContextOptions, TLSSocket } from 'node:tls'

export interface TlsIdentity {
  /** PEM: leaf first, then its sub-CAs. */
  readonly certificateChainPem: string
  /** PEM, PKCS#8. */
  readonly privateKeyPem: string
}

export interface TlsMaterial {
  /** An ECDSA identity, and optionally an RSA one for stations that speak only the RSA suites of A00.FR.318. */
  readonly identities: readonly TlsIdentity[]
  /** PEM of the authorities of station certificates: their names are hinted to stations, nothing is trusted by it. */
  readonly clientAuthoritiesPem?: readonly string[]
  /** The chain before the last rollover, for stations that cannot follow: at a port of its own, or by these names (SNI). */
  readonly former?: { readonly identities: readonly TlsIdentity[]; readonly names: readonly string[] }
}

/** What is presented at the former endpoint. */
export function formerMaterial(material: TlsMaterial): TlsMaterial {
  return { ...material, identities: material.former?.identities ?? material.identities }
}

/** The four suites of A00.FR.318, their forward-secret RSA siblings, and those of TLS 1.3. */
const SUITES = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
].join(':')

export function secureContextOptions(material: TlsMaterial): SecureContextOptions {
  return {
    cert: material.identities.map((identity) => identity.certificateChainPem),
    key: material.identities.map((identity) => identity.privateKeyPem),
    ...(material.clientAuthoritiesPem === undefined ? {} : { ca: [...material.clientAuthoritiesPem] }),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: SUITES,
    honorCipherOrder: true,
    sessionIdContext: 'gridkeep-ocpp',
  }
}

export interface PeerCertificate {
  /** Leaf first. On a resumed session only the leaf is known. */
  readonly chainDer: readonly Uint8Array[]
  readonly commonName: string | null
}

/** SHA-256, lower-case hex, of the certificate that we presented on this connection; null without TLS. */
export function shownCertificate(socket: unknown): string | null {
  if (!(socket instanceof TLSSocket)) return null
  return socket.getX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? null
}

const MAX_CHAIN = 8

/** What the station presented, judged by nobody yet. */
export function peerCertificate(socket: TLSSocket): PeerCertificate | undefined {
  let certificate = socket.getPeerCertificate(true)
  // Node answers an empty object where the peer sent no certificate.
  if (certificate?.raw === undefined) return undefined
  const commonName: unknown = certificate.subject?.CN
  const chainDer: Uint8Array[] = []
  const seen = new Set<string>()
  while (
    certificate?.raw !== undefined &&
    !seen.has(certificate.fingerprint256) &&
    chainDer.length < MAX_CHAIN
  ) {
    seen.add(certificate.fingerprint256)
    chainDer.push(certificate.raw)
    certificate = certificate.issuerCertificate
  }
  return { chainDer, commonName: typeof commonName === 'string' ? commonName : null }
}
