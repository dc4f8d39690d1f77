import type { SmartChargingDevice } from './device.ts'
import { CLOCK_SKEW_MS, compressPeriods, LEASE_STACK_LEVEL, profileIds, writeLimit } from './encode.ts'
import type {
  ChargingRateUnit,
  ChargingSchedule,
  ChargingSchedulePeriod,
  SetChargingProfileRequest,
} from './profile.ts'
import { parseTime } from './profile-clock.ts'
import type { SiteEvse } from './site.ts'
import { roundDownTenth } from './units.ts'

/** The parts of NotifyEVChargingNeeds that shape a demand (ISO 15118 ChargeParameterDiscovery). */
export interface EvChargingNeeds {
  readonly departureTime?: string
  readonly acChargingParameters?: {
    readonly energyAmount: number
    readonly evMinCurrent: number
    readonly evMaxCurrent: number
    readonly evMaxVoltage: number
  }
  readonly dcChargingParameters?: {
    readonly evMaxCurrent: number
    readonly evMaxVoltage: number
    readonly evMaxPower?: number
    readonly energyAmount?: number
    readonly stateOfCharge?: number
    readonly evEnergyCapacity?: number
  }
}

/** What a car's needs mean for its session; spread it over `Session`. Amperes per phase on the grid side. */
export interface SessionNeeds {
  readonly departureMs?: number
  readonly remainingWh?: number
  readonly minA?: number
  readonly maxA?: number
}

/** Reads needs. `null` when they carry neither AC nor DC parameters, or numbers that no car has (K15.FR.06). */
export function readNeeds(needs: EvChargingNeeds, evse: SiteEvse): SessionNeeds | null {
  const departureMs = needs.departureTime === undefined ? Number.NaN : parseTime(needs.departureTime)
  const leave = Number.isFinite(departureMs) ? { departureMs } : {}
  const ac = needs.acChargingParameters
  if (ac) {
    if (!(ac.evMaxCurrent > 0 && ac.evMinCurrent >= 0 && ac.energyAmount >= 0)) return null
    return { ...leave, remainingWh: ac.energyAmount, minA: ac.evMinCurrent, maxA: ac.evMaxCurrent }
  }
  const dc = needs.dcChargingParameters
  if (!dc || evse.supply.kind !== 'dc') return null
  const powerW = dc.evMaxPower ?? dc.evMaxCurrent * dc.evMaxVoltage
  if (!(powerW > 0)) return null
  const toFull =
    dc.evEnergyCapacity !== undefined && dc.stateOfCharge !== undefined
      ? dc.evEnergyCapacity * (1 - dc.stateOfCharge / 100)
      : undefined
  const remainingWh = dc.energyAmount ?? toFull
  const maxA = powerW / evse.supply.efficiency / evse.wattPerA
  return { ...leave, maxA, ...(remainingWh === undefined ? {} : { remainingWh: Math.max(0, remainingWh) }) }
}

/** A stretch of an offer to a car: grid-side amperes per phase from `fromS` seconds after its start. */
export interface OfferStep {
  readonly fromS: number
  readonly limitA: number
}
export interface ScheduleOffer {
  readonly steps: readonly OfferStep[]
  readonly durationS: number
}

/** Most schedules in one profile (K15.FR.07). The standard recommends a single one (K15.FR.18). */
export const MAX_OFFERS = 3

/**
 * A TxProfile with up to three schedules for a car that speaks ISO 15118. Each is fitted into what car and station
 * take, never raising a limit. Send it within 60 s of NotifyEVChargingNeeds (K15.FR.08).
 */
export function encodeOffers(options: {
  readonly evse: SiteEvse
  readonly device: SmartChargingDevice
  readonly unit: ChargingRateUnit
  readonly transactionId: string
  readonly nowMs: number
  readonly offers: readonly ScheduleOffer[]
  /** From NotifyEVChargingNeeds; periods per schedule. */
  readonly maxScheduleTuples: number
}): SetChargingProfileRequest {
  const { evse, device, unit } = options
  const maxPeriods = Math.max(1, Math.min(options.maxScheduleTuples, device.periodsPerSchedule))
  const leadS = CLOCK_SKEW_MS / 1000
  const startSchedule = new Date(Math.floor(options.nowMs / 1000) * 1000 - CLOCK_SKEW_MS).toISOString()
  const chargingSchedule = options.offers.slice(0, MAX_OFFERS).map((offer, index): ChargingSchedule => {
    const periods = offer.steps.map((step, k): ChargingSchedulePeriod => {
      const { limit, numberPhases } = writeLimit({ evse, device, unit, limitA: step.limitA })
      // The first step also covers the lead that makes the schedule robust against a slow clock.
      const startPeriod = k === 0 ? 0 : Math.round(step.fromS) + leadS
      return { startPeriod, limit, ...(numberPhases === undefined ? {} : { numberPhases }) }
    })
    const durationS = Math.round(offer.durationS) + leadS
    return {
      id: index + 1,
      startSchedule,
      duration: durationS,
      chargingRateUnit: unit,
      chargingSchedulePeriod: compressPeriods(periods, { maxPeriods, durationS }),
    }
  })
  return {
    evseId: evse.evseId,
    chargingProfile: {
      id: profileIds(evse.evseId).lease,
      stackLevel: LEASE_STACK_LEVEL,
      chargingProfilePurpose: 'TxProfile',
      chargingProfileKind: 'Absolute',
      transactionId: options.transactionId,
      chargingSchedule,
    },
  }
}

/** Where a car's plan is above the schedule it was given: seconds after the plan's start, or `null` when nowhere. */
export function planExceeds(options: {
  readonly offered: ChargingSchedule
  readonly planned: ChargingSchedule
  /** Start of the car's plan where it names none. */
  readonly timeBaseMs: number
}): number | null {
  const { offered, planned } = options
  if (offered.chargingRateUnit !== planned.chargingRateUnit) return 0
  const plannedMs =
    planned.startSchedule === undefined ? options.timeBaseMs : parseTime(planned.startSchedule)
  const offeredMs =
    offered.startSchedule === undefined ? options.timeBaseMs : parseTime(offered.startSchedule)
  const shiftS = (plannedMs - offeredMs) / 1000
  const edges = new Set([0])
  for (const period of planned.chargingSchedulePeriod) edges.add(period.startPeriod)
  for (const period of offered.chargingSchedulePeriod) edges.add(period.startPeriod - shiftS)
  if (offered.duration !== undefined) edges.add(offered.duration - shiftS)
  const endS = planned.duration ?? Number.POSITIVE_INFINITY
  const limitAt = (schedule: ChargingSchedule, atS: number) =>
    schedule.chargingSchedulePeriod.filter((period) => period.startPeriod <= atS).at(-1)?.limit
  for (const edge of [...edges].sort((a, b) => a - b)) {
    if (edge < 0 || edge >= endS) continue
    const wanted = limitAt(planned, edge) ?? 0
    const over = edge + shiftS >= (offered.duration ?? Number.POSITIVE_INFINITY)
    const allowed = over ? 0 : (limitAt(offered, edge + shiftS) ?? 0)
    if (roundDownTenth(wanted) > allowed + 1e-6) return edge
  }
  return null
}

/** NotifyEVChargingSchedule's answer: Rejected leads to a renegotiation (K15.FR.11-13, K16.FR.06-08). */
export function answerToPlan(options: Parameters<typeof planExceeds>[0]): 'Accepted' | 'Rejected' {
  return planExceeds(options) === null ? 'Accepted' : 'Rejected'
}
