import { createHash } from 'node:crypto'
import { defaultAlgorithm, PkiError, PublicKey, type Signer, signatureFromRaw } from '../../pki/index.ts'
import { type KeyStore, KeyUnavailable } from './ports.ts'
import { createTokenProcess, type TokenProcess } from './token-process.ts'

export interface Pkcs11Options {
  /** Path of the module of the token's maker. */
  readonly library: string
  readonly tokenLabel: string
  readonly pin: string
  readonly deadlineMs: number
  /** After a token hung or failed, it is left alone for this long. */
  readonly pauseMs?: number
  /** Another program than `pkcs11-process.js` beside this file. */
  readonly program?: URL
}

export interface Pkcs11Keys extends KeyStore {
  close(): void
}

const PAUSE_MS = 10_000

/**
 * Keys on a PKCS#11 token: made there, never leaving it. The module of its maker runs in a process of its own, started
 * at the first use and again after a failure: however it behaves, the service goes on and only issuance waits.
 */
export function openPkcs11Keys(options: Pkcs11Options): Pkcs11Keys {
  const { library, tokenLabel, pin, deadlineMs, pauseMs = PAUSE_MS } = options
  const access = { library, tokenLabel, pin }
  const program = options.program ?? new URL('./pkcs11-process.js', import.meta.url)
  const token = createTokenProcess({ access, deadlineMs, pauseMs, program })
  const keys = new Map<string, Signer>()

  const keep = (name: string, spki: Uint8Array): Signer => {
    const signer = createTokenSigner(token, name, PublicKey.parse(spki))
    keys.set(name, signer)
    return signer
  }

  async function open(name: string): Promise<Signer | undefined> {
    const known = keys.get(name)
    if (known) return known
    const spki = await token.call({ kind: 'find', name })
    return spki === null ? undefined : keep(name, spki)
  }

  return {
    open,
    create: async (name, keyKind) => {
      if (await open(name)) throw new PkiError('argument-invalid', `There is a key ${name} already`)
      const spki = await token.call({ kind: 'create', name, keyKind })
      if (spki === null) throw new KeyUnavailable(`The token did not make the key ${name}`, pauseMs)
      return keep(name, spki)
    },
    adopt: async (name) => {
      throw new PkiError(
        'argument-invalid',
        `The key ${name} is not taken into the token: import it with the tool of its maker under this label`,
      )
    },
    // A key on a token cannot be handed to TLS.
    exportForTls: async () => undefined,
    close: () => token.close(),
  }
}

function createTokenSigner(token: TokenProcess, name: string, publicKey: PublicKey): Signer {
  const algorithm = defaultAlgorithm(publicKey)
  const { hash } = algorithm
  return {
    algorithm,
    publicKeySpki: publicKey.spki,
    sign: async (data) => {
      const isRsa = publicKey.kind === 'rsa'
      const input = isRsa || hash === undefined ? data : createHash(hash).update(data).digest()
      const signature = await token.call({ kind: 'sign', name, input })
      if (signature === null) throw new KeyUnavailable('The token did not sign', PAUSE_MS)
      return isRsa ? signature : signatureFromRaw(signature)
    },
  }
}
