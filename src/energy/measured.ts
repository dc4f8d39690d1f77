import type { MeasurementBasis, Site, SiteEvse } from '../../profiles/index.ts'
import type { MeterValueType, SampledValueType } from '../ocpp/v201/messages.generated.ts'

export interface MeasuredCurrent {
  /** Amperes on the terminals L1, L2, L3 of the EVSE; shorter for an EVSE with fewer. */
  readonly currentA: readonly number[]
  readonly basis: MeasurementBasis
  /** The highest phase voltage against the nominal one, where it is measured. */
  readonly voltageShare?: number
  /** The lowest one: with it a power is the most current. */
  readonly lowVoltageShare?: number
  readonly atMs: number
}

type Currents = Pick<MeasuredCurrent, 'currentA' | 'basis'>

const TERMINAL: Readonly<Record<string, number>> = { L1: 0, L2: 1, L3: 2, 'L1-N': 0, 'L2-N': 1, 'L3-N': 2 }

/** Where a value is measured, as far as its meaning depends on it. */
export interface MeasuredEvse {
  /** `ac-line`: one current between two phases. */
  readonly kind: 'ac' | 'ac-line' | 'dc'
  readonly terminals: number
  /** At nominal voltage, over all terminals. */
  readonly wattPerA: number
  /** Between one terminal and what it is counted against, at nominal voltage; for DC on the grid's side. */
  readonly voltageV: number
  /** Of the conversion to DC; 1 for AC. */
  readonly efficiency: number
}

export function measuredEvse({ supply, terminals, wattPerA }: SiteEvse, site: Site): MeasuredEvse {
  return {
    kind: supply.kind,
    terminals: supply.kind === 'ac' ? terminals.length : 3,
    wattPerA,
    voltageV: supply.kind === 'ac-line' ? wattPerA : site.voltageV,
    efficiency: supply.kind === 'dc' ? supply.efficiency : 1,
  }
}

/**
 * The newest current in some meter values, on the grid's side: per phase where the station tells every phase, as current
 * or as power; from one that tells some of them or a current without a phase, the highest counts for every terminal (more
 * than there may be, never less); else from power, spread over the terminals, with the voltage that the station measured
 * where it did. The outlet of a DC charger has a voltage of its own: its power counts.
 * `undefined` where nothing says how much is drawn.
 */
export function measuredCurrent(
  values: readonly MeterValueType[],
  evse: MeasuredEvse,
): MeasuredCurrent | undefined {
  let newest: MeasuredCurrent | undefined
  for (const [timestamp, all] of byTime(values)) {
    const samples = all.filter(({ location }) => location !== 'EV')
    const measured =
      evse.kind === 'dc'
        ? currentOfDc(samples, evse)
        : (currentsOf(samples, evse) ?? powersOf(samples, evse) ?? currentFromPower(samples, evse))
    const atMs = Date.parse(timestamp)
    if (!measured || !Number.isFinite(atMs) || (newest && atMs < newest.atMs)) continue
    const shares = evse.kind === 'dc' ? [] : voltageShares(samples, evse.voltageV)
    const voltages = { voltageShare: Math.max(...shares), lowVoltageShare: Math.min(...shares) }
    newest = { ...measured, ...(shares.length > 0 ? voltages : {}), atMs }
  }
  return newest
}

/** Some stations tell each phase in a value of its own. */
function byTime(values: readonly MeterValueType[]): Map<string, SampledValueType[]> {
  const times = new Map<string, SampledValueType[]>()
  for (const { timestamp, sampledValue } of values)
    times.set(timestamp, [...(times.get(timestamp) ?? []), ...sampledValue])
  return times
}

function terminalOf({ phase }: SampledValueType, terminals: number): number | undefined {
  const terminal = phase === undefined ? undefined : TERMINAL[phase]
  return terminal !== undefined && terminal < terminals ? terminal : undefined
}

function currentsOf(samples: readonly SampledValueType[], evse: MeasuredEvse): Currents | undefined {
  const { terminals } = evse
  const told = new Map<number, number>()
  let overallA: number | undefined
  for (const sample of samples) {
    if (sample.measurand !== 'Current.Import') continue
    const terminal = terminalOf(sample, terminals)
    if (terminal !== undefined) told.set(terminal, scaled(sample))
    else if (sample.phase === undefined) overallA = scaled(sample)
  }
  if (told.size === 0 && overallA === undefined) return undefined
  // Whether it is the sum or the highest is anybody's guess: power is not.
  if (told.size === 0 && evse.kind === 'ac' && terminals > 1 && samples.some(isPower)) return undefined
  const highestA = told.size > 0 ? Math.max(...told.values()) : (overallA ?? 0)
  const sumA = [...told.values()].reduce((sum, value) => sum + value, 0)
  const all = told.size === terminals ? !hidesSome(sumA, samples, evse) : isAllOf(sumA, samples, evse)
  return {
    currentA: Array.from({ length: terminals }, (_, index) => told.get(index) ?? (all ? 0 : highestA)),
    basis: all || terminals === 1 ? 'phases' : 'highest',
  }
}

/** Whether it takes more power than its phases carry: then it does not say where. */
function hidesSome(sumA: number, samples: readonly SampledValueType[], evse: MeasuredEvse): boolean {
  if (evse.kind !== 'ac') return false
  const totalA = currentFromPower(samples, evse)?.currentA.reduce((sum, value) => sum + value, 0)
  return totalA !== undefined && totalA > 1.15 * sumA + 0.5
}

/** Whether the phases that a station tells carry all of its power: then those it leaves out carry nothing. */
function isAllOf(sumA: number, samples: readonly SampledValueType[], evse: MeasuredEvse): boolean {
  const total = currentFromPower(samples, evse)?.currentA
  const totalA = total?.reduce((sum, value) => sum + value, 0)
  return (
    totalA !== undefined && totalA > 0 && sumA > 0 && Math.abs(totalA - sumA) <= Math.max(0.5, 0.1 * sumA)
  )
}

/** From the power of every phase. */
function powersOf(samples: readonly SampledValueType[], evse: MeasuredEvse): Currents | undefined {
  const told = new Map<number, number>()
  for (const sample of samples) {
    if (sample.measurand !== 'Power.Active.Import') continue
    const terminal = terminalOf(sample, evse.terminals)
    const powerW = powerOf(sample)
    if (terminal !== undefined && powerW !== undefined) told.set(terminal, powerW)
  }
  if (told.size < evse.terminals) return undefined
  const voltageV = evse.voltageV * voltageShare(samples, evse.voltageV)
  return {
    currentA: Array.from({ length: evse.terminals }, (_, index) => (told.get(index) ?? 0) / voltageV),
    basis: 'phases',
  }
}

function currentFromPower(samples: readonly SampledValueType[], evse: MeasuredEvse): Currents | undefined {
  const powerW = powerOf(samples.find(isPower))
  if (powerW === undefined) return undefined
  const currentA = powerW / (evse.wattPerA * voltageShare(samples, evse.voltageV))
  return {
    currentA: new Array<number>(evse.terminals).fill(currentA),
    basis: evse.kind === 'ac' && evse.terminals > 1 ? 'total' : 'phases',
  }
}

/** Power at the inlet is the grid's; at the outlet (the default) losses come on top. */
function currentOfDc(samples: readonly SampledValueType[], evse: MeasuredEvse): Currents | undefined {
  const inletW = powerOf(samples.find((sample) => isPower(sample) && sample.location === 'Inlet'))
  const outlet = samples.filter(({ location }) => location !== 'Inlet')
  const outletW = powerOf(outlet.find(isPower)) ?? productOf(outlet)
  const gridW = inletW ?? (outletW === undefined ? undefined : outletW / evse.efficiency)
  if (gridW === undefined) return undefined
  return { currentA: new Array<number>(evse.terminals).fill(gridW / evse.wattPerA), basis: 'phases' }
}

function productOf(samples: readonly SampledValueType[]): number | undefined {
  const current = samples.find(({ measurand }) => measurand === 'Current.Import')
  const voltage = samples.find(({ measurand }) => measurand === 'Voltage')
  return current && voltage ? scaled(current) * scaled(voltage) : undefined
}

/** Measured against nominal voltage, the lowest of the phases: less voltage is more current. */
function voltageShare(samples: readonly SampledValueType[], nominalV: number): number {
  const shares = voltageShares(samples, nominalV)
  return shares.length > 0 ? Math.min(...shares) : 1
}

/** Odd values say nothing. */
function voltageShares(samples: readonly SampledValueType[], nominalV: number): number[] {
  return samples
    .filter(({ measurand, phase }) => measurand === 'Voltage' && (phase === undefined || phase in TERMINAL))
    .map((sample) => scaled(sample) / nominalV)
    .filter((share) => share > 1 - PLAUSIBLE && share < 1 + PLAUSIBLE)
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
