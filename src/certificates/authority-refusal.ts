export type AuthorityRefusalCode =
  | 'authority.unknown'
  | 'authority.offline'
  | 'authority.conflict'
  | 'authority.unfit'
  | 'operation.unknown'
  | 'operation.settled'
  | 'operation.same-person'
  | 'operation.invalid'

/** Why something was not done to an authority; the message says what to do instead. */
export class AuthorityRefusal extends Error {
  readonly code: AuthorityRefusalCode

  constructor(code: AuthorityRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AuthorityRefusal'
    this.code = code
  }
}
