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

const BEARER = /^Bearer ([\x21-\x7e]{1,200})$/i
const MAX_REMEMBERED = 1000

export interface Authenticator {
  /** Throws a problem where the request carries no valid key. */
  authenticate(request: Pick<FastifyRequest, 'headers' | 'ip'>): Promise<Principal>
}

/**
 * A blocked address may not guess any further, yet keys that have signed in here before keep working from it:
 * behind a reverse proxy one broken script must not lock everybody out.
 */
export function createAuthenticator(
  keys: ApiKeyStore,
  clock: Clock,
  attempts: FailedAttempts = createFailedAttempts(clock),
): Authenticator {
  const seenHashes = new Set<string>()
  const remember = (hash: string) => {
    if (seenHashes.size >= MAX_REMEMBERED) seenHashes.clear()
    seenHashes.add(hash)
  }
  return {
    async authenticate({ headers, ip }) {
      const secret = BEARER.exec(headers.authorization ?? '')?.[1]
      if (secret === undefined)
        throw new ApiProblem('auth.missing', 'Send the header "Authorization: Bearer KEY" with an API key.')
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
      return { id: key.id, name: key.name, role: key.role }
    },
  }
}

export function requireRole(principal: Principal, wanted: readonly Role[]): void {
  if (mayActAs(principal.role, wanted)) return
  throw new ApiProblem(
    'auth.forbidden',
    `The key "${principal.name}" is ${principal.role}; this needs ${wanted.join(' or ')} (or admin).`,
  )
}
