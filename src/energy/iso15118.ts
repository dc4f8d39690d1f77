import { type ChargingSchedule, gridAmperes, planExceeds, type SiteEvse } from '../../profiles/index.ts'
import type { NotifyEVChargingScheduleRequest } from '../ocpp/v201/messages.generated.ts'
import type { EvPlan } from './ev-plan.ts'

/** Phases that a car charges on, by what it asked for; null for direct current. */
export const PHASES_OF_MODE = {
  DC: null,
  AC_single_phase: 1,
  AC_two_phase: 2,
  AC_three_phase: 3,
} as const

export interface JudgedSchedule {
  readonly accepted: boolean
  readonly plan: EvPlan
}

/**
 * The schedule that a car has chosen against what it was given. It names one by its id (K15.FR.19); where it names none
 * of them it may have chosen any. `given` is what the station holds and what may have replaced it by now; empty where
 * nothing was given, which nothing is within.
 */
export function judgeSchedule(options: {
  readonly evse: SiteEvse
  readonly request: NotifyEVChargingScheduleRequest
  readonly transactionId: string
  readonly given: readonly (readonly ChargingSchedule[])[]
  /** What it was allowed now when it chose. */
  readonly allowedA: number
  readonly nowMs: number
}): JudgedSchedule {
  const { evse, request, transactionId, given, allowedA, nowMs } = options
  const { chargingSchedule: planned, timeBase } = request
  const timeBaseMs = Date.parse(timeBase)
  const accepted = given.some((schedules) => {
    const named = schedules.filter(({ id }) => id === planned.id)
    return (named.length > 0 ? named : schedules).some(
      (offered) => planExceeds({ evse, offered, planned, timeBaseMs, nowMs }) === null,
    )
  })
  const startMs = planned.startSchedule === undefined ? timeBaseMs : Date.parse(planned.startSchedule)
  const steps = planned.chargingSchedulePeriod.map(({ startPeriod, limit }) => ({
    fromMs: startMs + startPeriod * 1000,
    limitA: gridAmperes(evse, limit, planned.chargingRateUnit),
  }))
  const untilMs =
    planned.duration === undefined ? Number.POSITIVE_INFINITY : startMs + planned.duration * 1000
  return { accepted, plan: { transactionId, steps, untilMs, allowedA } }
}
