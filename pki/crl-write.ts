import type { Issuer } from './authority.ts'
import { keyIdentifierOf } from './authority.ts'
import { Crl } from './crl.ts'
import { constructed, primitive, TAG } from './der.ts'
import { bitString, sequence, smallInteger, time, tlv, unsignedInteger } from './der-write.ts'
import { PkiError } from './errors.ts'
import { authorityKeyIdentifier, distributionPoints, extension, uri } from './extension-write.ts'
import { REVOCATION_REASONS, type RevocationReason } from './ocsp.ts'
import { OID } from './oids.ts'
import { isPromise } from './signer.ts'

export interface CrlEntry {
  /** Lower-case hex without leading zeros, as `Certificate.serialHex`. */
  readonly serialHex: string
  readonly atMs: number
  readonly reason?: RevocationReason
}

export interface CrlOrder {
  readonly issuer: Issuer
  readonly entries: readonly CrlEntry[]
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  /** Grows with every CRL of this issuer, full and delta alike (RFC 5280 5.2.3). */
  readonly number: bigint
  /** For a delta: the number of the complete CRL it builds on. */
  readonly baseNumber?: bigint
  /** Address of this shard as certificates carry it, where an issuer publishes more than one CRL. */
  readonly distributionPoint?: string
  /** Of a complete CRL: where its delta is published (RFC 5280 5.2.6). */
  readonly freshestUrl?: string
  readonly onlyUsers?: boolean
  readonly onlyCas?: boolean
}

function bigInteger(value: bigint, what: string): Uint8Array {
  if (value < 0n || value >= 1n << 159n)
    throw new PkiError('argument-invalid', `The ${what} must be between 0 and 2^159`)
  const hex = value.toString(16)
  return unsignedInteger(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'))
}

function serialInteger(serialHex: string): Uint8Array {
  if (!/^[0-9a-f]{1,40}$/.test(serialHex))
    throw new PkiError('argument-invalid', `"${serialHex}" is not a serial number in lower-case hex`)
  return unsignedInteger(Buffer.from(serialHex.length % 2 === 0 ? serialHex : `0${serialHex}`, 'hex'))
}

function entryDer(entry: CrlEntry): Uint8Array {
  const parts = [serialInteger(entry.serialHex), time(entry.atMs)]
  if (entry.reason !== undefined && entry.reason !== 'unspecified') {
    const reason = Uint8Array.of(TAG.enumerated, 1, REVOCATION_REASONS[entry.reason])
    parts.push(sequence(extension(OID.crlReason, false, reason)))
  }
  return sequence(...parts)
}

const YES = Uint8Array.of(0xff)

function scopeExtension(order: CrlOrder): Uint8Array[] {
  const parts: Uint8Array[] = []
  if (order.distributionPoint !== undefined) {
    parts.push(tlv(constructed(0), tlv(constructed(0), uri(order.distributionPoint))))
  }
  if (order.onlyUsers === true) parts.push(tlv(primitive(1), YES))
  if (order.onlyCas === true) parts.push(tlv(primitive(2), YES))
  return parts.length === 0 ? [] : [extension(OID.issuingDistributionPoint, true, sequence(...parts))]
}

function crlExtensions(order: CrlOrder): Uint8Array {
  const { certificate } = order.issuer
  const keyId = certificate.subjectKeyIdentifier ?? keyIdentifierOf(certificate.publicKey, 'sha1')
  const parts = [
    authorityKeyIdentifier(keyId),
    extension(OID.crlNumber, false, bigInteger(order.number, 'CRL number')),
  ]
  if (order.baseNumber !== undefined) {
    parts.push(extension(OID.deltaCrlIndicator, true, bigInteger(order.baseNumber, 'base CRL number')))
  }
  if (order.freshestUrl !== undefined)
    parts.push(extension(OID.freshestCrl, false, distributionPoints(order.freshestUrl)))
  return sequence(...parts, ...scopeExtension(order))
}

/**
 * Encodes and signs a CRL (version 2, RFC 5280 section 5). The caller keeps the number growing and decides which
 * entries are still worth listing: those of certificates that have not expired.
 */
export function signCrl(order: CrlOrder): Crl | Promise<Crl> {
  const { issuer, thisUpdateMs, nextUpdateMs, number, baseNumber } = order
  if (issuer.certificate.keyUsage?.has('cRLSign') === false) {
    throw new PkiError('issuer-unfit', `${issuer.certificate.subjectText} may not sign CRLs`)
  }
  if (!(nextUpdateMs > thisUpdateMs))
    throw new PkiError('validity-invalid', 'nextUpdate must lie after thisUpdate')
  if (baseNumber !== undefined && baseNumber >= number)
    throw new PkiError('argument-invalid', 'A delta needs a higher number than its base')
  if (baseNumber !== undefined && order.freshestUrl !== undefined)
    throw new PkiError('argument-invalid', 'A delta does not name a delta of its own (RFC 5280 5.2.6)')
  const unique = new Set(order.entries.map((entry) => entry.serialHex))
  if (unique.size !== order.entries.length)
    throw new PkiError('argument-invalid', 'A serial number is listed twice')
  const algorithm = issuer.signer.algorithm.identifier
  const parts = [
    smallInteger(1),
    algorithm,
    issuer.certificate.subjectDer,
    time(thisUpdateMs),
    time(nextUpdateMs),
  ]
  // 5.1.2.6: no list at all when nothing is revoked.
  if (order.entries.length > 0) parts.push(tlv(TAG.sequence, Buffer.concat(order.entries.map(entryDer))))
  const tbs = sequence(...parts, tlv(constructed(0), crlExtensions(order)))
  const finish = (signature: Uint8Array): Crl => {
    const crl = Crl.parse(sequence(tbs, algorithm, bitString(signature)))
    if (!crl.isSignedByKey(issuer.certificate.publicKey))
      throw new PkiError('key-mismatch', 'The signer returned a wrong signature; check the token')
    return crl
  }
  const signature = issuer.signer.sign(tbs)
  return isPromise(signature) ? signature.then(finish) : finish(signature)
}

/** What a delta must list to turn `before` into `now`: new or changed entries, and `removeFromCRL` for released holds. */
export function deltaEntries(before: Crl, now: readonly CrlEntry[], releasedAtMs: number): CrlEntry[] {
  const current = new Map(now.map((entry) => [entry.serialHex, entry]))
  const changed = now.filter((entry) => {
    const old = before.find(entry.serialHex)
    return old === undefined || old.reason !== (entry.reason ?? 'unspecified')
  })
  const released: CrlEntry[] = []
  for (const old of before.entries()) {
    if (old.reason !== 'certificateHold' || current.has(old.serialHex)) continue
    released.push({ serialHex: old.serialHex, atMs: releasedAtMs, reason: 'removeFromCRL' })
  }
  return [...changed, ...released]
}
