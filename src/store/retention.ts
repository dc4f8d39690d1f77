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

export interface SiteQuarter {
  /** Null where the quarter is of all stations together. */
  readonly stationId: string | null
  readonly evseId: number | null
  readonly at: string
  readonly energyWh: number | null
  readonly samples: number
}

/**
 * `meter-details`: meter values as stations sent them; those that are not in quarters yet stay. `transaction-events`:
 * what is left of events without their values.
 */
export type Prunable =
  | 'meter-details'
  | 'transaction-events'
  | 'meter-quarters'
  | 'station-events'
  | 'station-messages'

export interface RetentionStore {
  /** Removes at most `limit` of what is older than `before`, oldest first; tells how many went. */
  prune(what: Prunable, before: string, limit: number): Promise<number>
  /**
   * Adds the next `limit` readings, in the order of their arrival, to quarters, in one transaction: a crash leaves
   * each in them once or not yet. Returns how many there were; fewer than `limit` at the end.
   */
  rollUp(limit: number): Promise<number>
  /** Oldest first. */
  quarters(query: {
    stationId: string
    evseId?: number
    from?: string
    to?: string
    limit?: number
  }): Promise<readonly MeterQuarter[]>
  /** Of several stations, oldest first: one per quarter, or one per quarter and EVSE. */
  siteQuarters(query: {
    stationIds: readonly string[]
    from: string
    to: string
    by: 'site' | 'evse'
    limit?: number
  }): Promise<readonly SiteQuarter[]>
}
