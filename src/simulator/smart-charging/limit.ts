import type {
  ChargingProfileType,
  ChargingRateUnitEnumType,
  ChargingSchedulePeriodType,
  ChargingScheduleType,
} from '../../ocpp/v201/messages.generated.ts'
import type { StoredProfile } from './profile-store.ts'

/**
 * What a station makes of its profiles at one instant. Written apart from the service's own composite
 * engine, and simpler: it looks at one moment at a time, so the two can be checked against each other.
 */
export interface Supply {
  readonly kind: 'AC' | 'DC'
  readonly voltageV: number
  readonly phases: number
  readonly maxCurrentA: number
  readonly maxPowerW: number
}

export interface EvseView {
  readonly evseId: number
  readonly supply: Supply
  readonly transactionId: string | undefined
  /** Start of the running transaction on the station's clock; Relative profiles count from here. */
  readonly transactionStartMs: number | undefined
}

/** A limit in both units, so that a purpose in watts and one in amperes can meet. */
export interface InstantLimit {
  readonly currentA: number
  readonly powerW: number
  readonly phases: number
}

interface ActivePeriod {
  readonly period: ChargingSchedulePeriodType
  readonly unit: ChargingRateUnitEnumType
}

const DEFAULT_PHASES = 3
const DAY_MS = 86_400_000
const RECURRENCE_MS = { Daily: DAY_MS, Weekly: 7 * DAY_MS } as const

/** Start of the schedule's clock as it runs at `atMs`; undefined when it has not begun. */
function startOf(
  profile: ChargingProfileType,
  schedule: ChargingScheduleType,
  atMs: number,
  relativeStartMs: number | undefined,
): number | undefined {
  if (profile.chargingProfileKind === 'Relative') return relativeStartMs ?? atMs
  const firstMs = Date.parse(schedule.startSchedule ?? '')
  if (Number.isNaN(firstMs)) return undefined
  if (profile.chargingProfileKind === 'Absolute') return atMs < firstMs ? undefined : firstMs
  // Repeats both ways: before today's start yesterday's still runs, as stations in the field do it.
  const everyMs = RECURRENCE_MS[profile.recurrencyKind ?? 'Daily']
  return firstMs + Math.floor((atMs - firstMs) / everyMs) * everyMs
}

function isValid(profile: ChargingProfileType, atMs: number): boolean {
  const afterStart = profile.validFrom === undefined || atMs >= Date.parse(profile.validFrom)
  return afterStart && (profile.validTo === undefined || atMs < Date.parse(profile.validTo))
}

function activePeriod(
  profile: ChargingProfileType,
  atMs: number,
  relativeStartMs: number | undefined,
): ActivePeriod | undefined {
  const [schedule] = profile.chargingSchedule
  if (schedule === undefined || !isValid(profile, atMs)) return undefined
  const startMs = startOf(profile, schedule, atMs, relativeStartMs)
  if (startMs === undefined || atMs < startMs) return undefined
  const elapsedS = (atMs - startMs) / 1000
  if (schedule.duration !== undefined && elapsedS >= schedule.duration) return undefined
  const period = schedule.chargingSchedulePeriod.findLast((each) => each.startPeriod <= elapsedS)
  return period === undefined ? undefined : { period, unit: schedule.chargingRateUnit }
}

/** The highest stack level that says something at this instant; a gap falls through to the next. */
function winner(
  profiles: readonly StoredProfile[],
  atMs: number,
  relativeStartMs: number | undefined,
): ActivePeriod | undefined {
  let best: { level: number; active: ActivePeriod } | undefined
  for (const { profile } of profiles) {
    if (best !== undefined && profile.stackLevel <= best.level) continue
    const active = activePeriod(profile, atMs, relativeStartMs)
    if (active !== undefined) best = { level: profile.stackLevel, active }
  }
  return best?.active
}

function toLimit({ period, unit }: ActivePeriod, supply: Supply): InstantLimit {
  const phases = supply.kind === 'DC' ? 3 : (period.numberPhases ?? DEFAULT_PHASES)
  const wattsPerAmpere = supply.voltageV * phases
  return unit === 'A'
    ? { currentA: period.limit, powerW: period.limit * wattsPerAmpere, phases }
    : { currentA: period.limit / wattsPerAmpere, powerW: period.limit, phases }
}

const least = (a: InstantLimit, b: InstantLimit): InstantLimit => ({
  currentA: Math.min(a.currentA, b.currentA),
  powerW: Math.min(a.powerW, b.powerW),
  phases: Math.min(a.phases, b.phases),
})

const purposeOf = (stored: StoredProfile) => stored.profile.chargingProfilePurpose

/** Caps of the whole station at `atMs`: StationMax and external constraints on EVSE 0; undefined when there are none. */
export function stationCap(
  profiles: readonly StoredProfile[],
  supply: Supply,
  atMs: number,
): InstantLimit | undefined {
  const capOf = (purpose: ChargingProfileType['chargingProfilePurpose']) => {
    const here = profiles.filter((stored) => stored.evseId === 0 && purposeOf(stored) === purpose)
    const active = winner(here, atMs, undefined)
    return active === undefined ? undefined : toLimit(active, supply)
  }
  const max = capOf('ChargingStationMaxProfile')
  const external = capOf('ChargingStationExternalConstraints')
  return max !== undefined && external !== undefined ? least(max, external) : (max ?? external)
}

/** Limit of one EVSE at `atMs` without the caps of the whole station. */
export function evseLimit(profiles: readonly StoredProfile[], evse: EvseView, atMs: number): InstantLimit {
  const { supply, evseId, transactionId } = evse
  const hardware: InstantLimit = {
    currentA: supply.maxCurrentA,
    powerW: supply.maxPowerW,
    phases: supply.phases,
  }
  const own = profiles.filter((stored) => stored.evseId === evseId)
  const transactional = own.filter(
    (stored) => purposeOf(stored) === 'TxProfile' && stored.profile.transactionId === transactionId,
  )
  const defaults = profiles.filter(
    (stored) => purposeOf(stored) === 'TxDefaultProfile' && [0, evseId].includes(stored.evseId),
  )
  const external = own.filter((stored) => purposeOf(stored) === 'ChargingStationExternalConstraints')
  const startMs = evse.transactionStartMs
  const running = transactionId === undefined ? undefined : winner(transactional, atMs, startMs)
  const chosen = running ?? winner(defaults, atMs, startMs)
  const forced = winner(external, atMs, startMs)
  return [chosen, forced].reduce<InstantLimit>(
    (limit, active) => (active === undefined ? limit : least(limit, toLimit(active, supply))),
    hardware,
  )
}

/** The first moment after `atMs` at which any of the profiles may change its mind. */
export function nextChangeMs(
  profiles: readonly StoredProfile[],
  relativeStartMs: number | undefined,
  atMs: number,
): number {
  let next = Number.POSITIVE_INFINITY
  const offer = (candidateMs: number) => {
    if (candidateMs > atMs && candidateMs < next) next = candidateMs
  }
  for (const { profile } of profiles) {
    offer(Date.parse(profile.validFrom ?? ''))
    offer(Date.parse(profile.validTo ?? ''))
    for (const schedule of profile.chargingSchedule) {
      offer(Date.parse(schedule.startSchedule ?? ''))
      const startMs = startOf(profile, schedule, atMs, relativeStartMs)
      if (startMs === undefined) continue
      if (schedule.duration !== undefined) offer(startMs + schedule.duration * 1000)
      for (const period of schedule.chargingSchedulePeriod) offer(startMs + period.startPeriod * 1000)
      if (profile.chargingProfileKind === 'Recurring') {
        offer(startMs + RECURRENCE_MS[profile.recurrencyKind ?? 'Daily'])
      }
    }
  }
  return next
}
