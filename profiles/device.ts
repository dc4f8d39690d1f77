import type { ChargingRateUnit } from './profile.ts'

/** What a station's device model says about smart charging (SmartChargingCtrlr), with OCPP's fallbacks filled in. */
export interface SmartChargingDevice {
  readonly enabled: boolean
  /** ChargingScheduleChargingRateUnit. */
  readonly rateUnits: readonly ChargingRateUnit[]
  /** ProfileStackLevel: the highest usable level. */
  readonly maxStackLevel: number
  /** PeriodsPerSchedule. */
  readonly periodsPerSchedule: number
  /** Entries[ChargingProfiles]: how many profiles fit. */
  readonly maxProfiles: number
  /** ACPhaseSwitchingSupported of the EVSE. */
  readonly phaseSwitching: boolean
  /** LimitChangeSignificance, in percent. */
  readonly limitChangePercent: number
  /** UpdateRateLimit of newer stations: least time between two profiles. */
  readonly minUpdateMs: number
  /** The "line voltage" with which the station turns watts into amperes (K01.FR.50). */
  readonly lineVoltageV: number
  /** The lowest voltage measured lately, where it is below that one: a station may hold a power at it. */
  readonly lowVoltageV?: number
}

export const DEFAULT_DEVICE: SmartChargingDevice = {
  enabled: true,
  rateUnits: ['A', 'W'],
  maxStackLevel: 9,
  periodsPerSchedule: 1,
  maxProfiles: 10,
  phaseSwitching: false,
  limitChangePercent: 0,
  minUpdateMs: 0,
  lineVoltageV: 230,
}
