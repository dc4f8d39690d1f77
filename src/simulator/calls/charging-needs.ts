import type {
  ChargingNeedsType,
  ChargingProfileType,
  EnergyTransferModeEnumType,
} from '../../ocpp/v201/messages.generated.ts'
import type { StationContext } from '../context.ts'
import type { Evse } from '../evse.ts'
import type { Vehicle } from '../vehicle.ts'

const MAX_SCHEDULE_TUPLES = 24
const AC_MODES: Readonly<Record<1 | 2 | 3, EnergyTransferModeEnumType>> = {
  1: 'AC_single_phase',
  2: 'AC_two_phase',
  3: 'AC_three_phase',
}

/** K15: what an ISO 15118 car asks for, passed on by the station. */
export function notifyChargingNeeds(context: StationContext, evse: Evse): void {
  const { vehicle } = evse
  if (vehicle === undefined) return
  context.send('NotifyEVChargingNeeds', {
    evseId: evse.id,
    maxScheduleTuples: MAX_SCHEDULE_TUPLES,
    chargingNeeds: needsOf(evse, vehicle),
  })
}

function needsOf(evse: Evse, vehicle: Vehicle): ChargingNeedsType {
  const { departureMs } = vehicle
  const departure = departureMs === undefined ? {} : { departureTime: new Date(departureMs).toISOString() }
  if (evse.supply.kind === 'DC') {
    return {
      requestedEnergyTransfer: 'DC',
      ...departure,
      dcChargingParameters: {
        evMaxCurrent: 400,
        evMaxVoltage: 920,
        evMaxPower: Math.round(vehicle.maxDcPowerW),
        energyAmount: Math.round(vehicle.wantedWh),
        evEnergyCapacity: Math.round(vehicle.batteryWh),
        stateOfCharge: Math.round(vehicle.soc * 100),
      },
    }
  }
  return {
    requestedEnergyTransfer: AC_MODES[vehicle.phases],
    ...departure,
    acChargingParameters: {
      energyAmount: Math.round(vehicle.wantedWh),
      evMinCurrent: vehicle.minCurrentA,
      evMaxCurrent: vehicle.maxCurrentA,
      evMaxVoltage: Math.round(evse.supply.voltageV * Math.sqrt(3)),
    },
  }
}

/** K15/K17: the plan that the car made from the limits it was given. */
export function notifyChargingSchedule(
  context: StationContext,
  evse: Evse,
  profile: ChargingProfileType,
): void {
  const { vehicle } = evse
  const [schedule] = profile.chargingSchedule
  if (vehicle === undefined || schedule === undefined) return
  const unit = schedule.chargingRateUnit
  const most =
    unit === 'A' ? vehicle.maxCurrentA : vehicle.maxCurrentA * evse.supply.voltageV * vehicle.phases
  context.send('NotifyEVChargingSchedule', {
    evseId: evse.id,
    timeBase: context.clock.iso(),
    chargingSchedule: {
      id: schedule.id,
      ...(schedule.startSchedule === undefined ? {} : { startSchedule: schedule.startSchedule }),
      chargingRateUnit: unit,
      ...(schedule.duration === undefined ? {} : { duration: schedule.duration }),
      chargingSchedulePeriod: schedule.chargingSchedulePeriod.map(({ startPeriod, limit, numberPhases }) => ({
        startPeriod,
        limit: Math.min(limit, most),
        ...(numberPhases === undefined ? {} : { numberPhases }),
      })),
    },
  })
}
