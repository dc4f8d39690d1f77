import { createCipheriv, createECDH, type ECDH, hash, type KeyObject } from 'node:crypto'
import type { ProfileVariant } from '../certificate-profile.ts'
import type { Protocol } from '../exi/index.ts'
import type { CurveName } from '../public-key.ts'
import { ContractError } from './errors.ts'

/**
 * How the private key of a contract certificate travels to the car: an ephemeral Diffie-Hellman key against the
 * public key of the certificate the car already has, a key derivation, and a cipher ([V2G2-815..823] and
 * [V2G20-2492..2502]). Every scalar and coordinate is padded on the left to the size of its field.
 */

/** Fresh random octets, as many as asked for. */
export type RandomSource = (octetCount: number) => Uint8Array

/** A contract key pair on its way: the scalar lives only until the car's ciphertext is made. */
export interface ContractKey {
  readonly curve: TransportCurve
  /** Big-endian, as long as the field. */
  readonly scalar: Uint8Array
  /** Uncompressed point: 04, x, y. */
  readonly point: Uint8Array
}

export interface SealedKey {
  /** The ephemeral public key, uncompressed point. */
  readonly dhPublicKey: Uint8Array
  readonly encryptedPrivateKey: Uint8Array
}

export type TransportCurve = 'P-256' | 'P-521'

interface CurveFacts {
  readonly openssl: string
  readonly fieldBytes: number
  /** Order of the group: valid scalars are 1 to order - 1. */
  readonly order: bigint
}

export const TRANSPORT_CURVES: Readonly<Record<TransportCurve, CurveFacts>> = {
  'P-256': {
    openssl: 'prime256v1',
    fieldBytes: 32,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  'P-521': {
    openssl: 'secp521r1',
    fieldBytes: 66,
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
}

/** The curve of contract, CPS and provisioning keys of each protocol. */
export const CURVE_OF: Readonly<Record<Protocol, TransportCurve>> = {
  '15118-2': 'P-256',
  '15118-20': 'P-521',
}

/** The certificate profiles of each protocol. */
export const VARIANT_OF: Readonly<Record<Protocol, ProfileVariant>> = {
  '15118-2': 'iso15118-2',
  '15118-20': 'iso15118-20',
}

/** AlgorithmID 01, PartyU 'U', PartyV 'V': OtherInfo of the key derivation in both protocols ([V2G2-818]). */
const OTHER_INFO = Uint8Array.of(0x01, 0x55, 0x56)

/** One round of the concatenation KDF suffices: both keys are no longer than the hash. */
const FIRST_ROUND = Uint8Array.of(0, 0, 0, 1)

const IV_BYTES: Readonly<Record<Protocol, number>> = { '15118-2': 16, '15118-20': 12 }

/** Makes a contract key pair from fresh randomness. */
export function createContractKey(curve: TransportCurve, random: RandomSource): ContractKey {
  const scalar = randomScalar(curve, random)
  return { curve, scalar, point: ecdhWith(curve, scalar).getPublicKey() }
}

/**
 * Eight octets more than the scalar has, reduced modulo order - 1 (FIPS 186-5 A.2.1), so that no scalar is
 * measurably more likely than another.
 */
function randomScalar(curve: TransportCurve, random: RandomSource): Uint8Array {
  const { fieldBytes, order } = TRANSPORT_CURVES[curve]
  const seed = takeRandom(random, fieldBytes + 8)
  const scalar = toOctets((fromOctets(seed) % (order - 1n)) + 1n, fieldBytes)
  seed.fill(0)
  return scalar
}

function takeRandom(random: RandomSource, octetCount: number): Uint8Array {
  const octets = random(octetCount)
  if (octets.length === octetCount) return octets
  throw new ContractError(
    'randomness-short',
    `The random source gave ${octets.length} octets instead of ${octetCount}`,
  )
}

function ecdhWith(curve: TransportCurve, scalar: Uint8Array): ECDH {
  const ecdh = createECDH(TRANSPORT_CURVES[curve].openssl)
  ecdh.setPrivateKey(scalar)
  return ecdh
}

/** Wraps the private key of a certificate that somebody else issued; fails when the scalar is out of range. */
export function contractKeyFrom(curve: TransportCurve, scalar: Uint8Array): ContractKey {
  const { fieldBytes, order } = TRANSPORT_CURVES[curve]
  const value = fromOctets(scalar)
  if (value < 1n || value >= order)
    throw new ContractError('key-unusable', 'The contract key is not in the range of its curve')
  const padded = toOctets(value, fieldBytes)
  return { curve, scalar: padded, point: ecdhWith(curve, padded).getPublicKey() }
}

/** The private key of a supplied contract as `adoptContract` takes it; the caller overwrites it afterwards. */
export function scalarOf(privateKey: KeyObject): Uint8Array {
  const { d } = privateKey.export({ format: 'jwk' })
  if (d === undefined)
    throw new ContractError('key-unusable', 'The contract key is not an elliptic-curve private key')
  return Buffer.from(d, 'base64url')
}

/** Overwrites the scalar. The key can no longer be sealed. */
export function destroyContractKey(key: ContractKey): void {
  key.scalar.fill(0)
}

/**
 * Seals a contract key for one car.
 * @param recipientPoint uncompressed public key of the OEM provisioning certificate (Install) or of the current
 *   contract certificate (Update); it must be on the curve of the protocol
 * @param additionalData authenticated with a -20 key: see `additionalData20`; a -2 key has none
 * @throws ContractError `key-unusable` when the recipient's point is not on the curve
 */
export function sealContractKey(options: {
  readonly protocol: Protocol
  readonly key: ContractKey
  readonly recipientPoint: Uint8Array
  readonly additionalData?: Uint8Array
  readonly random: RandomSource
}): SealedKey {
  const { protocol, key, random } = options
  const curve = CURVE_OF[protocol]
  if (key.curve !== curve)
    throw new ContractError('key-unusable', `ISO ${protocol} contract keys are on ${curve}`)
  const ephemeralScalar = randomScalar(curve, random)
  const ephemeral = ecdhWith(curve, ephemeralScalar)
  ephemeralScalar.fill(0)
  const shared = sharedSecret(curve, ephemeral, options.recipientPoint)
  const input = Buffer.concat([FIRST_ROUND, shared, OTHER_INFO])
  const derived = hash(protocol === '15118-2' ? 'sha256' : 'sha512', input, 'buffer')
  for (const secret of [shared, input]) secret.fill(0)
  const iv = takeRandom(random, IV_BYTES[protocol])
  const encryptedPrivateKey =
    protocol === '15118-2'
      ? encryptCbc(derived.subarray(0, 16), iv, key.scalar)
      : encryptGcm(derived.subarray(0, 32), iv, key.scalar, options.additionalData ?? new Uint8Array(0))
  derived.fill(0)
  return { dhPublicKey: ephemeral.getPublicKey(), encryptedPrivateKey }
}

/**
 * What a -20 key is bound to ([V2G20-2497]): the PCID and the subject key identifier of the contract certificate as
 * upper-case hexadecimal. With the 8-octet identifiers of the -20 profiles that is 18 + 16 octets.
 */
export function additionalData20(pcid: string, subjectKeyIdentifier: Uint8Array): Uint8Array {
  const hex = Buffer.from(subjectKeyIdentifier).toString('hex').toUpperCase()
  return Buffer.from(pcid.toUpperCase() + hex, 'latin1')
}

/**
 * Whether a car with this key can be served. Ed448 and X448 are part of -20, but the size of its encrypted key field
 * contradicts the size of an Ed448 key; until the standard's text settles it, such a request is refused.
 */
export function transportCurveOf(
  curve: CurveName | undefined,
  protocol: Protocol,
): TransportCurve | undefined {
  const wanted = CURVE_OF[protocol]
  return curve === wanted ? wanted : undefined
}

function sharedSecret(curve: TransportCurve, ephemeral: ECDH, recipientPoint: Uint8Array): Uint8Array {
  try {
    return leftPadded(ephemeral.computeSecret(recipientPoint), TRANSPORT_CURVES[curve].fieldBytes)
  } catch (cause) {
    throw new ContractError('key-unusable', `The car's public key is not a point on ${curve}`, { cause })
  }
}

/** No padding: the scalar is exactly two blocks. */
function encryptCbc(key: Uint8Array, iv: Uint8Array, scalar: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false)
  return Buffer.concat([iv, cipher.update(scalar), cipher.final()])
}

function encryptGcm(
  key: Uint8Array,
  iv: Uint8Array,
  scalar: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 16 })
  cipher.setAAD(additionalData)
  return Buffer.concat([iv, cipher.update(scalar), cipher.final(), cipher.getAuthTag()])
}

function fromOctets(octets: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(octets).toString('hex')}`)
}

function toOctets(value: bigint, length: number): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex'))
}

function leftPadded(octets: Uint8Array, length: number): Uint8Array {
  const padded = new Uint8Array(length)
  padded.set(octets, length - octets.length)
  return padded
}
