import { retryAtMs, type SlotBelief } from './belief.ts'
import { liveLease } from './booking.ts'
import type { SmartChargingDevice } from './device.ts'
import type { Candidate, Push, PushDirection } from './diff.ts'
import {
  type Encoded,
  encodeHold,
  encodeLease,
  encodeSafe,
  encodeStationMax,
  type LeaseTerm,
  rateUnitFor,
  STATION_MAX_PROFILE_ID,
} from './encode.ts'
import { type EscalationStep, followedUnits, hasOtherUnit, unitAttempt } from './escalation.ts'
import { type EvseContext as Context, heldLeaseA, leaseDirection, leaseTerm } from './lease.ts'
import { NEAR_MS } from './promises.ts'
import type { SiteEvse } from './site.ts'
import type { Situation } from './situation.ts'
import type { StationState } from './snapshot.ts'
import { type Targets, usesHold } from './targets.ts'

/** Every call that would bring stations from what they hold to what is wanted, before ordering. */
export function candidates(situation: Situation, targets: Targets): Candidate[] {
  return situation.snapshot.site.evses.flatMap((evse) => {
    const state = situation.states[evse.index]
    if (state?.link !== 'connected' || !state.device.enabled) return []
    const context = { situation, targets, evse, state }
    return [safeCandidate(context), holdCandidate(context), leaseCandidate(context)].filter(
      (made) => made !== null,
    )
  })
}

/** A slot that waits for an answer, or for the time to try again, is left alone. */
function blocked(slot: SlotBelief, nowMs: number): boolean {
  if (slot.inFlight && !slot.inFlight.lost) return true
  return nowMs < retryAtMs(slot)
}

function candidate(
  context: Context,
  options: { slot: Push['slot']; direction: PushDirection; encoded: Encoded; raises?: boolean },
): Candidate {
  const { evse, situation, targets } = context
  const worstA = situation.worstA[evse.index] ?? evse.maxA
  const { limitA } = options.encoded.belief
  return {
    load: evse.index,
    worstAfterA: Math.max(worstA, limitA),
    raises: options.raises ?? false,
    order: orderOf(targets, evse.index),
    push: {
      id: `${evse.key}/${options.slot}`,
      stationId: evse.stationId,
      evseId: evse.evseId,
      evseKey: evse.key,
      slot: options.slot,
      direction: options.direction,
      wave: 1,
      waitsFor: [],
      belief: options.encoded.belief,
      action: 'SetChargingProfile',
      request: options.encoded.request,
    },
  }
}

function orderOf(targets: Targets, index: number): number {
  const demand = targets.demands[index]
  return demand ? demand.tier * 1e12 + demand.order : Number.MAX_SAFE_INTEGER
}

function safeCandidate(context: Context): Candidate | null {
  const { evse, state, targets, situation } = context
  const slot = state.slots.safe
  const wantedA = targets.safeA[evse.index] ?? 0
  const { nowMs } = situation.snapshot
  const unit = rateUnitFor(evse, state.device, unitAttempt(slot.failures))
  if (unit === null || blocked(slot, nowMs)) return null
  if (slot.acked && !slot.inFlight && Math.abs(slot.acked.limitA - wantedA) < 0.1) return null
  const encoded = encodeSafe({ evse, device: state.device, unit, limitA: wantedA, nowMs })
  if (slot.acked && !slot.inFlight && Math.abs(slot.acked.limitA - encoded.belief.limitA) < 0.1) return null
  const made = candidate(context, { slot: 'safe', direction: 'base', encoded })
  // Under a lease or hold that outlives everybody's leases, another safe default changes nothing now, and by the time
  // it counts all others have fallen to theirs.
  const reason = situation.bookings[evse.index]?.reason
  const covered = slot.acked !== null && (reason === 'lease' || reason === 'hold')
  const lower = encoded.belief.limitA <= (slot.acked?.limitA ?? evse.maxA)
  return covered || lower ? { ...made, worstAfterA: situation.worstA[evse.index] ?? evse.maxA } : made
}

function holdCandidate(context: Context): Candidate | null {
  const { evse, state, targets, situation } = context
  const { nowMs, settings } = situation.snapshot
  const slot = state.slots.hold
  if (blocked(slot, nowMs) || !state.slots.safe.acked) return null
  const alive = slot.acked !== null && (slot.acked.expiresAtMs ?? 0) > nowMs
  // A car that is held below the safe default keeps the hold: when it leaves, the next one must not start at once.
  const below = (targets.limitA[evse.index] ?? 0) < state.slots.safe.acked.limitA
  const wanted = usesHold(state, situation.snapshot) && (state.session === null || below)
  if (!wanted) return alive && mayClearHold(context) ? clearHold(context) : null
  const leftMs = (slot.acked?.expiresAtMs ?? 0) - nowMs
  // A station may bother a car that speaks ISO 15118 with every profile, this one too (K16.FR.02).
  const leaseMs = state.session?.iso15118 ? Math.max(NEAR_MS, settings.holdMs) : settings.holdMs
  if (alive && !slot.inFlight && leftMs > leaseMs / 2) return null
  const unit = rateUnitFor(evse, state.device, unitAttempt(slot.failures), state.slots.safe.acked.unit)
  if (unit === null) return null
  const limitA = targets.holdA[evse.index] ?? 0
  const encoded = encodeHold({ evse, device: state.device, unit, limitA, nowMs, leaseMs })
  return candidate(context, { slot: 'hold', direction: 'base', encoded })
}

function mayClearHold({ state }: Context): boolean {
  if (state.session === null) return true
  const heldA = liveLease(state).acked?.limitA
  return heldA !== undefined && heldA >= (state.slots.safe.acked?.limitA ?? 0)
}

/** The hold would outlive the lease and stop the car if we died; once the lease stands it is taken away. */
function clearHold(context: Context): Candidate | null {
  const { evse, state, situation } = context
  const held = state.slots.hold.acked
  if (!held) return null
  const safeA = state.slots.safe.acked?.limitA ?? evse.maxA
  return {
    load: evse.index,
    worstAfterA: state.session === null ? safeA : (situation.worstA[evse.index] ?? safeA),
    raises: state.session === null,
    order: Number.MAX_SAFE_INTEGER,
    push: {
      id: `${evse.key}/hold`,
      stationId: evse.stationId,
      evseId: evse.evseId,
      evseKey: evse.key,
      slot: 'hold',
      direction: 'base',
      wave: 1,
      waitsFor: [],
      belief: {
        ...held,
        limitA: safeA,
        expiresAtMs: situation.snapshot.nowMs,
        sentAtMs: situation.snapshot.nowMs,
      },
      action: 'ClearChargingProfile',
      request: { chargingProfileId: held.profileId },
    },
  }
}

/** What the lease of an EVSE should say; `null` when it should have none. */
function wantedLease(context: Context): number | null {
  const { evse, targets, situation, state } = context
  const reason = targets.unsteered[evse.index]
  if (reason === null) {
    const wantedA = targets.limitA[evse.index] ?? 0
    const escalation = situation.escalations[evse.index]
    if (escalation?.cause !== 'draws-more' || escalation.sinceMs === null) return wantedA
    // As long as it does not follow what it has, it is not told more.
    return Math.min(wantedA, heldLeaseA(liveLease(state), situation.snapshot.nowMs) ?? wantedA)
  }
  if (reason === 'lease-refused')
    return Math.min(targets.safeA[evse.index] ?? 0, situation.worstA[evse.index] ?? 0)
  return reason === 'disobeys' ? evse.minA : null
}

function deviceOf({ situation, evse, state }: Context): SmartChargingDevice {
  return followedUnits(evse, state.device, situation.memories[evse.index]?.learned ?? null)
}

/** What was refused or not followed in one unit may be in the other. */
function leaseAttempt({ situation, evse, state }: Context): number {
  const escalation = situation.escalations[evse.index]
  const known = situation.memories[evse.index]?.learned?.unfollowed != null
  const other =
    escalation?.cause === 'holds-more'
      ? escalation.step === 'worst-case'
      : escalation?.cause === 'draws-more' && escalation.step !== 'retry' && !known
  const first = other && hasOtherUnit(evse, state.device) ? 1 : 0
  return unitAttempt(state.slots.lease.failures) + first
}

function leaseCandidate(context: Context): Candidate | null {
  const { evse, state, situation } = context
  const { nowMs } = situation.snapshot
  const slot = state.slots.lease
  const device = deviceOf(context)
  const wantedA = wantedLease(context)
  const transactionId = state.session?.transactionId
  if (wantedA === null || transactionId === undefined || !state.slots.safe.acked) return null
  const unit = rateUnitFor(evse, device, leaseAttempt(context), state.slots.safe.acked.unit)
  if (unit === null || blocked(slot, nowMs)) return null
  const lease = liveLease(state)
  const term = leaseTerm(context, wantedA, state.slots.safe.acked.limitA)
  const direction = leaseDirection({ context, lease, wantedA, term })
  if (direction === null) return null
  const at = (limitA: number, terms: LeaseTerm) =>
    encodeLease({ evse, device, unit, limitA, nowMs, transactionId, ...terms })
  const encoded = at(wantedA, term)
  const heldA = heldLeaseA(lease, nowMs)
  const raises = encoded.belief.limitA > (heldA ?? 0) + 1e-6
  const made = candidate(context, { slot: 'lease', direction, encoded, raises })
  if (!raises || heldA === null || lease.inFlight || !state.session?.iso15118?.waits) return made
  const same = at(heldA, leaseTerm(context, heldA, state.slots.safe.acked.limitA))
  const { push } = candidate(context, { slot: 'lease', direction: 'refresh', encoded: same })
  return { ...made, meanwhile: push }
}

/**
 * The station's own cap: what its node allows, and as little as its EVSEs are granted once that is the step to take
 * about one of them.
 */
export function stationPushes(situation: Situation, targets: Targets): Push[] {
  const evsesOf = new Map<string, SiteEvse[]>()
  for (const evse of situation.snapshot.site.evses) {
    const known = evsesOf.get(evse.stationId)
    if (known) known.push(evse)
    else evsesOf.set(evse.stationId, [evse])
  }
  return (situation.snapshot.stations ?? []).flatMap((station) => {
    const push = stationPush({ situation, targets, station, evses: evsesOf.get(station.stationId) ?? [] })
    return push ? [push] : []
  })
}

const CAPPED: readonly EscalationStep[] = ['station-cap', 'worst-case']

function stationPush(options: {
  situation: Situation
  targets: Targets
  station: StationState
  evses: readonly SiteEvse[]
}): Push | null {
  const { situation, targets, station, evses } = options
  const { site, nowMs } = situation.snapshot
  const node = site.nodeById.get(station.stationId)
  if (!node || station.link !== 'connected' || !station.device.enabled || blocked(station.stationMax, nowMs))
    return null
  const capped = evses.some((evse) => {
    const escalation = situation.escalations[evse.index]
    return escalation != null && CAPPED.includes(escalation.step)
  })
  const grantedA = evses.reduce((sum, evse) => {
    const own = targets.unsteered[evse.index] === 'disobeys' ? evse.minA : (targets.limitA[evse.index] ?? 0)
    return sum + own
  }, 0)
  const nodeA = Math.min(...node.limitA)
  const limitA = capped ? Math.min(grantedA, nodeA) : nodeA
  const held = station.stationMax.acked
  const common = { id: `${station.stationId}/station-max`, stationId: station.stationId, evseId: 0 } as const
  const kind = { evseKey: null, slot: 'station-max', direction: 'base', wave: 1, waitsFor: [] } as const
  if (!Number.isFinite(limitA)) {
    // Its EVSEs are trusted again, and it has no limit of its own.
    if (!held) return null
    const request = { chargingProfileId: STATION_MAX_PROFILE_ID }
    return { ...common, ...kind, belief: held, action: 'ClearChargingProfile', request }
  }
  const unit = station.device.rateUnits.includes('A') ? 'A' : station.device.rateUnits[0]
  if (unit === undefined) return null
  if (held && Math.abs(held.limitA - limitA) < 0.5) return null
  const { belief, request } = encodeStationMax({ unit, limitA, evses, voltageV: site.voltageV, nowMs })
  return { ...common, ...kind, belief, action: 'SetChargingProfile', request }
}
