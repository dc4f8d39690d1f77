import type { ChargingProfile, ChargingSchedule } from './profile.ts'
import type { ProfileContext } from './validate-profile.ts'

export type Report = (requirement: string, path: string, message: string) => void

export function time(value: string | undefined, otherwise: number): number {
  return value === undefined ? otherwise : Date.parse(value)
}

/** The rules for one schedule of a profile and its periods. */
export function checkSchedule(
  schedule: ChargingSchedule,
  options: {
    readonly path: string
    readonly profile: ChargingProfile
    readonly context: ProfileContext
    readonly report: Report
  },
): void {
  const { path, profile, context, report } = options
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
  checkPeriods(schedule, path, context, report)
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
