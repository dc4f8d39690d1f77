/**
 * Charging profiles that break a rule for the CSMS do not leave, whoever wrote them. What only the station can judge
 * (whether a transaction runs, whether a level is taken) is left to the station: its answer is the truth.
 */

import { DEFAULT_DEVICE, type ProfileViolation, validateSetChargingProfile } from '../../profiles/index.ts'
import type { CallOptions, CallOutcome, StationBus } from '../bus/ports.ts'
import type { Action, ChargingScheduleType, Requests } from '../ocpp/v201/messages.generated.ts'
import type { StationStore } from '../store/stations.ts'

/** "The CSMS SHALL (NOT)" of K01, K04 and K05, as far as the request itself shows it. */
const OURS = new Set([
  'K01.FR.03',
  'K01.FR.16',
  'K01.FR.19',
  'K01.FR.20',
  'K01.FR.22',
  'K01.FR.31',
  'K01.FR.35',
  'K01.FR.38',
  'K01.FR.40',
  'K01.FR.41',
  'K04.FR.03',
  'K05.FR.02',
])

type Lawful = Requests['SetChargingProfile']

export function lawfulProfiles(bus: StationBus, stations: Pick<StationStore, 'variables'>): StationBus {
  async function phaseSwitching(stationId: string, request: Lawful): Promise<boolean> {
    const asked = request.chargingProfile.chargingSchedule.some(({ chargingSchedulePeriod }) =>
      chargingSchedulePeriod.some(({ phaseToUse }) => phaseToUse !== undefined),
    )
    if (!asked) return true
    const variable = 'ACPhaseSwitchingSupported'
    const found = await stations.variables(stationId, { component: 'SmartChargingCtrlr', variable })
    return found.some(({ value }) => value === 'true')
  }

  async function issues(
    stationId: string,
    message: 'SetChargingProfile' | 'RequestStartTransaction',
    request: Lawful,
  ): Promise<string[]> {
    const violations = validateSetChargingProfile(request, {
      message,
      evseIds: [request.evseId],
      device: { ...DEFAULT_DEVICE, phaseSwitching: await phaseSwitching(stationId, request) },
      installed: [],
      maxScheduleTuples: Number.MAX_SAFE_INTEGER,
    })
    return violations.filter(({ requirement }) => OURS.has(requirement)).map(issueOf)
  }

  async function call<A extends Action>(
    stationId: string,
    action: A,
    payload: Requests[A],
    options?: CallOptions,
  ): Promise<CallOutcome<A>> {
    if (action === 'SetChargingProfile' || action === 'RequestStartTransaction') {
      const request = profileOf(payload)
      const found = request === undefined ? [] : await issues(stationId, action, request)
      if (found.length > 0) return { kind: 'invalid', issues: found }
    }
    return bus.call(stationId, action, payload, options)
  }

  return { ...bus, call }
}

/** Undefined where there is none, or one that the schema will refuse. */
function profileOf(payload: object): Lawful | undefined {
  const { evseId = 1, chargingProfile } = payload as Partial<Lawful>
  const schedules: unknown = chargingProfile?.chargingSchedule
  if (chargingProfile === undefined || !Array.isArray(schedules)) return undefined
  const whole = schedules.every((one: Partial<ChargingScheduleType> | null) =>
    Array.isArray(one?.chargingSchedulePeriod),
  )
  return whole ? { evseId, chargingProfile } : undefined
}

function issueOf({ path, message, requirement }: ProfileViolation): string {
  return `${path}: ${message} (${requirement})`
}
