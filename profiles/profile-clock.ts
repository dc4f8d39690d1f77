import type { ChargingProfile, ChargingSchedule, ChargingSchedulePeriod } from './profile.ts'

const DAY_MS = 86_400_000

/** Milliseconds of an OCPP date-time, floored to seconds. A time without zone is UTC, as OCPP's are. */
export function parseTime(value: string): number {
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/i.test(value)
  return Math.floor(Date.parse(zoned ? value : `${value}Z`) / 1000) * 1000
}

/** What decides when a profile's schedule runs, besides the profile itself. */
export interface ProfileClock {
  /** Start of the transaction: Relative schedules count from here. */
  readonly transactionStartMs: number
  /** While the station is offline: since when. */
  readonly offlineSinceMs: number | null
}

/** [from, to) during which a profile may be used at all: validFrom, validTo (K01.FR.36/37), offline life of OCPP 2.1. */
export function validityOf(profile: ChargingProfile, clock: ProfileClock): { fromMs: number; toMs: number } {
  const fromMs = profile.validFrom === undefined ? Number.NEGATIVE_INFINITY : parseTime(profile.validFrom)
  let toMs = profile.validTo === undefined ? Number.POSITIVE_INFINITY : parseTime(profile.validTo)
  if (clock.offlineSinceMs !== null && profile.maxOfflineDuration !== undefined) {
    toMs = Math.min(toMs, clock.offlineSinceMs + profile.maxOfflineDuration * 1000)
  }
  return { fromMs, toMs }
}

function cycleMs(profile: ChargingProfile): number | null {
  if (profile.chargingProfileKind !== 'Recurring') return null
  return profile.recurrencyKind === 'Weekly' ? 7 * DAY_MS : DAY_MS
}

/**
 * Start of the run of the schedule that covers `atMs`; `null` when none does. A recurring schedule repeats both ways
 * from its start, so before today's start yesterday's still runs.
 */
export function runStart(
  profile: ChargingProfile,
  schedule: ChargingSchedule,
  clock: ProfileClock,
  atMs: number,
): number | null {
  const floating = profile.chargingProfileKind === 'Relative' || profile.chargingProfileKind === 'Dynamic'
  if (schedule.startSchedule === undefined) return floating ? clock.transactionStartMs : null
  const firstMs = parseTime(schedule.startSchedule)
  const cycle = cycleMs(profile)
  if (cycle === null) return firstMs
  return firstMs + Math.floor((atMs - firstMs) / cycle) * cycle
}

/** The period of a profile in force at an instant; `null` in a gap, outside validity, or past the duration. */
export function periodAt(
  profile: ChargingProfile,
  clock: ProfileClock,
  atMs: number,
): ChargingSchedulePeriod | null {
  const valid = validityOf(profile, clock)
  if (atMs < valid.fromMs || atMs >= valid.toMs) return null
  // Several schedules are offers to a car (ISO 15118); the station follows the first.
  const schedule = profile.chargingSchedule[0]
  if (!schedule) return null
  const startMs = runStart(profile, schedule, clock, atMs)
  if (startMs === null) return null
  const offsetS = (atMs - startMs) / 1000
  if (offsetS < 0 || offsetS >= (schedule.duration ?? Number.POSITIVE_INFINITY)) return null
  let found: ChargingSchedulePeriod | null = null
  for (const period of schedule.chargingSchedulePeriod) {
    if (period.startPeriod > offsetS) break
    found = period
  }
  return found
}

/** Every instant in (fromMs, toMs) at which the answer of `periodAt` can change. */
export function changeTimes(
  profile: ChargingProfile,
  clock: ProfileClock,
  interval: { readonly fromMs: number; readonly toMs: number },
): number[] {
  const { fromMs, toMs } = interval
  const valid = validityOf(profile, clock)
  const times: number[] = [valid.fromMs, valid.toMs]
  const schedule = profile.chargingSchedule[0]
  const firstMs = schedule ? runStart(profile, schedule, clock, fromMs) : null
  if (schedule && firstMs !== null) {
    const cycle = cycleMs(profile)
    const offsets = schedule.chargingSchedulePeriod.map((period) => period.startPeriod)
    if (schedule.duration !== undefined) offsets.push(schedule.duration)
    for (let startMs = firstMs; startMs < toMs; startMs += cycle ?? Number.POSITIVE_INFINITY) {
      for (const offset of offsets) times.push(startMs + offset * 1000)
    }
  }
  return times.filter((time) => time > fromMs && time < toMs)
}
