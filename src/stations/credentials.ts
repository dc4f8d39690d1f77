/**
 * Passwords of stations (HTTP Basic, security profiles 1 and 2).
 *
 * At rest: scrypt with a random salt. A00.FR.205/304 make these passwords random strings of 16 to 40 characters
 * (95 bits and more), so the slow hash is the second line of defence, not the first, and its cost may be what
 * a reconnect storm allows: see README.md for the measurement behind the parameters.
 * In memory: a verified password is remembered as an HMAC under a key that lives as long as the process.
 */

import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

export interface ScryptCost {
  readonly logN: number
  readonly r: number
  readonly p: number
}

export const DEFAULT_COST: ScryptCost = { logN: 10, r: 8, p: 1 }
const SALT_BYTES = 16
const HASH_BYTES = 32

/** `$scrypt$ln=10,r=8,p=1$salt$hash`, base64 without padding. */
export async function hashPassword(password: string, cost: ScryptCost = DEFAULT_COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, salt, cost)
  return `$scrypt$ln=${cost.logN},r=${cost.r},p=${cost.p}$${encode(salt)}$${encode(hash)}`
}

export type Verdict = 'match' | 'mismatch' | 'busy'

export interface CredentialsOptions {
  /** Hashes computed at the same time: the thread pool is shared with the database and TLS. */
  readonly concurrency?: number
  /** Verifications that may wait; beyond it stations are told to come back later. */
  readonly maxWaiting?: number
  /** Verifications of one station that may wait: guesses at one password must not hold up everyone else. */
  readonly maxWaitingPerStation?: number
  /** Stations whose last good or bad password is remembered. */
  readonly maxRemembered?: number
}

export interface Credentials {
  /** `busy`: nobody knows; the station must try again. Fails closed: an unreadable hash never matches. */
  verify(stationId: string, passwordHash: string, password: string): Promise<Verdict>
  forget(stationId: string): void
  stats(): { readonly remembered: number; readonly waiting: number; readonly derived: number }
}

interface Remembered {
  readonly digest: Buffer
  readonly verdict: 'match' | 'mismatch'
}

export function createCredentials(options: CredentialsOptions = {}): Credentials {
  const { concurrency = 2, maxWaiting = 20_000, maxRemembered = 50_000 } = options
  const { maxWaitingPerStation = 2 } = options
  const key = randomBytes(32)
  const remembered = new Map<string, Remembered>()
  const waiting: (() => void)[] = []
  const perStation = new Map<string, number>()
  let running = 0
  let derived = 0

  /** Covers the stored hash: a new password makes what was remembered worthless. */
  function digestOf(stationId: string, passwordHash: string, password: string): Buffer {
    return createHmac('sha256', key).update(`${stationId}\0${passwordHash}\0${password}`).digest()
  }

  function remember(stationId: string, entry: Remembered): void {
    // A wrong guess must not push out what is known to be right.
    if (entry.verdict === 'mismatch' && remembered.get(stationId)?.verdict === 'match') return
    remembered.delete(stationId)
    remembered.set(stationId, entry)
    if (remembered.size <= maxRemembered) return
    const oldest = remembered.keys().next()
    if (!oldest.done) remembered.delete(oldest.value)
  }

  async function slot(): Promise<boolean> {
    if (running < concurrency) {
      running++
      return true
    }
    if (waiting.length >= maxWaiting) return false
    await new Promise<void>((resolve) => waiting.push(resolve))
    return true
  }

  function release(): void {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }

  return {
    async verify(stationId, passwordHash, password) {
      const digest = digestOf(stationId, passwordHash, password)
      const known = remembered.get(stationId)
      if (known !== undefined && timingSafeEqual(known.digest, digest)) return known.verdict
      const same = perStation.get(stationId) ?? 0
      if (same >= maxWaitingPerStation) return 'busy'
      perStation.set(stationId, same + 1)
      const isMine = await slot()
      try {
        if (!isMine) return 'busy'
        derived++
        const verdict = (await matches(passwordHash, password)) ? 'match' : 'mismatch'
        remember(stationId, { digest, verdict })
        return verdict
      } finally {
        if (isMine) release()
        const left = (perStation.get(stationId) ?? 1) - 1
        if (left === 0) perStation.delete(stationId)
        else perStation.set(stationId, left)
      }
    },
    forget(stationId) {
      remembered.delete(stationId)
    },
    stats: () => ({ remembered: remembered.size, waiting: waiting.length, derived }),
  }
}

const ENCODED = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

async function matches(encoded: string, password: string): Promise<boolean> {
  const parts = ENCODED.exec(encoded)
  if (parts === null) return false
  const [, logN = '', r = '', p = '', salt = '', hash = ''] = parts
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) }
  // A stored hash that asks for more than 256 MB is not ours.
  if (cost.logN > 18 || 128 * cost.r * 2 ** cost.logN > 256 * 1024 * 1024) return false
  const expected = Buffer.from(hash, 'base64')
  if (expected.length !== HASH_BYTES) return false
  return timingSafeEqual(await derive(password, Buffer.from(salt, 'base64'), cost), expected)
}

function derive(password: string, salt: Buffer, cost: ScryptCost): Promise<Buffer> {
  const memory = 128 * cost.r * (2 ** cost.logN + cost.p + 2)
  const options: ScryptOptions = { N: 2 ** cost.logN, r: cost.r, p: cost.p, maxmem: memory + 1024 * 1024 }
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
