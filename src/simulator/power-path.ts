import type { MeterValueType, ReadingContextEnumType } from '../ocpp/v201/messages.generated.ts'
import type { StationContext } from './context.ts'
import { meterValue, powerW, type Reading } from './meter.ts'
import {
  DC_CONVERSION_EFFICIENCY,
  NO_CURRENT,
  type Offer,
  type PhaseCurrents,
  type Vehicle,
} from './vehicle.ts'

export interface Supply {
  readonly kind: 'AC' | 'DC'
  readonly maxCurrentA: number
  readonly phases: 1 | 2 | 3
  readonly maxDcPowerW: number
  readonly voltageV: number
}

/** What the profiles allow an EVSE at this moment; DC chargers obey the power, AC the current. */
export interface EvseLimit {
  readonly currentA: number
  readonly powerW: number
  readonly phases: number
}

/** From the supply through contactor and cable into the car, with the meter in between. */
export class PowerPath {
  readonly supply: Supply
  readonly #context: StationContext
  #vehicle: Vehicle | undefined
  #energyWh = 0
  #offeredA = 0
  #lastMs = 0
  #frozen: Reading | undefined

  constructor(context: StationContext, supply: Supply) {
    this.#context = context
    this.supply = supply
  }

  get vehicle(): Vehicle | undefined {
    return this.#vehicle
  }

  /** True current on the station's phases. */
  get currents(): PhaseCurrents {
    return this.#vehicle?.currents ?? NO_CURRENT
  }

  get energyWh(): number {
    return this.#energyWh
  }

  get offeredA(): number {
    return this.#offeredA
  }

  get powerW(): number {
    return powerW({ ...this.#show(), currentsA: this.#metered(this.currents) })
  }

  get maxPowerW(): number {
    const { kind, maxDcPowerW, maxCurrentA, voltageV, phases } = this.supply
    return kind === 'DC' ? maxDcPowerW : maxCurrentA * voltageV * phases
  }

  attach(vehicle: Vehicle): void {
    this.#vehicle = vehicle
    this.#lastMs = this.#context.scheduler.now()
  }

  detach(): void {
    this.#vehicle = undefined
  }

  /**
   * Books the energy since the last call, then lets the car react to what is allowed now; without a limit
   * the contactor is open and nothing flows.
   */
  advance(limit: EvseLimit | undefined): void {
    const vehicle = this.#vehicle
    if (vehicle === undefined) return
    const { scheduler, faults, counters } = this.#context
    const nowMs = scheduler.now()
    const dtMs = nowMs - this.#lastMs
    this.#lastMs = nowMs
    const before = vehicle.receivedWh
    if (limit === undefined) this.#open(vehicle)
    else {
      const drawFactor = faults.active.drawFactor ?? 1
      vehicle.step({ nowMs, dtMs, offer: this.#offer(limit), drawFactor })
    }
    const energyWh = vehicle.receivedWh - before
    this.#energyWh += energyWh
    counters.energyWh += energyWh
  }

  /** Opens the contactor after booking what flowed until now. */
  open(limit: EvseLimit | undefined): void {
    this.advance(limit)
    if (this.#vehicle !== undefined) this.#open(this.#vehicle)
  }

  measure(list: string, context: ReadingContextEnumType): MeterValueType | undefined {
    const { faults, device, clock } = this.#context
    if (faults.active.silentMeter) return undefined
    const reading = this.reading()
    return meterValue({ reading, measurands: device.list(list), context, timestamp: clock.iso() })
  }

  /** What the meter shows, lies included. */
  reading(): Reading {
    const frozen = this.#context.faults.active.frozenMeter === true
    if (frozen && this.#frozen !== undefined) return this.#frozen
    const reading = this.#show()
    this.#frozen = frozen ? reading : undefined
    return reading
  }

  #show(): Reading {
    const { kind, voltageV, phases } = this.supply
    return {
      currentsA: this.#metered(this.#context.faults.reportedCurrents(this.currents)),
      voltageV,
      phases: kind === 'DC' ? 3 : phases,
      energyWh: this.#energyWh,
      offeredA: this.#offeredA,
      ...(this.#vehicle?.iso15118 ? { soc: this.#vehicle.soc } : {}),
    }
  }

  /** The meter of a DC charger sits behind its power modules, at the outlet. */
  #metered([one, two, three]: PhaseCurrents): PhaseCurrents {
    if (this.supply.kind === 'AC') return [one, two, three]
    const share = DC_CONVERSION_EFFICIENCY
    return [one * share, two * share, three * share]
  }

  #open(vehicle: Vehicle): void {
    vehicle.cut()
    this.#offeredA = 0
  }

  #offer(limit: EvseLimit): Offer {
    const { kind, maxCurrentA, maxDcPowerW, voltageV, phases } = this.supply
    const free = this.#context.faults.active.ignoreLimits === true
    const currentA = free ? maxCurrentA : Math.min(maxCurrentA, limit.currentA)
    const allowedW = free ? maxDcPowerW : Math.min(maxDcPowerW, limit.powerW)
    this.#offeredA = kind === 'DC' ? allowedW / (3 * voltageV) : currentA
    return {
      currentA,
      powerW: allowedW,
      phases: free ? phases : Math.min(phases, limit.phases),
      voltageV,
      kind,
    }
  }
}
