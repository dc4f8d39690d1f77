import type { SmartChargingDevice } from './device.ts'
import type { ChargingProfile, ChargingSchedule, SetChargingProfileRequest } from './profile.ts'

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

type Report = (requirement: string, path: string, message: string) => void

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
    checkSchedule(schedule, path, request.chargingProfile, context, report)
    checkPeriods(schedule, path, context, report)
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

function time(value: string | undefined, otherwise: number): number {
  return value === undefined ? otherwise : Date.parse(value)
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

function checkSchedule(
  schedule: ChargingSchedule,
  path: string,
  profile: ChargingProfile,
  context: ProfileContext,
  report: Report,
): void {
  const kind = profile.chargingProfileKind
  const started = schedule.startSchedule !== undefined
  if ((kind === 'Absolute' || kind === 'Recurring') && !started) {
    report('K01.FR.40', `${path}.startSchedule`, `${kind} needs a start`)
  }
  if (kind === 'Relative' && started) {
    report(
      'K01.FR.41',
      `${path}.startSchedule`,
      'a Relative schedule starts with the transaction: leave it out',
    )
  }
  if (started && Number.isNaN(time(schedule.startSchedule, 0)))
    report('schema', `${path}.startSchedule`, 'is not a date-time')
  if (!context.device.rateUnits.includes(schedule.chargingRateUnit)) {
    const known = context.device.rateUnits.join(', ')
    report('K01.FR.26', `${path}.chargingRateUnit`, `the station takes ${known || 'no unit'}`)
  }
  if (schedule.duration !== undefined && !(Number.isInteger(schedule.duration) && schedule.duration > 0)) {
    report('schema', `${path}.duration`, 'is a whole number of seconds above 0')
  }
  checkRecurrence(schedule, path, profile, report)
  checkTariff(schedule, path, context, report)
  if (schedule.minChargingRate !== undefined && !tenths(schedule.minChargingRate)) {
    report('schema', `${path}.minChargingRate`, 'has at most one decimal')
  }
}

const RECURRENCE_S = { Daily: 86_400, Weekly: 604_800 } as const

/** K01.FR.13: after its duration a recurring schedule falls back until it recurs, so it must not outlast that. */
function checkRecurrence(
  schedule: ChargingSchedule,
  path: string,
  { recurrencyKind }: ChargingProfile,
  report: Report,
): void {
  if (recurrencyKind === undefined) return
  const mostS = RECURRENCE_S[recurrencyKind]
  if ((schedule.duration ?? 0) > mostS)
    report('K01.FR.13', `${path}.duration`, `is longer than the recurrence, ${mostS} s`)
  schedule.chargingSchedulePeriod.forEach(({ startPeriod }, index) => {
    const at = `${path}.chargingSchedulePeriod[${index}].startPeriod`
    if (startPeriod >= mostS) report('K01.FR.13', at, `is never reached: it recurs every ${mostS} s`)
  })
}

function checkTariff(
  { salesTariff }: ChargingSchedule,
  path: string,
  { maxScheduleTuples, device }: ProfileContext,
  report: Report,
): void {
  if (!salesTariff) return
  const at = `${path}.salesTariff.salesTariffEntry`
  if (maxScheduleTuples === null) report('K15.FR.07', at, 'only a car that speaks ISO 15118 reads a tariff')
  const most = Math.min(maxScheduleTuples ?? 1024, device.periodsPerSchedule, 1024)
  const entries = salesTariff.salesTariffEntry
  if (entries.length < 1 || entries.length > most) report('K15.FR.07', at, `has 1 to ${most} entries`)
  entries.forEach((entry, index) => {
    const { start } = entry.relativeTimeInterval
    const before = entries[index - 1]?.relativeTimeInterval.start
    if (!Number.isInteger(start) || start < 0 || (before !== undefined && start <= before))
      report('schema', `${at}[${index}].relativeTimeInterval.start`, 'is a whole number of seconds, rising')
    if ((entry.ePriceLevel ?? 0) > (salesTariff.numEPriceLevels ?? Number.POSITIVE_INFINITY))
      report('schema', `${at}[${index}].ePriceLevel`, 'is above numEPriceLevels')
  })
}

function tenths(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value * 10 - Math.round(value * 10)) < 1e-6
}

function checkPeriods(
  schedule: ChargingSchedule,
  path: string,
  context: ProfileContext,
  report: Report,
): void {
  const periods = schedule.chargingSchedulePeriod
  const most = Math.min(context.device.periodsPerSchedule, context.maxPeriods ?? 1024)
  if (context.maxScheduleTuples !== null && periods.length > context.maxScheduleTuples) {
    const message = `the car takes ${context.maxScheduleTuples} periods per schedule`
    report('K15.FR.07', `${path}.chargingSchedulePeriod`, message)
  }
  if (periods.length < 1) report('schema', `${path}.chargingSchedulePeriod`, 'needs a period')
  if (periods.length > most)
    report('schema', `${path}.chargingSchedulePeriod`, `the station takes ${most} periods`)
  periods.forEach((period, index) => {
    const at = `${path}.chargingSchedulePeriod[${index}]`
    const before = periods[index - 1]
    if (!Number.isInteger(period.startPeriod))
      report('schema', `${at}.startPeriod`, 'is a whole number of seconds')
    if (index === 0 && period.startPeriod !== 0)
      report('K01.FR.31', `${at}.startPeriod`, 'the first period starts at 0')
    if (before && period.startPeriod <= before.startPeriod) {
      report('K01.FR.35', `${at}.startPeriod`, 'periods rise strictly')
    }
    if (schedule.duration !== undefined && period.startPeriod >= schedule.duration) {
      report('K01.FR.11', `${at}.startPeriod`, 'starts when the schedule is over')
    }
    if (period.limit === undefined || !(period.limit >= 0) || !tenths(period.limit)) {
      report('schema', `${at}.limit`, 'is a number from 0 with at most one decimal')
    }
    if (period.numberPhases !== undefined && ![1, 2, 3].includes(period.numberPhases)) {
      report('schema', `${at}.numberPhases`, 'is 1, 2 or 3')
    }
    if (period.phaseToUse === undefined) return
    if (![1, 2, 3].includes(period.phaseToUse)) report('schema', `${at}.phaseToUse`, 'is 1, 2 or 3')
    if (period.numberPhases !== 1) report('K01.FR.19', `${at}.phaseToUse`, 'only with numberPhases 1')
    if (!context.device.phaseSwitching)
      report('K01.FR.20', `${at}.phaseToUse`, 'the EVSE cannot switch phases')
  })
}
