import { createPrivateKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import {
  createSoftwareSigner,
  DEFAULT_SCRYPT,
  deriveKek,
  type KeyContext,
  type KeyEncryptionKey,
  PkiError,
  type ScryptParameters,
  type Signer,
  unwrapKey,
  type WrappedKey,
  wrapKey,
} from '../../pki/index.ts'
import type { KeyBlobStore } from '../store/certificates.ts'
import type { KeyKind, KeyStore } from './ports.ts'

/** The blob that says how the key encryption key is derived, and that proves a passphrase to be the right one. */
const KEK_NAME = 'kek'
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
  if (passphrase.length < 12)
    throw new PkiError('wrap-refused', 'The passphrase of the key store needs at least 12 characters')
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
    create: async (name, kind): Promise<Signer> => {
      if (await blobs.get(blobName(name)))
        throw new PkiError('argument-invalid', `There is a key ${name} already`)
      const key = await generate(kind)
      const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
      try {
        const wrapped = wrapKey({ pkcs8, context: contextOf(name), kek, random: randomBytes(56) })
        await blobs.put(blobName(name), Buffer.from(JSON.stringify(wrapped)))
      } finally {
        pkcs8.fill(0)
      }
      opened.set(name, key)
      return createSoftwareSigner(key)
    },
  }
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
  const salt = randomBytes(16)
  const kek = { id: `kek-${randomBytes(4).toString('hex')}`, key: await deriveKek(passphrase, salt, scrypt) }
  const proof = wrapKey({ pkcs8: randomBytes(32), context: PROOF_CONTEXT, kek, random: randomBytes(56) })
  const record: KekRecord = { id: kek.id, salt: salt.toString('base64'), scrypt, proof }
  await blobs.put(KEK_NAME, Buffer.from(JSON.stringify(record)))
  return kek
}

const generatePair = promisify(generateKeyPair)

async function generate(kind: KeyKind): Promise<KeyObject> {
  if (kind === 'rsa-3072') return (await generatePair('rsa', { modulusLength: 3072 })).privateKey
  return (await generatePair('ec', { namedCurve: kind })).privateKey
}

function blobName(name: string): string {
  return `key/${name}`
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
