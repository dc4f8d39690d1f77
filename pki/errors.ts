/**
 * Every failure of this library that is not a decision. Decisions (a path that does not validate, a CSR that
 * policy refuses, a lint finding) are returned as values; a PkiError means that the input could not be read or
 * that the caller asked for something the library will not do.
 */
export type PkiErrorCode =
  | 'der-malformed'
  | 'pem-malformed'
  | 'certificate-malformed'
  | 'csr-malformed'
  | 'crl-malformed'
  | 'ocsp-malformed'
  | 'cms-malformed'
  | 'key-malformed'
  | 'key-unsupported'
  | 'key-weak'
  | 'key-mismatch'
  | 'algorithm-unsupported'
  | 'name-invalid'
  | 'profile-mismatch'
  | 'issuer-unfit'
  | 'issuer-expired'
  | 'validity-invalid'
  | 'randomness-short'
  | 'certificate-too-large'
  | 'lint-failed'
  | 'wrap-malformed'
  | 'wrap-refused'
  | 'argument-invalid'

export class PkiError extends Error {
  override readonly name = 'PkiError'
  readonly code: PkiErrorCode

  constructor(code: PkiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Runs a parser and reports whatever it could not read under one code, so that callers can switch on it. */
export function wrapMalformed<T>(code: PkiErrorCode, what: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof PkiError && cause.code !== 'der-malformed') throw cause
    const detail = cause instanceof Error ? cause.message : String(cause)
    throw new PkiError(code, `The ${what} cannot be read: ${detail}`, { cause })
  }
}
