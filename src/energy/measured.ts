import type { MeterValueType, SampledValueType } from '../ocpp/v201/messages.generated.ts'

export interface MeasuredCurrent {
  /** Amperes on the terminals L1, L2, L3 of the EVSE; shorter for an EVSE with fewer. */
  readonly currentA: readonly number[]
  readonly atMs: number
}

const TERMINAL: Readonly<Record<string, number>> = { L1: 0, L2: 1, L3: 2, 'L1-N': 0, 'L2-N': 1, 'L3-N': 2 }

/**
 * The newest current in some meter values: per phase where the station says so; one value without a phase counts
 * for every terminal (more than there may be, never less); from power where there is no current.
 * `undefined` where nothing says how much is drawn.
 */
export function measuredCurrent(
  values: readonly MeterValueType[],
  evse: { readonly terminals: number; readonly wattPerA: number },
): MeasuredCurrent | undefined {
  let newest: MeasuredCurrent | undefined
  for (const value of values) {
    const currentA =
      currentsOf(value.sampledValue, evse.terminals) ?? currentFromPower(value.sampledValue, evse)
    const atMs = Date.parse(value.timestamp)
    if (currentA && Number.isFinite(atMs) && (!newest || atMs >= newest.atMs)) newest = { currentA, atMs }
  }
  return newest
}

function currentsOf(samples: readonly SampledValueType[], terminals: number): number[] | undefined {
  const currentA = new Array<number>(terminals).fill(0)
  let found = false
  for (const sample of samples) {
    if (sample.measurand !== 'Current.Import' || sample.location === 'EV') continue
    const value = scaled(sample)
    const terminal = sample.phase === undefined ? undefined : TERMINAL[sample.phase]
    if (sample.phase === undefined) currentA.fill(value)
    else if (terminal !== undefined && terminal < terminals) currentA[terminal] = value
    else continue
    found = true
  }
  return found ? currentA : undefined
}

function currentFromPower(
  samples: readonly SampledValueType[],
  evse: { readonly terminals: number; readonly wattPerA: number },
): number[] | undefined {
  const power = samples.find(
    (sample) => sample.measurand === 'Power.Active.Import' && sample.phase === undefined,
  )
  if (!power) return undefined
  const powerW = scaled(power) * (power.unitOfMeasure?.unit === 'kW' ? 1000 : 1)
  return new Array<number>(evse.terminals).fill(powerW / evse.wattPerA)
}

function scaled(sample: SampledValueType): number {
  return sample.value * 10 ** (sample.unitOfMeasure?.multiplier ?? 0)
}
