import type { IdTokenType } from '../ocpp/v201/messages.generated.ts'
import type { Fleet } from './fleet.ts'
import type { Random } from './random.ts'
import type { Cancel } from './scheduler.ts'
import type { Station } from './station.ts'
import { Vehicle, type VehicleOptions } from './vehicle.ts'

export interface ArrivalOptions {
  readonly fleet: Fleet
  readonly random: Random
  /** Mean time between two cars. */
  readonly meanGapMs: number
  readonly stayMs: { readonly min: number; readonly max: number }
  /** Cards of the drivers, used in turn. */
  readonly tokens: readonly [IdTokenType, ...IdTokenType[]]
  /** A car like those on the road unless said otherwise. */
  readonly vehicle?: (random: Random) => VehicleOptions
}

export interface Arrivals {
  /** Lets one car arrive now, if there is a free EVSE. */
  arrive(): boolean
  readonly arrived: number
  readonly departed: number
  stop(): void
}

/** Cars that come, charge and leave, at exponentially distributed gaps. */
export function createArrivals(options: ArrivalOptions): Arrivals {
  const { fleet, random } = options
  const { scheduler } = fleet
  let arrived = 0
  let departed = 0
  let stopped = false
  let cancelNext: Cancel = () => {}
  const departures = new Set<Cancel>()

  const arrive = () => {
    const place = freeEvse(fleet.stations, random)
    if (place === undefined) return false
    const token = options.tokens[arrived % options.tokens.length] ?? options.tokens[0]
    const stayMs = random.between(options.stayMs.min, options.stayMs.max)
    const vehicle = new Vehicle({
      id: `car-${++arrived}`,
      token,
      departureMs: scheduler.now() + stayMs,
      ...(options.vehicle ?? typicalVehicle)(random),
    })
    place.station.plugIn(place.evseId, vehicle)
    const cancel = scheduler.after(stayMs, () => {
      departures.delete(cancel)
      if (place.station.evse(place.evseId).vehicle !== vehicle) return
      place.station.unplug(place.evseId)
      departed++
    })
    departures.add(cancel)
    return true
  }
  const next = () => {
    const gapMs = -Math.log(1 - random.next()) * options.meanGapMs
    cancelNext = scheduler.after(gapMs, () => {
      arrive()
      if (!stopped) next()
    })
  }
  next()
  return {
    arrive,
    get arrived() {
      return arrived
    },
    get departed() {
      return departed
    },
    stop: () => {
      stopped = true
      cancelNext()
      for (const cancel of departures) cancel()
    },
  }
}

function freeEvse(
  stations: readonly Station[],
  random: Random,
): { station: Station; evseId: number } | undefined {
  const free = stations.flatMap((station) =>
    station.registration === 'Accepted'
      ? station.evses
          .filter((evse) => evse.vehicle === undefined && evse.status(1) === 'Available')
          .map((evse) => ({ station, evseId: evse.id }))
      : [],
  )
  const [first, ...rest] = free
  return first === undefined ? undefined : random.pick([first, ...rest])
}

/** A mix of on-board chargers as on European roads: mostly three-phase 16 A, some one- and two-phase. */
export function typicalVehicle(random: Random): VehicleOptions {
  const share = random.next()
  const charger: Pick<VehicleOptions, 'phases' | 'maxCurrentA'> =
    share < 0.55
      ? { phases: 3, maxCurrentA: 16 }
      : share < 0.65
        ? { phases: 3, maxCurrentA: 32 }
        : share < 0.78
          ? { phases: 2, maxCurrentA: 16 }
          : share < 0.9
            ? { phases: 1, maxCurrentA: 32 }
            : { phases: 1, maxCurrentA: 16 }
  return {
    ...charger,
    batteryWh: random.between(35_000, 90_000),
    soc: Math.min(0.9, Math.max(0.05, random.normal(0.4, 0.18))),
    targetSoc: random.chance(0.6) ? 0.8 : 1,
    reactionMs: random.between(700, 3000),
    startDelayMs: random.between(500, 4000),
    shortfallA: random.between(0, 0.6),
    efficiency: random.between(0.86, 0.94),
  }
}
