import type { StationClock } from './context.ts'
import type { FaultPanel } from './faults.ts'
import type { Scheduler } from './scheduler.ts'

/** Below this the round trip is likelier the reason than the clock. */
const IGNORED_MS = 1500

/** A clock that follows the CSMS, unless it is broken or the fleet's time is not the CSMS's. */
export function createStationClock(scheduler: Scheduler, faults: FaultPanel, follows: boolean): StationClock {
  let offsetMs = 0
  const now = () => scheduler.now() + (faults.active.clockSkewMs ?? offsetMs)
  return {
    now,
    iso: () => new Date(now()).toISOString(),
    synchronise: (csmsTime) => {
      const csmsMs = Date.parse(csmsTime)
      if (!follows || Number.isNaN(csmsMs) || Math.abs(csmsMs - now()) < IGNORED_MS) return
      offsetMs = csmsMs - scheduler.now()
    },
  }
}
