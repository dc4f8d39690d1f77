import { generateKeyPairSync } from 'node:crypto'
import { constructed, primitive, TAG } from '../../pki/der.ts'
import {
  bitString,
  ia5String,
  namedBits,
  octetString,
  oid,
  sequence,
  smallInteger,
  TRUE,
  time,
  tlv,
  unsignedInteger,
} from '../../pki/der-write.ts'
import { authorityKeyIdentifier, extension, subjectKeyIdentifier } from '../../pki/extension-write.ts'
import {
  Certificate,
  createSoftwareSigner,
  keyIdentifierOf,
  OID,
  PublicKey,
  type SyncSigner,
} from '../../pki/index.ts'
import { encodeName } from '../../pki/name.ts'

/** Certificates that our authority would never issue: any extension, any nonsense, properly signed. */
export interface Minted {
  readonly certificate: Certificate
  readonly signer: SyncSigner
}

export interface MintOrder {
  readonly name: string
  readonly issuer?: Minted
  readonly extensions?: readonly Uint8Array[]
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  readonly signer?: SyncSigner
  /** DER of the subject, instead of one made from `name`. */
  readonly subject?: Uint8Array
  /** DER of the issuer name, where it is to differ from the issuer's subject. */
  readonly issuerName?: Uint8Array
  /** DER of the Validity, where its encoding matters. */
  readonly validity?: Uint8Array
  /** Content octets of the serial number, as they are. */
  readonly serial?: Uint8Array
  /** Without the key identifiers that every other one gets. */
  readonly bare?: true
}

export const MINT_AT_MS = Date.UTC(2026, 5, 1)
const YEAR_MS = 365 * 86_400_000
let serial = 1

export const freshSigner = (): SyncSigner =>
  createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)

/** Keys are reused round robin: making them is what would take the time. */
const signers = Array.from({ length: 8 }, freshSigner)

const keyId = (signer: SyncSigner): Uint8Array =>
  keyIdentifierOf(PublicKey.parse(signer.publicKeySpki), 'sha1')

export function mint(order: MintOrder): Minted {
  const number = serial++
  const signer = order.signer ?? signers[number % signers.length]
  if (signer === undefined) throw new Error('there is always a key')
  const by = order.issuer?.signer ?? signer
  const subject = order.subject ?? encodeName({ commonName: order.name })
  const tbs = sequence(
    tlv(constructed(0), smallInteger(2)),
    order.serial === undefined
      ? unsignedInteger(Uint8Array.of(0x40, number >> 16, (number >> 8) & 0xff, number & 0xff))
      : tlv(TAG.integer, order.serial),
    by.algorithm.identifier,
    order.issuerName ?? order.issuer?.certificate.subjectDer ?? subject,
    order.validity ??
      sequence(
        time(order.notBeforeMs ?? MINT_AT_MS - YEAR_MS),
        time(order.notAfterMs ?? MINT_AT_MS + YEAR_MS),
      ),
    subject,
    signer.publicKeySpki,
    ...extensionField([
      ...(order.bare ? [] : [subjectKeyIdentifier(keyId(signer)), authorityKeyIdentifier(keyId(by))]),
      ...(order.extensions ?? []),
    ]),
  )
  const der = sequence(tbs, by.algorithm.identifier, bitString(by.sign(tbs)))
  return { certificate: Certificate.parse(der), signer }
}

const extensionField = (extensions: readonly Uint8Array[]): Uint8Array[] =>
  extensions.length === 0 ? [] : [tlv(constructed(3), sequence(...extensions))]

const implicitNumber = (tag: number, value: number): Uint8Array =>
  tlv(primitive(tag), smallInteger(value).subarray(2))

export const CA = [
  extension(OID.basicConstraints, true, sequence(TRUE)),
  extension(OID.keyUsage, true, namedBits([5, 6])),
] as const
export const policies = (...ids: readonly string[]): Uint8Array =>
  extension(OID.certificatePolicies, false, sequence(...ids.map((id) => sequence(oid(id)))))
export const mappings = (...pairs: ReadonlyArray<readonly [string, string]>): Uint8Array =>
  extension(OID.policyMappings, true, sequence(...pairs.map(([from, to]) => sequence(oid(from), oid(to)))))
export const policyConstraints = (explicit?: number, mapping?: number): Uint8Array =>
  extension(
    OID.policyConstraints,
    true,
    sequence(
      ...(explicit === undefined ? [] : [implicitNumber(0, explicit)]),
      ...(mapping === undefined ? [] : [implicitNumber(1, mapping)]),
    ),
  )
export const inhibitAny = (skip: number): Uint8Array =>
  extension(OID.inhibitAnyPolicy, true, smallInteger(skip))

export const dnsName = (host: string): Uint8Array => ia5String(host, primitive(2))
export const emailName = (mailbox: string): Uint8Array => ia5String(mailbox, primitive(1))
export const uriName = (uri: string): Uint8Array => ia5String(uri, primitive(6))
export const ipName = (...bytes: readonly number[]): Uint8Array => tlv(primitive(7), Uint8Array.from(bytes))
export const directoryName = (der: Uint8Array): Uint8Array => tlv(constructed(4), der)
export const altNames = (...names: readonly Uint8Array[]): Uint8Array =>
  extension(OID.subjectAltName, false, sequence(...names))
export const nameConstraints = (
  permitted: readonly Uint8Array[],
  excluded: readonly Uint8Array[] = [],
): Uint8Array =>
  extension(
    OID.nameConstraints,
    true,
    sequence(
      ...(permitted.length === 0 ? [] : [tlv(constructed(0), ...permitted.map((name) => sequence(name)))]),
      ...(excluded.length === 0 ? [] : [tlv(constructed(1), ...excluded.map((name) => sequence(name)))]),
    ),
  )
export const unknownCritical = (): Uint8Array => extension('1.3.6.1.4.1.99999.1', true, octetString())
