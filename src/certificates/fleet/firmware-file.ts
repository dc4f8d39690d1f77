/** The signature of a firmware file, checked on the file itself as it is read; nothing of it is kept. */

import { constants, createVerify, type KeyObject } from 'node:crypto'
import type { AllowList } from '../foreign/allow-list.ts'
import { exchange, OutboundError } from '../outbound.ts'

const TIMEOUT_MS = 120_000
/** Larger files are left to the station, which checks them in any case (L01.FR.04). */
const MAX_BYTES = 2 ** 30

export type FileVerdict =
  | { readonly kind: 'verified' }
  /** Not on a host that this service may read from. */
  | { readonly kind: 'not-read' }
  | {
      readonly kind: 'refused'
      readonly reason: 'file-unreadable' | 'signature-wrong'
      readonly message: string
    }

export class FirmwareFiles {
  readonly #allowed: AllowList

  constructor(allowed: AllowList) {
    this.#allowed = allowed
  }

  /** `signature`: over the SHA-256 of the whole file, ECDSA as DER, RSA by PSS or by PKCS #1 v1.5. */
  async verify(location: string, signature: Uint8Array, key: KeyObject): Promise<FileVerdict> {
    const allowed = this.#allowed.check(location)
    if (allowed === undefined) return { kind: 'not-read' }
    const paddings =
      key.asymmetricKeyType === 'ec'
        ? [undefined]
        : [constants.RSA_PKCS1_PSS_PADDING, constants.RSA_PKCS1_PADDING]
    const verifiers = paddings.map((padding) => ({ padding, verifier: createVerify('sha256') }))
    const refused = (reason: 'file-unreadable' | 'signature-wrong', message: string): FileVerdict => ({
      kind: 'refused',
      reason,
      message,
    })
    try {
      const { status } = await exchange({
        ...allowed,
        method: 'GET',
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_BYTES,
        onChunk: (chunk) => {
          for (const { verifier } of verifiers) verifier.update(chunk)
        },
      })
      if (status !== 200) return refused('file-unreadable', `${location} was answered with ${status}`)
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error
      return refused('file-unreadable', error.message)
    }
    const isGood = verifiers.some(({ padding, verifier }) =>
      verifier.verify({ key, ...(padding === undefined ? {} : { padding }) }, signature),
    )
    return isGood
      ? { kind: 'verified' }
      : refused('signature-wrong', 'The signature is not one of this key over this file')
  }
}
