import { createPublicKey, type KeyObject } from 'node:crypto'
import { readSingle, TAG } from './der.ts'
import { PkiError } from './errors.ts'
import { OID } from './oids.ts'

export type KeyKind = 'ec' | 'rsa' | 'ed25519' | 'ed448' | 'dsa' | 'other'
export type CurveName =
  | 'P-224'
  | 'P-256'
  | 'P-384'
  | 'P-521'
  | 'secp256k1'
  | 'brainpoolP256r1'
  | 'brainpoolP384r1'
  | 'brainpoolP512r1'

interface Curve {
  readonly name: CurveName
  readonly bits: number
  /** Curves that node imports from a JWK, which is twice as fast as from SPKI. */
  readonly jwk?: string
}

const CURVES: Readonly<Record<string, Curve>> = {
  '1.3.132.0.33': { name: 'P-224', bits: 224 },
  '1.2.840.10045.3.1.7': { name: 'P-256', bits: 256, jwk: 'P-256' },
  '1.3.132.0.34': { name: 'P-384', bits: 384, jwk: 'P-384' },
  '1.3.132.0.35': { name: 'P-521', bits: 521, jwk: 'P-521' },
  '1.3.132.0.10': { name: 'secp256k1', bits: 256 },
  '1.3.36.3.3.2.8.1.1.7': { name: 'brainpoolP256r1', bits: 256 },
  '1.3.36.3.3.2.8.1.1.11': { name: 'brainpoolP384r1', bits: 384 },
  '1.3.36.3.3.2.8.1.1.13': { name: 'brainpoolP512r1', bits: 512 },
}

/** Larger RSA keys exist only to make verifiers slow. */
const MAX_RSA_BITS = 8192
const MAX_RSA_EXPONENT_BITS = 64

const UNUSUAL: Readonly<Record<string, KeyKind>> = {
  [OID.ed25519]: 'ed25519',
  [OID.ed448]: 'ed448',
  [OID.dsa]: 'dsa',
}

/**
 * Keys imported last: on its way from request to certificate the same key is read three times, and importing it costs
 * as much as verifying a signature with it.
 */
const recent = new Map<string, KeyObject>()
const MAX_RECENT = 256

function remember(spki: string, key: KeyObject): void {
  const [oldest] = recent.keys()
  if (recent.size >= MAX_RECENT && oldest !== undefined) recent.delete(oldest)
  recent.set(spki, key)
}

/**
 * A SubjectPublicKeyInfo, read without importing it. EC keys must name their curve: explicit parameters let an
 * attacker choose the generator (CVE-2020-0601), and node's ECDH accepts odd cofactors.
 */
export class PublicKey {
  readonly spki: Uint8Array
  readonly kind: KeyKind
  readonly curve: CurveName | undefined
  /** Curve size or RSA modulus size in bits. */
  readonly bits: number
  /** The BIT STRING's octets: what key identifiers and OCSP key hashes are computed over. */
  readonly keyBits: Uint8Array
  readonly algorithmOid: string
  readonly #jwkCurve: string | undefined
  #key: KeyObject | undefined
  #isProven = false

  private constructor(spki: Uint8Array) {
    const info = readSingle(spki, TAG.sequence)
    const algorithm = info.enter(TAG.sequence)
    this.spki = spki
    this.algorithmOid = algorithm.oid()
    this.keyBits = info.octetAlignedBits()
    info.finish()
    let curve: Curve | undefined
    let kind: KeyKind = UNUSUAL[this.algorithmOid] ?? 'other'
    let bits = kind === 'ed25519' ? 256 : kind === 'ed448' ? 456 : 0
    if (this.algorithmOid === OID.ecPublicKey) {
      if (algorithm.peek() !== TAG.oid)
        throw new PkiError('key-unsupported', 'The EC key does not name its curve; use a named curve')
      curve = CURVES[algorithm.oid()]
      algorithm.finish()
      if (curve === undefined)
        throw new PkiError('key-unsupported', 'The EC key is on a curve that is not supported')
      kind = 'ec'
      bits = curve.bits
    } else if (this.algorithmOid === OID.rsaEncryption || this.algorithmOid === OID.rsaPss) {
      kind = 'rsa'
      bits = readRsaBits(this.keyBits)
    }
    this.kind = kind
    this.bits = bits
    this.curve = curve?.name
    this.#jwkCurve = curve?.jwk
  }

  /** Reads a DER SubjectPublicKeyInfo. The point or modulus itself is checked by `import()`. */
  static parse(spki: Uint8Array): PublicKey {
    try {
      return new PublicKey(spki)
    } catch (cause) {
      if (cause instanceof PkiError && cause.code !== 'der-malformed') throw cause
      throw new PkiError('key-malformed', 'The public key is not a readable SubjectPublicKeyInfo', { cause })
    }
  }

  /**
   * A key whose point was just computed from its private scalar: it is on its curve by construction, and issuing a
   * certificate for it need not import it to find out. Never for keys that came from outside.
   */
  static fromOwnScalar(spki: Uint8Array): PublicKey {
    const parsed = PublicKey.parse(spki)
    parsed.#isProven = true
    return parsed
  }

  /** Whether the point or modulus is known to be valid without importing it (again). */
  get isProven(): boolean {
    return this.#isProven || this.#key !== undefined
  }

  static fromKeyObject(key: KeyObject): PublicKey {
    const publicKey = key.type === 'private' ? createPublicKey(key) : key
    const parsed = PublicKey.parse(publicKey.export({ type: 'spki', format: 'der' }))
    parsed.#key = publicKey
    return parsed
  }

  /** RFC 5480 2.2 asks every reader for the uncompressed form; the other is optional, and not read by cars. */
  get isUncompressed(): boolean {
    return this.kind !== 'ec' || this.keyBits[0] === 4
  }

  /** The key for node:crypto, imported once. Fails when the point is not on its curve. */
  import(): KeyObject {
    if (this.#key !== undefined) return this.#key
    const { buffer, byteOffset, byteLength } = this.spki
    const text = Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
    const known = recent.get(text)
    this.#key = known ?? this.#importAnew()
    if (known === undefined) remember(text, this.#key)
    return this.#key
  }

  #importAnew(): KeyObject {
    try {
      return (
        this.#importJwk() ?? createPublicKey({ key: Buffer.from(this.spki), format: 'der', type: 'spki' })
      )
    } catch (cause) {
      throw new PkiError('key-malformed', 'The public key is not valid: its point or modulus was refused', {
        cause,
      })
    }
  }

  #importJwk(): KeyObject | undefined {
    const crv = this.#jwkCurve
    const point = this.keyBits
    if (crv === undefined || point[0] !== 4) return undefined
    const size = (this.bits + 7) >> 3
    if (point.length !== 1 + 2 * size)
      throw new PkiError('key-malformed', 'The EC point has the wrong length')
    const encoded = Buffer.from(point.buffer, point.byteOffset, point.byteLength)
    const x = encoded.toString('base64url', 1, 1 + size)
    const y = encoded.toString('base64url', 1 + size)
    return createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' })
  }
}

function bitLength(integer: Uint8Array): number {
  const first = integer.findIndex((byte) => byte !== 0)
  return first < 0 ? 0 : (integer.length - first) * 8 - Math.clz32(integer[first] ?? 0) + 24
}

function readRsaBits(keyBits: Uint8Array): number {
  const key = readSingle(keyBits, TAG.sequence)
  const modulus = key.integer()
  const exponent = key.integer()
  key.finish()
  const bits = bitLength(modulus)
  const odd = ((exponent.at(-1) ?? 0) & 1) === 1
  if ((modulus[0] ?? 0) >= 0x80 || bits > MAX_RSA_BITS)
    throw new PkiError('key-unsupported', `RSA moduli of more than ${MAX_RSA_BITS} bits are refused`)
  if (
    (exponent[0] ?? 0) >= 0x80 ||
    !odd ||
    bitLength(exponent) > MAX_RSA_EXPONENT_BITS ||
    bitLength(exponent) < 2
  ) {
    throw new PkiError('key-unsupported', 'The RSA public exponent is refused')
  }
  return bits
}

/** OCPP A00.FR.502/503: RSA of at least 2048 bits, elliptic curves of at least 224. */
export function isStrongEnough(key: PublicKey): boolean {
  if (key.kind === 'rsa') return key.bits >= 2048
  return (key.kind === 'ec' && key.bits >= 224) || key.kind === 'ed25519' || key.kind === 'ed448'
}
