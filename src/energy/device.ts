import { DEFAULT_DEVICE, type SmartChargingDevice } from '../../profiles/index.ts'
import type { VariableAttribute } from '../store/stations.ts'

/**
 * What a station's device model says about smart charging; what it does not say keeps its careful default. Watts mean
 * amperes at the nominal voltage of the area (K01.FR.50), which is the site's.
 */
export function deviceOf(
  variables: readonly VariableAttribute[],
  lineVoltageV = DEFAULT_DEVICE.lineVoltageV,
): SmartChargingDevice {
  const actual = (variable: string, instance: string | null = null): string | undefined =>
    variables.find(
      (one) =>
        one.component === 'SmartChargingCtrlr' &&
        one.variable === variable &&
        one.attributeType === 'Actual' &&
        (instance === null || one.variableInstance === instance),
    )?.value ?? undefined
  const units = (actual('RateUnit') ?? actual('ChargingScheduleChargingRateUnit') ?? '')
    .split(',')
    .map((unit) => unit.trim())
  const rateUnits = (['A', 'W'] as const).filter((unit) => units.includes(unit))
  return {
    ...DEFAULT_DEVICE,
    lineVoltageV,
    enabled: actual('Enabled') !== 'false' && actual('Available') !== 'false',
    rateUnits: rateUnits.length > 0 ? rateUnits : DEFAULT_DEVICE.rateUnits,
    maxStackLevel: count(actual('ProfileStackLevel')) ?? DEFAULT_DEVICE.maxStackLevel,
    periodsPerSchedule: count(actual('PeriodsPerSchedule')) ?? DEFAULT_DEVICE.periodsPerSchedule,
    maxProfiles: mostEntries(variables) ?? DEFAULT_DEVICE.maxProfiles,
    phaseSwitching: actual('ACPhaseSwitchingSupported') === 'true',
    limitChangePercent: count(actual('LimitChangeSignificance')) ?? DEFAULT_DEVICE.limitChangePercent,
    minUpdateMs: (count(actual('UpdateRateLimit')) ?? 0) * 1000,
  }
}

function count(value: string | undefined): number | undefined {
  const number = Number(value)
  return value !== undefined && value !== '' && Number.isFinite(number) && number >= 0 ? number : undefined
}

/** Entries[ChargingProfiles]: how many there may be is its maxLimit; its value is how many there are. */
function mostEntries(variables: readonly VariableAttribute[]): number | undefined {
  const characteristics = variables.find(
    (one) => one.variable === 'Entries' && one.variableInstance === 'ChargingProfiles',
  )?.characteristics
  const most: unknown = characteristics ? Reflect.get(characteristics, 'maxLimit') : undefined
  return typeof most === 'number' && most > 0 ? most : undefined
}
