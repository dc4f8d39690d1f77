import { createHash } from 'node:crypto'
import { sameBytes, serialToHex, toHex } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import { constructed, DerReader, readSingle, TAG } from './der.ts'
import { NULL, octetString, oid, sequence, tlv } from './der-write.ts'
import { PkiError, wrapMalformed } from './errors.ts'
import { extension } from './extension-write.ts'
import { type Extension, readExtensions } from './extensions.ts'
import { type CertificateHashData, type HashAlgorithm, normaliseSerial } from './hash-data.ts'
import { OID } from './oids.ts'

export type CertIdHash = 'SHA1' | HashAlgorithm

/** Names one certificate by hashes of its issuer's name and key, and its serial number (RFC 6960 4.1.1). */
export interface CertId {
  readonly der: Uint8Array
  /** `undefined` when the request uses a hash we do not know: such a certificate is unknown to us. */
  readonly hash: CertIdHash | undefined
  readonly issuerNameHash: Uint8Array
  readonly issuerKeyHash: Uint8Array
  readonly serialHex: string
}

export interface OcspRequest {
  readonly certIds: readonly CertId[]
  /** The nonce extension's octets as sent, to be echoed unchanged. */
  readonly nonce: Uint8Array | undefined
  /** RFC 6960 4.4.6 or any other extension is ignored; a critical one is refused by `parseOcspRequest`. */
  readonly signed: boolean
}

const MAX_REQUEST_BYTES = 16 * 1024
const MAX_CERT_IDS = 64
/** RFC 9654 2.1: 1 to 128 octets; the value travels inside one more OCTET STRING. */
const MAX_NONCE_BYTES = 128

const HASH_OIDS: Readonly<Record<string, CertIdHash>> = {
  [OID.sha1]: 'SHA1',
  [OID.sha256]: 'SHA256',
  [OID.sha384]: 'SHA384',
  [OID.sha512]: 'SHA512',
}
const HASH_IDENTIFIERS: Readonly<Record<CertIdHash, Uint8Array>> = {
  SHA1: sequence(oid(OID.sha1), NULL),
  SHA256: sequence(oid(OID.sha256), NULL),
  SHA384: sequence(oid(OID.sha384), NULL),
  SHA512: sequence(oid(OID.sha512), NULL),
}
const HASH_BYTES: Readonly<Record<CertIdHash, number>> = { SHA1: 20, SHA256: 32, SHA384: 48, SHA512: 64 }
export const CERT_ID_HASHES = ['SHA1', 'SHA256', 'SHA384', 'SHA512'] as const satisfies readonly CertIdHash[]

export function readCertId(parent: DerReader): CertId {
  const der = parent.raw(TAG.sequence)
  const reader = readSingle(der, TAG.sequence)
  const algorithm = reader.enter(TAG.sequence)
  const hash = HASH_OIDS[algorithm.oid()]
  if (!algorithm.done) algorithm.raw()
  algorithm.finish()
  const issuerNameHash = reader.value(TAG.octetString)
  const issuerKeyHash = reader.value(TAG.octetString)
  const serial = reader.integer()
  reader.finish()
  if (
    hash !== undefined &&
    (issuerNameHash.length !== HASH_BYTES[hash] || issuerKeyHash.length !== HASH_BYTES[hash])
  ) {
    throw new PkiError('der-malformed', 'a hash has the wrong length for its algorithm')
  }
  return { der, hash, issuerNameHash, issuerKeyHash, serialHex: serialToHex(serial) }
}

/** Checks RFC 9654's length rule on the wrapped nonce; returns the extension's octets as they came. */
export function readNonce(nonce: Extension | undefined): Uint8Array | undefined {
  if (nonce === undefined) return undefined
  const inner = new DerReader(nonce.value)
  const value = inner.value(TAG.octetString)
  inner.finish()
  if (value.length < 1 || value.length > MAX_NONCE_BYTES) {
    throw new PkiError('der-malformed', `a nonce has 1 to ${MAX_NONCE_BYTES} octets`)
  }
  return nonce.value
}

function readRequestExtensions(reader: DerReader | undefined): ReadonlyMap<string, Extension> {
  if (reader === undefined) return new Map()
  const extensions = readExtensions(reader)
  reader.finish()
  for (const { oid: id, critical } of extensions.values()) {
    if (critical && id !== OID.ocspNonce)
      throw new PkiError('der-malformed', `critical extension ${id} is not understood`)
  }
  return extensions
}

function readRequestList(list: DerReader): CertId[] {
  const certIds: CertId[] = []
  while (!list.done) {
    if (certIds.length >= MAX_CERT_IDS)
      throw new PkiError('der-malformed', `more than ${MAX_CERT_IDS} certificates in one request`)
    const item = list.enter(TAG.sequence)
    certIds.push(readCertId(item))
    readRequestExtensions(item.enterOptional(constructed(0)))
    item.finish()
  }
  if (certIds.length === 0) throw new PkiError('der-malformed', 'no certificate is asked for')
  return certIds
}

/**
 * Reads an OCSP request of at most 16 KiB and 64 CertIDs. Signatures on requests are accepted and not evaluated:
 * the responder answers everyone alike (RFC 5019 2.1.1).
 */
export function parseOcspRequest(der: Uint8Array): OcspRequest {
  return wrapMalformed('ocsp-malformed', 'OCSP request', () => {
    if (der.length > MAX_REQUEST_BYTES) throw new PkiError('der-malformed', 'larger than 16 KiB')
    const outer = readSingle(der, TAG.sequence)
    const tbs = outer.enter(TAG.sequence)
    const signature = outer.enterOptional(constructed(0))
    outer.finish()
    const version = tbs.enterOptional(constructed(0))
    if (version !== undefined && version.smallInteger() !== 0)
      throw new PkiError('der-malformed', 'unknown request version')
    tbs.enterOptional(constructed(1))
    const certIds = readRequestList(tbs.enter(TAG.sequence))
    const extensions = readRequestExtensions(tbs.enterOptional(constructed(2)))
    tbs.finish()
    return { certIds, nonce: readNonce(extensions.get(OID.ocspNonce)), signed: signature !== undefined }
  })
}

/** CertID of a certificate of `issuer`; `serial` is `Certificate.serial`. Clients are served best by SHA-1, which RFC 5019 prescribes; it protects nothing here. */
export function certIdFor(options: {
  readonly issuer: Certificate
  readonly serial: Uint8Array
  readonly hash?: CertIdHash
}): CertId {
  const hash = options.hash ?? 'SHA1'
  const name = hash.toLowerCase()
  return makeCertId(
    hash,
    createHash(name).update(options.issuer.subjectDer).digest(),
    createHash(name).update(options.issuer.publicKey.keyBits).digest(),
    options.serial,
  )
}

function makeCertId(
  hash: CertIdHash,
  issuerNameHash: Uint8Array,
  issuerKeyHash: Uint8Array,
  serial: Uint8Array,
): CertId {
  if (serial.length === 0) throw new PkiError('argument-invalid', 'A serial number has at least one octet')
  const number = tlv(TAG.integer, serial)
  const der = sequence(
    HASH_IDENTIFIERS[hash],
    octetString(issuerNameHash),
    octetString(issuerKeyHash),
    number,
  )
  return { der, hash, issuerNameHash, issuerKeyHash, serialHex: serialToHex(serial) }
}

function hexBytes(hex: string, what: string): Uint8Array {
  if (!/^([0-9a-f]{2}){1,64}$/i.test(hex))
    throw new PkiError('argument-invalid', `The ${what} is not hexadecimal`)
  return Buffer.from(hex, 'hex')
}

/** CertID from OCPP's OCSPRequestDataType or CertificateHashDataType. */
export function certIdFromHashData(data: CertificateHashData): CertId {
  const serial = normaliseSerial(data.serialNumber)
  const magnitude = hexBytes(serial.length % 2 === 0 ? serial : `0${serial}`, 'serial number')
  const issuerNameHash = hexBytes(data.issuerNameHash, 'issuer name hash')
  const issuerKeyHash = hexBytes(data.issuerKeyHash, 'issuer key hash')
  const size = HASH_BYTES[data.hashAlgorithm]
  if (issuerNameHash.length !== size || issuerKeyHash.length !== size) {
    throw new PkiError('argument-invalid', `The hashes do not have the length of ${data.hashAlgorithm}`)
  }
  const positive = (magnitude[0] ?? 0) >= 0x80 ? Buffer.concat([Uint8Array.of(0), magnitude]) : magnitude
  return makeCertId(data.hashAlgorithm, issuerNameHash, issuerKeyHash, positive)
}

/** The nonce extension's octets around `nonce` (1 to 128 fresh random octets; RFC 9654 wants 32). */
export function wrapNonce(nonce: Uint8Array): Uint8Array {
  if (nonce.length < 1 || nonce.length > MAX_NONCE_BYTES) {
    throw new PkiError('argument-invalid', `A nonce has 1 to ${MAX_NONCE_BYTES} octets`)
  }
  return octetString(nonce)
}

/** An unsigned request for one or several certificates. */
export function buildOcspRequest(certIds: readonly CertId[], nonce?: Uint8Array): Uint8Array {
  const list = sequence(...certIds.map((certId) => sequence(certId.der)))
  if (nonce === undefined) return sequence(sequence(list))
  const extensions = sequence(extension(OID.ocspNonce, false, wrapNonce(nonce)))
  return sequence(sequence(list, tlv(constructed(2), extensions)))
}

export const sameCertId = (a: CertId, b: CertId): boolean =>
  a.hash !== undefined &&
  a.hash === b.hash &&
  a.serialHex === b.serialHex &&
  sameBytes(a.issuerNameHash, b.issuerNameHash) &&
  sameBytes(a.issuerKeyHash, b.issuerKeyHash)

/** Key of the issuer part of a CertID, for looking up which of our CAs is meant. */
export const certIdIssuerKey = (certId: Pick<CertId, 'hash' | 'issuerNameHash' | 'issuerKeyHash'>): string =>
  `${certId.hash ?? '?'}:${toHex(certId.issuerNameHash)}:${toHex(certId.issuerKeyHash)}`

/** The keys under which requests may name this CA, one per hash algorithm. */
export function issuerLookupKeys(issuer: Certificate): string[] {
  return CERT_ID_HASHES.map((hash) => certIdIssuerKey(certIdFor({ issuer, serial: issuer.serial, hash })))
}
