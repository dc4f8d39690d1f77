import { add, type FillState, TOLERANCE } from './admission.ts'
import type { AllocationRequest } from './allocate.ts'
import { LevelHeap } from './level-heap.ts'
import type { Network } from './network.ts'

/**
 * Raises the running loads tier by tier. Within a tier load i gets max(minA, weight x (level - offset)), and the level rises
 * until every load is stopped by a row that is full or by its own maximum: the weighted max-min split.
 */
export function waterFill(network: Network, request: AllocationRequest, state: FillState): void {
  const { running } = state
  const fill = new TierFill(network, request, state)
  let from = 0
  while (from < running.length) {
    const tier = request.tier[running[from] ?? 0] ?? 0
    let to = from + 1
    while (to < running.length && (request.tier[running[to] ?? 0] ?? 0) === tier) to++
    fill.run(running.subarray(from, to))
    from = to
  }
}

const WAITING = 1
const RISING = 2

/**
 * The rise of one tier after the other. Frozen and waiting loads are in `used`; rising loads are in `share`
 * (amperes per unit of level).
 */
class TierFill {
  readonly #network: Network
  readonly #request: AllocationRequest
  readonly #state: FillState
  readonly #status: Uint8Array
  readonly #shareRe: Float64Array
  readonly #shareIm: Float64Array
  readonly #rising: Int32Array
  readonly #touchedIn: Int32Array
  readonly #anyPhasor: boolean
  readonly #heap: LevelHeap
  #touchRound = 0
  #level = Number.NEGATIVE_INFINITY
  #left = 0

  constructor(network: Network, request: AllocationRequest, state: FillState) {
    this.#network = network
    this.#request = request
    this.#state = state
    this.#status = new Uint8Array(network.loadCount)
    this.#shareRe = new Float64Array(network.rowCount)
    this.#shareIm = new Float64Array(network.rowCount)
    this.#rising = new Int32Array(network.rowCount)
    this.#touchedIn = new Int32Array(network.rowCount)
    this.#anyPhasor = network.phasor.includes(1)
    this.#heap = new LevelHeap()
  }

  run(loads: Int32Array): void {
    const starts = sortedBy(loads, (load) => this.#minimum(load) / this.#weight(load) + this.#offset(load))
    const ends = sortedBy(loads, (load) => this.#maximum(load) / this.#weight(load) + this.#offset(load))
    for (const load of loads) this.#status[load] = WAITING
    this.#left = loads.length
    this.#level = Number.NEGATIVE_INFINITY
    this.#heap.clear()
    let start = 0
    let end = 0
    while (this.#left > 0) {
      start = skip(starts.order, start, (load) => this.#status[load] !== WAITING)
      end = skip(ends.order, end, (load) => this.#status[load] === 0)
      const startLevel = start < starts.order.length ? (starts.level[start] ?? 0) : Number.POSITIVE_INFINITY
      const endLevel = end < ends.order.length ? (ends.level[end] ?? 0) : Number.POSITIVE_INFINITY
      const next = Math.min(startLevel, endLevel)
      const row = this.#heap.popBelow(next, (r) => this.#saturationLevel(r))
      if (row >= 0) {
        this.#level = Math.max(this.#level, this.#heap.poppedLevel)
        this.#fillRow(row)
      } else if (startLevel <= endLevel) {
        this.#level = Math.max(this.#level, startLevel)
        start = this.#startAll(starts, start)
      } else {
        this.#level = Math.max(this.#level, endLevel)
        this.#stop(ends.order[end] ?? 0, -1)
      }
    }
  }

  #weight(load: number): number {
    return Math.max(1e-6, this.#request.weight[load] ?? 1)
  }
  #offset(load: number): number {
    return this.#request.offset?.[load] ?? 0
  }
  #minimum(load: number): number {
    return this.#request.minA[load] ?? 0
  }
  #maximum(load: number): number {
    return this.#request.maxA[load] ?? 0
  }

  /** Lets every load rise whose own level is reached, and puts the rows they are on up for saturation. */
  #startAll(starts: { order: Int32Array; level: Float64Array }, from: number): number {
    const touched: number[] = []
    this.#touchRound++
    let at = from
    for (; at < starts.order.length && (starts.level[at] ?? 0) <= this.#level; at++) {
      const load = starts.order[at] ?? 0
      if (this.#status[load] !== WAITING) continue
      this.#status[load] = RISING
      // A rising load is counted as its share times the level, less what its offset takes off.
      const atZeroA = -this.#weight(load) * this.#offset(load)
      add(this.#network, this.#request, this.#state, load, atZeroA - (this.#state.grantA[load] ?? 0))
      this.#share(load, this.#weight(load), 1, touched)
    }
    for (const row of touched) {
      if ((this.#request.limits[row] ?? 0) === Number.POSITIVE_INFINITY) continue
      this.#heap.push(row, this.#saturationLevel(row))
    }
    return at
  }

  #share(load: number, weight: number, step: number, touched: number[] | null): void {
    const network = this.#network
    const booked = this.#request.mask[load] ?? 0
    const end = network.loadStart[load + 1] ?? 0
    for (let entry = network.loadStart[load] ?? 0; entry < end; entry++) {
      if (((network.entryMask[entry] ?? 0) & booked) === 0) continue
      const row = network.entryRow[entry] ?? 0
      this.#shareRe[row] = (this.#shareRe[row] ?? 0) + weight * (network.entryRe[entry] ?? 0)
      this.#shareIm[row] = (this.#shareIm[row] ?? 0) + weight * (network.entryIm[entry] ?? 0)
      this.#rising[row] = (this.#rising[row] ?? 0) + step
      if (!touched || this.#touchedIn[row] === this.#touchRound) continue
      this.#touchedIn[row] = this.#touchRound
      touched.push(row)
    }
  }

  /** The level at which a row is full; infinite when nothing on it rises. */
  #saturationLevel(row: number): number {
    if ((this.#rising[row] ?? 0) === 0) return Number.POSITIVE_INFINITY
    const limit = this.#request.limits[row] ?? Number.POSITIVE_INFINITY
    const used = this.#state.usedRe[row] ?? 0
    const share = this.#shareRe[row] ?? 0
    if (this.#network.phasor[row] !== 1) return share > 0 ? (limit - used) / share : Number.POSITIVE_INFINITY
    return phasorLevel({
      limit,
      used: [used, this.#state.usedIm[row] ?? 0],
      share: [share, this.#shareIm[row] ?? 0],
      level: this.#level,
    })
  }

  #fillRow(row: number): void {
    const network = this.#network
    const end = network.rowStart[row + 1] ?? 0
    for (let at = network.rowStart[row] ?? 0; at < end; at++) {
      const load = network.rowLoad[at] ?? 0
      if (this.#status[load] === 0 || !this.#bookedOn(load, row)) continue
      this.#stop(load, row)
    }
  }

  #bookedOn(load: number, row: number): boolean {
    const network = this.#network
    const booked = this.#request.mask[load] ?? 0
    const end = network.loadStart[load + 1] ?? 0
    for (let entry = network.loadStart[load] ?? 0; entry < end; entry++) {
      if (network.entryRow[entry] === row && ((network.entryMask[entry] ?? 0) & booked) !== 0) return true
    }
    return false
  }

  /** Freezes a load at the present level. */
  #stop(load: number, row: number): void {
    const state = this.#state
    const status = this.#status[load]
    this.#status[load] = 0
    this.#left--
    state.bindingRow[load] = row
    if (status !== RISING) return
    const weight = this.#weight(load)
    const levelA = Math.min(this.#maximum(load), weight * (this.#level - this.#offset(load)))
    const grantA = Math.max(this.#minimum(load), levelA)
    this.#share(load, -weight, -1, null)
    add(this.#network, this.#request, state, load, grantA + weight * this.#offset(load))
    state.grantA[load] = grantA
    if (this.#anyPhasor) this.#refreshPhasorRows(load)
  }

  /** Stopping a load can bring a phasor row's saturation forward, which the heap cannot see by itself. */
  #refreshPhasorRows(load: number): void {
    const network = this.#network
    const end = network.loadStart[load + 1] ?? 0
    for (let entry = network.loadStart[load] ?? 0; entry < end; entry++) {
      const row = network.entryRow[entry] ?? 0
      if (network.phasor[row] === 1 && (this.#rising[row] ?? 0) > 0)
        this.#heap.push(row, this.#saturationLevel(row))
    }
  }
}

function sortedBy(
  loads: Int32Array,
  levelOf: (load: number) => number,
): { order: Int32Array; level: Float64Array } {
  const keys = Float64Array.from(loads, levelOf)
  const first = keys[0] ?? 0
  if (keys.every((key) => key === first)) return { order: loads, level: keys }
  const places = Int32Array.from(keys, (_, index) => index)
  places.sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0))
  return {
    order: places.map((place) => loads[place] ?? 0),
    level: Float64Array.from(places, (place) => keys[place] ?? 0),
  }
}

function skip(order: Int32Array, from: number, done: (load: number) => boolean): number {
  let at = from
  while (at < order.length && done(order[at] ?? 0)) at++
  return at
}

/** Smallest level >= the present one at which |used + level x share| reaches the limit. */
function phasorLevel(options: {
  readonly limit: number
  readonly used: readonly [number, number]
  readonly share: readonly [number, number]
  readonly level: number
}): number {
  const { limit, used, share, level } = options
  const a = share[0] * share[0] + share[1] * share[1]
  if (a <= TOLERANCE * TOLERANCE) return Number.POSITIVE_INFINITY
  const b = 2 * (used[0] * share[0] + used[1] * share[1])
  const c = used[0] * used[0] + used[1] * used[1] - limit * limit
  const discriminant = b * b - 4 * a * c
  if (discriminant <= 0) return level
  return Math.max(level, (-b + Math.sqrt(discriminant)) / (2 * a))
}
