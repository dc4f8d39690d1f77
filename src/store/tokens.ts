/** Port: id tokens that the operator knows (the local list behind Authorize). */

export interface IdToken {
  /** OCPP IdTokenEnumType. */
  readonly type: string
  /** Compared without regard to case (OCPP 2.0.1 IdTokenType: identifierString is case insensitive). */
  readonly idToken: string
  readonly status:
    | 'Accepted'
    | 'Blocked'
    | 'Expired'
    | 'Invalid'
    | 'NoCredit'
    | 'NotAllowedTypeEVSE'
    | 'NotAtThisLocation'
    | 'NotAtThisTime'
  readonly group: { readonly type: string; readonly idToken: string } | null
  readonly expiresAt: string | null
  /** Ends any transaction without having started it (C16). */
  readonly masterPass: boolean
  readonly updatedAt: string
}

export interface IdTokenStore {
  get(type: string, idToken: string): Promise<IdToken | undefined>
  /** By token, then by type. `after`: the last one of the page before. */
  list(filter?: { after?: { type: string; idToken: string }; limit?: number }): Promise<readonly IdToken[]>
  put(token: IdToken): Promise<void>
  remove(type: string, idToken: string): Promise<boolean>
}
