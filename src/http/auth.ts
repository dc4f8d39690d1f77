/** Who is asking, and may they? Runs before anything of the request is parsed. */

import type { FastifyRequest } from 'fastify'
import type { Clock } from '../observe/clock.ts'
import type { ApiKeyStore, Role } from '../store/access.ts'
import type { FailedAttempts } from './attempts.ts'
import { createFailedAttempts } from './attempts.ts'
import { findKey, hashSecret } from './keys.ts'
import type { Principal } from './operation.ts'
import { ApiProblem } from './problems.ts'
import { mayActAs } from './roles.ts'
import type { SignIns } from './sign-ins.ts'
import { cookieOf } from './sign-ins.ts'

const BEARER = /^Bearer ([\x21-\x7e]{1,200})$/i
const MAX_REMEMBERED = 1000

export interface Authenticator {
  /** Throws a problem where the request carries no valid key. */
  authenticate(request: Pick<FastifyRequest, 'headers' | 'ip' | 'method'>): Promise<Principal>
}

export interface AuthenticatorOptions {
  readonly keys: ApiKeyStore
  readonly clock: Clock
  readonly signIns: SignIns
  readonly attempts?: FailedAttempts
}

/**
 * A blocked address may not guess any further, yet keys that have signed in here before keep working from it:
 * behind a reverse proxy one broken script must not lock everybody out.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { keys, clock, signIns } = options
  const attempts = options.attempts ?? createFailedAttempts(clock)
  const seenHashes = new Set<string>()
  const remember = (hash: string) => {
    if (seenHashes.size >= MAX_REMEMBERED) seenHashes.clear()
    seenHashes.add(hash)
  }

  async function bySecret(secret: string, ip: string): Promise<Principal> {
    const hash = hashSecret(secret)
    const blockedForMs = attempts.blockedForMs(ip)
    if (blockedForMs > 0 && !seenHashes.has(hash)) {
      const retryAfterS = Math.ceil(blockedForMs / 1000)
      throw new ApiProblem('auth.rate-limited', `Try again in ${retryAfterS} s with a valid API key.`, {
        retryAfterS,
      })
    }
    const key = await findKey(keys, secret)
    if (!key) {
      attempts.record(ip)
      throw new ApiProblem(
        'auth.invalid',
        'Check the API key, or have an admin create one (gridkeep key create).',
      )
    }
    remember(hash)
    return { id: key.id, name: key.name, role: key.role, cookie: null }
  }

  async function byCookie(cookie: string): Promise<Principal> {
    const keyId = signIns.keyIdOf(cookie)
    // A key that was revoked in the meantime ends its sign-ins.
    const key = (await keys.list()).find((one) => one.id === keyId && one.revokedAt === null)
    if (!key) throw new ApiProblem('auth.invalid', 'The sign-in has ended; sign in again.')
    return { id: key.id, name: key.name, role: key.role, cookie }
  }

  return {
    async authenticate({ headers, ip, method }) {
      const secret = BEARER.exec(headers.authorization ?? '')?.[1]
      if (secret !== undefined) return bySecret(secret, ip)
      const cookie = headers.authorization === undefined ? cookieOf(headers.cookie) : undefined
      if (cookie === undefined)
        throw new ApiProblem('auth.missing', 'Send the header "Authorization: Bearer KEY" with an API key.')
      if (method !== 'GET') requireSameOrigin(headers)
      return byCookie(cookie)
    },
  }
}

/** A page of another site must not act with somebody's cookie: the second line of defence behind SameSite. */
function requireSameOrigin(headers: FastifyRequest['headers']): void {
  const site = headers['sec-fetch-site']
  const { origin, host } = headers
  const own =
    site === undefined
      ? origin !== undefined && URL.canParse(origin) && new URL(origin).host === host
      : site === 'same-origin'
  if (!own)
    throw new ApiProblem(
      'auth.cross-site',
      "With a cookie, changes are accepted from this service's own pages only.",
    )
}

export function requireRole(principal: Principal, wanted: readonly Role[]): void {
  if (mayActAs(principal.role, wanted)) return
  throw new ApiProblem(
    'auth.forbidden',
    `The key "${principal.name}" is ${principal.role}; this needs ${wanted.join(' or ')} (or admin).`,
  )
}
