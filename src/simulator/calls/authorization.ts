import type {
  AuthorizationData,
  AuthorizeResponse,
  IdTokenInfoType,
  IdTokenType,
  SendLocalListStatusEnumType,
} from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'

const MAX_CACHED = 1000

interface Cached {
  readonly info: IdTokenInfoType
  readonly untilMs: number
}

const keyOf = (token: IdTokenType) => `${token.type}:${token.idToken.toLowerCase()}`

/** C10-C15, D01, D02: the local list, the cache, and asking the CSMS. */
export class Authorizer {
  readonly #context: StationContext
  readonly #cache = new Map<string, Cached>()
  #list = new Map<string, AuthorizationData>()
  #listVersion = 0

  constructor(context: StationContext) {
    this.#context = context
  }

  get listEntries(): number {
    return this.#list.size
  }

  /** True when the driver may charge. Fails closed when nobody can be asked. */
  async authorize(token: IdTokenType): Promise<boolean> {
    const { device } = this.#context
    if (token.type === 'NoAuthorization' || !device.flag('AuthCtrlr.Enabled')) return true
    const online = this.#context.online() && !device.flag('AuthCtrlr.DisableRemoteAuthorization')
    const known = this.#known(token)
    const mayDecide = online
      ? device.flag('AuthCtrlr.LocalPreAuthorize')
      : device.flag('AuthCtrlr.LocalAuthorizeOffline')
    if (mayDecide && known?.status === 'Accepted') return true
    if (!online) return known === undefined && device.flag('AuthCtrlr.OfflineTxForUnknownIdEnabled')
    try {
      return this.judged(token, await this.#context.call('Authorize', { idToken: token }))
    } catch (error) {
      this.#context.problem('Authorize', error)
      return false
    }
  }

  /** Remembers an answer of the CSMS and says whether it lets the driver charge. */
  judged(token: IdTokenType, response: AuthorizeResponse): boolean {
    this.remember(token, response.idTokenInfo)
    return response.idTokenInfo.status === 'Accepted'
  }

  remember(token: IdTokenType, info: IdTokenInfoType): void {
    const { device, clock } = this.#context
    if (!device.flag('AuthCacheCtrlr.Enabled')) return
    const oldest = this.#cache.keys().next().value
    if (this.#cache.size >= MAX_CACHED && oldest !== undefined) this.#cache.delete(oldest)
    const lifeMs = device.number('AuthCacheCtrlr.LifeTime') * 1000
    const expiryMs = Date.parse(info.cacheExpiryDateTime ?? '')
    const untilMs = Number.isNaN(expiryMs) ? clock.now() + lifeMs : expiryMs
    this.#cache.set(keyOf(token), { info, untilMs })
  }

  sameGroup(a: IdTokenType, b: IdTokenType): boolean {
    if (keyOf(a) === keyOf(b)) return true
    const groupA = this.#known(a)?.groupIdToken
    const groupB = this.#known(b)?.groupIdToken
    return groupA !== undefined && groupB !== undefined && keyOf(groupA) === keyOf(groupB)
  }

  /** Removes what is kept about a driver; true when there was something (N09). */
  forget(token: IdTokenType): boolean {
    return this.#cache.delete(keyOf(token))
  }

  readonly handlers: Handlers = {
    SendLocalList: ({ localAuthorizationList = [], updateType, versionNumber }) => {
      const status = this.#update(localAuthorizationList, updateType, versionNumber)
      return { answer: { status } }
    },
    GetLocalListVersion: () => ({ answer: { versionNumber: this.#listVersion } }),
    ClearCache: () => {
      if (!this.#context.device.flag('AuthCacheCtrlr.Enabled')) return { answer: { status: 'Rejected' } }
      this.#cache.clear()
      return { answer: { status: 'Accepted' } }
    },
  }

  #known(token: IdTokenType): IdTokenInfoType | undefined {
    const listed = this.#list.get(keyOf(token))?.idTokenInfo
    if (listed !== undefined) return listed
    const cached = this.#cache.get(keyOf(token))
    return cached !== undefined && cached.untilMs > this.#context.clock.now() ? cached.info : undefined
  }

  #update(
    entries: readonly AuthorizationData[],
    updateType: 'Full' | 'Differential',
    versionNumber: number,
  ): SendLocalListStatusEnumType {
    const { device } = this.#context
    if (!device.flag('LocalAuthListCtrlr.Enabled')) return 'Failed'
    if (updateType === 'Differential' && versionNumber <= this.#listVersion) return 'VersionMismatch'
    const next = updateType === 'Full' ? new Map<string, AuthorizationData>() : new Map(this.#list)
    for (const entry of entries) {
      if (entry.idTokenInfo === undefined) next.delete(keyOf(entry.idToken))
      else next.set(keyOf(entry.idToken), entry)
    }
    if (next.size > device.limit('LocalAuthListCtrlr.Entries')) return 'Failed'
    this.#list = next
    this.#listVersion = versionNumber
    return 'Accepted'
  }
}
