import type { ChargingRateUnit, ChargingSchedulePeriod, ProfilePurpose } from './profile.ts'

/** Values for L1, L2 and L3. L2 and L3 are `null` where only one number was given. */
export interface PhaseLimits {
  readonly l1: number
  readonly l2: number | null
  readonly l3: number | null
}

/** The two units are kept apart until the end: which one binds depends on voltage and phases of the result. */
export interface UnitLimits {
  readonly limit: PhaseLimits | null
  readonly setpoint: PhaseLimits | null
  /** At most 0: how much may flow back. */
  readonly discharge: PhaseLimits | null
  readonly stackLevel: number
  readonly purpose: ProfilePurpose | null
}

/** What one purpose, or several together, say at an instant. */
export interface PurposeLimits {
  readonly a: UnitLimits
  readonly w: UnitLimits
  readonly numberPhases: number | null
  readonly phaseToUse: number | null
  readonly operationMode: string | null
}

const NOTHING: UnitLimits = { limit: null, setpoint: null, discharge: null, stackLevel: 0, purpose: null }

export const NO_LIMITS: PurposeLimits = {
  a: NOTHING,
  w: NOTHING,
  numberPhases: null,
  phaseToUse: null,
  operationMode: null,
}

function phases(l1: number | undefined, l2: number | undefined, l3: number | undefined): PhaseLimits | null {
  return l1 === undefined ? null : { l1, l2: l2 ?? null, l3: l3 ?? null }
}

/** One schedule period. AC periods without numberPhases mean three (K01.FR.49). */
export function fromPeriod(
  period: ChargingSchedulePeriod,
  of: { readonly unit: ChargingRateUnit; readonly stackLevel: number; readonly purpose: ProfilePurpose },
): PurposeLimits {
  const own: UnitLimits = {
    limit: phases(period.limit, period.limit_L2, period.limit_L3),
    setpoint: phases(period.setpoint, period.setpoint_L2, period.setpoint_L3),
    discharge: phases(period.dischargeLimit, period.dischargeLimit_L2, period.dischargeLimit_L3),
    stackLevel: of.stackLevel,
    purpose: of.purpose,
  }
  return {
    a: of.unit === 'A' ? own : NOTHING,
    w: of.unit === 'W' ? own : NOTHING,
    numberPhases: period.numberPhases ?? 3,
    phaseToUse: period.phaseToUse ?? null,
    operationMode: period.operationMode ?? null,
  }
}

function saysSomething(limits: PurposeLimits): boolean {
  return [limits.a, limits.w].some((unit) => unit.limit ?? unit.setpoint ?? unit.discharge)
}

/** TxProfile where it says something, TxDefaultProfile elsewhere. */
export function preferFirst(first: PurposeLimits, second: PurposeLimits): PurposeLimits {
  return saysSomething(first) ? first : second
}

function each(
  a: PhaseLimits | null,
  b: PhaseLimits | null,
  pick: (x: number, y: number) => number,
): PhaseLimits | null {
  if (!a || !b) return a ?? b
  const other = (x: number | null, y: number | null, from: PhaseLimits, to: PhaseLimits) =>
    x === null && y === null ? null : pick(x ?? from.l1, y ?? to.l1)
  return { l1: pick(a.l1, b.l1), l2: other(a.l2, b.l2, a, b), l3: other(a.l3, b.l3, a, b) }
}

function lowestUnit(a: UnitLimits, b: UnitLimits): UnitLimits {
  const limit = each(a.limit, b.limit, Math.min)
  const winner = !b.limit || (a.limit && a.limit.l1 <= b.limit.l1) ? a : b
  return {
    limit,
    setpoint: each(a.setpoint, b.setpoint, Math.min),
    // Both are zero or below: the one closer to zero allows less to flow back.
    discharge: each(a.discharge, b.discharge, Math.max),
    stackLevel: winner.stackLevel,
    purpose: winner.purpose,
  }
}

function fewer(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}

/** The lowest of several purposes, unit by unit; fewest phases. */
export function lowestLimits(all: readonly PurposeLimits[]): PurposeLimits {
  return all.reduce(
    (low, next) => ({
      a: lowestUnit(low.a, next.a),
      w: lowestUnit(low.w, next.w),
      numberPhases: fewer(low.numberPhases, next.numberPhases),
      phaseToUse: low.phaseToUse ?? next.phaseToUse,
      operationMode: low.operationMode ?? next.operationMode,
    }),
    NO_LIMITS,
  )
}

/** EVSEs side by side: their limits add up, and one that has none counts with the station's default. */
export function sumLimits(
  evses: readonly PurposeLimits[],
  defaults: { readonly limitA: number; readonly limitW: number },
): PurposeLimits {
  if (!evses.some(saysSomething)) return NO_LIMITS
  const sum = (pick: (limits: PurposeLimits) => UnitLimits, otherwise: number): UnitLimits => {
    const limits = evses.map((evse) => pick(evse).limit ?? { l1: otherwise, l2: null, l3: null })
    const total = limits.reduce((a, b) => each(a, b, (x, y) => x + y) ?? a)
    return { ...NOTHING, limit: total }
  }
  const known = evses.flatMap((evse) => (evse.numberPhases === null ? [] : [evse.numberPhases]))
  return {
    a: sum((evse) => evse.a, defaults.limitA),
    w: sum((evse) => evse.w, defaults.limitW),
    numberPhases: known.length > 0 ? Math.max(...known) : null,
    phaseToUse: null,
    operationMode: null,
  }
}
