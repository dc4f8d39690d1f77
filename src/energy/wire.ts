import type { Push } from '../../profiles/index.ts'
import type {
  ChargingProfileType,
  ChargingSchedulePeriodType,
  ClearChargingProfileRequest,
  SetChargingProfileRequest,
} from '../ocpp/v201/messages.generated.ts'

type Planned = Extract<Push, { action: 'SetChargingProfile' }>['request']
type PlannedProfile = Planned['chargingProfile']
type PlannedClear = Extract<Push, { action: 'ClearChargingProfile' }>['request']

/**
 * The core speaks the profiles of OCPP 2.0.1 and 2.1; a 2.0.1 station understands less. What 2.0.1 has no word for is a
 * defect of the caller, found here and not at the station.
 */
export function toSetChargingProfile(request: Planned): SetChargingProfileRequest {
  const { chargingProfile, evseId } = request
  const { chargingSchedule, chargingProfileKind, chargingProfilePurpose } = chargingProfile
  const [first, ...more] = chargingSchedule.map(({ salesTariff, ...schedule }) => ({
    ...schedule,
    chargingSchedulePeriod: schedule.chargingSchedulePeriod.map(toPeriod),
    ...(salesTariff === undefined
      ? {}
      : { salesTariff: { ...salesTariff, salesTariffEntry: [...salesTariff.salesTariffEntry] } }),
  }))
  if (!first) throw new Error(`Charging profile ${chargingProfile.id} has no schedule`)
  const { id, stackLevel, recurrencyKind, validFrom, validTo, transactionId } = chargingProfile
  const profile: ChargingProfileType = {
    id,
    stackLevel,
    chargingProfilePurpose: purposeOf(chargingProfilePurpose),
    chargingProfileKind: kindOf(chargingProfileKind),
    chargingSchedule: [first, ...more],
    ...(recurrencyKind === undefined ? {} : { recurrencyKind }),
    ...(validFrom === undefined ? {} : { validFrom }),
    ...(validTo === undefined ? {} : { validTo }),
    ...(transactionId === undefined ? {} : { transactionId }),
  }
  return { evseId, chargingProfile: profile }
}

export function toClearChargingProfile(request: PlannedClear): ClearChargingProfileRequest {
  const { chargingProfileId, chargingProfileCriteria } = request
  const purpose = chargingProfileCriteria?.chargingProfilePurpose
  return {
    ...(chargingProfileId === undefined ? {} : { chargingProfileId }),
    ...(chargingProfileCriteria === undefined
      ? {}
      : {
          chargingProfileCriteria: {
            ...(chargingProfileCriteria.evseId === undefined
              ? {}
              : { evseId: chargingProfileCriteria.evseId }),
            ...(chargingProfileCriteria.stackLevel === undefined
              ? {}
              : { stackLevel: chargingProfileCriteria.stackLevel }),
            ...(purpose === undefined ? {} : { chargingProfilePurpose: purposeOf(purpose) }),
          },
        }),
  }
}

function toPeriod(
  period: PlannedProfile['chargingSchedule'][number]['chargingSchedulePeriod'][number],
): ChargingSchedulePeriodType {
  const { startPeriod, limit, numberPhases, phaseToUse } = period
  if (limit === undefined) throw new Error('A schedule period of OCPP 2.0.1 needs a limit')
  return {
    startPeriod,
    limit,
    ...(numberPhases === undefined ? {} : { numberPhases }),
    ...(phaseToUse === undefined ? {} : { phaseToUse }),
  }
}

function purposeOf(
  purpose: PlannedProfile['chargingProfilePurpose'],
): ChargingProfileType['chargingProfilePurpose'] {
  if (purpose === 'PriorityCharging' || purpose === 'LocalGeneration') {
    throw new Error(`OCPP 2.0.1 knows no charging profile purpose ${purpose}`)
  }
  return purpose
}

function kindOf(kind: PlannedProfile['chargingProfileKind']): ChargingProfileType['chargingProfileKind'] {
  if (kind === 'Dynamic') throw new Error('OCPP 2.0.1 knows no charging profile kind Dynamic')
  return kind
}
