import type {
  MeterValueType,
  PhaseEnumType,
  ReadingContextEnumType,
  SampledValueType,
} from '../ocpp/v201/messages.generated.ts'
import type { PhaseCurrents } from './vehicle.ts'

/** What the meter of an EVSE shows. */
export interface Reading {
  readonly currentsA: PhaseCurrents
  readonly voltageV: number
  /** Phases that the EVSE is wired to. */
  readonly phases: number
  readonly energyWh: number
  readonly offeredA: number
  /** State of charge 0..1, known over ISO 15118 only. */
  readonly soc?: number
}

const PHASES: readonly PhaseEnumType[] = ['L1', 'L2', 'L3']
const VOLTAGE_PHASES: readonly PhaseEnumType[] = ['L1-N', 'L2-N', 'L3-N']
/** Voltage at the EVSE sags a little under load. */
const SAG_V_PER_A = 0.04

const round = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits

/** Builds one MeterValue with the asked measurands; undefined when none of them can be shown. */
export function meterValue(options: {
  readonly reading: Reading
  readonly measurands: readonly string[]
  readonly context: ReadingContextEnumType
  readonly timestamp: string
}): MeterValueType | undefined {
  const sampledValue = options.measurands.flatMap((measurand) =>
    valuesOf(measurand, options.reading).map((value) => ({ ...value, context: options.context })),
  )
  return sampledValue.length === 0 ? undefined : { timestamp: options.timestamp, sampledValue }
}

function valuesOf(measurand: string, reading: Reading): SampledValueType[] {
  switch (measurand) {
    case 'Current.Import':
      return perPhase(reading, (currentA, index) => ({
        measurand,
        value: round(currentA, 2),
        phase: PHASES[index] ?? 'L1',
        unitOfMeasure: { unit: 'A' },
      }))
    case 'Voltage':
      return perPhase(reading, (currentA, index) => ({
        measurand,
        value: round(reading.voltageV - SAG_V_PER_A * currentA, 1),
        phase: VOLTAGE_PHASES[index] ?? 'L1-N',
        unitOfMeasure: { unit: 'V' },
      }))
    case 'Power.Active.Import':
      return [{ measurand, value: round(powerW(reading), 1), unitOfMeasure: { unit: 'W' } }]
    case 'Energy.Active.Import.Register':
      return [{ measurand, value: round(reading.energyWh, 1), unitOfMeasure: { unit: 'Wh' } }]
    case 'Current.Offered':
      return [{ measurand, value: round(reading.offeredA, 2), unitOfMeasure: { unit: 'A' } }]
    case 'Power.Offered':
      return [
        {
          measurand,
          value: round(reading.offeredA * reading.voltageV * reading.phases, 0),
          unitOfMeasure: { unit: 'W' },
        },
      ]
    case 'SoC':
      if (reading.soc === undefined) return []
      return [
        { measurand, value: round(reading.soc * 100, 1), location: 'EV', unitOfMeasure: { unit: 'Percent' } },
      ]
    default:
      return []
  }
}

function perPhase(reading: Reading, build: (currentA: number, index: number) => SampledValueType) {
  return reading.currentsA.slice(0, reading.phases).map(build)
}

export function powerW(reading: Reading): number {
  return reading.currentsA.reduce((sum, currentA) => {
    return sum + currentA * (reading.voltageV - SAG_V_PER_A * currentA)
  }, 0)
}
