/** Whether the keys of the authorities can be opened, and are the keys of their certificates. */

import { X509Certificate } from 'node:crypto'
import { openAuthorityKeys } from '../authority-keys.ts'
import type { Config } from '../config.ts'
import { openWrappedKeys } from '../keys/wrapped.ts'
import type { AuthorityRecord } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import { type Finding, failure, good, messageOf } from './finding.ts'

export interface KeyExamination {
  readonly config: Config
  readonly store: Store
  readonly passphrase: string | undefined
}

export async function examineKeys(examination: KeyExamination): Promise<Finding[]> {
  const { config, store, passphrase } = examination
  // Where nothing was wrapped yet, opening the key store would be the first start.
  if (passphrase === undefined || (await store.keyBlobs.names()).length === 0) return []
  const withKey = (await store.certificates.authorities()).filter(({ keyName }) => keyName !== null)
  try {
    const files = await openWrappedKeys(store.keyBlobs, passphrase)
    const { keys, close } = await openAuthorityKeys(config.pki.authorityKeys, files)
    try {
      const troubles: Finding[] = []
      for (const authority of withKey) {
        const trouble = await troubleOf(authority, (name) => keys.open(name))
        if (trouble !== undefined) troubles.push(trouble)
      }
      return troubles.length > 0
        ? troubles
        : [good('keys', `${withKey.length} keys of authorities open and fit`)]
    } finally {
      close()
    }
  } catch (error) {
    return [
      failure(
        'keys',
        `cannot be opened: ${messageOf(error)}`,
        'Give the passphrase that wrapped them (pki.passphraseFile), or make the token reachable (pki.authorityKeys).',
      ),
    ]
  }
}

async function troubleOf(
  { id, keyName, certificateDer }: AuthorityRecord,
  open: (name: string) => Promise<{ readonly publicKeySpki: Uint8Array } | undefined>,
): Promise<Finding | undefined> {
  const signer = await open(keyName ?? '')
  if (signer === undefined)
    return failure(
      `key of ${id}`,
      `${keyName} is missing`,
      'Restore the database or the token from a backup.',
    )
  const wanted = new X509Certificate(certificateDer).publicKey.export({ type: 'spki', format: 'der' })
  if (Buffer.from(signer.publicKeySpki).equals(wanted)) return undefined
  return failure(
    `key of ${id}`,
    `${keyName} is the key of another certificate`,
    'The database and the key store are of different times: restore both from the same backup.',
  )
}
