import type { Lead, Rate } from './composite-limits.ts'
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

export function defaultLimit(defaults: CompositeDefaults, unit: ChargingRateUnit): number {
  return unit === 'A' ? defaults.limitA : defaults.limitW
}

/** What holds at an instant as a schedule period; where nothing does, the station's own default. */
export function periodOf(
  lead: Lead | null,
  of: {
    readonly startPeriod: number
    readonly unit: ChargingRateUnit
    readonly defaults: CompositeDefaults
  },
): CompositePeriod {
  const { startPeriod, defaults } = of
  const fallback = defaultLimit(defaults, of.unit)
  if (!lead) {
    return {
      startPeriod,
      limit: fallback,
      numberPhases: defaults.numberPhases,
      stackLevel: 0,
      purpose: null,
    }
  }
  const { numberPhases, phaseToUse, operationMode, stackLevel } = lead
  return {
    startPeriod,
    limit: fallback,
    ...fields('limit', lead.limit),
    numberPhases,
    ...(phaseToUse === null || numberPhases !== 1 ? {} : { phaseToUse }),
    ...fields('setpoint', lead.setpoint),
    ...fields('dischargeLimit', lead.dischargeLimit),
    ...(operationMode === null ? {} : { operationMode }),
    stackLevel: lead.limit ? stackLevel : 0,
    purpose: lead.limit ? lead.purpose : null,
  }
}

function fields(name: 'limit' | 'setpoint' | 'dischargeLimit', rate: Rate | null) {
  if (!rate) return {}
  const [l1, l2, l3] = rate
  return { [name]: l1, ...(l2 === undefined ? {} : { [`${name}_L2`]: l2, [`${name}_L3`]: l3 }) }
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

/** Far below what a station can set: watts and amperes that mean the same differ in their last binary digits. */
const SAME = 1e-6

/** Whether a period only continues the one before it. */
export function samePeriod(a: CompositePeriod, b: CompositePeriod): boolean {
  return COMPARED.every((field) => {
    const [x, y] = [a[field], b[field]]
    return x === y || (typeof x === 'number' && typeof y === 'number' && Math.abs(x - y) < SAME)
  })
}
