import { createPrivateKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import {
  createSoftwareSigner,
  DEFAULT_SCRYPT,
  deriveKek,
  type KeyContext,
  type KeyEncryptionKey,
  PkiError,
  rewrapKey,
  type ScryptParameters,
  type Signer,
  unwrapKey,
  type WrappedKey,
  wrapKey,
} from '../../pki/index.ts'
import type { KeyBlobStore } from '../store/certificates.ts'
import { type KeyKind, type KeyStore, KeyUnavailable } from './ports.ts'

/** The blob that says how the key encryption key is derived, and that proves a passphrase to be the right one. */
const KEK_NAME = 'kek'
const KEY_PREFIX = 'key/'
const PROOF_CONTEXT: KeyContext = { keyId: KEK_NAME, authorityId: '', purpose: 'passphrase-proof' }

interface KekRecord {
  readonly id: string
  readonly salt: string
  readonly scrypt: ScryptParameters
  readonly proof: WrappedKey
}

/**
 * Private keys wrapped under a passphrase, in any store of blobs. Opening it takes the time of one scrypt; a wrong
 * passphrase is refused there, before anything is read or written. Keys are unwrapped once and kept as KeyObjects.
 */
export async function openWrappedKeys(
  blobs: KeyBlobStore,
  passphrase: string,
  scrypt: ScryptParameters = DEFAULT_SCRYPT,
): Promise<KeyStore> {
  checkPassphrase(passphrase)
  const kek = await openKek(blobs, passphrase, scrypt)
  const opened = new Map<string, KeyObject>()

  async function read(name: string): Promise<KeyObject | undefined> {
    const known = opened.get(name)
    if (known) return known
    const blob = await blobs.get(blobName(name))
    if (!blob) return undefined
    const pkcs8 = unwrapKey(parseBlob<WrappedKey>(blob), contextOf(name), kek)
    try {
      const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
      opened.set(name, key)
      return key
    } finally {
      pkcs8.fill(0)
    }
  }

  return {
    open: async (name) => {
      const key = await read(name)
      return key && createSoftwareSigner(key)
    },
    exportForTls: read,
    create: async (name, kind) => keep(name, await generate(kind)),
    adopt: keep,
  }

  async function keep(name: string, key: KeyObject): Promise<Signer> {
    if (await blobs.get(blobName(name)))
      throw new PkiError('argument-invalid', `There is a key ${name} already`)
    await expectCurrent(blobs, kek)
    const signer = createSoftwareSigner(key)
    const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
    try {
      const wrapped = wrapKey({ pkcs8, context: contextOf(name), kek, random: randomBytes(56) })
      await blobs.put(blobName(name), Buffer.from(JSON.stringify(wrapped)))
    } finally {
      pkcs8.fill(0)
    }
    opened.set(name, key)
    return signer
  }
}

/** A key wrapped under a passphrase that was changed meanwhile could never be opened again. */
async function expectCurrent(blobs: KeyBlobStore, kek: KeyEncryptionKey): Promise<void> {
  const blob = await blobs.get(KEK_NAME)
  if (!blob || parseBlob<KekRecord>(blob).id !== kek.id)
    throw new KeyUnavailable('The passphrase of the key store was changed: restart with the new one', 60_000)
}

/**
 * Puts every key under a new passphrase, all of them or none: only what wraps them changes, the keys stay. Other
 * processes that have the store open read on with what they know, and make no new keys.
 */
export async function rotatePassphrase(
  blobs: KeyBlobStore,
  passphrases: { readonly from: string; readonly to: string },
  scrypt: ScryptParameters = DEFAULT_SCRYPT,
): Promise<{ readonly keys: number }> {
  checkPassphrase(passphrases.to)
  if (!(await blobs.get(KEK_NAME)))
    throw new PkiError('argument-invalid', 'There is no key store yet: start the service once')
  const from = await openKek(blobs, passphrases.from, scrypt)
  const { kek: to, record } = await makeKek(passphrases.to, scrypt)
  const changed = new Map<string, Uint8Array>([[KEK_NAME, Buffer.from(JSON.stringify(record))]])
  for (const name of await blobs.names()) {
    const blob = name.startsWith(KEY_PREFIX) ? await blobs.get(name) : undefined
    if (!blob) continue
    const context = contextOf(name.slice(KEY_PREFIX.length))
    const wrapped = rewrapKey({
      wrapped: parseBlob<WrappedKey>(blob),
      context,
      from,
      to,
      random: randomBytes(12),
    })
    changed.set(name, Buffer.from(JSON.stringify(wrapped)))
  }
  await blobs.putAll(changed)
  return { keys: changed.size - 1 }
}

async function openKek(
  blobs: KeyBlobStore,
  passphrase: string,
  scrypt: ScryptParameters,
): Promise<KeyEncryptionKey> {
  const blob = await blobs.get(KEK_NAME)
  if (blob) {
    const record = parseBlob<KekRecord>(blob)
    const kek = {
      id: record.id,
      key: await deriveKek(passphrase, Buffer.from(record.salt, 'base64'), record.scrypt),
    }
    // Refuses a wrong passphrase here, with a message that says so, and not at the first key.
    unwrapKey(record.proof, PROOF_CONTEXT, kek)
    return kek
  }
  const { kek, record } = await makeKek(passphrase, scrypt)
  await blobs.put(KEK_NAME, Buffer.from(JSON.stringify(record)))
  return kek
}

async function makeKek(
  passphrase: string,
  scrypt: ScryptParameters,
): Promise<{ readonly kek: KeyEncryptionKey; readonly record: KekRecord }> {
  const salt = randomBytes(16)
  const kek = { id: `kek-${randomBytes(4).toString('hex')}`, key: await deriveKek(passphrase, salt, scrypt) }
  const proof = wrapKey({ pkcs8: randomBytes(32), context: PROOF_CONTEXT, kek, random: randomBytes(56) })
  return { kek, record: { id: kek.id, salt: salt.toString('base64'), scrypt, proof } }
}

function checkPassphrase(passphrase: string): void {
  if (passphrase.length < 12)
    throw new PkiError('wrap-refused', 'The passphrase of the key store needs at least 12 characters')
}

const generatePair = promisify(generateKeyPair)

async function generate(kind: KeyKind): Promise<KeyObject> {
  if (kind === 'rsa-3072') return (await generatePair('rsa', { modulusLength: 3072 })).privateKey
  return (await generatePair('ec', { namedCurve: kind })).privateKey
}

function blobName(name: string): string {
  return `${KEY_PREFIX}${name}`
}

function contextOf(name: string): KeyContext {
  const [purpose = '', authorityId = ''] = name.split('/')
  return { keyId: name, authorityId, purpose }
}

function parseBlob<T>(blob: Uint8Array): T {
  try {
    return JSON.parse(Buffer.from(blob).toString('utf8')) as T
  } catch (cause) {
    throw new PkiError('wrap-malformed', 'A key in the key store is damaged: restore it from a backup', {
      cause,
    })
  }
}
