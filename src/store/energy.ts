/** Port: what the site loops must know after a restart, and what they leave behind. */

/** One node and minute of the compliance record. Amperes per phase on L1, L2, L3. */
export interface ComplianceMinute {
  readonly siteId: string
  readonly nodeId: string
  /** Start of the minute, milliseconds since the epoch. */
  readonly minuteMs: number
  readonly limitA: readonly (number | null)[]
  /** Of all phases together; null without a power limit. */
  readonly limitW: number | null
  readonly highestA: readonly number[]
  readonly highestW: number | null
  readonly meanA: readonly number[]
  /** How much of the minute was measured: less where the service was down or a meter silent. */
  readonly observedMs: number
  readonly msAbove: number
  readonly longestExcursionMs: number
  /** Summed over the phases. */
  readonly ampereSecondsAbove: number
  readonly wattSecondsAbove: number
  readonly deliveredWh: number
  /** What cars below could have taken, had this node had room. */
  readonly unmetWh: number
  /** Of what was delivered; null without prices. */
  readonly cost: number | null
}

/** What a session that is over has cost, and what the same energy would have cost uncontrolled. */
export interface SessionCost {
  readonly siteId: string
  readonly stationId: string
  readonly evseId: number
  readonly transactionId: string
  readonly startedMs: number
  readonly endedMs: number
  /** On the grid's side; null where the meter did not say. */
  readonly energyWh: number | null
  readonly cost: number | null
  /** Charging at `maxW` from the start of the session on; null where `unknown` says why. */
  readonly uncontrolledCost: number | null
  /** What the car takes at most at this EVSE, on the grid's side; null where it has neither said nor shown it. */
  readonly maxW: number | null
  readonly unknown: 'energy' | 'maximum' | 'prices' | null
}

export interface SnapshotBlob {
  readonly atMs: number
  /** Opaque to the store. */
  readonly data: Uint8Array
}

/**
 * What the site loops must know after a restart: what was sent to which station. Plain JSON by key; the values
 * belong to energy/.
 */
export interface EnergyStateStore {
  put(key: string, state: object): Promise<void>
  remove(key: string): Promise<boolean>
  /** All states whose key starts with `prefix`. */
  list(prefix: string): Promise<ReadonlyMap<string, object>>

  /** Keeps a snapshot and forgets the oldest of the site beyond `keepBytes` and before `keepFromMs`. */
  keepSnapshot(
    siteId: string,
    snapshot: SnapshotBlob,
    bounds: { readonly keepFromMs: number; readonly keepBytes: number },
  ): Promise<void>
  /** The newest snapshot at or before `atMs`. */
  snapshotAt(siteId: string, atMs: number): Promise<SnapshotBlob | undefined>

  /** Replaces the minutes of the same site, node and time; forgets the site's before `keepFromMs`. */
  keepMinutes(minutes: readonly ComplianceMinute[], keepFromMs: number): Promise<void>
  /** Oldest first. */
  minutes(query: {
    readonly siteId: string
    readonly fromMs: number
    readonly toMs: number
    readonly nodeId?: string
    readonly limit: number
  }): Promise<readonly ComplianceMinute[]>

  /** Replaces what is kept of the same session; forgets the site's sessions that ended before `keepFromMs`. */
  keepCost(cost: SessionCost, keepFromMs: number): Promise<void>
  /** Sessions that ended in the span, oldest first. */
  costs(query: {
    readonly siteId: string
    readonly fromMs: number
    readonly toMs: number
    readonly limit: number
  }): Promise<readonly SessionCost[]>
}
