/** Port: what becomes of history. Detailed meter values become quarters of an hour; what is old enough goes. */

export interface MeterQuarter {
  readonly evseId: number
  /** Start of the quarter. */
  readonly at: string
  /** Taken through the EVSE in the quarter; null where no energy register was read. */
  readonly energyWh: number | null
  readonly maxPowerW: number | null
  /** L1, L2, L3; null where nothing was reported for the phase. */
  readonly maxCurrentA: readonly [number | null, number | null, number | null]
  /** Meter values that it was made of; 0 where the energy was taken between two that are further apart. */
  readonly samples: number
}

/** The EVSE whose values are looked at next. */
export interface RollUpPlace {
  readonly stationNo: number
  readonly evseId: number
}

export interface RollUpStep {
  /** Meter values that became part of quarters, and are gone. */
  readonly values: number
  /** Where the next step goes on; null where every EVSE has been looked at. */
  readonly next: RollUpPlace | null
}

export type Prunable = 'meter-quarters' | 'station-events' | 'station-messages'

export interface RetentionStore {
  /** Removes at most `limit` of what is older than `before`, oldest first; tells how many went. */
  prune(what: Prunable, before: string, limit: number): Promise<number>
  /**
   * Turns at most `limit` meter values older than `before` into quarters and removes them, in one transaction:
   * a crash leaves them as they were or as quarters, never both and never neither.
   */
  rollUp(before: string, limit: number, from?: RollUpPlace): Promise<RollUpStep>
  /** Oldest first. */
  quarters(query: {
    stationId: string
    evseId?: number
    from?: string
    to?: string
    limit?: number
  }): Promise<readonly MeterQuarter[]>
}
