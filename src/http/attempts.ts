/** Counts failed sign-ins per address in fixed windows: bounded memory, no timers. */

import type { Clock } from '../observe/clock.ts'

export interface AttemptLimits {
  readonly maxFailures: number
  readonly windowMs: number
  /** Addresses remembered at once; the oldest window is forgotten first. */
  readonly maxAddresses: number
}

export const DEFAULT_ATTEMPT_LIMITS: AttemptLimits = {
  maxFailures: 10,
  windowMs: 60_000,
  maxAddresses: 10_000,
}

export interface FailedAttempts {
  /** Milliseconds until the address may try again, 0 when it may now. */
  blockedForMs(address: string): number
  record(address: string): void
}

export function createFailedAttempts(
  clock: Clock,
  limits: AttemptLimits = DEFAULT_ATTEMPT_LIMITS,
): FailedAttempts {
  const windows = new Map<string, { startMs: number; failures: number }>()
  const current = (address: string) => {
    const window = windows.get(address)
    if (!window) return undefined
    if (clock.now() - window.startMs < limits.windowMs) return window
    windows.delete(address)
    return undefined
  }
  return {
    blockedForMs(address) {
      const window = current(address)
      if (!window || window.failures < limits.maxFailures) return 0
      return window.startMs + limits.windowMs - clock.now()
    },
    record(address) {
      const window = current(address)
      if (window) {
        window.failures++
        return
      }
      if (windows.size >= limits.maxAddresses) {
        const [oldest] = windows.keys()
        if (oldest !== undefined) windows.delete(oldest)
      }
      windows.set(address, { startMs: clock.now(), failures: 1 })
    },
  }
}
