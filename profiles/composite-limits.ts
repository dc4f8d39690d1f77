import type { ChargingRateUnit, ChargingSchedulePeriod, ProfilePurpose } from './profile.ts'

/**
 * One number, or one for each of L1, L2 and L3. In amperes a number always is about one phase. In watts a single
 * number is about all phases together and three are about one phase each (OCPP 2.1, ChargingSchedulePeriodType).
 */
export type Rate = readonly [number] | readonly [number, number, number]

/** What one schedule period, or several of different purposes together, say at an instant. */
export interface Lead {
  readonly unit: ChargingRateUnit
  readonly numberPhases: number
  readonly limit: Rate | null
  readonly setpoint: Rate | null
  /** At most 0: how much may flow back. */
  readonly dischargeLimit: Rate | null
  readonly phaseToUse: number | null
  readonly operationMode: string | null
  readonly stackLevel: number
  readonly purpose: ProfilePurpose | null
}

/** How the result of several leads counts: its unit, its phases, and whether each phase has a number of its own. */
interface Basis {
  readonly unit: ChargingRateUnit
  readonly voltageV: number
  readonly numberPhases: number
  readonly perPhase: boolean
}

const FIELDS = ['limit', 'setpoint', 'dischargeLimit'] as const

function rate(l1: number | undefined, l2: number | undefined, l3: number | undefined): Rate | null {
  if (l1 === undefined) return null
  return l2 === undefined && l3 === undefined ? [l1] : [l1, l2 ?? l1, l3 ?? l1]
}

/** One schedule period; `null` when it limits nothing. AC periods without numberPhases mean three (K01.FR.49). */
export function leadOf(
  period: ChargingSchedulePeriod,
  of: { readonly unit: ChargingRateUnit; readonly stackLevel: number; readonly purpose: ProfilePurpose },
): Lead | null {
  const lead: Lead = {
    ...of,
    limit: rate(period.limit, period.limit_L2, period.limit_L3),
    setpoint: rate(period.setpoint, period.setpoint_L2, period.setpoint_L3),
    dischargeLimit: rate(period.dischargeLimit, period.dischargeLimit_L2, period.dischargeLimit_L3),
    numberPhases: period.numberPhases ?? 3,
    phaseToUse: period.phaseToUse ?? null,
    operationMode: period.operationMode ?? null,
  }
  return FIELDS.some((field) => lead[field] !== null) ? lead : null
}

/** Which of two values allows less: the lower limit, or the discharge limit closer to zero. */
type Stricter = (a: number, b: number) => number

/**
 * A rate on another basis. A number for all phases is shared equally where phases count one by one; on fewer than
 * three phases the strictest stands for all, as nobody knows which phases are left.
 */
function onBasis(from: Rate, unit: ChargingRateUnit, basis: Basis, stricter: Stricter): Rate {
  const { voltageV, numberPhases } = basis
  const inUnit = (value: number, phases: number) => {
    if (unit === basis.unit) return value
    return unit === 'A' ? value * voltageV * phases : value / (voltageV * phases)
  }
  const [l1, l2 = l1, l3 = l1] = from
  if (basis.perPhase) {
    const share = from.length === 1 && unit === 'W' ? 3 : 1
    return [inUnit(l1 / share, 1), inUnit(l2 / share, 1), inUnit(l3 / share, 1)]
  }
  const phases = from.length === 3 && unit === 'W' ? numberPhases : 1
  return [inUnit(stricter(l1, stricter(l2, l3)) * phases, numberPhases)]
}

function eachPhase(a: Rate, b: Rate, pick: (x: number, y: number) => number): Rate {
  const [a1, a2 = a1, a3 = a1] = a
  const [b1, b2 = b1, b3 = b1] = b
  return a.length === 1 && b.length === 1 ? [pick(a1, b1)] : [pick(a1, b1), pick(a2, b2), pick(a3, b3)]
}

function strictest(rates: readonly Rate[], stricter: Stricter): Rate | null {
  return rates.reduce<Rate | null>((low, next) => (low ? eachPhase(low, next, stricter) : next), null)
}

/**
 * What several leads allow together, in `unit`: of each value the strictest, on the fewest phases that any of them
 * asks for (K08.FR.04, K01.FR.50, K01.FR.51). Setpoints stay between the discharge limit and the limit. The later a
 * lead stands in the list, the more it is about the car: its operation mode and phase go before those of the others.
 */
export function combine(
  leads: readonly Lead[],
  { unit, voltageV }: { readonly unit: ChargingRateUnit; readonly voltageV: number },
): Lead | null {
  const last = leads.at(-1)
  if (!last) return null
  const numberPhases = Math.min(...leads.map((lead) => lead.numberPhases))
  const given = leads.flatMap((lead) => FIELDS.map((field) => lead[field]))
  const perPhase = numberPhases === 3 && given.some((one) => one?.length === 3)
  const basis: Basis = { unit, voltageV, numberPhases, perPhase }
  const of = (field: (typeof FIELDS)[number], stricter: Stricter) =>
    leads.map((lead) => lead[field] && onBasis(lead[field], lead.unit, basis, stricter))
  const limits = of('limit', Math.min)
  const limit = strictest(present(limits), Math.min)
  const dischargeLimit = strictest(present(of('dischargeLimit', Math.max)), Math.max)
  const asked = strictest(present(of('setpoint', Math.min)), Math.min)
  const capped = asked && limit ? eachPhase(asked, limit, Math.min) : asked
  const lowest = limits.map((one) => (one ? Math.min(...one) : Number.POSITIVE_INFINITY))
  const binding = (limit && leads[lowest.indexOf(Math.min(...lowest))]) ?? last
  const nearest = <K extends 'phaseToUse' | 'operationMode'>(key: K): Lead[K] =>
    leads.findLast((lead) => lead[key] !== null)?.[key] ?? last[key]
  return {
    unit,
    numberPhases,
    limit,
    setpoint: capped && dischargeLimit ? eachPhase(capped, dischargeLimit, Math.max) : capped,
    dischargeLimit,
    phaseToUse: nearest('phaseToUse'),
    operationMode: nearest('operationMode'),
    stackLevel: binding.stackLevel,
    purpose: binding.purpose,
  }
}

/**
 * Local generation on top of what the other profiles allow together (OCPP 2.1, ChargingProfilePurposeEnumType): more to
 * draw, on the same phases. Where nothing else limits there is nothing to add to.
 */
export function withGeneration(
  lead: Lead | null,
  generation: Lead | null,
  { voltageV }: { readonly voltageV: number },
): Lead | null {
  if (!lead?.limit || !generation?.limit) return lead
  const { unit, numberPhases } = lead
  const perPhase = numberPhases === 3 && (lead.limit.length === 3 || generation.limit.length === 3)
  const basis: Basis = { unit, voltageV, numberPhases, perPhase }
  const own = onBasis(lead.limit, unit, basis, Math.min)
  const more = onBasis(generation.limit, generation.unit, basis, Math.min)
  return { ...lead, limit: eachPhase(own, more, (a, b) => a + b) }
}

function present<T>(values: readonly (T | null)[]): T[] {
  return values.filter((value) => value !== null)
}

/**
 * EVSEs side by side: their limits add up in `unit`, one without a limit counts with `defaultLimit`. `null` where
 * nobody has one. Every EVSE must be in `unit` already.
 */
export function sumLimits(
  evses: readonly (Lead | null)[],
  { unit, defaultLimit }: { readonly unit: ChargingRateUnit; readonly defaultLimit: number },
): Lead | null {
  const known = present(evses)
  if (known.length === 0) return null
  const perPhase = known.some((lead) => lead.limit?.length === 3)
  const limits = evses.map((lead): Rate => {
    const own = lead?.limit ?? [defaultLimit]
    if (!perPhase || own.length === 3 || unit === 'A') return own
    // Which of its phases an EVSE is on is not known here: each carries what one of them does.
    const each = own[0] / (lead?.numberPhases ?? 3)
    return [each, each, each]
  })
  return {
    unit,
    numberPhases: Math.max(...known.map((lead) => lead.numberPhases)),
    limit: limits.reduce((total, one) => eachPhase(total, one, (x, y) => x + y)),
    setpoint: null,
    dischargeLimit: null,
    phaseToUse: null,
    operationMode: null,
    stackLevel: 0,
    purpose: null,
  }
}
