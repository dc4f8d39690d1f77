import { constants, type VerifyKeyObjectInput, verify } from 'node:crypto'
import { constructed, type DerReader, readSingle, TAG } from './der.ts'
import { NULL, oid, sequence } from './der-write.ts'
import { PkiError } from './errors.ts'
import { OID } from './oids.ts'
import type { KeyKind, PublicKey } from './public-key.ts'

export type HashName = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512'
export type SignatureAlgorithmName =
  | 'ecdsa-with-SHA256'
  | 'ecdsa-with-SHA384'
  | 'ecdsa-with-SHA512'
  | 'sha256WithRSAEncryption'
  | 'sha384WithRSAEncryption'
  | 'sha512WithRSAEncryption'
  | 'Ed25519'
  | 'Ed448'

/** A signature algorithm we produce. `identifier` is its DER AlgorithmIdentifier. */
export interface SignatureAlgorithm {
  readonly name: SignatureAlgorithmName
  readonly oid: string
  readonly key: KeyKind
  /** Absent for EdDSA, which hashes inside. */
  readonly hash: HashName | undefined
  readonly identifier: Uint8Array
}

function define(
  name: SignatureAlgorithmName,
  id: string,
  key: KeyKind,
  hash: HashName | undefined,
): SignatureAlgorithm {
  // RFC 5758 and 8410: no parameters for ECDSA and EdDSA. RFC 4055: NULL for RSA.
  const identifier = key === 'rsa' ? sequence(oid(id), NULL) : sequence(oid(id))
  return { name, oid: id, key, hash, identifier }
}

export const SIGNATURE_ALGORITHMS: Readonly<Record<SignatureAlgorithmName, SignatureAlgorithm>> = {
  'ecdsa-with-SHA256': define('ecdsa-with-SHA256', '1.2.840.10045.4.3.2', 'ec', 'sha256'),
  'ecdsa-with-SHA384': define('ecdsa-with-SHA384', '1.2.840.10045.4.3.3', 'ec', 'sha384'),
  'ecdsa-with-SHA512': define('ecdsa-with-SHA512', '1.2.840.10045.4.3.4', 'ec', 'sha512'),
  sha256WithRSAEncryption: define('sha256WithRSAEncryption', '1.2.840.113549.1.1.11', 'rsa', 'sha256'),
  sha384WithRSAEncryption: define('sha384WithRSAEncryption', '1.2.840.113549.1.1.12', 'rsa', 'sha384'),
  sha512WithRSAEncryption: define('sha512WithRSAEncryption', '1.2.840.113549.1.1.13', 'rsa', 'sha512'),
  Ed25519: define('Ed25519', OID.ed25519, 'ed25519', undefined),
  Ed448: define('Ed448', OID.ed448, 'ed448', undefined),
}

const BY_OID = new Map(Object.values(SIGNATURE_ALGORITHMS).map((algorithm) => [algorithm.oid, algorithm]))

/** The algorithm a key of this kind signs with when nobody asks for another (ISO 15118 for P-256 and P-521). */
export function defaultAlgorithm(key: PublicKey): SignatureAlgorithm {
  if (key.kind === 'rsa') return SIGNATURE_ALGORITHMS.sha256WithRSAEncryption
  if (key.kind === 'ed25519') return SIGNATURE_ALGORITHMS.Ed25519
  if (key.kind === 'ed448') return SIGNATURE_ALGORITHMS.Ed448
  if (key.curve === 'P-384') return SIGNATURE_ALGORITHMS['ecdsa-with-SHA384']
  if (key.curve === 'P-521') return SIGNATURE_ALGORITHMS['ecdsa-with-SHA512']
  if (key.curve === 'P-256') return SIGNATURE_ALGORITHMS['ecdsa-with-SHA256']
  throw new PkiError('key-unsupported', `No signature algorithm is offered for ${key.curve ?? key.kind} keys`)
}

/** What `verify` needs to know about an AlgorithmIdentifier found in a signed object. */
interface Verification {
  readonly key: KeyKind
  readonly hash: HashName | undefined
  readonly pssSaltLength?: number
}

const HASHES: Readonly<Record<string, HashName>> = {
  [OID.sha256]: 'sha256',
  [OID.sha384]: 'sha384',
  [OID.sha512]: 'sha512',
}

const hashOfIdentifier = (reader: DerReader): HashName => {
  const hash = HASHES[reader.oid()]
  if (!reader.done) reader.value(TAG.null)
  reader.finish()
  if (hash === undefined)
    throw new PkiError('algorithm-unsupported', 'The RSA-PSS hash is not SHA-256, 384 or 512')
  return hash
}

/** RSASSA-PSS-params (RFC 4055 3.1). The defaults are SHA-1, so hash and mask function must be given. */
function readPss(parameters: DerReader): Verification {
  const fields = parameters.enter(TAG.sequence)
  const hashField = fields.enter(constructed(0))
  const hash = hashOfIdentifier(hashField.enter(TAG.sequence))
  const mask = fields.enter(constructed(1)).enter(TAG.sequence)
  const same = mask.oid() === OID.mgf1 && hashOfIdentifier(mask.enter(TAG.sequence)) === hash
  if (!same)
    throw new PkiError('algorithm-unsupported', 'The RSA-PSS mask function must be MGF1 with the same hash')
  const saltField = fields.enterOptional(constructed(2))
  const pssSaltLength = saltField === undefined ? 20 : saltField.smallInteger()
  if (pssSaltLength > 128)
    throw new PkiError('algorithm-unsupported', 'The RSA-PSS salt is longer than 128 octets')
  fields.finish()
  return { key: 'rsa', hash, pssSaltLength }
}

function readIdentifier(identifier: Uint8Array): Verification {
  const reader = readSingle(identifier, TAG.sequence)
  const id = reader.oid()
  if (id === OID.rsaPss) return readPss(reader)
  const known = BY_OID.get(id)
  if (known === undefined)
    throw new PkiError('algorithm-unsupported', `Signature algorithm ${id} is not accepted`)
  if (known.key === 'rsa' && !reader.done) reader.value(TAG.null)
  reader.finish()
  return known
}

/** Identifiers seen before. Bounded, because the key is foreign data. */
const seen = new Map<string, Verification>()
const MAX_SEEN = 64

function verificationFor(identifier: Uint8Array): Verification {
  if (identifier.length > 128)
    throw new PkiError('algorithm-unsupported', 'The signature algorithm is not accepted')
  const cacheKey = Buffer.from(identifier.buffer, identifier.byteOffset, identifier.byteLength).toString(
    'latin1',
  )
  const cached = seen.get(cacheKey)
  if (cached !== undefined) return cached
  const read = readIdentifier(identifier)
  if (seen.size < MAX_SEEN) seen.set(cacheKey, read)
  return read
}

/** Name of the algorithm behind a DER AlgorithmIdentifier, if it is one we also produce. */
export function algorithmName(identifier: Uint8Array): SignatureAlgorithmName | undefined {
  return BY_OID.get(readSingle(identifier, TAG.sequence).oid())?.name
}

/**
 * Verifies an X.509-style signature (ECDSA in DER form). Weak or unknown algorithms throw
 * `algorithm-unsupported`, a key of the wrong kind or a wrong signature is `false`.
 */
export function verifySignature(options: {
  readonly identifier: Uint8Array
  readonly key: PublicKey
  readonly data: Uint8Array
  readonly signature: Uint8Array
}): boolean {
  const { key, data, signature } = options
  const how = verificationFor(options.identifier)
  if (how.key !== key.kind) return false
  if (key.kind === 'rsa' && key.algorithmOid === OID.rsaPss && how.pssSaltLength === undefined) return false
  const input: VerifyKeyObjectInput = { key: key.import() }
  if (how.key === 'ec') input.dsaEncoding = 'der'
  if (how.pssSaltLength !== undefined) {
    input.padding = constants.RSA_PKCS1_PSS_PADDING
    input.saltLength = how.pssSaltLength
  }
  try {
    return verify(how.hash, data, input, signature)
  } catch {
    // OpenSSL throws instead of answering for some malformed signatures; a signature that cannot be checked is wrong.
    return false
  }
}
