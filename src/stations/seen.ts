/** When each station was last heard of: collected in memory, written in batches, lossy on purpose. */

import type { Logger } from 'pino'
import type { Clock } from '../observe/clock.ts'
import type { StationStore } from '../store/stations.ts'

const FLUSH_MS = 10_000

export interface SeenLog {
  saw(stationId: string): void
  /** Writes what is left. */
  stop(): Promise<void>
}

export function createSeenLog(options: { stations: StationStore; clock: Clock; log: Logger }): SeenLog {
  const { stations, clock, log } = options
  let seen = new Set<string>()

  async function flush(): Promise<void> {
    if (seen.size === 0) return
    const batch = seen
    seen = new Set()
    const at = new Date(clock.now()).toISOString()
    try {
      await stations.recordSeen(new Map([...batch].map((id) => [id, at])))
    } catch (error) {
      log.warn({ err: error }, 'last-seen times could not be written')
    }
  }

  const timer = setInterval(() => void flush(), FLUSH_MS)
  timer.unref()
  return {
    saw: (stationId) => seen.add(stationId),
    async stop() {
      clearInterval(timer)
      await flush()
    },
  }
}
