/**
 * What can be wrong with what the operator configured or handed in; what a car sends wrong is a `Refusal`, not an error.
 *
 * - `randomness-short`: the random source gave fewer octets than asked for
 * - `key-unusable`: a key that is not on the curve of the protocol, or out of its range
 * - `signature-failed`: the CPS signer gave something that is not a signature
 * - `authority-unfit`: a CPS or MO hierarchy, or a supplied contract, that the protocol cannot carry
 * - `emaid-invalid`: a contract whose eMAID has a wrong check digit
 */
export type ContractErrorCode =
  | 'randomness-short'
  | 'key-unusable'
  | 'signature-failed'
  | 'authority-unfit'
  | 'emaid-invalid'

export class ContractError extends Error {
  readonly code: ContractErrorCode

  constructor(code: ContractErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ContractError'
    this.code = code
  }
}
