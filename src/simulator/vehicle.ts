import type { IdTokenType } from '../ocpp/v201/messages.generated.ts'

/** Amperes on the station's own phases L1, L2, L3. */
export type PhaseCurrents = readonly [number, number, number]
export const NO_CURRENT: PhaseCurrents = [0, 0, 0]

/** What the EVSE offers at this moment. */
export interface Offer {
  /** AC: current per phase; DC: ignored. */
  readonly currentA: number
  /** DC: power at the plug; AC: ignored. */
  readonly powerW: number
  readonly phases: number
  readonly voltageV: number
  readonly kind: 'AC' | 'DC'
}

export interface VehicleOptions {
  readonly id?: string
  /** Phases of the on-board charger. */
  readonly phases?: 1 | 2 | 3
  readonly maxCurrentA?: number
  /** Below this the car stops (6 A in IEC 61851-1). */
  readonly minCurrentA?: number
  readonly batteryWh?: number
  /** State of charge at arrival, 0..1. */
  readonly soc?: number
  /** The car stops here, 0..1. */
  readonly targetSoc?: number
  /** Points [state of charge, fraction of the maximum], linear between them: the taper near full. */
  readonly curve?: readonly (readonly [soc: number, fraction: number])[]
  readonly efficiency?: number
  /** From a new offer to the first change of current. IEC 61851-1 allows 5 s. */
  readonly reactionMs?: number
  /** How fast the current rises; it falls at once, as cars do to protect the supply. */
  readonly rampAPerS?: number
  /** From the first offer to the first ampere. */
  readonly startDelayMs?: number
  /** Real cars stay a little under what they are offered. */
  readonly shortfallA?: number
  /** Largest power that the battery takes over DC. */
  readonly maxDcPowerW?: number
  /** When the driver leaves, milliseconds since the epoch; told over ISO 15118 and kept by the fleet. */
  readonly departureMs?: number
  readonly token?: IdTokenType
  /** Speaks ISO 15118: the station passes its needs on with NotifyEVChargingNeeds. */
  readonly iso15118?: boolean
}

const TYPICAL_CURVE = [
  [0, 1],
  [0.8, 1],
  [0.95, 0.4],
  [1, 0.08],
] as const

interface PendingOffer {
  readonly effectiveMs: number
  readonly offer: Offer
}

/** A battery behind an on-board charger (or a DC inlet) that follows offers with a delay. */
export class Vehicle {
  readonly id: string
  readonly phases: 1 | 2 | 3
  readonly maxCurrentA: number
  readonly minCurrentA: number
  readonly batteryWh: number
  readonly targetSoc: number
  readonly maxDcPowerW: number
  readonly departureMs: number | undefined
  readonly token: IdTokenType | undefined
  readonly iso15118: boolean
  readonly #curve: readonly (readonly [number, number])[]
  readonly #efficiency: number
  readonly #reactionMs: number
  readonly #rampAPerS: number
  readonly #startDelayMs: number
  readonly #shortfallA: number
  #soc: number
  #receivedWh = 0
  #currents: PhaseCurrents = NO_CURRENT
  #offers: PendingOffer[] = []
  #effective: Offer | undefined
  #startableMs: number | undefined

  constructor(options: VehicleOptions = {}) {
    this.id = options.id ?? 'car'
    this.phases = options.phases ?? 3
    this.maxCurrentA = options.maxCurrentA ?? 16
    this.minCurrentA = options.minCurrentA ?? 6
    this.batteryWh = options.batteryWh ?? 60_000
    this.targetSoc = options.targetSoc ?? 1
    this.maxDcPowerW = options.maxDcPowerW ?? 150_000
    this.departureMs = options.departureMs
    this.token = options.token
    this.iso15118 = options.iso15118 ?? false
    this.#curve = options.curve ?? TYPICAL_CURVE
    this.#efficiency = options.efficiency ?? 0.92
    this.#reactionMs = options.reactionMs ?? 1500
    this.#rampAPerS = options.rampAPerS ?? 8
    this.#startDelayMs = options.startDelayMs ?? 2000
    this.#shortfallA = options.shortfallA ?? 0.2
    this.#soc = options.soc ?? 0.3
    if (!(this.#soc >= 0 && this.#soc <= 1)) throw new RangeError('soc must be between 0 and 1.')
    if (!(this.batteryWh > 0)) throw new RangeError('batteryWh must be above 0.')
  }

  get soc(): number {
    return this.#soc
  }

  get full(): boolean {
    return this.#soc >= this.targetSoc
  }

  /** Energy taken at the plug since it was plugged in. */
  get receivedWh(): number {
    return this.#receivedWh
  }

  /** Energy that it would still take at the plug. */
  get wantedWh(): number {
    return Math.max(0, ((this.targetSoc - this.#soc) * this.batteryWh) / this.#efficiency)
  }

  /** What flows right now on the station's phases. */
  get currents(): PhaseCurrents {
    return this.#currents
  }

  /**
   * The cable is out or the contactor opened: current stops at once. A fresh offer needs the start delay.
   */
  cut(): void {
    this.#currents = NO_CURRENT
    this.#offers = []
    this.#effective = undefined
    this.#startableMs = undefined
  }

  /**
   * Moves the car `dtMs` forward to `nowMs`: books the energy of the currents that flowed until now, then
   * lets the car react to the offer. `drawFactor` below 1 makes it take less than it could.
   */
  step(step: { nowMs: number; dtMs: number; offer: Offer; drawFactor: number }): PhaseCurrents {
    this.#charge(step.dtMs, step.offer)
    this.#notice(step.nowMs, step.offer)
    this.#currents = this.#follow(step.nowMs, step.dtMs, step.drawFactor)
    return this.#currents
  }

  #charge(dtMs: number, { kind, voltageV }: Offer): void {
    const totalA = this.#currents[0] + this.#currents[1] + this.#currents[2]
    const atPlug = kind === 'DC' ? DC_CONVERSION_EFFICIENCY : 1
    const energyWh = (totalA * voltageV * dtMs * atPlug) / 3_600_000
    this.#receivedWh += energyWh
    this.#soc = Math.min(1, this.#soc + (energyWh * this.#efficiency) / this.batteryWh)
  }

  #notice(nowMs: number, offer: Offer): void {
    const last = this.#offers.at(-1)?.offer ?? this.#effective
    if (last === undefined || !sameOffer(last, offer)) {
      this.#offers.push({ effectiveMs: nowMs + this.#reactionMs, offer })
    }
    while (this.#offers[0] !== undefined && this.#offers[0].effectiveMs <= nowMs) {
      this.#effective = this.#offers.shift()?.offer
    }
  }

  #follow(nowMs: number, dtMs: number, drawFactor: number): PhaseCurrents {
    const offer = this.#effective
    if (offer === undefined || this.full) return NO_CURRENT
    const targetA = this.#targetA(offer) * drawFactor
    if (targetA <= 0) {
      this.#startableMs = undefined
      return NO_CURRENT
    }
    this.#startableMs ??= nowMs + this.#startDelayMs
    if (nowMs < this.#startableMs) return NO_CURRENT
    const presentA = this.#currents[0]
    const risingA = presentA + (this.#rampAPerS * dtMs) / 1000
    const nextA = Math.min(targetA, risingA)
    if (offer.kind === 'DC') return [nextA, nextA, nextA]
    const phases = Math.min(this.phases, offer.phases)
    return [nextA, phases > 1 ? nextA : 0, phases > 2 ? nextA : 0]
  }

  #targetA(offer: Offer): number {
    const taper = fractionAt(this.#curve, this.#soc)
    if (offer.kind === 'DC') {
      const powerW = Math.min(offer.powerW, this.maxDcPowerW * taper)
      return powerW / DC_CONVERSION_EFFICIENCY / (3 * offer.voltageV)
    }
    if (offer.currentA < this.minCurrentA) return 0
    const reachableA = Math.min(offer.currentA - this.#shortfallA, this.maxCurrentA)
    // Near full the charger goes on below 6 A: the minimum binds the offer, not the car.
    return Math.max(0, Math.min(reachableA, this.maxCurrentA * taper))
  }
}

/** Grid side against plug side of a DC charger. */
export const DC_CONVERSION_EFFICIENCY = 0.95

function sameOffer(a: Offer, b: Offer): boolean {
  return a.currentA === b.currentA && a.powerW === b.powerW && a.phases === b.phases
}

/** Linear between the points of a charge curve; constant outside of them. */
export function fractionAt(curve: readonly (readonly [number, number])[], soc: number): number {
  let [below] = curve
  if (below === undefined) return 1
  for (const point of curve) {
    if (point[0] >= soc) {
      const span = point[0] - below[0]
      return span <= 0 ? point[1] : below[1] + ((point[1] - below[1]) * (soc - below[0])) / span
    }
    below = point
  }
  return below[1]
}

export function createVehicle(options: VehicleOptions = {}): Vehicle {
  return new Vehicle(options)
}
