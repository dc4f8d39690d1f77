import { createPublicKey, sign as cryptoSign, type KeyObject } from 'node:crypto'
import {
  defaultAlgorithm,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  type SignatureAlgorithmName,
} from './algorithms.ts'
import { readSingle, TAG } from './der.ts'
import { sequence, unsignedInteger } from './der-write.ts'
import { PkiError } from './errors.ts'
import { isStrongEnough, PublicKey } from './public-key.ts'

/**
 * Something that can sign: a key in memory, a PKCS#11 token, an external command. `sign` gets the whole data to be
 * signed and returns the value that goes into an X.509 signature BIT STRING, so ECDSA in DER form (not r||s).
 * An implementation that may stall sets its own deadline and rejects.
 */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  /** DER SubjectPublicKeyInfo. */
  readonly publicKeySpki: Uint8Array
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** A signer that answers at once: what the issuance and OCSP hot paths are measured with. */
export interface SyncSigner extends Signer {
  sign(data: Uint8Array): Uint8Array
}

interface Prepared {
  readonly algorithm: SignatureAlgorithm
  readonly publicKeySpki: Uint8Array
}

function prepare(privateKey: KeyObject, algorithmName: SignatureAlgorithmName | undefined): Prepared {
  if (privateKey.type !== 'private') throw new PkiError('key-mismatch', 'A signer needs the private key')
  const publicKey = PublicKey.fromKeyObject(createPublicKey(privateKey))
  const algorithm =
    algorithmName === undefined ? defaultAlgorithm(publicKey) : SIGNATURE_ALGORITHMS[algorithmName]
  if (algorithm.key !== publicKey.kind) {
    throw new PkiError('key-mismatch', `A ${publicKey.kind} key cannot sign with ${algorithm.name}`)
  }
  if (!isStrongEnough(publicKey)) throw new PkiError('key-weak', 'RSA signing keys need at least 2048 bits')
  return { algorithm, publicKeySpki: publicKey.spki }
}

/**
 * Signs with a private key held by node, imported once: importing per call costs twenty times the signature.
 * P-256 signs with SHA-256, P-384 with SHA-384, P-521 with SHA-512, RSA (2048 bits and more) with SHA-256.
 */
export function createSoftwareSigner(
  privateKey: KeyObject,
  algorithmName?: SignatureAlgorithmName,
): SyncSigner {
  const prepared = prepare(privateKey, algorithmName)
  const hash = prepared.algorithm.hash
  return { ...prepared, sign: (data) => cryptoSign(hash, data, privateKey) }
}

/**
 * The same on node's thread pool. For P-521 and RSA, whose signatures would hold the event loop for one millisecond
 * and more each; P-256 is faster without.
 */
export function createPooledSigner(privateKey: KeyObject, algorithmName?: SignatureAlgorithmName): Signer {
  const prepared = prepare(privateKey, algorithmName)
  const hash = prepared.algorithm.hash
  const sign = (data: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      cryptoSign(hash, data, privateKey, (error, signature) =>
        error === null ? resolve(signature) : reject(error),
      )
    })
  return { ...prepared, sign }
}

/** ECDSA signature in DER from the raw r||s that PKCS#11 tokens and ISO 15118 messages use. */
export function signatureFromRaw(raw: Uint8Array): Uint8Array {
  if (raw.length === 0 || raw.length % 2 !== 0 || raw.length > 132) {
    throw new PkiError(
      'argument-invalid',
      'A raw ECDSA signature is r and s of equal length, 132 octets at most',
    )
  }
  const half = raw.length / 2
  return sequence(unsignedInteger(raw.subarray(0, half)), unsignedInteger(raw.subarray(half)))
}

/** Raw r||s, each left-padded to `size` octets (32 for P-256, 66 for P-521), from an ECDSA signature in DER. */
export function signatureToRaw(der: Uint8Array, size: number): Uint8Array {
  const reader = readSingle(der, TAG.sequence)
  const raw = new Uint8Array(2 * size)
  for (const end of [size, 2 * size]) {
    const integer = reader.integer()
    const magnitude = integer[0] === 0 ? integer.subarray(1) : integer
    if ((integer[0] ?? 0) >= 0x80 || magnitude.length > size) {
      throw new PkiError('argument-invalid', `The signature does not fit ${size} octets per number`)
    }
    raw.set(magnitude, end - magnitude.length)
  }
  reader.finish()
  return raw
}

export const isPromise = <T>(value: T | Promise<T>): value is Promise<T> => value instanceof Promise
