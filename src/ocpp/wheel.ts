/** One interval for all pings and call deadlines: per-connection timers would cost more than the connections. */

import type { Connection } from './connection.ts'
import type { OcppPolicy } from './policy.ts'
import type { Registry } from './registry.ts'

const TICK_MS = 100
/** Pings are looked after every tenth tick. */
const TICKS_PER_PING_CHECK = 10

export interface Wheel {
  watch(connection: Connection): void
  stop(): void
}

export function startWheel(options: {
  registry: Registry
  policy: OcppPolicy
  monotonic: () => number
}): Wheel {
  const { registry, policy, monotonic } = options
  const calling = new Set<Connection>()
  let ticks = 0

  function tick(): void {
    const now = monotonic()
    for (const connection of calling) {
      connection.expireCalls(now)
      if (!connection.hasCalls) calling.delete(connection)
    }
    ticks = (ticks + 1) % TICKS_PER_PING_CHECK
    if (ticks === 0) for (const connection of registry.connections()) checkAlive(connection, now, policy)
  }

  const timer = setInterval(tick, TICK_MS)
  timer.unref()
  return {
    watch: (connection) => calling.add(connection),
    stop: () => clearInterval(timer),
  }
}

function checkAlive(connection: Connection, now: number, policy: OcppPolicy): void {
  if (connection.pingedAt > 0) {
    if (now - connection.pingedAt > policy.pongTimeoutMs) connection.terminate('no pong')
    return
  }
  if (now - connection.heardAt <= policy.pingIntervalMs || connection.socket.readyState !== 1) return
  connection.pingedAt = now
  connection.socket.ping()
}
