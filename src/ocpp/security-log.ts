/**
 * The CSMS's own security log (spec 1.9): what looks like an attack or a broken trust goes to the event store and
 * the log, at a bounded rate. Never contains passwords.
 */

import type { Logger } from 'pino'
import type { Clock } from '../observe/clock.ts'
import type { StationEventStore } from '../store/events.ts'

/** Kind of the events in the store. */
export const CSMS_SECURITY = 'csms-security'
const WINDOW_MS = 60_000
/** Per station and type: an attacker, or a broken station, repeats itself. */
const MAX_PER_KEY = 5
const MAX_PER_WINDOW = 500

export interface SecurityLog {
  record(stationId: string, type: string, detail: object): void
}

export function createSecurityLog(options: {
  events: StationEventStore
  clock: Clock
  log: Logger
}): SecurityLog {
  const { events, clock, log } = options
  let windowStart = 0
  let total = 0
  let suppressed = 0
  const counts = new Map<string, number>()

  function admitted(key: string, now: number): boolean {
    if (now - windowStart >= WINDOW_MS || now < windowStart) {
      if (suppressed > 0) log.warn({ suppressed }, 'security events were suppressed in the last minute')
      windowStart = now
      total = 0
      suppressed = 0
      counts.clear()
    }
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count <= MAX_PER_KEY && total < MAX_PER_WINDOW) {
      total++
      return true
    }
    suppressed++
    return false
  }

  return {
    record(stationId, type, detail) {
      const now = clock.now()
      // Unknown stations choose their own names: the map of counts must not grow with them.
      const key = counts.size < 2 * MAX_PER_WINDOW ? `${type}\0${stationId}` : type
      if (!admitted(key, now)) return
      log.warn({ stationId, type, ...detail }, 'security event')
      const at = new Date(now).toISOString()
      events
        .record({ stationId, kind: CSMS_SECURITY, type, at, receivedAt: at, critical: true, detail })
        .catch((error: unknown) => log.error({ err: error, type }, 'a security event could not be stored'))
    },
  }
}
