import { type BaseLoadInput, evseSums, lessEvses, type Site } from '../../profiles/index.ts'

type Phases = readonly [number, number, number]

/** One meter of a site, as configured: what its node carries besides the EVSEs below it. */
export interface MeterConfig {
  readonly nodeId: string
  /** Readings older than this are unknown: `staleA` holds then. */
  readonly maxAgeS: number
  readonly staleA: number | Phases
  /** Kept free above every reading, for what changes between two of them. */
  readonly marginA?: number
  /** The meter sits above the EVSEs: what they draw is taken off again. */
  readonly includesEvses: boolean
  /** How long a lower reading must last before it counts. */
  readonly fallHoldS?: number
}

interface Reading {
  readonly shownA: Phases
  readonly netA: Phases
  readonly atMs: number
  /** A car below has not been measured yet: what it draws looks like base load. */
  readonly guess: boolean
}

/**
 * An EVSE and the meter above it are not read at the same moment: when a car stops, the meter falls before the EVSE
 * reports it, and the difference would look like room. Less counts only once it lasted.
 */
const FALL_HOLD_S = 30
/**
 * After a start, or when cars begin, the draw of cars that nobody has measured yet is in the reading. Once all have been
 * measured for this long such readings are held no longer: every restart would take current from all cars for a while.
 */
const CERTAIN_S = 5
/** Readings kept per meter: a fast meter does not fill the memory. */
const KEPT_READINGS = 256

/** The readings of a site's meters, and the base load to count with. */
export class BaseLoads {
  readonly #site: Site
  readonly #meters: ReadonlyMap<string, MeterConfig>
  readonly #readings = new Map<string, Reading[]>()

  constructor(site: Site, meters: readonly MeterConfig[]) {
    this.#site = site
    this.#meters = new Map(meters.map((meter) => [meter.nodeId, meter]))
  }

  has(nodeId: string): boolean {
    return this.#meters.has(nodeId)
  }

  /** `evseA` is the measured current of each EVSE on the grid's phases, by EVSE index; `unmeasured` those whose cars have none yet. */
  read(
    nodeId: string,
    options: {
      currentA: Phases
      evseA: readonly Phases[]
      unmeasured?: ReadonlySet<number>
      nowMs: number
    },
  ): void {
    const meter = this.#meters.get(nodeId)
    const node = this.#site.nodeById.get(nodeId)
    if (!meter || !node) return
    const { currentA, evseA, unmeasured, nowMs } = options
    const evses = meter.includesEvses ? evseSums(this.#site, evseA)[node.index] : undefined
    const netA = evses ? lessEvses(currentA, evses) : currentA
    const holdMs = (meter.fallHoldS ?? FALL_HOLD_S) * 1000
    const kept = (this.#readings.get(nodeId) ?? []).filter((one) => nowMs - one.atMs <= holdMs)
    const guess =
      meter.includesEvses &&
      this.#site.evses.some((evse) => unmeasured?.has(evse.index) && evse.path.includes(node.index))
    this.#readings.set(
      nodeId,
      withoutGuesses([...kept, { shownA: currentA, netA, atMs: nowMs, guess }]).slice(-KEPT_READINGS),
    )
  }

  /** A meter that has never been read is stale from the beginning. */
  inputs(): BaseLoadInput[] {
    return [...this.#meters.values()].map((meter): BaseLoadInput => {
      const readings = this.#readings.get(meter.nodeId) ?? []
      const { staleA, includesEvses } = meter
      const last = readings.at(-1)
      return {
        nodeId: meter.nodeId,
        currentA: heldA(readings),
        measuredAtMs: last?.atMs ?? Number.NEGATIVE_INFINITY,
        maxAgeMs: meter.maxAgeS * 1000,
        staleA: typeof staleA === 'number' ? [staleA, staleA, staleA] : staleA,
        marginA: meter.marginA ?? 0,
        // Taken off already, when the reading came.
        includesEvses: false,
        ...(last === undefined ? {} : { shown: { currentA: last.shownA, includesEvses } }),
      }
    })
  }
}

/** What was no guess, once it lasted; all of them until then. */
function withoutGuesses(readings: readonly Reading[]): readonly Reading[] {
  const since = readings.findLastIndex(({ guess }) => guess) + 1
  const [first, last] = [readings[since], readings.at(-1)]
  return first && last && last.atMs - first.atMs >= CERTAIN_S * 1000 ? readings.slice(since) : readings
}

/** Highest of the readings held, where one that stands alone between two lower ones is the EVSEs' delay, not a load. */
function heldA(readings: readonly Reading[]): Phases {
  const [only] = readings
  if (!only) return [0, 0, 0]
  const highest: [number, number, number] = [...only.netA]
  if (readings.length === 1) return highest
  for (const phase of [0, 1, 2] as const) {
    let held = Number.NEGATIVE_INFINITY
    readings.forEach((reading, index) => {
      const next = readings[index + 1]
      if (next) held = Math.max(held, Math.min(reading.netA[phase], next.netA[phase]))
    })
    highest[phase] = held
  }
  return highest
}
