import { constructed, primitive, TAG } from '../../pki/der.ts'
import { bitString, namedBits, sequence, smallInteger, time, tlv } from '../../pki/der-write.ts'
import { authorityKeyIdentifier, extension } from '../../pki/extension-write.ts'
import { Crl, keyIdentifierOf, OID } from '../../pki/index.ts'
import { directoryName, MINT_AT_MS, type Minted } from './mint.ts'

export const HOUR_MS = 3_600_000

export interface ListOrder {
  readonly signer: Minted
  readonly issuerDer?: Uint8Array
  readonly entries?: readonly Uint8Array[]
  readonly extensions?: readonly Uint8Array[]
  readonly number?: number
  readonly thisUpdateMs?: number
  readonly nextUpdateMs?: number
}

/** CRLs that `signCrl` does not make: indirect ones, by reason, by another key, with unknown extensions. */
export function list({
  signer,
  issuerDer = signer.certificate.subjectDer,
  entries = [],
  extensions = [],
  number = 1,
  thisUpdateMs = MINT_AT_MS - HOUR_MS,
  nextUpdateMs = MINT_AT_MS + HOUR_MS,
}: ListOrder): Crl {
  const { algorithm } = signer.signer
  const keyId = keyIdentifierOf(signer.certificate.publicKey, 'sha1')
  const tbs = sequence(
    smallInteger(1),
    algorithm.identifier,
    issuerDer,
    time(thisUpdateMs),
    time(nextUpdateMs),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    tlv(
      constructed(0),
      sequence(
        authorityKeyIdentifier(keyId),
        extension(OID.crlNumber, false, smallInteger(number)),
        ...extensions,
      ),
    ),
  )
  return Crl.parse(sequence(tbs, algorithm.identifier, bitString(signer.signer.sign(tbs))))
}

export const entry = (certificate: Minted, ...extensions: readonly Uint8Array[]): Uint8Array =>
  sequence(
    tlv(TAG.integer, certificate.certificate.serial),
    time(MINT_AT_MS - HOUR_MS),
    ...(extensions.length === 0 ? [] : [sequence(...extensions)]),
  )
export const scope = (...fields: readonly Uint8Array[]): Uint8Array =>
  extension(OID.issuingDistributionPoint, true, sequence(...fields))
const YES = Uint8Array.of(0xff)
export const INDIRECT = tlv(primitive(4), YES)
const reasonFlags = (tag: number, bits: readonly number[]): Uint8Array =>
  tlv(primitive(tag), namedBits(bits).subarray(2))
/** Of an issuing distribution point. */
export const onlyReasons = (...bits: readonly number[]): Uint8Array => reasonFlags(3, bits)
/** Of a distribution point in a certificate. */
export const pointReasons = (...bits: readonly number[]): Uint8Array => reasonFlags(1, bits)
export const point = (fields: readonly Uint8Array[]): Uint8Array =>
  extension(OID.crlDistributionPoints, false, sequence(sequence(...fields)))
export const fullName = (...names: readonly Uint8Array[]): Uint8Array =>
  tlv(constructed(0), tlv(constructed(0), ...names))

export const ONLY_USERS = tlv(primitive(1), YES)
export const ONLY_CAS = tlv(primitive(2), YES)
export const ONLY_ATTRIBUTES = tlv(primitive(5), YES)
export const crlIssuer = (issuer: Minted): Uint8Array =>
  tlv(constructed(2), directoryName(issuer.certificate.subjectDer))
/** The certificateIssuer entry extension. */
export const entryIssuer = (issuer: Minted): Uint8Array =>
  extension(OID.certificateIssuer, true, sequence(directoryName(issuer.certificate.subjectDer)))
export const reason = (code: number): Uint8Array =>
  extension(OID.crlReason, false, tlv(TAG.enumerated, Uint8Array.of(code)))
export const delta = (baseNumber: number): Uint8Array =>
  extension(OID.deltaCrlIndicator, true, smallInteger(baseNumber))
