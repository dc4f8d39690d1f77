/** The parts of OCPP 2.0.1's ChargingProfileType that this core writes and reads; structural, so no wire types are needed. */
export type ChargingRateUnit = 'A' | 'W'
export type ProfilePurpose =
  | 'ChargingStationExternalConstraints'
  | 'ChargingStationMaxProfile'
  | 'TxDefaultProfile'
  | 'TxProfile'
  | 'PriorityCharging'
  | 'LocalGeneration'
export type ProfileKind = 'Absolute' | 'Recurring' | 'Relative' | 'Dynamic'

export interface ChargingSchedulePeriod {
  readonly startPeriod: number
  readonly limit?: number
  readonly numberPhases?: number
  readonly phaseToUse?: number
  /** OCPP 2.1. */
  readonly limit_L2?: number
  readonly limit_L3?: number
  readonly dischargeLimit?: number
  readonly dischargeLimit_L2?: number
  readonly dischargeLimit_L3?: number
  readonly setpoint?: number
  readonly setpoint_L2?: number
  readonly setpoint_L3?: number
  readonly operationMode?: string
}

export interface ChargingSchedule {
  readonly id: number
  readonly startSchedule?: string
  /** Seconds. */
  readonly duration?: number
  readonly chargingRateUnit: ChargingRateUnit
  readonly minChargingRate?: number
  readonly chargingSchedulePeriod: readonly ChargingSchedulePeriod[]
  readonly salesTariff?: SalesTariff
}

/** What energy costs over time, for a car that plans by it (ISO 15118-2 SalesTariff). */
export interface SalesTariff {
  readonly id: number
  readonly salesTariffDescription?: string
  /** How many price levels there are; level 1 is the cheapest. */
  readonly numEPriceLevels?: number
  readonly salesTariffEntry: readonly {
    /** Seconds from now. */
    readonly relativeTimeInterval: { readonly start: number; readonly duration?: number }
    readonly ePriceLevel?: number
  }[]
}

export interface ChargingProfile {
  readonly id: number
  readonly stackLevel: number
  readonly chargingProfilePurpose: ProfilePurpose
  readonly chargingProfileKind: ProfileKind
  readonly recurrencyKind?: 'Daily' | 'Weekly'
  readonly validFrom?: string
  readonly validTo?: string
  readonly transactionId?: string
  readonly chargingSchedule: readonly ChargingSchedule[]
  /** OCPP 2.1: seconds a profile stays usable while the station is offline. */
  readonly maxOfflineDuration?: number
  readonly invalidAfterOfflineDuration?: boolean
}

export interface SetChargingProfileRequest {
  readonly evseId: number
  readonly chargingProfile: ChargingProfile
}

export interface ClearChargingProfileRequest {
  readonly chargingProfileId?: number
  readonly chargingProfileCriteria?: {
    readonly evseId?: number
    readonly chargingProfilePurpose?: ProfilePurpose
    readonly stackLevel?: number
  }
}
