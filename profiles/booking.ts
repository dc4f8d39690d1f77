import { NO_BELIEF, type SlotBelief, slotWorstA } from './belief.ts'
import type { Session } from './demand.ts'
import type { SmartChargingDevice } from './device.ts'
import { disobeys, type LearnedDraw, type MeasurementBasis } from './learned.ts'
import type { SiteEvse } from './site.ts'

/** What is known of one EVSE when a decision is made. */
export interface EvseState {
  /** `stationId#evseId`. */
  readonly key: string
  /** `never-seen`: no station has ever connected for it, so it may draw anything. */
  readonly link: 'connected' | 'offline' | 'never-seen'
  readonly offlineSinceMs?: number
  readonly session: Session | null
  /** Grid-side current per terminal (for DC: outlet power / efficiency / (3 x voltage), three times). */
  readonly measured: {
    readonly currentA: readonly number[]
    readonly atMs: number
    readonly basis?: MeasurementBasis
    /** The highest phase voltage against the nominal one, where it is measured. */
    readonly voltageShare?: number
  } | null
  readonly slots: { readonly lease: SlotBelief; readonly safe: SlotBelief; readonly hold: SlotBelief }
  readonly device: SmartChargingDevice
  /** Seen not to hold or follow what it accepted: counts at its worst, as one that draws above its limit. */
  readonly distrusted?: boolean
  /** Found again to hold more than it accepted: its station is capped as a whole. */
  readonly capped?: boolean
  /** The unit that it was found not to hold rightly; `device` has it no more. */
  readonly avoidsUnit?: 'A' | 'W'
}

export const EMPTY_SLOTS: EvseState['slots'] = { lease: NO_BELIEF, safe: NO_BELIEF, hold: NO_BELIEF }

export interface BookingSettings {
  /** Longest life of a lease above the safe default. */
  readonly leaseMs: number
  /** Clock difference and transmission time allowed at the end of a lease. */
  readonly skewMs: number
  /**
   * What an idle EVSE costs. `true`: cars that plug in wait at 0 A until their lease comes, at the price of a profile
   * every few minutes. `false`: the safe default is kept free for each idle EVSE.
   */
  readonly holds: boolean
  /** A measurement older than this says nothing. */
  readonly meterMaxAgeMs: number
}

export type BookingReason =
  | 'lease'
  | 'safe-default'
  | 'hold'
  | 'no-safe-default'
  | 'pause-may-lapse'
  | 'offline'
  | 'disobeys'
  | 'still-drawing'

export interface Booking {
  /** Worst current per phase that the EVSE could draw now. */
  readonly worstA: number
  readonly reason: BookingReason
}

/** What the TxDefaultProfiles allow at worst: unlimited until the safe one is acknowledged (K06.FR.02). */
export function defaultWorstA(evse: SiteEvse, state: EvseState, nowMs: number, skewMs: number): number {
  if (!state.slots.safe.acked) return evse.maxA
  return Math.min(evse.maxA, slotWorstA(state.slots.safe, { atMs: nowMs, skewMs }) ?? evse.maxA)
}

/** Whether a limit below the safe default surely outlives every lease above it that could be running. */
function outlivesLeases(slot: SlotBelief, nowMs: number, settings: BookingSettings): boolean {
  const expiresAtMs = slot.acked?.expiresAtMs
  if (!slot.acked || slot.uncertain) return false
  return expiresAtMs == null || expiresAtMs - settings.skewMs >= nowMs + settings.leaseMs + settings.skewMs
}

/** The leases of a transaction that is over do not count: a TxProfile dies with its transaction. */
export function liveLease(state: EvseState): SlotBelief {
  const { lease } = state.slots
  if (state.link !== 'connected') return lease
  const current = state.session?.transactionId
  const of = (belief: { transactionId?: string } | null) =>
    belief !== null && belief.transactionId === current
  const acked = of(lease.acked) ? lease.acked : null
  const inFlight = of(lease.inFlight) ? lease.inFlight : null
  return { ...lease, acked, inFlight }
}

/**
 * The worst current an EVSE could still draw: the highest of what the station accepted, what is under way to it, and
 * what it falls to when its lease ends before those of others do.
 */
export function book(
  evse: SiteEvse,
  state: EvseState,
  learned: LearnedDraw | null,
  nowMs: number,
  settings: BookingSettings,
): Booking {
  const { skewMs } = settings
  const fallbackA = defaultWorstA(evse, state, nowMs, skewMs)
  const noSafe = !state.slots.safe.acked
  if (state.distrusted || disobeys(learned, nowMs)) return { worstA: evse.maxA, reason: 'disobeys' }
  const lease = liveLease(state)
  const leaseA = slotWorstA(lease, { atMs: nowMs, skewMs })
  if (state.link !== 'connected') {
    return { worstA: Math.max(fallbackA, leaseA ?? 0), reason: noSafe ? 'no-safe-default' : 'offline' }
  }
  const leaseHolds = lease.acked !== null && state.session !== null && aliveAt(lease, nowMs + skewMs)
  const idle = defaultBooking({ evse, state, nowMs, settings, fallbackA, noSafe })
  let booking: Booking = idle
  if (leaseHolds && leaseA !== null) {
    const covered = leaseA >= fallbackA || pauseHolds(state, lease, nowMs, settings)
    booking = covered
      ? { worstA: leaseA, reason: 'lease' }
      : { worstA: Math.max(leaseA, idle.worstA), reason: 'pause-may-lapse' }
  } else if (leaseA !== null && leaseA > idle.worstA) {
    booking = { worstA: leaseA, reason: 'lease' }
  }
  const drawnA = freshDrawA(state, nowMs, settings)
  if (drawnA > booking.worstA + 0.5) return { worstA: Math.min(evse.maxA, drawnA), reason: 'still-drawing' }
  return { worstA: Math.min(evse.maxA, booking.worstA), reason: booking.reason }
}

/**
 * A limit below the safe default frees current only if nothing lifts it unasked: it must outlive the leases of
 * others, and when the car leaves and the next one comes, the hold must already be there.
 */
function pauseHolds(state: EvseState, lease: SlotBelief, nowMs: number, settings: BookingSettings): boolean {
  if (!outlivesLeases(lease, nowMs, settings)) return false
  if (!settings.holds || state.device.maxStackLevel < 1) return true
  return outlivesLeases(state.slots.hold, nowMs, settings)
}

function aliveAt(slot: SlotBelief, atMs: number): boolean {
  return slot.acked !== null && (slot.acked.expiresAtMs === null || slot.acked.expiresAtMs > atMs)
}

function defaultBooking(options: {
  evse: SiteEvse
  state: EvseState
  nowMs: number
  settings: BookingSettings
  fallbackA: number
  noSafe: boolean
}): Booking {
  const { state, nowMs, settings, fallbackA } = options
  if (options.noSafe) return { worstA: fallbackA, reason: 'no-safe-default' }
  const { hold } = state.slots
  const holdA = slotWorstA(hold, { atMs: nowMs, skewMs: settings.skewMs })
  if (holdA !== null && aliveAt(hold, nowMs + settings.skewMs) && outlivesLeases(hold, nowMs, settings)) {
    return { worstA: Math.min(fallbackA, holdA), reason: 'hold' }
  }
  return { worstA: fallbackA, reason: 'safe-default' }
}

/** Measured current per phase, 0 when there is no fresh measurement. */
export function freshDrawA(state: EvseState, nowMs: number, settings: BookingSettings): number {
  if (!state.measured || nowMs - state.measured.atMs > settings.meterMaxAgeMs) return 0
  return Math.max(0, ...state.measured.currentA)
}
