import { combine, type Lead, leadOf, sumLimits, withGeneration } from './composite-limits.ts'
import {
  type CompositeDefaults,
  type CompositePeriod,
  defaultLimit,
  periodOf,
  samePeriod,
} from './composite-period.ts'
import type { ChargingProfile, ChargingRateUnit, ProfilePurpose } from './profile.ts'
import { changeTimes, type ProfileClock, periodAt } from './profile-clock.ts'
import type { InstalledProfile } from './validate-profile.ts'

export type { CompositeDefaults, CompositePeriod } from './composite-period.ts'

export interface RunningTransaction {
  readonly evseId: number
  readonly transactionId: string
  /** When power delivery began; `null` when it is about to. */
  readonly startMs: number | null
}

/** What a station knows when it computes a composite schedule. */
export interface StationProfiles {
  readonly evseIds: readonly number[]
  readonly profiles: readonly InstalledProfile[]
  readonly transactions: readonly RunningTransaction[]
  /** What holds where no profile does, per EVSE. */
  readonly defaults: CompositeDefaults
  /** While offline: since when (OCPP 2.1 maxOfflineDuration). */
  readonly offlineSinceMs?: number | null
  /** EVSEs whose transaction was given priority (OCPP 2.1): a PriorityCharging profile stands in for Tx(Default). */
  readonly prioritised?: ReadonlySet<number>
  /** Profiles whose invalidAfterOfflineDuration struck: not usable until they are set again. */
  readonly lapsedProfileIds?: ReadonlySet<number>
}

export interface CompositeRequest extends StationProfiles {
  /** 0 for the whole station. */
  readonly evseId: number
  readonly unit: ChargingRateUnit
  readonly fromMs: number
  readonly toMs: number
  /** Assume that a transaction under the TxDefaultProfile starts at `fromMs` on every EVSE that has none (K08.FR.06). */
  readonly simulateTransaction?: boolean
}

export interface CompositeSchedule {
  readonly startMs: number
  readonly durationS: number
  readonly unit: ChargingRateUnit
  readonly periods: readonly CompositePeriod[]
}

/**
 * The composite schedule of a station (K08): at each instant the lowest of station maximum, external constraints and
 * (TxProfile, or TxDefaultProfile where no TxProfile says anything), where within a purpose the highest stack level
 * that says something wins (K01.FR.17). Of OCPP 2.1, PriorityCharging stands in for Tx(Default)Profile while a
 * transaction has priority, and LocalGeneration is added on top. For EVSE 0 it is the sum of what the EVSEs may draw, capped by what is about
 * the whole station (K08.FR.03). An interval that is empty is answered for its first instant.
 */
export function compositeSchedule(request: CompositeRequest): CompositeSchedule {
  const fromMs = Math.floor(request.fromMs / 1000) * 1000
  const toMs = Math.max(fromMs, Math.floor(request.toMs / 1000) * 1000)
  const times = new Set<number>([fromMs])
  for (const evseId of [0, ...request.evseIds]) {
    if (request.evseId !== 0 && evseId !== 0 && evseId !== request.evseId) continue
    for (const { evseId: owner, profile } of request.profiles) {
      if (owner !== 0 && owner !== evseId) continue
      const clock = clockOf(request, evseId, fromMs)
      for (const time of changeTimes(profile, clock, { fromMs, toMs })) times.add(time)
    }
  }
  const periods: CompositePeriod[] = []
  for (const time of [...times].sort((a, b) => a - b)) {
    const period = periodOf(leadAt(request, time, fromMs), {
      startPeriod: (time - fromMs) / 1000,
      unit: request.unit,
      defaults: request.defaults,
    })
    const last = periods.at(-1)
    if (last && samePeriod(last, period)) continue
    periods.push(period)
  }
  return { startMs: fromMs, durationS: (toMs - fromMs) / 1000, unit: request.unit, periods }
}

/** What holds at one instant: the first period of a composite schedule that starts there. */
export function compositeAt(
  request: Omit<CompositeRequest, 'fromMs' | 'toMs'>,
  atMs: number,
): CompositePeriod {
  return periodOf(leadAt(request, atMs, atMs), {
    startPeriod: 0,
    unit: request.unit,
    defaults: request.defaults,
  })
}

type Instant = Omit<CompositeRequest, 'fromMs' | 'toMs'>

function clockOf(request: StationProfiles, evseId: number, fromMs: number): ProfileClock {
  const transaction = request.transactions.find((running) => running.evseId === evseId)
  return {
    transactionStartMs: transaction?.startMs ?? fromMs,
    offlineSinceMs: request.offlineSinceMs ?? null,
  }
}

function leadAt(request: Instant, atMs: number, fromMs: number): Lead | null {
  const { unit, defaults } = request
  const voltageV = defaults.voltageV
  const at = (evseId: number) => (purpose: ProfilePurpose) =>
    leadingOf(request, { purpose, evseId, atMs, fromMs })
  const lowest = (leads: readonly (Lead | null)[]) =>
    combine(
      leads.filter((lead) => lead !== null),
      { unit, voltageV },
    )
  const station = at(0)
  const caps = [station('ChargingStationMaxProfile'), station('ChargingStationExternalConstraints')]
  const evse = (evseId: number, above: readonly (Lead | null)[]) =>
    withGeneration(
      lowest([...above, ...evseLeads(request, evseId, at(evseId))]),
      at(evseId)('LocalGeneration'),
      { voltageV },
    )
  const sum = () =>
    sumLimits(
      request.evseIds.map((evseId) => evse(evseId, [])),
      { unit, defaultLimit: defaultLimit(defaults, unit) },
    )
  const lead = request.evseId === 0 ? lowest([...caps, sum()]) : evse(request.evseId, caps)
  return withGeneration(lead, station('LocalGeneration'), { voltageV })
}

/** External constraints of the EVSE itself, and the transaction's own limit while there is or might be one. */
function evseLeads(
  request: Instant,
  evseId: number,
  of: (purpose: ProfilePurpose) => Lead | null,
): (Lead | null)[] {
  const external = of('ChargingStationExternalConstraints')
  const running = request.transactions.some((transaction) => transaction.evseId === evseId)
  if (!running) return [external, request.simulateTransaction === true ? of('TxDefaultProfile') : null]
  const priority = request.prioritised?.has(evseId) ? of('PriorityCharging') : null
  return [external, priority ?? of('TxProfile') ?? of('TxDefaultProfile')]
}

interface Question {
  readonly purpose: ProfilePurpose
  readonly evseId: number
  readonly atMs: number
  readonly fromMs: number
}

/** The highest stack level that says something. At equal level an EVSE's own profile goes before the station's. */
function leadingOf(request: Instant, question: Question): Lead | null {
  const { purpose, evseId, atMs, fromMs } = question
  const clock = clockOf(request, evseId, fromMs)
  let best: { lead: Lead; owner: number } | null = null
  for (const { evseId: owner, profile } of request.profiles) {
    if (profile.chargingProfilePurpose !== purpose || !usable(request, { owner, profile, evseId })) continue
    const { stackLevel } = profile
    if (
      best &&
      (stackLevel < best.lead.stackLevel || (stackLevel === best.lead.stackLevel && owner <= best.owner))
    )
      continue
    const period = periodAt(profile, clock, atMs)
    if (!period) continue
    const unit = profile.chargingSchedule[0]?.chargingRateUnit ?? 'A'
    const lead: Lead | null = leadOf(period, { unit, stackLevel, purpose })
    if (lead) best = { lead, owner }
  }
  return best?.lead ?? null
}

/**
 * Whether a profile is about this EVSE. A TxDefaultProfile on EVSE 0 is about each EVSE (K01.FR.14); what caps EVSE 0
 * otherwise caps the whole station. A TxProfile counts for its own transaction only (K01.FR.16, K02.FR.05).
 */
function usable(
  request: Instant,
  of: { readonly owner: number; readonly profile: ChargingProfile; readonly evseId: number },
): boolean {
  const { owner, profile, evseId } = of
  if (request.lapsedProfileIds?.has(profile.id)) return false
  const { chargingProfilePurpose: purpose } = profile
  if (purpose === 'TxDefaultProfile' || purpose === 'PriorityCharging') return owner === 0 || owner === evseId
  if (owner !== evseId) return false
  if (purpose !== 'TxProfile') return true
  const transaction = request.transactions.find((running) => running.evseId === evseId)
  return (
    transaction !== undefined &&
    (profile.transactionId === undefined || profile.transactionId === transaction.transactionId)
  )
}
