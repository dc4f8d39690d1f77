import type { MeterValueType, SampledValueType } from '../ocpp/v201/messages.generated.ts'

export interface MeasuredCurrent {
  /** Amperes on the terminals L1, L2, L3 of the EVSE; shorter for an EVSE with fewer. */
  readonly currentA: readonly number[]
  readonly atMs: number
}

const TERMINAL: Readonly<Record<string, number>> = { L1: 0, L2: 1, L3: 2, 'L1-N': 0, 'L2-N': 1, 'L3-N': 2 }

/** Where a value is measured, as far as its meaning depends on it. */
export interface MeasuredEvse {
  readonly kind: 'ac' | 'dc'
  readonly terminals: number
  /** At nominal voltage, over all terminals. */
  readonly wattPerA: number
  /** Between one terminal and what it is counted against, at nominal voltage; for DC on the grid's side. */
  readonly voltageV: number
  /** Of the conversion to DC; 1 for AC. */
  readonly efficiency: number
}

/**
 * The newest current in some meter values, on the grid's side: per phase where the station says so; one value without a
 * phase counts for every terminal (more than there may be, never less); from power where there is no current, with the
 * voltage that the station measured where it did. The outlet of a DC charger has a voltage of its own: its power counts.
 * `undefined` where nothing says how much is drawn.
 */
export function measuredCurrent(
  values: readonly MeterValueType[],
  evse: MeasuredEvse,
): MeasuredCurrent | undefined {
  let newest: MeasuredCurrent | undefined
  for (const { sampledValue, timestamp } of values) {
    const samples = sampledValue.filter(({ location }) => location !== 'EV')
    const currentA =
      evse.kind === 'dc'
        ? currentOfDc(samples, evse)
        : (currentsOf(samples, evse.terminals) ?? currentFromPower(samples, evse))
    const atMs = Date.parse(timestamp)
    if (currentA && Number.isFinite(atMs) && (!newest || atMs >= newest.atMs)) newest = { currentA, atMs }
  }
  return newest
}

function currentsOf(samples: readonly SampledValueType[], terminals: number): number[] | undefined {
  const currentA = new Array<number>(terminals).fill(0)
  let found = false
  for (const sample of samples) {
    if (sample.measurand !== 'Current.Import') continue
    const value = scaled(sample)
    const terminal = sample.phase === undefined ? undefined : TERMINAL[sample.phase]
    if (sample.phase === undefined) currentA.fill(value)
    else if (terminal !== undefined && terminal < terminals) currentA[terminal] = value
    else continue
    found = true
  }
  return found ? currentA : undefined
}

function currentFromPower(samples: readonly SampledValueType[], evse: MeasuredEvse): number[] | undefined {
  const powerW = powerOf(samples.find(isPower))
  if (powerW === undefined) return undefined
  const currentA = powerW / (evse.wattPerA * voltageShare(samples, evse.voltageV))
  return new Array<number>(evse.terminals).fill(currentA)
}

/** Power at the inlet is the grid's; at the outlet (the default) losses come on top. */
function currentOfDc(samples: readonly SampledValueType[], evse: MeasuredEvse): number[] | undefined {
  const inletW = powerOf(samples.find((sample) => isPower(sample) && sample.location === 'Inlet'))
  const outlet = samples.filter(({ location }) => location !== 'Inlet')
  const outletW = powerOf(outlet.find(isPower)) ?? productOf(outlet)
  const gridW = inletW ?? (outletW === undefined ? undefined : outletW / evse.efficiency)
  return gridW === undefined ? undefined : new Array<number>(evse.terminals).fill(gridW / evse.wattPerA)
}

function productOf(samples: readonly SampledValueType[]): number | undefined {
  const current = samples.find(({ measurand }) => measurand === 'Current.Import')
  const voltage = samples.find(({ measurand }) => measurand === 'Voltage')
  return current && voltage ? scaled(current) * scaled(voltage) : undefined
}

/** Measured against nominal voltage, the lowest of the phases: less voltage is more current. Odd values say nothing. */
function voltageShare(samples: readonly SampledValueType[], nominalV: number): number {
  const shares = samples
    .filter(({ measurand, phase }) => measurand === 'Voltage' && (phase === undefined || phase in TERMINAL))
    .map((sample) => scaled(sample) / nominalV)
    .filter((share) => share > 1 - PLAUSIBLE && share < 1 + PLAUSIBLE)
  return shares.length > 0 ? Math.min(...shares) : 1
}

/** Grids stay within ten percent of their nominal voltage (EN 50160); what is far from it is something else. */
const PLAUSIBLE = 0.2

function isPower({ measurand, phase }: SampledValueType): boolean {
  return measurand === 'Power.Active.Import' && phase === undefined
}

function powerOf(sample: SampledValueType | undefined): number | undefined {
  return sample && scaled(sample) * (sample.unitOfMeasure?.unit === 'kW' ? 1000 : 1)
}

function scaled(sample: SampledValueType): number {
  return sample.value * 10 ** (sample.unitOfMeasure?.multiplier ?? 0)
}
