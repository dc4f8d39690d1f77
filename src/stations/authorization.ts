/** What Gridkeep thinks of an id token (C01-C16): one answer for Authorize, TransactionEvent and the local list. */

import type { StationCertificates } from '../certificates/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { IdTokenInfoType, IdTokenType } from '../ocpp/v201/messages.generated.ts'
import type { Store } from '../store/ports.ts'
import type { IdToken } from '../store/tokens.ts'

export interface AuthorizationServices {
  /** Whether we asked this station ourselves, lately, to start a transaction with this token (C05). */
  readonly startedRemotely: (idToken: IdTokenType) => Promise<boolean>
  readonly store: Pick<Store, 'tokens'>
  readonly clock: Clock
  readonly policy: { readonly cacheExpiryS?: number }
  readonly certificates?: Pick<StationCertificates, 'contracts'>
}

/** What the token is presented for: a master pass may end transactions, but start none (C16.FR.03). */
export type Purpose = 'any' | 'start'

/** Throws where the store cannot answer: whoever asks must not read that as a yes. */
export async function authorize(
  services: AuthorizationServices,
  idToken: IdTokenType,
  purpose: Purpose = 'any',
): Promise<IdTokenInfoType> {
  // C02.FR.02: the start button. There is nobody to ask.
  if (idToken.type === 'NoAuthorization') return { status: 'Accepted' }
  if (idToken.type === 'eMAID') return authorizeAccount(services, idToken.idToken)
  const known = await services.store.tokens.get(idToken.type, idToken.idToken)
  if (known === undefined && (await services.startedRemotely(idToken))) return { status: 'Accepted' }
  // C04.FR.01: a wrong PIN is Invalid; of a card that nobody knows, Unknown says more.
  if (known === undefined) return { status: idToken.type === 'KeyCode' ? 'Invalid' : 'Unknown' }
  const info = tokenInfo(known, services)
  if (purpose === 'start' && known.masterPass && info.status === 'Accepted')
    return { ...info, status: 'Invalid' }
  return info
}

/** A contract of the pool makes its eMAID good; a token of the operator for the same eMAID can only restrict that. */
async function authorizeAccount(services: AuthorizationServices, emaid: string): Promise<IdTokenInfoType> {
  const { store, certificates } = services
  const account = (await certificates?.contracts?.account(emaid)) ?? { status: undefined, spellings: [emaid] }
  const { status, spellings } = account
  for (const spelling of spellings) {
    const known = await store.tokens.get('eMAID', spelling)
    if (!known) continue
    const info = tokenInfo(known, services)
    return info.status === 'Accepted' && status !== undefined && status !== 'Accepted' ? { status } : info
  }
  if (status === undefined) return { status: 'Unknown' }
  return status === 'Accepted' ? { status, ...believedFor(services) } : { status }
}

function believedFor({ clock, policy }: AuthorizationServices): Pick<IdTokenInfoType, 'cacheExpiryDateTime'> {
  if (policy.cacheExpiryS === undefined) return {}
  return { cacheExpiryDateTime: new Date(clock.now() + policy.cacheExpiryS * 1000).toISOString() }
}

export function tokenInfo(
  token: IdToken,
  { clock, policy }: Pick<AuthorizationServices, 'clock' | 'policy'>,
): IdTokenInfoType {
  const now = clock.now()
  const expiresAt = token.expiresAt === null ? undefined : Date.parse(token.expiresAt)
  const isExpired = expiresAt !== undefined && expiresAt <= now
  const info: IdTokenInfoType = {
    status: isExpired && token.status === 'Accepted' ? 'Expired' : token.status,
  }
  if (token.group !== null)
    info.groupIdToken = { type: token.group.type, idToken: token.group.idToken } as IdTokenType
  const cacheUntil = policy.cacheExpiryS === undefined ? undefined : now + policy.cacheExpiryS * 1000
  // C10: a cache must not believe a token longer than the token lives.
  const believedUntil = Math.min(
    expiresAt ?? Number.POSITIVE_INFINITY,
    cacheUntil ?? Number.POSITIVE_INFINITY,
  )
  if (Number.isFinite(believedUntil) && !isExpired)
    info.cacheExpiryDateTime = new Date(believedUntil).toISOString()
  return info
}
