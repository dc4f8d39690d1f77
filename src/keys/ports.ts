/** Port: where private keys live. A key is named; its bytes never leave except for TLS, which cannot sign by proxy. */

import type { KeyObject } from 'node:crypto'
import type { Signer } from '../../pki/index.ts'

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'rsa-3072'

export interface KeyStore {
  /** The signer of a key, or `undefined` where there is no key of that name. */
  open(name: string): Promise<Signer | undefined>
  /** Generates and keeps a key. A name that is taken is refused with an exception. */
  create(name: string, kind: KeyKind): Promise<Signer>
  /** Takes in a key that was made elsewhere. A name that is taken is refused with an exception. */
  adopt(name: string, key: KeyObject): Promise<Signer>
  /** For TLS servers only: Node's TLS needs the key itself. */
  exportForTls(name: string): Promise<KeyObject | undefined>
}

/** A key store that does not answer, or not in time. What needs it waits; nothing was signed. */
export class KeyUnavailable extends Error {
  readonly code = 'key-unavailable'
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options)
    this.name = 'KeyUnavailable'
    this.retryAfterMs = retryAfterMs
  }
}

/** Opens a key, making it first where there is none: what start-up needs after a crash between two steps. */
export async function openOrCreate(keys: KeyStore, name: string, kind: KeyKind): Promise<Signer> {
  return (await keys.open(name)) ?? keys.create(name, kind)
}
