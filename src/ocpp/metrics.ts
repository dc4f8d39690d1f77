/** Plain counters that the hot path can afford; src/observe turns them into Prometheus metrics. */

/** Upper bounds of the latency buckets in milliseconds; the last bucket is everything above. */
export const LATENCY_BOUNDS_MS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000] as const

export interface LatencyHistogram {
  /** Counts per bucket, one more than LATENCY_BOUNDS_MS. Not cumulative. */
  readonly buckets: number[]
  sumMs: number
  count: number
}

export interface OcppMetrics {
  messagesIn: number
  messagesOut: number
  /** Calls of stations, by action. */
  readonly callsIn: Map<string, number>
  /** Calls to stations, by action. */
  readonly callsOut: Map<string, number>
  /** Outcomes of calls to stations, by kind. */
  readonly callOutcomes: Map<string, number>
  /** CALLERRORs sent, by code. */
  readonly errorsOut: Map<string, number>
  /** Refused connection attempts, by reason. */
  readonly refusedConnections: Map<string, number>
  /** Sockets ended by us: by close code, or by reason where there was no time for a close frame. */
  readonly closed: Map<string, number>
  lateAnswers: number
  unmatchedAnswers: number
  repeatedCalls: number
  /** Dropped from the message log: more than could be written. */
  messagesUnlogged: number
  connections: number
  connectionsTotal: number
  /** From a station's call to its answer. */
  readonly handling: LatencyHistogram
  /** From our call to the station's answer. */
  readonly answering: LatencyHistogram
}

export function createMetrics(): OcppMetrics {
  return {
    messagesIn: 0,
    messagesOut: 0,
    callsIn: new Map(),
    callsOut: new Map(),
    callOutcomes: new Map(),
    errorsOut: new Map(),
    refusedConnections: new Map(),
    closed: new Map(),
    lateAnswers: 0,
    unmatchedAnswers: 0,
    repeatedCalls: 0,
    messagesUnlogged: 0,
    connections: 0,
    connectionsTotal: 0,
    handling: createHistogram(),
    answering: createHistogram(),
  }
}

function createHistogram(): LatencyHistogram {
  return { buckets: Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, () => 0), sumMs: 0, count: 0 }
}

export function observeLatency(histogram: LatencyHistogram, elapsedMs: number): void {
  let i = 0
  while (i < LATENCY_BOUNDS_MS.length && elapsedMs > (LATENCY_BOUNDS_MS[i] ?? 0)) i++
  histogram.buckets[i] = (histogram.buckets[i] ?? 0) + 1
  histogram.sumMs += elapsedMs
  histogram.count++
}

export function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
