export * from './allocate.ts'
export * from './base-load.ts'
export * from './belief.ts'
export {
  type Booking,
  type BookingReason,
  type BookingSettings,
  EMPTY_SLOTS,
  type EvseState,
} from './booking.ts'
export { learnPhases } from './car-phases.ts'
export * from './composite.ts'
export * from './decide.ts'
export {
  bookedMask,
  type Demand,
  type PlanAdvice,
  type PolicyName,
  type Session,
  type Turn,
} from './demand.ts'
export * from './device.ts'
export type { Push, PushDirection } from './diff.ts'
export * from './encode.ts'
export * from './envelope.ts'
export {
  type Escalation,
  type EscalationStep,
  watchLimit,
} from './escalation.ts'
export * from './ev-schedule.ts'
export * from './explain.ts'
export { type SafeDefaults, safeDefaults, safeOverload } from './failsafe.ts'
export * from './forecast.ts'
export * from './heartbeat.ts'
export * from './learned.ts'
export * from './limits.ts'
export * from './network.ts'
export { otherwise } from './otherwise.ts'
export * from './outcome.ts'
export * from './plan.ts'
export * from './plan-advice.ts'
export { type LinearModel, type LinearRow, lpText } from './plan-model.ts'
export * from './plan-policy.ts'
export {
  type CarOutlook,
  carOutlook,
  type PlannedCar,
  plannedRequest,
  plannedStages,
} from './planned-split.ts'
export * from './profile.ts'
export { parseTime, periodAt } from './profile-clock.ts'
export { type PriceStep, salesTariffOf } from './sales-tariff.ts'
export * from './site.ts'
export * from './site-check.ts'
export * from './snapshot.ts'
export * from './stages.ts'
export * from './units.ts'
export * from './validate-profile.ts'
