import { createHash } from 'node:crypto'
import { toHex } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import { PkiError } from './errors.ts'

export type HashAlgorithm = 'SHA256' | 'SHA384' | 'SHA512'

/** OCPP CertificateHashDataType: how a station names a certificate it holds. All hex. */
export interface CertificateHashData {
  readonly hashAlgorithm: HashAlgorithm
  readonly issuerNameHash: string
  readonly issuerKeyHash: string
  readonly serialNumber: string
}

const HASH: Readonly<Record<HashAlgorithm, string>> = { SHA256: 'sha256', SHA384: 'sha384', SHA512: 'sha512' }

/** Lower-case hex without `0x` and without leading zeros, the form OCPP serial numbers are compared in. */
export const normaliseSerial = (serial: string): string =>
  serial
    .trim()
    .toLowerCase()
    .replace(/^0x/, '')
    .replace(/^0+(?=.)/, '')

/**
 * Hash data of `certificate`, whose issuer certificate is `issuer` (itself for a root). The name hash is over the
 * issuer name as written in the checked certificate, the key hash over the value of the issuer's key BIT STRING
 * without tag, length and unused-bits octet (OCPP 2.0.1 part 2, CertificateHashDataType; RFC 6960 4.1.1).
 */
export function certificateHashData(
  certificate: Certificate,
  issuer: Certificate,
  hashAlgorithm: HashAlgorithm = 'SHA256',
): CertificateHashData {
  if (certificate.issuerKey !== issuer.subjectKey) {
    throw new PkiError(
      'argument-invalid',
      'The second certificate is not the issuer of the first: pass the issuer, or the root itself',
    )
  }
  const hash = HASH[hashAlgorithm]
  return {
    hashAlgorithm,
    issuerNameHash: createHash(hash).update(certificate.issuerDer).digest('hex'),
    issuerKeyHash: createHash(hash).update(issuer.publicKey.keyBits).digest('hex'),
    serialNumber: certificate.serialHex,
  }
}

/** One string per certificate identity, for maps and database keys. */
export const hashDataKey = (data: CertificateHashData): string =>
  [
    data.hashAlgorithm,
    data.issuerNameHash.toLowerCase(),
    data.issuerKeyHash.toLowerCase(),
    normaliseSerial(data.serialNumber),
  ].join(':')

/** Equality as stations need it: letter case, `0x` and leading zeros do not matter. */
export const sameHashData = (a: CertificateHashData, b: CertificateHashData): boolean =>
  hashDataKey(a) === hashDataKey(b)

/** SHA-256 of a SubjectPublicKeyInfo, lower-case hex: what CSR deduplication and key stores index by. */
export const keyHash = (spki: Uint8Array): string => toHex(createHash('sha256').update(spki).digest())
