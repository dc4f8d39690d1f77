import type { KeyObject } from 'node:crypto'
import {
  Certificate,
  type ImportedIdentity,
  importPkcs12,
  importPrivateKey,
  PkiError,
  pairIdentity,
} from '../../../pki/index.ts'

/** Key and certificates of a contract that was made elsewhere, as an operator has them. */
export type IdentitySource =
  | { readonly kind: 'pkcs12'; readonly file: Uint8Array; readonly passphrase: string }
  | {
      readonly kind: 'pem'
      readonly certificatesPem: string
      readonly privateKeyPem: string
      readonly passphrase?: string
    }

export type IdentityResult =
  | {
      readonly ok: true
      readonly privateKey: KeyObject
      readonly certificates: readonly [Certificate, ...Certificate[]]
    }
  | { readonly ok: false; readonly message: string }

/** Opens what the operator has; the reason of a refusal never quotes it. */
export function readIdentity(source: IdentitySource): IdentityResult {
  try {
    const { privateKey, certificate, others } = open(source)
    return { ok: true, privateKey, certificates: [certificate, ...others] }
  } catch (error) {
    if (error instanceof PkiError) return { ok: false, message: error.message }
    throw error
  }
}

function open(source: IdentitySource): ImportedIdentity {
  if (source.kind === 'pkcs12') return importPkcs12(source.file, source.passphrase)
  const key = importPrivateKey(source.privateKeyPem, source.passphrase)
  return pairIdentity(key, Certificate.parseChain(source.certificatesPem))
}
