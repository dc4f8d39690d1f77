/** Where the keys of a service under test are: encrypted in its store, unless a test file says otherwise. */

import type { KeyStore } from '../../src/keys/ports.ts'
import { routeAuthorityKeys } from '../../src/keys/routed.ts'
import { openWrappedKeys } from '../../src/keys/wrapped.ts'
import type { KeyBlobStore } from '../../src/store/certificates.ts'
import type { SoftHsm, TestToken } from './soft-hsm.ts'

export const cheapScrypt = { cost: 2 ** 14, blockSize: 8, parallelization: 1 }
export const PASSPHRASE = 'correct horse battery'

let hsm: SoftHsm | undefined

/** Keys of authorities are on tokens from now on, one per store. */
export function useTokens(tokens: SoftHsm): void {
  hsm = tokens
}

export async function openTestKeys(blobs: KeyBlobStore): Promise<KeyStore> {
  const files = await openWrappedKeys(blobs, PASSPHRASE, cheapScrypt)
  return hsm === undefined ? files : routeAuthorityKeys(onToken(hsm, blobs), files)
}

const tokens = new Map<KeyBlobStore, TestToken>()
/** Each has a process while it is in use. */
const MAX_OPEN = 3

function onToken(from: SoftHsm, blobs: KeyBlobStore): KeyStore {
  const token = tokens.get(blobs) ?? from.newToken()
  tokens.set(blobs, token)
  for (const older of [...tokens.values()].slice(0, -MAX_OPEN)) older.keys.close()
  return {
    ...token.keys,
    adopt: async (name, key) => {
      token.importKey(name, key)
      return (await token.keys.open(name)) ?? Promise.reject(new Error('The imported key is not found'))
    },
  }
}
