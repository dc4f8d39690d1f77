import {
  fromPeriod,
  lowestLimits,
  NO_LIMITS,
  type PurposeLimits,
  preferFirst,
  sumLimits,
} from './composite-limits.ts'
import { type CompositeDefaults, type CompositePeriod, finishPeriod, samePeriod } from './composite-period.ts'
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
  /** Profiles whose invalidAfterOfflineDuration struck: not usable until they are set again. */
  readonly lapsedProfileIds?: ReadonlySet<number>
}

export interface CompositeRequest extends StationProfiles {
  /** 0 for the whole station. */
  readonly evseId: number
  readonly unit: ChargingRateUnit
  readonly fromMs: number
  readonly toMs: number
  /** Assume that a transaction starts at `fromMs` on every EVSE that has none. */
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
 * that says something wins (K01.FR.17). An interval that is empty is answered for its first instant.
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
    const limits = limitsAt(request, time, fromMs)
    const startPeriod = (time - fromMs) / 1000
    const period = finishPeriod(limits, { startPeriod, unit: request.unit, defaults: request.defaults })
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
  const limits = limitsAt(request, atMs, atMs)
  return finishPeriod(limits, { startPeriod: 0, unit: request.unit, defaults: request.defaults })
}

type Instant = Omit<CompositeRequest, 'fromMs' | 'toMs'>

function clockOf(request: StationProfiles, evseId: number, fromMs: number): ProfileClock {
  const transaction = request.transactions.find((running) => running.evseId === evseId)
  return {
    transactionStartMs: transaction?.startMs ?? fromMs,
    offlineSinceMs: request.offlineSinceMs ?? null,
  }
}

function limitsAt(request: Instant, atMs: number, fromMs: number): PurposeLimits {
  const station = (purpose: ProfilePurpose) => purposeLimits(request, { purpose, evseId: 0, atMs, fromMs })
  const maximum = station('ChargingStationMaxProfile')
  if (request.evseId !== 0) {
    return lowestLimits([maximum, ...evseLimits(request, request.evseId, atMs, fromMs)])
  }
  const evses = request.evseIds.map((evseId) => lowestLimits(evseLimits(request, evseId, atMs, fromMs)))
  // The sum already carries what binds each EVSE; what caps the whole station caps the sum once more.
  const external = station('ChargingStationExternalConstraints')
  return lowestLimits([maximum, external, sumLimits(evses, request.defaults)])
}

/** External constraints, and the transaction's own limit while there is or might be a transaction. */
function evseLimits(request: Instant, evseId: number, atMs: number, fromMs: number): PurposeLimits[] {
  const of = (purpose: ProfilePurpose) => purposeLimits(request, { purpose, evseId, atMs, fromMs })
  const external = of('ChargingStationExternalConstraints')
  const running = request.transactions.some((transaction) => transaction.evseId === evseId)
  if (!running && request.simulateTransaction !== true) return [external]
  return [external, preferFirst(of('TxProfile'), of('TxDefaultProfile'))]
}

interface Question {
  readonly purpose: ProfilePurpose
  readonly evseId: number
  readonly atMs: number
  readonly fromMs: number
}

/** The highest stack level that says something. At equal level an EVSE's own profile goes before the station's. */
function purposeLimits(request: Instant, question: Question): PurposeLimits {
  const { purpose, evseId, atMs, fromMs } = question
  const clock = clockOf(request, evseId, fromMs)
  let best: { profile: ChargingProfile; owner: number; limits: PurposeLimits } | null = null
  for (const { evseId: owner, profile } of request.profiles) {
    if (profile.chargingProfilePurpose !== purpose || (owner !== 0 && owner !== evseId)) continue
    if (!usable(request, profile, evseId)) continue
    const higher =
      best === null ||
      profile.stackLevel > best.profile.stackLevel ||
      (profile.stackLevel === best.profile.stackLevel && owner > best.owner)
    if (!higher) continue
    const period = periodAt(profile, clock, atMs)
    if (!period) continue
    const unit = profile.chargingSchedule[0]?.chargingRateUnit ?? 'A'
    best = { profile, owner, limits: fromPeriod(period, { unit, stackLevel: profile.stackLevel, purpose }) }
  }
  return best?.limits ?? NO_LIMITS
}

/** A TxProfile counts for its own transaction only. */
function usable(request: Instant, profile: ChargingProfile, evseId: number): boolean {
  if (request.lapsedProfileIds?.has(profile.id)) return false
  if (profile.chargingProfilePurpose !== 'TxProfile') return true
  const transaction = request.transactions.find((running) => running.evseId === evseId)
  if (!transaction) return request.simulateTransaction === true
  return profile.transactionId === undefined || profile.transactionId === transaction.transactionId
}
