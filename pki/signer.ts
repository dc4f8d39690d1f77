import { createPublicKey, sign as cryptoSign, type KeyObject } from 'node:crypto'
import {
  defaultAlgorithm,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  type SignatureAlgorithmName,
} from './algorithms.ts'
import { PkiError } from './errors.ts'
import { PublicKey } from './public-key.ts'

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

/**
 * Signs with a private key held by node, imported once: importing per call costs twenty times the signature.
 * P-256 signs with SHA-256, P-384 with SHA-384, P-521 with SHA-512, RSA (2048 bits and more) with SHA-256.
 */
export function createSoftwareSigner(
  privateKey: KeyObject,
  algorithmName?: SignatureAlgorithmName,
): SyncSigner {
  if (privateKey.type !== 'private') throw new PkiError('key-mismatch', 'A signer needs the private key')
  const publicKey = PublicKey.fromKeyObject(createPublicKey(privateKey))
  const algorithm =
    algorithmName === undefined ? defaultAlgorithm(publicKey) : SIGNATURE_ALGORITHMS[algorithmName]
  if (algorithm.key !== publicKey.kind) {
    throw new PkiError('key-mismatch', `A ${publicKey.kind} key cannot sign with ${algorithm.name}`)
  }
  if (publicKey.kind === 'rsa' && publicKey.bits < 2048)
    throw new PkiError('key-weak', 'RSA signing keys need at least 2048 bits')
  const hash = algorithm.hash
  return {
    algorithm,
    publicKeySpki: publicKey.spki,
    sign: (data) => cryptoSign(hash, data, privateKey),
  }
}

export const isPromise = <T>(value: T | Promise<T>): value is Promise<T> => value instanceof Promise
