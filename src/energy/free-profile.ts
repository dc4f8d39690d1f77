/** What a car that nobody limits is given, and whether its own schedule stays below that (K15). Pure. */

import { CLOCK_SKEW_MS, profileIds, type SmartChargingDevice } from '../../profiles/index.ts'
import type {
  ChargingProfileType,
  ChargingScheduleType,
  NotifyEVChargingNeedsRequest,
  NotifyEVChargingScheduleRequest,
} from '../ocpp/v201/messages.generated.ts'
import { PHASES_OF_MODE } from './iso15118.ts'

/** Rounding, and what a car's own regulation is allowed above a schedule before it counts as exceeding it. */
const TOLERANCE = 1.01

type Limit = Pick<ChargingScheduleType, 'chargingRateUnit'> & {
  readonly limit: number
  readonly numberPhases?: number
}

/** A TxProfile at the car's own limits. Undefined where it named none that a car can have (K15.FR.06). */
export function profileOfNeeds(
  { evseId, chargingNeeds }: NotifyEVChargingNeedsRequest,
  options: {
    readonly transactionId: string
    readonly device: Pick<SmartChargingDevice, 'rateUnits' | 'lineVoltageV'>
    readonly nowMs: number
  },
): ChargingProfileType | undefined {
  const { transactionId, device, nowMs } = options
  const wanted = limitOf(chargingNeeds, device)
  if (wanted === undefined || !(wanted.limit > 0)) return undefined
  const { chargingRateUnit, ...period } = wanted
  // Begun a little ago: a station whose clock is slow applies it at once as well.
  const startSchedule = new Date(Math.floor((nowMs - CLOCK_SKEW_MS) / 1000) * 1000).toISOString()
  return {
    id: profileIds(evseId).lease,
    stackLevel: 0,
    chargingProfilePurpose: 'TxProfile',
    chargingProfileKind: 'Absolute',
    transactionId,
    chargingSchedule: [
      { id: 1, startSchedule, chargingRateUnit, chargingSchedulePeriod: [{ startPeriod: 0, ...period }] },
    ],
  }
}

function limitOf(
  needs: NotifyEVChargingNeedsRequest['chargingNeeds'],
  { rateUnits, lineVoltageV }: Pick<SmartChargingDevice, 'rateUnits' | 'lineVoltageV'>,
): Limit | undefined {
  const { acChargingParameters: ac, dcChargingParameters: dc, requestedEnergyTransfer: mode } = needs
  if (mode === 'DC') {
    if (dc === undefined) return undefined
    return { chargingRateUnit: 'W', limit: Math.floor(dc.evMaxPower ?? dc.evMaxCurrent * dc.evMaxVoltage) }
  }
  if (ac === undefined) return undefined
  const numberPhases = PHASES_OF_MODE[mode]
  return rateUnits.includes('A')
    ? { chargingRateUnit: 'A', limit: ac.evMaxCurrent, numberPhases }
    : {
        chargingRateUnit: 'W',
        limit: Math.floor(ac.evMaxCurrent * lineVoltageV * numberPhases),
        numberPhases,
      }
}

/** Whether a car's schedule is above every schedule of the profile it was given, at any time from now on. */
export function exceeds(
  { chargingSchedule, timeBase }: NotifyEVChargingScheduleRequest,
  { chargingSchedule: given }: ChargingProfileType,
  nowMs: number,
): boolean {
  const comparable = given.filter(
    ({ chargingRateUnit }) => chargingRateUnit === chargingSchedule.chargingRateUnit,
  )
  // Amperes against watts: the same limit differs by the phases and volts that each side assumes.
  if (comparable.length < given.length) return false
  const chosen = stepsOf(chargingSchedule, Date.parse(timeBase))
  const allowed = comparable.map((schedule) => stepsOf(schedule, nowMs))
  const times = [nowMs, ...[chosen, ...allowed].flatMap((steps) => steps.map(({ fromMs }) => fromMs))]
  return times.some((atMs) => {
    if (atMs < nowMs) return false
    const wanted = limitAt(chosen, atMs)
    const limits = allowed.map((steps) => limitAt(steps, atMs)).filter((limit) => limit !== undefined)
    return wanted !== undefined && limits.length > 0 && wanted > Math.max(...limits) * TOLERANCE
  })
}

interface Step {
  readonly fromMs: number
  /** Undefined from where the schedule has ended. */
  readonly limit: number | undefined
}

function stepsOf(schedule: ChargingScheduleType, relativeToMs: number): Step[] {
  const startMs = schedule.startSchedule === undefined ? relativeToMs : Date.parse(schedule.startSchedule)
  const steps: Step[] = schedule.chargingSchedulePeriod.map(({ startPeriod, limit }) => ({
    fromMs: startMs + startPeriod * 1000,
    limit,
  }))
  if (schedule.duration !== undefined)
    steps.push({ fromMs: startMs + schedule.duration * 1000, limit: undefined })
  return steps
}

function limitAt(steps: readonly Step[], atMs: number): number | undefined {
  return steps.filter(({ fromMs }) => fromMs <= atMs).at(-1)?.limit
}
