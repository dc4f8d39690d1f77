/** Browsers that exchanged an API key for a cookie, because an EventSource cannot send a key. In memory only. */

import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../observe/clock.ts'

export interface SignIns {
  /** The value of the cookie. */
  open(keyId: string): string
  /** The id of the key behind a cookie that is still good. */
  keyIdOf(cookie: string): string | undefined
  close(cookie: string): void
}

export const SIGN_IN_MAX_AGE_S = 12 * 3600
const MAX_SIGN_INS = 1000

export function createSignIns(clock: Clock): SignIns {
  // By hash: looking one up takes the same time however much of a guess is right.
  const byHash = new Map<string, { readonly keyId: string; readonly endMs: number }>()
  const hashOf = (cookie: string) => createHash('sha256').update(cookie).digest('base64')
  return {
    open(keyId) {
      if (byHash.size >= MAX_SIGN_INS) {
        const [oldest] = byHash.keys()
        if (oldest !== undefined) byHash.delete(oldest)
      }
      const cookie = randomBytes(32).toString('base64url')
      byHash.set(hashOf(cookie), { keyId, endMs: clock.now() + SIGN_IN_MAX_AGE_S * 1000 })
      return cookie
    },
    keyIdOf(cookie) {
      const hash = hashOf(cookie)
      const found = byHash.get(hash)
      if (!found) return undefined
      if (clock.now() < found.endMs) return found.keyId
      byHash.delete(hash)
      return undefined
    },
    close(cookie) {
      byHash.delete(hashOf(cookie))
    },
  }
}

const COOKIE = 'gridkeep_sign_in'

export function cookieOf(header: string | undefined): string | undefined {
  return new RegExp(`(?:^|;\\s*)${COOKIE}=([A-Za-z0-9_-]{43})(?:;|$)`).exec(header ?? '')?.[1]
}

/** No script can read it, and no other site can make a browser send it. */
export function setCookie(
  value: string,
  options: { readonly secure: boolean; readonly maxAgeS: number },
): string {
  const secure = options.secure ? '; Secure' : ''
  return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${options.maxAgeS}${secure}`
}
