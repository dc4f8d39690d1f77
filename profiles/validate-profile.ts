import type { SmartChargingDevice } from './device.ts'
import type { ChargingProfile, SetChargingProfileRequest } from './profile.ts'
import { checkSchedule, type Report, time } from './validate-schedule.ts'

/** A rule that an outgoing profile breaks: the requirement, where in the request, and what to do. */
export interface ProfileViolation {
  /** Requirement id of OCPP 2.0.1 part 2, or `schema` for what the JSON schema or device model bounds. */
  readonly requirement: string
  readonly path: string
  readonly message: string
}

export interface InstalledProfile {
  readonly evseId: number
  readonly profile: ChargingProfile
}

export interface ProfileContext {
  readonly message: 'SetChargingProfile' | 'RequestStartTransaction'
  readonly evseIds: readonly number[]
  readonly device: SmartChargingDevice
  readonly installed: readonly InstalledProfile[]
  /** Transactions that run on the station; left out where they are not known. */
  readonly transactions?: readonly { readonly evseId: number; readonly transactionId: string }[]
  /**
   * Periods per schedule that the car takes, from NotifyEVChargingNeeds of the running transaction; `null` when the
   * session does not use ISO 15118.
   */
  readonly maxScheduleTuples: number | null
  /** The schema bounds chargingSchedule to three entries and chargingSchedulePeriod to 1024. */
  readonly maxPeriods?: number
}

/** Every rule of K01, K04, K05, K10 and K15 that a CSMS answers for, checked on one request. Empty means it may go out. */
export function validateSetChargingProfile(
  request: SetChargingProfileRequest,
  context: ProfileContext,
): ProfileViolation[] {
  const violations: ProfileViolation[] = []
  const report: Report = (requirement, path, message) => violations.push({ requirement, path, message })
  if (!context.device.enabled) {
    const rule = context.message === 'SetChargingProfile' ? 'K01.FR.29' : 'K05.FR.04'
    report(rule, 'chargingProfile', 'smart charging is off (SmartChargingCtrlr.Enabled): switch it on first')
  }
  checkPurpose(request, context, report)
  checkTransaction(request, context, report)
  checkKind(request.chargingProfile, report)
  checkStack(request, context, report)
  checkValidity(request.chargingProfile, report)
  checkScheduleCount(request.chargingProfile, context, report)
  request.chargingProfile.chargingSchedule.forEach((schedule, index) => {
    const path = `chargingProfile.chargingSchedule[${index}]`
    checkSchedule(schedule, { path, profile: request.chargingProfile, context, report })
  })
  return violations
}

function checkPurpose(request: SetChargingProfileRequest, context: ProfileContext, report: Report): void {
  const { evseId, chargingProfile: profile } = request
  const purpose = profile.chargingProfilePurpose
  const path = 'chargingProfile.chargingProfilePurpose'
  if (purpose === 'ChargingStationExternalConstraints') {
    report('K01.FR.22', path, 'external constraints belong to the station; use ChargingStationMaxProfile')
  }
  if (evseId !== 0 && !context.evseIds.includes(evseId)) {
    report('K01.FR.28', 'evseId', `the station has no EVSE ${evseId}`)
  }
  if (purpose === 'ChargingStationMaxProfile' && evseId !== 0) {
    report('K04.FR.03', 'evseId', 'ChargingStationMaxProfile caps the whole station: send it to EVSE 0')
  }
  if (purpose !== 'TxProfile') {
    if (profile.transactionId !== undefined) {
      report('schema', 'chargingProfile.transactionId', 'only a TxProfile names a transaction: leave it out')
    }
    if (context.message === 'RequestStartTransaction') {
      report('K05.FR.02', path, 'a profile in RequestStartTransaction must be a TxProfile')
    }
    return
  }
  if (evseId <= 0) report('K01.FR.16', 'evseId', 'a TxProfile needs an EVSE above 0')
  const named = profile.transactionId !== undefined && profile.transactionId !== ''
  if (context.message === 'SetChargingProfile' && !named) {
    report('K01.FR.03', 'chargingProfile.transactionId', 'a TxProfile must name its transaction')
  }
  if (context.message === 'RequestStartTransaction' && profile.transactionId !== undefined) {
    report('K05.FR.02', 'chargingProfile.transactionId', 'the transaction does not exist yet: leave it out')
  }
}

function checkTransaction(request: SetChargingProfileRequest, context: ProfileContext, report: Report): void {
  const { evseId, chargingProfile: profile } = request
  const { transactions, message } = context
  if (transactions === undefined || message !== 'SetChargingProfile') return
  if (profile.chargingProfilePurpose !== 'TxProfile' || profile.transactionId === undefined) return
  const here = transactions.filter((one) => one.evseId === evseId)
  if (here.length === 0)
    report('K01.FR.09', 'evseId', `no transaction runs on EVSE ${evseId}: wait for it to start`)
  else if (!here.some((one) => one.transactionId === profile.transactionId)) {
    report(
      'K01.FR.33',
      'chargingProfile.transactionId',
      `EVSE ${evseId} has another transaction: name that one`,
    )
  }
}

function checkKind(profile: ChargingProfile, report: Report): void {
  const kind = profile.chargingProfileKind
  if (profile.chargingProfilePurpose === 'ChargingStationMaxProfile' && kind === 'Relative') {
    report(
      'K01.FR.38',
      'chargingProfile.chargingProfileKind',
      'a station cap has no start of its own: use Absolute',
    )
  }
  if (kind === 'Recurring' && profile.recurrencyKind === undefined) {
    report('schema', 'chargingProfile.recurrencyKind', 'Recurring needs Daily or Weekly')
  }
  if (kind !== 'Recurring' && profile.recurrencyKind !== undefined) {
    report('schema', 'chargingProfile.recurrencyKind', 'only a Recurring profile recurs: leave it out')
  }
}

function overlaps(a: ChargingProfile, b: ChargingProfile): boolean {
  const from = (profile: ChargingProfile) => time(profile.validFrom, Number.NEGATIVE_INFINITY)
  const to = (profile: ChargingProfile) => time(profile.validTo, Number.POSITIVE_INFINITY)
  return from(a) < to(b) && from(b) < to(a)
}

function checkStack(request: SetChargingProfileRequest, context: ProfileContext, report: Report): void {
  const { evseId, chargingProfile: profile } = request
  const path = 'chargingProfile.stackLevel'
  if (!Number.isInteger(profile.stackLevel) || profile.stackLevel < 0) {
    report('schema', path, 'a stack level is a whole number from 0')
  }
  if (profile.stackLevel > context.device.maxStackLevel) {
    report('schema', path, `the station's ProfileStackLevel is ${context.device.maxStackLevel}`)
  }
  let others = 0
  for (const { evseId: otherEvse, profile: other } of context.installed) {
    if (other.id === profile.id) {
      if (other.chargingProfilePurpose === 'ChargingStationExternalConstraints') {
        report(
          'K01.FR.05',
          'chargingProfile.id',
          `id ${profile.id} is an external constraint, which cannot be replaced`,
        )
      }
      continue
    }
    others++
    if (
      other.chargingProfilePurpose !== profile.chargingProfilePurpose ||
      other.stackLevel !== profile.stackLevel
    )
      continue
    checkEqualLevel({ evseId, profile, otherEvse, other, report })
  }
  if (
    others + 1 > context.device.maxProfiles &&
    !context.installed.some(({ profile: p }) => p.id === profile.id)
  ) {
    report(
      'schema',
      'chargingProfile',
      `the station stores ${context.device.maxProfiles} profiles: clear one first`,
    )
  }
}

function checkEqualLevel(options: {
  readonly evseId: number
  readonly profile: ChargingProfile
  readonly otherEvse: number
  readonly other: ChargingProfile
  readonly report: Report
}): void {
  const { evseId, profile, otherEvse, other, report } = options
  const path = 'chargingProfile.stackLevel'
  if (profile.chargingProfilePurpose === 'TxProfile') {
    if (profile.transactionId !== undefined && profile.transactionId === other.transactionId) {
      report(
        'K01.FR.39',
        path,
        `profile ${other.id} already has level ${profile.stackLevel} for this transaction`,
      )
    }
    return
  }
  if (evseId === otherEvse && overlaps(profile, other)) {
    report(
      'K01.FR.06',
      path,
      `profile ${other.id} already has level ${profile.stackLevel}: reuse its id or its level plus one`,
    )
  }
  if (profile.chargingProfilePurpose !== 'TxDefaultProfile') return
  if (evseId === 0 && otherEvse > 0) {
    report(
      'K01.FR.52',
      path,
      `EVSE ${otherEvse} has its own TxDefaultProfile at level ${profile.stackLevel}: clear it first`,
    )
  }
  if (evseId > 0 && otherEvse === 0) {
    report('K01.FR.53', path, `EVSE 0 has a TxDefaultProfile at level ${profile.stackLevel}: clear it first`)
  }
}

function checkValidity(profile: ChargingProfile, report: Report): void {
  const from = time(profile.validFrom, Number.NEGATIVE_INFINITY)
  const to = time(profile.validTo, Number.POSITIVE_INFINITY)
  if (Number.isNaN(from)) report('schema', 'chargingProfile.validFrom', 'is not a date-time')
  if (Number.isNaN(to)) report('schema', 'chargingProfile.validTo', 'is not a date-time')
  if (from >= to)
    report('K01.FR.37', 'chargingProfile.validTo', 'must be after validFrom, or the profile is never valid')
}

function checkScheduleCount(profile: ChargingProfile, context: ProfileContext, report: Report): void {
  const count = profile.chargingSchedule.length
  const path = 'chargingProfile.chargingSchedule'
  if (count < 1) report('schema', path, 'needs a schedule')
  if (count > 3) report('K15.FR.07', path, 'at most three schedules go to a car')
  if (context.maxScheduleTuples === null && count > 1) {
    report('K01.FR.34', path, 'one schedule only: the session does not use ISO 15118')
  }
  if (profile.chargingProfilePurpose !== 'TxProfile' && count > 1) {
    report('K15.FR.07', path, 'only a TxProfile offers several schedules to a car')
  }
  const ids = profile.chargingSchedule.map((schedule) => schedule.id)
  if (new Set(ids).size !== ids.length) report('schema', path, 'schedules of one profile need different ids')
}
