/** What the parts of this folder share. */

import type { Logger } from 'pino'
import type { EventHub, StationBus } from '../../bus/ports.ts'
import type { Clock } from '../../observe/clock.ts'
import type { Store } from '../../store/ports.ts'
import type { CertificateService } from '../service.ts'

export interface FleetTiming {
  /** How often open work is looked at, beside the events that wake it. */
  readonly sweepMs: number
  readonly callDeadlineMs: number
  /** After a failed try; doubles with each further one. */
  readonly retryMs: number
  readonly maxAttempts: number
  /** A station that was triggered and sent no CSR by then is triggered again. */
  readonly triggerWaitMs: number
  /** A station that has a new certificate and goes on with the old connection is disconnected after this long. */
  readonly nudgeMs: number
  /** How long a station may take to come back after it was disconnected. */
  readonly reconnectMs: number
  /** How often certificates are looked at for renewal. */
  readonly renewalMs: number
}

export const DEFAULT_TIMING: FleetTiming = {
  sweepMs: 1_000,
  callDeadlineMs: 30_000,
  retryMs: 15_000,
  maxAttempts: 5,
  triggerWaitMs: 120_000,
  nudgeMs: 15_000,
  reconnectMs: 300_000,
  renewalMs: 600_000,
}

export interface FleetContext {
  readonly store: Store
  readonly bus: StationBus
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
  readonly random: (bytes: number) => Uint8Array
  readonly newId: () => string
  readonly certificates: CertificateService
  readonly timing: FleetTiming
  /** Since when this process serves: that nobody could come before is nobody's failure. */
  readonly upSinceMs: number
}

export const isoAt = (ms: number): string => new Date(ms).toISOString()

export function audit(
  { store, clock }: Pick<FleetContext, 'store' | 'clock'>,
  entry: {
    readonly action: string
    readonly subject: string
    readonly detail: object
    readonly actor?: string
  },
): Promise<void> {
  return store.audit.append({ at: isoAt(clock.now()), actor: 'system', ...entry })
}

/** Our own security log, and an alarm for whoever follows. */
export async function securityEvent(
  { store, clock, hub }: Pick<FleetContext, 'store' | 'clock' | 'hub'>,
  event: {
    readonly stationId: string
    readonly type: string
    readonly detail: object
    readonly critical?: boolean
  },
): Promise<void> {
  const at = isoAt(clock.now())
  const critical = event.critical ?? true
  await store.events.record({ kind: 'csms-security', at, receivedAt: at, ...event, critical })
  hub.publish({ kind: 'station.event', stationId: event.stationId, at, type: event.type, critical })
}
