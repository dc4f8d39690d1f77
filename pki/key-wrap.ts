import { createCipheriv, createDecipheriv, scrypt, scryptSync } from 'node:crypto'
import { PkiError } from './errors.ts'

/**
 * Keys at rest. Every private key is encrypted with its own data key (DEK), the DEK with a key made from the
 * operator's passphrase (KEK). Both use AES-256-GCM with the key's identity as associated data, so a blob cannot be
 * moved to another key's place. Changing the passphrase re-wraps the DEKs and leaves the encrypted keys alone.
 */
export interface KeyContext {
  readonly keyId: string
  readonly authorityId: string
  readonly purpose: string
}

export interface ScryptParameters {
  /** CPU and memory cost, a power of two. */
  readonly cost: number
  readonly blockSize: number
  readonly parallelization: number
}

/** About 0.3 s and 128 MiB once per start: what an offline guesser pays per passphrase. */
export const DEFAULT_SCRYPT: ScryptParameters = { cost: 2 ** 17, blockSize: 8, parallelization: 1 }
/** A stored file must not be able to ask for more than 1 GiB. */
const MAX_SCRYPT_MEMORY_BYTES = 1024 * 1024 * 1024
const MIN_SCRYPT_COST = 2 ** 14

export interface WrappedKey {
  readonly version: 1
  readonly context: KeyContext
  /** Which KEK wraps the DEK; changes when the KEK is rotated. */
  readonly kekId: string
  /** 12 octets nonce, ciphertext, 16 octets tag; base64. */
  readonly wrappedDek: string
  readonly encryptedKey: string
}

export interface KeyEncryptionKey {
  readonly id: string
  /** 32 octets; wipe with `fill(0)` when done. */
  readonly key: Uint8Array
}

const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const MAX_PRIVATE_KEY_BYTES = 64 * 1024

function checkScrypt(salt: Uint8Array, parameters: ScryptParameters): void {
  const { cost, blockSize, parallelization } = parameters
  const integers = [cost, blockSize, parallelization].every(
    (value) => Number.isSafeInteger(value) && value > 0,
  )
  const powerOfTwo = integers && Number.isInteger(Math.log2(cost))
  if (
    !powerOfTwo ||
    cost < MIN_SCRYPT_COST ||
    blockSize < 8 ||
    parallelization > 16 ||
    128 * cost * blockSize > MAX_SCRYPT_MEMORY_BYTES
  ) {
    throw new PkiError('wrap-refused', 'The scrypt parameters are outside what is accepted; use the defaults')
  }
  if (salt.length < 16 || salt.length > 64)
    throw new PkiError('wrap-refused', 'The scrypt salt must have 16 to 64 octets')
}

const scryptOptions = ({ cost, blockSize, parallelization }: ScryptParameters) => ({
  N: cost,
  r: blockSize,
  p: parallelization,
  maxmem: 128 * cost * blockSize + 1024 * 1024,
})

/** KEK from a passphrase, blocking for about 0.3 s. The salt (16 octets or more) is stored beside the keys. */
export function deriveKekSync(
  passphrase: string | Uint8Array,
  salt: Uint8Array,
  parameters = DEFAULT_SCRYPT,
): Uint8Array {
  checkScrypt(salt, parameters)
  return scryptSync(passphrase, salt, KEY_BYTES, scryptOptions(parameters))
}

/** The same on node's thread pool, for a service that is already answering. */
export function deriveKek(
  passphrase: string | Uint8Array,
  salt: Uint8Array,
  parameters = DEFAULT_SCRYPT,
): Promise<Uint8Array> {
  checkScrypt(salt, parameters)
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, KEY_BYTES, scryptOptions(parameters), (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}

/** Unambiguous octets of what a blob is for: a list of JSON strings cannot be split in two ways. */
const associated = (role: 'dek' | 'key', context: KeyContext, kekId: string): Uint8Array =>
  Buffer.from(
    JSON.stringify(['gridkeep-key', 1, role, context.keyId, context.authorityId, context.purpose, kekId]),
  )

function seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): string {
  if (nonce.length !== NONCE_BYTES)
    throw new PkiError('randomness-short', 'A nonce needs 12 fresh random octets')
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(aad)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

function open(key: Uint8Array, aad: Uint8Array, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, 'base64')
  if (
    bytes.length < NONCE_BYTES + TAG_BYTES ||
    bytes.length > MAX_PRIVATE_KEY_BYTES ||
    bytes.toString('base64') !== sealed
  ) {
    throw new PkiError('wrap-malformed', 'The encrypted key is damaged; restore it from a backup')
  }
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(aad)
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
  } catch {
    // The cause is left out on purpose: nothing about the key may reach a log.
    throw new PkiError(
      'wrap-refused',
      'The key cannot be decrypted: wrong passphrase, wrong place, or changed on disk',
    )
  }
}

function checkKek(kek: KeyEncryptionKey): void {
  if (kek.key.length !== KEY_BYTES)
    throw new PkiError('argument-invalid', 'A key encryption key has 32 octets')
}

/**
 * Encrypts a private key (PKCS#8 DER). `random` must be 56 fresh octets: the DEK (32) and two nonces.
 * The caller wipes `pkcs8` afterwards; the DEK is wiped here.
 */
export function wrapKey(options: {
  readonly pkcs8: Uint8Array
  readonly context: KeyContext
  readonly kek: KeyEncryptionKey
  readonly random: Uint8Array
}): WrappedKey {
  const { pkcs8, context, kek, random } = options
  checkKek(kek)
  if (random.length !== KEY_BYTES + 2 * NONCE_BYTES)
    throw new PkiError('randomness-short', 'Wrapping a key needs 56 fresh random octets')
  if (pkcs8.length > MAX_PRIVATE_KEY_BYTES / 2)
    throw new PkiError('argument-invalid', 'The private key is larger than 32 KiB')
  const dek = Uint8Array.from(random.subarray(0, KEY_BYTES))
  const [dekNonce, keyNonce] = [
    random.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES),
    random.subarray(KEY_BYTES + NONCE_BYTES),
  ]
  try {
    return {
      version: 1,
      context,
      kekId: kek.id,
      wrappedDek: seal(kek.key, dekNonce, associated('dek', context, kek.id), dek),
      encryptedKey: seal(dek, keyNonce, associated('key', context, ''), pkcs8),
    }
  } finally {
    dek.fill(0)
  }
}

function openDek(wrapped: WrappedKey, context: KeyContext, kek: KeyEncryptionKey): Buffer {
  checkKek(kek)
  if (wrapped.version !== 1)
    throw new PkiError('wrap-malformed', 'The key file is of a version that is not known here')
  if (wrapped.kekId !== kek.id) {
    throw new PkiError(
      'wrap-refused',
      `The key is wrapped by "${wrapped.kekId}", not by "${kek.id}"; use the passphrase of that time or rotate`,
    )
  }
  const dek = open(kek.key, associated('dek', context, kek.id), wrapped.wrappedDek)
  if (dek.length !== KEY_BYTES)
    throw new PkiError('wrap-malformed', 'The encrypted key is damaged; restore it from a backup')
  return dek
}

/**
 * PKCS#8 DER of a wrapped key. `context` is what the caller expects to find, never what the file says about itself.
 * The caller imports the key and wipes the result with `fill(0)`.
 */
export function unwrapKey(wrapped: WrappedKey, context: KeyContext, kek: KeyEncryptionKey): Buffer {
  const dek = openDek(wrapped, context, kek)
  try {
    return open(dek, associated('key', context, ''), wrapped.encryptedKey)
  } finally {
    dek.fill(0)
  }
}

/** Moves a key under a new KEK. The private key itself is not decrypted. `random`: 12 fresh octets. */
export function rewrapKey(options: {
  readonly wrapped: WrappedKey
  readonly context: KeyContext
  readonly from: KeyEncryptionKey
  readonly to: KeyEncryptionKey
  readonly random: Uint8Array
}): WrappedKey {
  const { wrapped, context, from, to, random } = options
  checkKek(to)
  const dek = openDek(wrapped, context, from)
  try {
    const wrappedDek = seal(to.key, random, associated('dek', context, to.id), dek)
    return { ...wrapped, context, kekId: to.id, wrappedDek }
  } finally {
    dek.fill(0)
  }
}
