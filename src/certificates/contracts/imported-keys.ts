import { hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import {
  importPrivateKey,
  type KeyContext,
  type KeyEncryptionKey,
  unwrapKey,
  type WrappedKey,
  wrapKey,
} from '../../../pki/index.ts'
import { type KeyStore, openOrCreate } from '../../keys/ports.ts'

const KEY_NAME = 'contracts/wrapping'
const INFO = 'gridkeep: private keys of imported contracts'

/**
 * Private keys of imported contracts while they wait for their car: encrypted under a key that follows from one in
 * the key store, bound to the contract. Each is opened once, sealed for the car, and its ciphertext deleted.
 */
export class ImportedKeys {
  readonly #keys: KeyStore
  #kek: Promise<KeyEncryptionKey> | undefined

  constructor(keys: KeyStore) {
    this.#keys = keys
  }

  async wrap(contractId: string, privateKey: KeyObject): Promise<string> {
    const kek = await this.#encryptionKey()
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
    try {
      return JSON.stringify(wrapKey({ pkcs8, context: contextOf(contractId), kek, random: randomBytes(56) }))
    } finally {
      pkcs8.fill(0)
    }
  }

  async unwrap(contractId: string, wrapped: string): Promise<KeyObject> {
    const kek = await this.#encryptionKey()
    // Written by `wrap`; anything else fails the authentication of the cipher.
    const pkcs8 = unwrapKey(JSON.parse(wrapped) as WrappedKey, contextOf(contractId), kek)
    try {
      return importPrivateKey(pkcs8)
    } finally {
      pkcs8.fill(0)
    }
  }

  #encryptionKey(): Promise<KeyEncryptionKey> {
    this.#kek ??= this.#derive().catch((error: unknown) => {
      this.#kek = undefined
      throw error
    })
    return this.#kek
  }

  async #derive(): Promise<KeyEncryptionKey> {
    await openOrCreate(this.#keys, KEY_NAME, 'P-256')
    const key = await this.#keys.exportForTls(KEY_NAME)
    if (!key)
      throw new Error(
        'The key store does not give keys out, and imported contract keys have to be sent to cars: use the built-in key store for them',
      )
    const secret = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url')
    if (secret.length === 0) throw new Error(`The key ${KEY_NAME} is not an elliptic-curve key`)
    const derived = new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), INFO, 32))
    secret.fill(0)
    return { id: KEY_NAME, key: derived }
  }
}

function contextOf(contractId: string): KeyContext {
  return { keyId: contractId, authorityId: '', purpose: 'contract' }
}
