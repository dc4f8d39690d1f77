import type { PhaseLimits, PurposeLimits, UnitLimits } from './composite-limits.ts'
import type { ChargingRateUnit, ChargingSchedulePeriod, ProfilePurpose } from './profile.ts'

export interface CompositeDefaults {
  readonly limitA: number
  readonly limitW: number
  readonly numberPhases: number
  /** The area's line voltage, not the measured one (K01.FR.50). */
  readonly voltageV: number
}

/** One period of a composite schedule, and whose word it is. */
export interface CompositePeriod extends ChargingSchedulePeriod {
  readonly limit: number
  readonly numberPhases: number
  readonly stackLevel: number
  /** `null` where the station's default holds. */
  readonly purpose: ProfilePurpose | null
}

interface Finish {
  readonly startPeriod: number
  readonly unit: ChargingRateUnit
  readonly defaults: CompositeDefaults
}

/** Limits as one number in the unit that was asked for: whichever of amperes and watts binds (K01.FR.50, 51). */
export function finishPeriod(limits: PurposeLimits, finish: Finish): CompositePeriod {
  const { unit, defaults } = finish
  const numberPhases = limits.numberPhases ?? defaults.numberPhases
  const factor = defaults.voltageV * numberPhases
  const own = unit === 'A' ? limits.a : limits.w
  const other = unit === 'A' ? limits.w : limits.a
  const scale = unit === 'A' ? 1 / factor : factor
  const fallback = unit === 'A' ? defaults.limitA : defaults.limitW
  const limit = inUnit(own.limit, other.limit, scale, numberPhases, Math.min)
  const discharge = inUnit(own.discharge, other.discharge, scale, numberPhases, Math.max)
  const asked = inUnit(own.setpoint, other.setpoint, scale, numberPhases, Math.min)
  const setpoint = asked && limit ? clamp(asked, limit, discharge) : asked
  const winner = binding(own, other, scale)
  return {
    startPeriod: finish.startPeriod,
    limit: limit?.l1 ?? fallback,
    ...(limit?.l2 == null ? {} : { limit_L2: limit.l2 }),
    ...(limit?.l3 == null ? {} : { limit_L3: limit.l3 }),
    numberPhases,
    ...(limits.phaseToUse === null || numberPhases !== 1 ? {} : { phaseToUse: limits.phaseToUse }),
    ...(setpoint ? { setpoint: setpoint.l1 } : {}),
    ...(setpoint?.l2 == null ? {} : { setpoint_L2: setpoint.l2 }),
    ...(setpoint?.l3 == null ? {} : { setpoint_L3: setpoint.l3 }),
    ...(discharge ? { dischargeLimit: discharge.l1 } : {}),
    ...(discharge?.l2 == null ? {} : { dischargeLimit_L2: discharge.l2 }),
    ...(discharge?.l3 == null ? {} : { dischargeLimit_L3: discharge.l3 }),
    ...(limits.operationMode === null ? {} : { operationMode: limits.operationMode }),
    stackLevel: winner?.stackLevel ?? 0,
    purpose: winner?.purpose ?? null,
  }
}

function binding(own: UnitLimits, other: UnitLimits, scale: number): UnitLimits | null {
  if (!own.limit) return other.limit ? other : null
  if (!other.limit) return own
  return own.limit.l1 <= lowest(other.limit) * scale ? own : other
}

function lowest(limits: PhaseLimits): number {
  return Math.min(limits.l1, limits.l2 ?? limits.l1, limits.l3 ?? limits.l1)
}

/** Which of two limits is stricter on all phases: the lower limit, or the discharge limit closer to zero. */
type Stricter = (a: number, b: number) => number

/**
 * Both units in the one asked for. Limits per phase survive only in their own unit and on three phases: across units
 * the strictest phase stands for all, since the other unit is about all phases together.
 */
function inUnit(
  own: PhaseLimits | null,
  other: PhaseLimits | null,
  scale: number,
  numberPhases: number,
  stricter: Stricter,
): PhaseLimits | null {
  const single = (limits: PhaseLimits) =>
    stricter(limits.l1, stricter(limits.l2 ?? limits.l1, limits.l3 ?? limits.l1))
  const mine = own && numberPhases < 3 ? { l1: single(own), l2: null, l3: null } : own
  if (!other) return mine
  const converted = single(other) * scale
  if (!mine) return { l1: converted, l2: null, l3: null }
  const strict = (value: number | null) => (value === null ? null : stricter(value, converted))
  return { l1: stricter(mine.l1, converted), l2: strict(mine.l2), l3: strict(mine.l3) }
}

function clamp(setpoint: PhaseLimits, limit: PhaseLimits, discharge: PhaseLimits | null): PhaseLimits {
  const inside = (value: number | null, most: number | null, least: number | null) =>
    value === null
      ? null
      : Math.max(Math.min(value, most ?? limit.l1), least ?? discharge?.l1 ?? Number.NEGATIVE_INFINITY)
  return {
    l1: Math.max(Math.min(setpoint.l1, limit.l1), discharge?.l1 ?? Number.NEGATIVE_INFINITY),
    l2: inside(setpoint.l2, limit.l2, discharge?.l2 ?? null),
    l3: inside(setpoint.l3, limit.l3, discharge?.l3 ?? null),
  }
}

const COMPARED = [
  'limit',
  'limit_L2',
  'limit_L3',
  'numberPhases',
  'phaseToUse',
  'setpoint',
  'setpoint_L2',
  'setpoint_L3',
  'dischargeLimit',
  'dischargeLimit_L2',
  'dischargeLimit_L3',
  'operationMode',
] as const

/** Whether a period only continues the one before it. */
export function samePeriod(a: CompositePeriod, b: CompositePeriod): boolean {
  return COMPARED.every((field) => a[field] === b[field])
}
