import { createDecipheriv, createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { definiteLengths } from './ber.ts'
import { constructed, type DerReader, primitive, readSingle, TAG } from './der.ts'
import { PkiError, wrapMalformed } from './errors.ts'
import { OID } from './oids.ts'

const P12 = {
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  nested: '1.2.840.113549.1.12.10.1.6',
  x509: '1.2.840.113549.1.9.22.1',
  pbeSha1TripleDes: '1.2.840.113549.1.12.1.3',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
} as const

const MAX_BYTES = 1024 * 1024
/** Operators import their own files; still, a file must not stall the process for minutes. */
const MAX_ITERATIONS = 1_000_000
const MAX_BAGS = 64

const DIGESTS: Readonly<
  Record<string, { readonly name: string; readonly bytes: number; readonly block: number }>
> = {
  [OID.sha1]: { name: 'sha1', bytes: 20, block: 64 },
  [OID.sha256]: { name: 'sha256', bytes: 32, block: 64 },
  [OID.sha384]: { name: 'sha384', bytes: 48, block: 128 },
  [OID.sha512]: { name: 'sha512', bytes: 64, block: 128 },
}
const PRFS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}
const CIPHERS: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
}

const unsupported = (what: string): PkiError =>
  new PkiError(
    'algorithm-unsupported',
    `The PKCS#12 file uses ${what}; export it again with AES and SHA-256 (openssl pkcs12 -export)`,
  )

function iterations(reader: DerReader): number {
  const count = reader.smallInteger()
  if (count < 1 || count > MAX_ITERATIONS) throw unsupported(`${count} iterations`)
  return count
}

const bmpPassword = (passphrase: string): Buffer => Buffer.from(`${passphrase}\0`, 'utf16le').swap16()

function repeat(bytes: Uint8Array, length: number): Buffer {
  const out = Buffer.alloc(length)
  if (bytes.length > 0) for (let at = 0; at < length; at++) out[at] = bytes[at % bytes.length] ?? 0
  return out
}

type Digest = { readonly name: string; readonly bytes: number; readonly block: number }

/** The key derivation of RFC 7292 appendix B.2. */
function deriveBytes(
  digest: Digest,
  id: 1 | 2 | 3,
  passphrase: string,
  salt: Uint8Array,
  count: number,
  length: number,
): Buffer {
  const v = digest.block
  const password = bmpPassword(passphrase)
  const blocks = (bytes: Uint8Array): Buffer => repeat(bytes, v * Math.ceil(bytes.length / v))
  const state = Buffer.concat([blocks(salt), blocks(password)])
  const diversifier = Buffer.alloc(v, id)
  const out: Buffer[] = []
  for (let made = 0; made < length; made += digest.bytes) {
    let hash = createHash(digest.name).update(diversifier).update(state).digest()
    for (let round = 1; round < count; round++) hash = createHash(digest.name).update(hash).digest()
    out.push(hash)
    const addend = repeat(hash, v)
    for (let block = 0; block < state.length; block += v) {
      let carry = 1
      for (let at = v - 1; at >= 0; at--) {
        carry += (state[block + at] ?? 0) + (addend[at] ?? 0)
        state[block + at] = carry & 0xff
        carry >>= 8
      }
    }
  }
  return Buffer.concat(out).subarray(0, length)
}

function pbes2Key(
  parameters: DerReader,
  passphrase: string,
): { cipher: string; key: Buffer; iv: Uint8Array } {
  const kdf = parameters.enter(TAG.sequence)
  const encryption = parameters.enter(TAG.sequence)
  const cipher = CIPHERS[encryption.oid()]
  if (kdf.oid() !== P12.pbkdf2 || cipher === undefined) throw unsupported('an unusual cipher')
  const iv = encryption.value(TAG.octetString)
  const fields = kdf.enter(TAG.sequence)
  const salt = fields.value(TAG.octetString)
  const count = iterations(fields)
  if (fields.peek() === TAG.integer) fields.smallInteger()
  const prf = fields.done ? 'sha1' : PRFS[fields.enter(TAG.sequence).oid()]
  if (prf === undefined) throw unsupported('an unusual key derivation')
  return { cipher: cipher.name, key: pbkdf2Sync(passphrase, salt, count, cipher.keyBytes, prf), iv }
}

function decrypt(algorithm: DerReader, sealed: Uint8Array, passphrase: string): Uint8Array {
  const id = algorithm.oid()
  const parameters = algorithm.enter(TAG.sequence)
  let how: { cipher: string; key: Buffer; iv: Uint8Array }
  if (id === P12.pbes2) how = pbes2Key(parameters, passphrase)
  else if (id === P12.pbeSha1TripleDes) {
    const salt = parameters.value(TAG.octetString)
    const count = iterations(parameters)
    const digest = { name: 'sha1', bytes: 20, block: 64 }
    const derive = (purpose: 1 | 2, length: number): Buffer =>
      deriveBytes(digest, purpose, passphrase, salt, count, length)
    how = { cipher: 'des-ede3-cbc', key: derive(1, 24), iv: derive(2, 8) }
  } else throw unsupported(`encryption ${id}`)
  try {
    const decipher = createDecipheriv(how.cipher, how.key, how.iv)
    return Buffer.concat([decipher.update(sealed), decipher.final()])
  } catch {
    throw new PkiError('wrap-refused', 'The PKCS#12 file cannot be decrypted: wrong passphrase, or damaged')
  }
}

function checkMac(mac: DerReader, content: Uint8Array, passphrase: string): void {
  const info = mac.enter(TAG.sequence)
  const digest = DIGESTS[info.enter(TAG.sequence).oid()]
  const expected = info.value(TAG.octetString)
  const salt = mac.value(TAG.octetString)
  const count = mac.done ? 1 : iterations(mac)
  if (digest === undefined) throw unsupported('an unusual digest')
  const key = deriveBytes(digest, 3, passphrase, salt, count, digest.bytes)
  const actual = createHmac(digest.name, key).update(content).digest()
  if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) {
    throw new PkiError('wrap-refused', 'The PKCS#12 file does not open: wrong passphrase, or changed')
  }
}

export interface Pkcs12Contents {
  /** PKCS#8 DER of each private key; the caller wipes them. */
  readonly keys: Uint8Array[]
  /** DER of each certificate, in file order. */
  readonly certificates: Uint8Array[]
}

function readBags(safe: DerReader, passphrase: string, into: Pkcs12Contents, depth: number): void {
  while (!safe.done) {
    if (into.keys.length + into.certificates.length >= MAX_BAGS || depth > 4)
      throw unsupported('too many entries')
    const bag = safe.enter(TAG.sequence)
    const id = bag.oid()
    const value = bag.enter(constructed(0))
    if (id === P12.keyBag) into.keys.push(value.raw(TAG.sequence))
    else if (id === P12.shroudedKeyBag) {
      const info = value.enter(TAG.sequence)
      into.keys.push(decrypt(info.enter(TAG.sequence), info.value(TAG.octetString), passphrase))
    } else if (id === P12.certBag) {
      const certificate = value.enter(TAG.sequence)
      if (certificate.oid() === P12.x509)
        into.certificates.push(certificate.enter(constructed(0)).value(TAG.octetString))
    } else if (id === P12.nested) readBags(value.enter(TAG.sequence), passphrase, into, depth + 1)
  }
}

function readContentInfo(info: DerReader, passphrase: string): Uint8Array {
  const type = info.oid()
  const field = info.enter(constructed(0))
  if (type === OID.data) return field.value(TAG.octetString)
  if (type !== P12.encryptedData) throw unsupported('public-key encryption')
  const data = field.enter(TAG.sequence)
  data.smallInteger()
  const content = data.enter(TAG.sequence)
  content.oid()
  const algorithm = content.enter(TAG.sequence)
  // A streaming sender splits the octets into pieces, which leaves the constructed form of the implicit tag.
  const sealed =
    content.peek() === constructed(0) ? joined(content.enter(constructed(0))) : content.value(primitive(0))
  return decrypt(algorithm, sealed, passphrase)
}

function joined(pieces: DerReader): Uint8Array {
  const parts: Uint8Array[] = []
  while (!pieces.done) parts.push(pieces.value(TAG.octetString))
  return Buffer.concat(parts)
}

/**
 * Opens a PKCS#12 file (RFC 7292) of at most 1 MiB: password integrity, PBES2 with AES or the old SHA-1/3DES.
 * Blocks for as long as the file's iteration counts ask, one million at most. A file without MAC is refused.
 */
export function openPkcs12(file: Uint8Array, passphrase: string): Pkcs12Contents {
  return wrapMalformed('key-malformed', 'PKCS#12 file', () => {
    if (file.length > MAX_BYTES) throw new PkiError('der-malformed', 'larger than 1 MiB')
    const pfx = readSingle(definiteLengths(file), TAG.sequence)
    if (pfx.smallInteger() !== 3) throw new PkiError('der-malformed', 'unknown version')
    const authenticated = pfx.enter(TAG.sequence)
    if (authenticated.oid() !== OID.data) throw unsupported('public-key integrity')
    const content = authenticated.enter(constructed(0)).value(TAG.octetString)
    const mac = pfx.enterOptional(TAG.sequence)
    if (mac === undefined) throw unsupported('no integrity protection')
    checkMac(mac, content, passphrase)
    const contents: Pkcs12Contents = { keys: [], certificates: [] }
    const infos = readSingle(definiteLengths(content), TAG.sequence)
    while (!infos.done) {
      const safe = readContentInfo(infos.enter(TAG.sequence), passphrase)
      readBags(readSingle(definiteLengths(safe), TAG.sequence), passphrase, contents, 0)
    }
    return contents
  })
}
