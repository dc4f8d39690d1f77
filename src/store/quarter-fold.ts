import type { MeterValueType, SampledValueType } from '../ocpp/v201/messages.generated.ts'
import { energyReadingsWh } from './session-fold.ts'

export const QUARTER_MS = 900_000
/** Energy that was taken over longer than this says nothing about a quarter: it is booked where it was read. */
const LONGEST_SPREAD_MS = 86_400_000

/** The last reading of the energy register that was folded. */
export interface RegisterReading {
  readonly atMs: number
  readonly wh: number
}

/** What is known of a quarter, to be added to what is kept of it. */
export interface QuarterPart {
  startMs: number
  energyWh: number | null
  maxPowerW: number | null
  maxCurrentA: [number | null, number | null, number | null]
  samples: number
  register: RegisterReading | null
}

const PHASES: Readonly<Record<string, number>> = { L1: 0, L2: 1, L3: 2, 'L1-N': 0, 'L2-N': 1, 'L3-N': 2 }

/**
 * Folds the values of one EVSE, in order of time, into parts of quarters. Energy is the difference between a reading
 * of the register and the one before it (`last` before the first), spread evenly over the time between them. A
 * register that falls was reset and a reading from before `last` came late: neither says that energy was taken.
 * Intervals count where no register has been read.
 */
export function foldQuarters(
  values: readonly { readonly atMs: number; readonly value: MeterValueType }[],
  last: RegisterReading | undefined,
): readonly QuarterPart[] {
  const parts = new Map<number, QuarterPart>()
  const partAt = (atMs: number): QuarterPart => {
    const startMs = Math.floor(atMs / QUARTER_MS) * QUARTER_MS
    const known = parts.get(startMs)
    if (known) return known
    const made: QuarterPart = {
      startMs,
      energyWh: null,
      maxPowerW: null,
      maxCurrentA: [null, null, null],
      samples: 0,
      register: null,
    }
    parts.set(startMs, made)
    return made
  }
  let before = last
  for (const { atMs, value } of values) {
    const part = partAt(atMs)
    part.samples += 1
    part.maxPowerW = highest(part.maxPowerW, powerW(value.sampledValue))
    const currents = currentsA(value.sampledValue)
    for (const phase of [0, 1, 2] as const)
      part.maxCurrentA[phase] = highest(part.maxCurrentA[phase], currents[phase] ?? null)
    const wh = energyReadingsWh([value]).at(-1)
    const intervalWh = before || wh !== undefined ? null : energyIntervalWh(value.sampledValue)
    if (intervalWh !== null) add(partAt(atMs - 1), intervalWh)
    if (wh === undefined || (before && atMs < before.atMs)) continue
    part.energyWh ??= 0
    const reading = { atMs, wh }
    if (before && wh > before.wh) spread(before, reading, partAt)
    part.register = reading
    before = reading
  }
  return [...parts.values()]
}

function spread(from: RegisterReading, to: RegisterReading, partAt: (atMs: number) => QuarterPart): void {
  const totalWh = to.wh - from.wh
  const spanMs = to.atMs - from.atMs
  let leftWh = totalWh
  if (spanMs <= LONGEST_SPREAD_MS) {
    let atMs = from.atMs
    for (let end = quarterAfter(atMs); end < to.atMs; end += QUARTER_MS) {
      const shareWh = (totalWh * (end - atMs)) / spanMs
      add(partAt(atMs), shareWh)
      leftWh -= shareWh
      atMs = end
    }
  }
  // A reading on the boundary closes the quarter before it.
  add(partAt(spanMs === 0 ? to.atMs : to.atMs - 1), leftWh)
}

function quarterAfter(atMs: number): number {
  return (Math.floor(atMs / QUARTER_MS) + 1) * QUARTER_MS
}

function add(part: QuarterPart, wh: number): void {
  part.energyWh = (part.energyWh ?? 0) + wh
}

export function highest(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.max(one, other)
}

/** The sum over the phases, as the station says it or as its phases add up to. */
function powerW(samples: readonly SampledValueType[]): number | null {
  let sumW: number | null = null
  for (const sample of samples) {
    if (sample.measurand !== 'Power.Active.Import' || !isAtOutlet(sample)) continue
    const valueW = scaled(sample) * (sample.unitOfMeasure?.unit === 'kW' ? 1000 : 1)
    if (sample.phase === undefined) return valueW
    if (PHASES[sample.phase] !== undefined) sumW = (sumW ?? 0) + valueW
  }
  return sumW
}

/** What stations without a register report: the energy since the value before, over all phases. */
function energyIntervalWh(samples: readonly SampledValueType[]): number | null {
  let sumWh: number | null = null
  for (const sample of samples) {
    if (sample.measurand !== 'Energy.Active.Import.Interval' || !isAtOutlet(sample)) continue
    const valueWh = scaled(sample) * (sample.unitOfMeasure?.unit === 'kWh' ? 1000 : 1)
    if (sample.phase === undefined) return valueWh
    if (PHASES[sample.phase] !== undefined) sumWh = (sumWh ?? 0) + valueWh
  }
  return sumWh
}

/** A value without a phase counts for each: more than there may be, never less. */
function currentsA(samples: readonly SampledValueType[]): (number | null)[] {
  const currents: (number | null)[] = [null, null, null]
  for (const sample of samples) {
    if (sample.measurand !== 'Current.Import' || !isAtOutlet(sample)) continue
    const valueA = scaled(sample)
    const phase = sample.phase === undefined ? undefined : PHASES[sample.phase]
    if (sample.phase === undefined)
      for (const at of [0, 1, 2]) currents[at] = highest(currents[at] ?? null, valueA)
    else if (phase !== undefined) currents[phase] = highest(currents[phase] ?? null, valueA)
  }
  return currents
}

function isAtOutlet({ location }: SampledValueType): boolean {
  return location === undefined || location === 'Outlet'
}

function scaled(sample: SampledValueType): number {
  return sample.value * 10 ** (sample.unitOfMeasure?.multiplier ?? 0)
}
