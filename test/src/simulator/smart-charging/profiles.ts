import type {
  ChargingProfileType,
  ChargingScheduleType,
} from '../../../../src/ocpp/v201/messages.generated.ts'
import type { ProfileRules } from '../../../../src/simulator/smart-charging/validate.ts'

export const START = Date.parse('2026-03-02T08:00:00Z')

export function schedule(limit: number, more: Partial<ChargingScheduleType> = {}): ChargingScheduleType {
  return {
    id: 1,
    startSchedule: new Date(START).toISOString(),
    chargingRateUnit: 'A',
    chargingSchedulePeriod: [{ startPeriod: 0, limit }],
    ...more,
  }
}

export function txProfile(more: Partial<ChargingProfileType> = {}): ChargingProfileType {
  return {
    id: 1,
    stackLevel: 0,
    chargingProfilePurpose: 'TxProfile',
    chargingProfileKind: 'Absolute',
    transactionId: 'tx-1',
    chargingSchedule: [schedule(16)],
    ...more,
  }
}

export function txDefault(more: Partial<ChargingProfileType> = {}): ChargingProfileType {
  const { transactionId, ...rest } = txProfile()
  return { ...rest, chargingProfilePurpose: 'TxDefaultProfile', ...more }
}

export const RULES: ProfileRules = {
  evseIds: [1, 2],
  maxStackLevel: 10,
  maxPeriods: 24,
  maxEntries: 5,
  rateUnits: ['A', 'W'],
  phaseSwitching: false,
  isDc: (evseId) => evseId === 2,
  transactionOn: (evseId) => (evseId === 1 ? 'tx-1' : undefined),
  iso15118On: () => false,
  held: [],
}
