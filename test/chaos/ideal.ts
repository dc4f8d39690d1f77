import type { PhaseCurrents, SiteModel, Station } from '../../src/simulator/index.ts'

/** A car that could charge: where it is, and what flows on the station's phases when it is given so much. */
export interface Car {
  readonly key: string
  readonly minA: number
  readonly maxA: number
  readonly stepA: number
  readonly drawA: (currentA: number) => PhaseCurrents
  readonly wattPerA: number
}

/**
 * The energy that a perfect service would have delivered: it knows every car and every load, is obeyed at once, and
 * raises all cars together until something is full. What is delivered in truth is measured against it.
 */
export class Ideal {
  readonly #site: SiteModel
  readonly #stations: readonly Station[]
  readonly #timer: NodeJS.Timeout
  #lastMs = Date.now()
  #powerW = 0
  #energyWh = 0

  constructor(site: SiteModel, stations: readonly Station[]) {
    this.#site = site
    this.#stations = stations
    this.#powerW = this.#bestPowerW()
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  stop(): number {
    clearInterval(this.#timer)
    this.#look()
    return this.#energyWh
  }

  #look(): void {
    const nowMs = Date.now()
    this.#energyWh += (this.#powerW * (nowMs - this.#lastMs)) / 3_600_000
    this.#lastMs = nowMs
    this.#powerW = this.#bestPowerW()
  }

  #bestPowerW(): number {
    const cars = this.#stations.flatMap(carsAt)
    const draws = new Map<string, PhaseCurrents>()
    const given = new Map<Car, number>()
    const tryA = (car: Car, currentA: number): boolean => {
      const before = draws.get(car.key) ?? NOTHING
      draws.set(car.key, car.drawA(currentA))
      const fits = this.#site.carries(draws)
      if (fits) given.set(car, currentA)
      else draws.set(car.key, before)
      return fits
    }
    let rising = cars.filter((car) => tryA(car, car.minA))
    while (rising.length > 0) {
      rising = rising.filter((car) => {
        const nextA = Math.min(car.maxA, (given.get(car) ?? 0) + car.stepA)
        return tryA(car, nextA) && nextA < car.maxA
      })
    }
    return [...given].reduce((sum, [car, currentA]) => sum + currentA * car.wattPerA, 0)
  }
}

const LOOK_EVERY_MS = 1000
const NOTHING: PhaseCurrents = [0, 0, 0]

export function carsAt(station: Station): Car[] {
  return station.evses.flatMap(({ id, vehicle, supply }): Car[] => {
    if (vehicle === undefined || vehicle.full) return []
    const key = `${station.id}/${id}`
    const { voltageV } = supply
    if (supply.kind === 'DC') {
      // In amperes of the grid, as the site sees it; the car is given what is left after conversion.
      const perAmpereW = 3 * voltageV * DC_EFFICIENCY
      const maxA = Math.min(supply.maxDcPowerW, vehicle.maxDcPowerW) / perAmpereW
      return [{ key, minA: 3, maxA, stepA: 1, drawA: (a) => [a, a, a], wattPerA: perAmpereW }]
    }
    const phases = Math.min(supply.phases, vehicle.phases)
    const drawA = (a: number): PhaseCurrents => [a, phases > 1 ? a : 0, phases > 2 ? a : 0]
    const maxA = Math.min(supply.maxCurrentA, vehicle.maxCurrentA)
    return [{ key, minA: vehicle.minCurrentA, maxA, stepA: 1, drawA, wattPerA: phases * voltageV }]
  })
}

const DC_EFFICIENCY = 0.95
