/** The cost of a session as the station may show it (I02, I03): a flat tariff, free of charge by default. */

import type { Session } from '../store/sessions.ts'

export interface Tariff {
  /** In the currency of the station's TariffCostCtrlr.Currency. */
  readonly perSession: number
  readonly perKWh: number
}

export const FREE: Tariff = { perSession: 0, perKWh: 0 }

export function isPriced(tariff: Tariff): boolean {
  return tariff.perSession !== 0 || tariff.perKWh !== 0
}

/** Rounded to cents; a session without readings costs its base price. */
export function totalCost(session: Pick<Session, 'meterStartWh' | 'meterLastWh'>, tariff: Tariff): number {
  const { meterStartWh, meterLastWh } = session
  const energyWh = meterStartWh === null || meterLastWh === null ? 0 : Math.max(0, meterLastWh - meterStartWh)
  return Math.round((tariff.perSession + (tariff.perKWh * energyWh) / 1000) * 100) / 100
}
