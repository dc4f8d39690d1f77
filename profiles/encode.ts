import type { LimitBelief } from './belief.ts'
import type { SmartChargingDevice } from './device.ts'
import type {
  ChargingProfile,
  ChargingRateUnit,
  ChargingSchedule,
  ChargingSchedulePeriod,
  SetChargingProfileRequest,
} from './profile.ts'
import type { SiteEvse } from './site.ts'
import { roundDownTenth, wattsOf } from './units.ts'

/** Stack levels in use. The hold stands above the safe default, leases have a purpose of their own. */
export const SAFE_STACK_LEVEL = 0
export const HOLD_STACK_LEVEL = 1
export const LEASE_STACK_LEVEL = 0

/**
 * How far before `nowMs` a lease starts. A station whose clock runs behind would otherwise not yet follow it.
 */
export const CLOCK_SKEW_MS = 60_000

/** Profile ids of one EVSE: the same id replaces what was there, so nothing piles up on the station. */
export function profileIds(evseId: number): { lease: number; safe: number; hold: number } {
  const base = 1_000 + evseId * 10
  return { lease: base + 1, safe: base + 2, hold: base + 3 }
}
export const STATION_MAX_PROFILE_ID = 1_000

export interface Encoded {
  readonly request: SetChargingProfileRequest
  /** What the station will hold once it accepts. */
  readonly belief: LimitBelief
}

/**
 * Which unit to write for an EVSE: amperes for AC where the station takes them, watts for DC; or the one that it has
 * accepted, where its device model does not say which it takes.
 */
export function rateUnitFor(
  evse: SiteEvse,
  device: SmartChargingDevice,
  attempt = 0,
  accepted: ChargingRateUnit = evse.supply.kind === 'dc' ? 'W' : 'A',
): ChargingRateUnit | null {
  const preferred: readonly ChargingRateUnit[] = accepted === 'W' ? ['W', 'A'] : ['A', 'W']
  const usable = preferred.filter((unit) => device.rateUnits.includes(unit))
  return usable[attempt % Math.max(1, usable.length)] ?? null
}

/** Highest voltage assumed at a DC outlet when a station insists on amperes: fewer amperes than needed, never more. */
const MAX_DC_OUTLET_V = 1000

interface WrittenLimit {
  readonly limit: number
  readonly numberPhases?: number
  /** What the written number means on the grid side, after rounding down. */
  readonly limitA: number
}

/**
 * A grid-side current as the number that goes on the wire. Rounds down, and never writes a current between the
 * pause and the EVSE's minimum. Watts are always over all wired phases, so that a car on one phase of three cannot
 * take the power of three on it.
 */
export function writeLimit(options: {
  readonly evse: SiteEvse
  readonly device: SmartChargingDevice
  readonly unit: ChargingRateUnit
  readonly limitA: number
}): WrittenLimit {
  const { evse, device, unit } = options
  if (evse.supply.kind === 'dc') return writeDc(evse, unit, options.limitA)
  const phases = evse.supply.kind === 'ac' ? evse.terminals.length : 1
  const voltageV = evse.supply.kind === 'ac' ? voltageOf(device) : evse.wattPerA
  const floored = options.limitA + 1e-6 < leastA(evse, device, unit) ? 0 : options.limitA
  const rounded = roundDownTenth(floored)
  if (unit === 'A') return { limit: rounded, numberPhases: phases, limitA: rounded }
  const limit = roundDownTenth(wattsOf({ currentA: rounded, voltageV, phases }))
  return { limit, numberPhases: phases, limitA: rounded }
}

function voltageOf(device: SmartChargingDevice): number {
  return Math.min(device.lineVoltageV, device.lowVoltageV ?? Number.POSITIVE_INFINITY)
}

/**
 * The least current that can be written so that a car charges by it. A station reads watts at the voltage of the area
 * (K01.FR.50), and written for a lower one they would be less than its minimum to it.
 */
export function leastA(evse: SiteEvse, device: SmartChargingDevice, unit: ChargingRateUnit | null): number {
  if (unit !== 'W' || evse.supply.kind !== 'ac') return evse.minA
  return (evse.minA * device.lineVoltageV) / voltageOf(device)
}

function writeDc(evse: SiteEvse, unit: ChargingRateUnit, limitA: number): WrittenLimit {
  const efficiency = evse.supply.kind === 'dc' ? evse.supply.efficiency : 1
  const floored = limitA + 1e-6 < evse.minA ? 0 : limitA
  const outletW = roundDownTenth(floored * evse.wattPerA * efficiency)
  const backA = outletW / efficiency / evse.wattPerA
  if (unit === 'W') return { limit: outletW, limitA: backA }
  return { limit: roundDownTenth(outletW / MAX_DC_OUTLET_V), limitA: backA }
}

interface EncodeInput {
  readonly evse: SiteEvse
  readonly device: SmartChargingDevice
  readonly unit: ChargingRateUnit
  readonly limitA: number
  readonly nowMs: number
}

function periodOf(startPeriod: number, { limit, numberPhases }: WrittenLimit): ChargingSchedulePeriod {
  return { startPeriod, limit, ...(numberPhases === undefined ? {} : { numberPhases }) }
}

function encoded(options: {
  readonly input: EncodeInput
  readonly profile: Omit<ChargingProfile, 'chargingSchedule'>
  readonly leaseMs: number | null
  readonly tailA?: number
  readonly evseId: number
}): Encoded {
  const { input, profile, leaseMs, evseId } = options
  const written = writeLimit(input)
  const tail = options.tailA === undefined ? undefined : writeLimit({ ...input, limitA: options.tailA })
  const nowS = Math.floor(input.nowMs / 1000)
  const startMs = nowS * 1000 - CLOCK_SKEW_MS
  const lifeS = leaseMs === null ? undefined : Math.floor((leaseMs + CLOCK_SKEW_MS) / 1000)
  const endsS = tail?.limit === written.limit ? undefined : lifeS
  const steps = [periodOf(0, written), ...(tail && endsS !== undefined ? [periodOf(endsS, tail)] : [])]
  const schedule: ChargingSchedule = {
    id: 1,
    startSchedule: new Date(startMs).toISOString(),
    ...(endsS === undefined || tail ? {} : { duration: endsS }),
    chargingRateUnit: input.unit,
    chargingSchedulePeriod: steps,
  }
  return {
    request: { evseId, chargingProfile: { ...profile, chargingSchedule: [schedule] } },
    belief: {
      profileId: profile.id,
      limitA: written.limitA,
      expiresAtMs: endsS === undefined ? null : startMs + endsS * 1000,
      ...(tail && endsS !== undefined ? { tailA: tail.limitA } : {}),
      sentAtMs: input.nowMs,
      unit: input.unit,
      ...(input.unit === 'W' && input.device.lowVoltageV !== undefined
        ? { lowVoltageV: input.device.lowVoltageV }
        : {}),
      ...(profile.transactionId === undefined ? {} : { transactionId: profile.transactionId }),
    },
  }
}

/** How long a lease lasts, and what its profile itself goes on with then. */
export interface LeaseTerm {
  /** `null`: until the transaction ends. */
  readonly leaseMs: number | null
  /** Left out, the station falls back to its TxDefaultProfile by itself (K02.FR.08). */
  readonly tailA?: number
}

/**
 * A lease: TxProfile of one transaction, Absolute, ending `leaseMs` from now. When nobody renews it the station falls
 * back to its safe default, or goes on with `tailA`. Requirements: K01.FR.03, 16, 31, 34, 40.
 */
export function encodeLease(input: EncodeInput & LeaseTerm & { readonly transactionId: string }): Encoded {
  return encoded({
    input,
    evseId: input.evse.evseId,
    leaseMs: input.leaseMs,
    ...(input.tailA === undefined ? {} : { tailA: input.tailA }),
    profile: {
      id: profileIds(input.evse.evseId).lease,
      stackLevel: LEASE_STACK_LEVEL,
      chargingProfilePurpose: 'TxProfile',
      chargingProfileKind: 'Absolute',
      transactionId: input.transactionId,
    },
  })
}

/** What is written for good is written at the voltage of the area: that is what stations read it by. */
function nominal({ device, ...input }: EncodeInput): EncodeInput {
  const { lowVoltageV: _low, ...atNominal } = device
  return { ...input, device: atNominal }
}

/** The TxDefaultProfile of one EVSE that holds for ever: what the EVSE falls to when nobody steers it (K06.FR.02). */
export function encodeSafe(input: EncodeInput): Encoded {
  return encoded({
    input: nominal(input),
    evseId: input.evse.evseId,
    leaseMs: null,
    profile: {
      id: profileIds(input.evse.evseId).safe,
      stackLevel: SAFE_STACK_LEVEL,
      chargingProfilePurpose: 'TxDefaultProfile',
      chargingProfileKind: 'Absolute',
    },
  })
}

/**
 * A TxDefaultProfile above the safe one that ends by itself: a car that plugs in waits at this limit for its lease,
 * so idle EVSEs need no reserve while we are alive.
 */
export function encodeHold(input: EncodeInput & { readonly leaseMs: number }): Encoded {
  return encoded({
    input: nominal(input),
    evseId: input.evse.evseId,
    leaseMs: input.leaseMs,
    profile: {
      id: profileIds(input.evse.evseId).hold,
      stackLevel: HOLD_STACK_LEVEL,
      chargingProfilePurpose: 'TxDefaultProfile',
      chargingProfileKind: 'Absolute',
    },
  })
}

/**
 * What one ampere on each line of a station is in watts, at most, as the station counts them: no more than its lines
 * carry, nor than its EVSEs turn it into; a DC outlet shows less than the grid gives.
 */
function stationWattPerA(evses: readonly SiteEvse[], lines: number, voltageV: number): number {
  const gridW = evses.reduce((sum, evse) => sum + evse.wattPerA, 0)
  const shownW = evses.reduce((sum, { wattPerA, supply }) => {
    return sum + wattPerA * (supply.kind === 'dc' ? supply.efficiency : 1)
  }, 0)
  return gridW > 0 ? Math.min(shownW, (lines * voltageV * shownW) / gridW) : lines * voltageV
}

/** The cap of a whole station (K04.FR.03: evseId 0; K01.FR.38: not Relative). */
export function encodeStationMax(options: {
  readonly unit: ChargingRateUnit
  /** On each line that feeds the station. */
  readonly limitA: number
  readonly evses: readonly SiteEvse[]
  readonly voltageV: number
  readonly nowMs: number
}): Encoded {
  const { evses, voltageV } = options
  const lines = new Set(evses.flatMap(({ terminals }) => terminals.map(({ phase }) => phase))).size || 3
  const limitA = roundDownTenth(options.limitA)
  const limitW = limitA * stationWattPerA(evses, lines, voltageV)
  const startMs = Math.floor(options.nowMs / 1000) * 1000 - CLOCK_SKEW_MS
  const period = {
    startPeriod: 0,
    limit: options.unit === 'A' ? limitA : roundDownTenth(limitW),
    numberPhases: lines,
  }
  return {
    request: {
      evseId: 0,
      chargingProfile: {
        id: STATION_MAX_PROFILE_ID,
        stackLevel: SAFE_STACK_LEVEL,
        chargingProfilePurpose: 'ChargingStationMaxProfile',
        chargingProfileKind: 'Absolute',
        chargingSchedule: [
          {
            id: 1,
            startSchedule: new Date(startMs).toISOString(),
            chargingRateUnit: options.unit,
            chargingSchedulePeriod: [period],
          },
        ],
      },
    },
    belief: {
      profileId: STATION_MAX_PROFILE_ID,
      limitA,
      expiresAtMs: null,
      sentAtMs: options.nowMs,
      unit: options.unit,
    },
  }
}

/**
 * Fits periods into what a station stores (PeriodsPerSchedule) by joining neighbours at their lower limit, the pair
 * that loses least first. Never raises a limit. Periods need ascending `startPeriod` and the last one an end.
 */
export function compressPeriods(
  periods: readonly ChargingSchedulePeriod[],
  options: { readonly maxPeriods: number; readonly durationS: number },
): ChargingSchedulePeriod[] {
  const joined: ChargingSchedulePeriod[] = []
  for (const period of periods) {
    const last = joined.at(-1)
    if (last && last.limit === period.limit && last.numberPhases === period.numberPhases) continue
    joined.push(period)
  }
  while (joined.length > Math.max(1, options.maxPeriods)) {
    let best = 0
    let least = Number.POSITIVE_INFINITY
    for (let k = 0; k + 1 < joined.length; k++) {
      const loss = joinLoss(joined, k, options.durationS)
      if (loss >= least) continue
      least = loss
      best = k
    }
    const a = joined[best]
    const b = joined[best + 1]
    if (!a || !b) break
    const limit = Math.min(a.limit ?? Number.POSITIVE_INFINITY, b.limit ?? Number.POSITIVE_INFINITY)
    const lower = (a.limit ?? Number.POSITIVE_INFINITY) <= (b.limit ?? Number.POSITIVE_INFINITY) ? a : b
    joined.splice(best, 2, {
      ...lower,
      startPeriod: a.startPeriod,
      ...(Number.isFinite(limit) ? { limit } : {}),
    })
  }
  return joined
}

function joinLoss(periods: readonly ChargingSchedulePeriod[], k: number, durationS: number): number {
  const a = periods[k]
  const b = periods[k + 1]
  if (!a || !b) return Number.POSITIVE_INFINITY
  const end = periods[k + 2]?.startPeriod ?? Math.max(durationS, b.startPeriod)
  const low = Math.min(a.limit ?? 0, b.limit ?? 0)
  return (
    ((a.limit ?? 0) - low) * (b.startPeriod - a.startPeriod) + ((b.limit ?? 0) - low) * (end - b.startPeriod)
  )
}
