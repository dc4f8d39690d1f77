import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { sameBytes } from './bytes.ts'
import { Certificate } from './certificate.ts'
import { PkiError } from './errors.ts'
import { openPkcs12 } from './pkcs12.ts'

const refuse = (message: string): PkiError => new PkiError('key-malformed', message)

/**
 * A private key from PKCS#8 (encrypted or not), PKCS#1 or SEC 1, as PEM or PKCS#8 DER. Causes are not attached to
 * errors: they could quote key material into a log.
 */
export function importPrivateKey(input: string | Uint8Array, passphrase?: string): KeyObject {
  const isText = typeof input === 'string' || input[0] === 0x2d
  const secret = passphrase === undefined ? {} : { passphrase }
  try {
    if (isText) return createPrivateKey({ key: Buffer.from(input), format: 'pem', ...secret })
    return createPrivateKey({ key: Buffer.from(input), format: 'der', type: 'pkcs8', ...secret })
  } catch {
    throw refuse(
      'The private key cannot be read: it is not PKCS#8, PKCS#1 or SEC 1, or the passphrase is wrong',
    )
  }
}

export interface ImportedIdentity {
  readonly privateKey: KeyObject
  readonly certificate: Certificate
  /** Other certificates that came along: issuers, roots. Not trusted by being here. */
  readonly others: readonly Certificate[]
}

/** Pairs a private key with its certificate; `key-mismatch` when none of them is for this key. */
export function pairIdentity(privateKey: KeyObject, certificates: readonly Certificate[]): ImportedIdentity {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const certificate = certificates.find((candidate) => sameBytes(candidate.spki, spki))
  if (certificate === undefined)
    throw new PkiError('key-mismatch', 'None of the certificates belongs to the private key')
  return { privateKey, certificate, others: certificates.filter((candidate) => candidate !== certificate) }
}

/** Key and certificates of a PKCS#12 file that holds exactly one private key. */
export function importPkcs12(file: Uint8Array, passphrase: string): ImportedIdentity {
  const { keys, certificates } = openPkcs12(file, passphrase)
  try {
    const [key, ...more] = keys
    if (key === undefined || more.length > 0)
      throw refuse('The PKCS#12 file must hold exactly one private key')
    return pairIdentity(
      importPrivateKey(key),
      certificates.map((der) => Certificate.parse(der)),
    )
  } finally {
    for (const key of keys) key.fill(0)
  }
}
