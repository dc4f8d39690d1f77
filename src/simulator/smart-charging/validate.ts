import type { ChargingProfileType, ChargingScheduleType } from '../../ocpp/v201/messages.generated.ts'
import type { StoredProfile } from './profile-store.ts'

/** What the station can do and what runs on it, as far as a profile may depend on it. */
export interface ProfileRules {
  readonly evseIds: readonly number[]
  readonly maxStackLevel: number
  readonly maxPeriods: number
  readonly maxEntries: number
  readonly rateUnits: readonly string[]
  readonly phaseSwitching: boolean
  readonly isDc: (evseId: number) => boolean
  /** Transaction on an EVSE, if one runs. */
  readonly transactionOn: (evseId: number) => string | undefined
  /** Up to three schedules are welcome when the car speaks ISO 15118 (K15). */
  readonly iso15118On: (evseId: number) => boolean
  readonly held: readonly StoredProfile[]
  /** RequestStartTransaction brings a TxProfile before its transaction has an id. */
  readonly atStart?: boolean
}

/** Why a station refuses a profile, as a reason code; undefined when it takes it. Rules of K01, K04 and K15. */
export function refusesProfile(
  evseId: number,
  profile: ChargingProfileType,
  rules: ProfileRules,
): string | undefined {
  return (
    flawOfPlace(evseId, profile, rules) ??
    flawOfKind(profile) ??
    flawOfStack(evseId, profile, rules) ??
    flawOfSchedules(evseId, profile, rules)
  )
}

function flawOfPlace(evseId: number, profile: ChargingProfileType, rules: ProfileRules): string | undefined {
  if (evseId !== 0 && !rules.evseIds.includes(evseId)) return 'UnknownEvse'
  switch (profile.chargingProfilePurpose) {
    case 'ChargingStationExternalConstraints':
      return 'InvalidProfile'
    case 'ChargingStationMaxProfile':
      if (evseId !== 0) return 'InvalidProfile'
      return profile.chargingProfileKind === 'Relative' ? 'InvalidProfile' : undefined
    case 'TxDefaultProfile':
      return profile.transactionId === undefined ? undefined : 'InvalidProfile'
    case 'TxProfile':
      return flawOfTxProfile(evseId, profile, rules)
  }
}

function flawOfTxProfile(
  evseId: number,
  profile: ChargingProfileType,
  rules: ProfileRules,
): string | undefined {
  if (evseId === 0) return 'InvalidProfile'
  if (rules.atStart) return undefined
  if (profile.transactionId === undefined) return 'MissingParam'
  const running = rules.transactionOn(evseId)
  if (running === undefined) return 'TxNotFound'
  return running === profile.transactionId ? undefined : 'TxNotFound'
}

function flawOfKind(profile: ChargingProfileType): string | undefined {
  const starts = profile.chargingSchedule.map((schedule) => schedule.startSchedule)
  if (profile.chargingProfileKind === 'Relative') {
    return starts.some((start) => start !== undefined) ? 'InvalidSchedule' : undefined
  }
  if (starts.some((start) => start === undefined)) return 'InvalidSchedule'
  if (profile.chargingProfileKind === 'Recurring' && profile.recurrencyKind === undefined) {
    return 'InvalidProfile'
  }
  const { validFrom, validTo } = profile
  const empty =
    validFrom !== undefined && validTo !== undefined && Date.parse(validTo) <= Date.parse(validFrom)
  return empty ? 'InvalidProfile' : undefined
}

function flawOfStack(evseId: number, profile: ChargingProfileType, rules: ProfileRules): string | undefined {
  if (profile.stackLevel < 0 || profile.stackLevel > rules.maxStackLevel) return 'InvalidStackLevel'
  const others = rules.held.filter((held) => held.profile.id !== profile.id)
  const isNew = others.length === rules.held.length
  if (isNew && others.length >= rules.maxEntries) return 'TooManyElements'
  const external = rules.held.some(
    (held) =>
      held.profile.id === profile.id &&
      held.profile.chargingProfilePurpose === 'ChargingStationExternalConstraints',
  )
  if (external) return 'InvalidProfileId'
  return others.some((held) => clashes(evseId, profile, held)) ? 'DuplicateProfile' : undefined
}

/** Same purpose, level and place, and a moment at which both are valid (K01.FR.06, FR.39, FR.52, FR.53). */
function clashes(evseId: number, profile: ChargingProfileType, held: StoredProfile): boolean {
  const other = held.profile
  if (other.chargingProfilePurpose !== profile.chargingProfilePurpose) return false
  if (other.stackLevel !== profile.stackLevel) return false
  const samePlace = held.evseId === evseId
  const defaultsMeet =
    profile.chargingProfilePurpose === 'TxDefaultProfile' && (held.evseId === 0) !== (evseId === 0)
  if (!samePlace && !defaultsMeet) return false
  const from = (each: ChargingProfileType) => (each.validFrom ? Date.parse(each.validFrom) : -Infinity)
  const to = (each: ChargingProfileType) => (each.validTo ? Date.parse(each.validTo) : Infinity)
  return from(profile) < to(other) && from(other) < to(profile)
}

function flawOfSchedules(
  evseId: number,
  profile: ChargingProfileType,
  rules: ProfileRules,
): string | undefined {
  const { chargingSchedule: schedules } = profile
  const isTx = profile.chargingProfilePurpose === 'TxProfile'
  if (schedules.length > 1 && !(isTx && rules.iso15118On(evseId))) return 'InvalidSchedule'
  for (const schedule of schedules) {
    const flaw = flawOfSchedule(evseId, schedule, rules)
    if (flaw !== undefined) return flaw
  }
  return undefined
}

function flawOfSchedule(
  evseId: number,
  schedule: ChargingScheduleType,
  rules: ProfileRules,
): string | undefined {
  if (!rules.rateUnits.includes(schedule.chargingRateUnit)) return 'UnsupportedRateUnit'
  const periods = schedule.chargingSchedulePeriod
  if (periods.length > rules.maxPeriods) return 'TooManyElements'
  let previous = -1
  for (const [index, period] of periods.entries()) {
    if (index === 0 && period.startPeriod !== 0) return 'InvalidSchedule'
    if (period.startPeriod <= previous) return 'InvalidSchedule'
    previous = period.startPeriod
    if (period.limit < 0) return 'InvalidSchedule'
    if (rules.isDc(evseId)) continue
    const phases = period.numberPhases ?? 3
    if (phases < 1 || phases > 3) return 'InvalidSchedule'
    if (period.phaseToUse === undefined) continue
    const usable = rules.phaseSwitching && phases === 1 && period.phaseToUse >= 1 && period.phaseToUse <= 3
    if (!usable) return 'UnsupportedParam'
  }
  return undefined
}
