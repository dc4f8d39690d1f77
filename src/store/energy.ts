/**
 * Port: what the site loop must not forget when the process dies: which limits stations were sent and have accepted,
 * and the memory that the next decision builds on. Plain data of `profiles/`, by a key of the loop's choosing.
 */
export interface EnergyStateStore {
  put(key: string, state: object): Promise<void>
  /** All states whose key starts with `prefix`. */
  list(prefix: string): Promise<ReadonlyMap<string, object>>
}
