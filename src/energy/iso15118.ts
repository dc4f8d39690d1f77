import {
  encodeLease,
  type LimitBelief,
  type Push,
  rateUnitFor,
  type SiteEvse,
  type SmartChargingDevice,
  writeLimit,
} from '../../profiles/index.ts'
import type { NotifyEVChargingScheduleRequest } from '../ocpp/v201/messages.generated.ts'
import type { EvPlan } from './live-site.ts'

type SetPush = Extract<Push, { action: 'SetChargingProfile' }>

/** Rounding, and what a car's own regulation is allowed above a schedule before it counts as exceeding it. */
const TOLERANCE = 1.01
const TOLERANCE_A = 0.15

/**
 * The same lease once more, for a car that was promised a profile (K15.FR.07) and would get none because nothing
 * changed. It allows nothing that is not allowed already, so it needs no turn.
 */
export function renewedLease(options: {
  readonly evse: SiteEvse
  readonly device: SmartChargingDevice
  readonly held: LimitBelief
  readonly transactionId: string
  readonly leaseMs: number
  readonly nowMs: number
}): SetPush | null {
  const { evse, device, held } = options
  const unit = rateUnitFor(evse, device)
  if (unit === null) return null
  const made = encodeLease({ ...options, unit, limitA: held.limitA })
  return {
    id: `${evse.key}/lease`,
    stationId: evse.stationId,
    evseId: evse.evseId,
    evseKey: evse.key,
    slot: 'lease',
    direction: 'refresh',
    wave: 1,
    waitsFor: [],
    belief: made.belief,
    action: 'SetChargingProfile',
    request: made.request,
  }
}

export interface Alternative {
  /** What would do for the energy wanted by departure, spread evenly. */
  readonly averageA: number
  /** How many schedule tuples the car takes in all; null where it did not say. */
  readonly maxTuples: number | null
}

/**
 * A second schedule beside the lease, which a car may choose for its battery's sake: only as much as it needs on
 * average. It never allows more than the first one, so what is booked stays right (K01.FR.34, K15.FR.08: at most
 * three, within maxScheduleTuples).
 */
export function withAlternative(
  push: SetPush,
  options: {
    readonly evse: SiteEvse
    readonly device: SmartChargingDevice
    readonly alternative: Alternative
  },
): SetPush {
  const { evse, device, alternative } = options
  const [first] = push.request.chargingProfile.chargingSchedule
  const tuples = first?.chargingSchedulePeriod.length ?? 0
  if (!first || (alternative.maxTuples !== null && alternative.maxTuples < 2 * tuples)) return push
  const limitA = Math.max(evse.minA, alternative.averageA)
  if (limitA >= push.belief.limitA - 1) return push
  const { limit, numberPhases } = writeLimit({ evse, device, unit: first.chargingRateUnit, limitA })
  const slower = {
    ...first,
    id: first.id + 1,
    chargingSchedulePeriod: [
      { startPeriod: 0, limit, ...(numberPhases === undefined ? {} : { numberPhases }) },
    ],
  }
  const chargingProfile = { ...push.request.chargingProfile, chargingSchedule: [first, slower] }
  return { ...push, request: { ...push.request, chargingProfile } }
}

export interface JudgedSchedule {
  readonly accepted: boolean
  readonly plan: EvPlan
}

/**
 * The schedule that a car has chosen against what it was given. What begins after the lease ends was never given:
 * of that nothing is said yet.
 */
export function judgeSchedule(options: {
  readonly evse: SiteEvse
  readonly request: NotifyEVChargingScheduleRequest
  readonly transactionId: string
  /** The highest of what the station holds or may hold by now; null without a lease. */
  readonly lease: LimitBelief | null
  readonly nowMs: number
}): JudgedSchedule {
  const { evse, request, transactionId, lease, nowMs } = options
  const { chargingSchedule: schedule, timeBase } = request
  const startMs = Date.parse(schedule.startSchedule ?? timeBase)
  const efficiency = evse.supply.kind === 'dc' ? evse.supply.efficiency : 1
  const steps = schedule.chargingSchedulePeriod.map((period) => ({
    fromMs: startMs + period.startPeriod * 1000,
    limitA:
      schedule.chargingRateUnit === 'A' && evse.supply.kind !== 'dc'
        ? period.limit
        : period.limit / efficiency / evse.wattPerA,
  }))
  const endMs =
    schedule.duration === undefined ? Number.POSITIVE_INFINITY : startMs + schedule.duration * 1000
  const leaseEndMs = lease?.expiresAtMs ?? nowMs
  const allowedA = (lease?.limitA ?? 0) * TOLERANCE + TOLERANCE_A
  const exceeds = steps.some((step, index) => {
    const untilMs = steps[index + 1]?.fromMs ?? endMs
    const whileLeased = untilMs > nowMs && step.fromMs < leaseEndMs
    return whileLeased && step.limitA > allowedA
  })
  const plan = { transactionId, steps, untilMs: endMs, allowedA: lease?.limitA ?? 0 }
  return { accepted: lease !== null && !exceeds, plan }
}
