import type { AllocationRequest } from './allocate.ts'
import type { Network } from './network.ts'

/** Working arrays of one allocation. */
export interface FillState {
  readonly grantA: Float64Array
  readonly admitted: Uint8Array
  readonly bindingRow: Int32Array
  readonly usedRe: Float64Array
  readonly usedIm: Float64Array
  /** Loads that run, by tier then admission order. */
  readonly running: Int32Array
}

interface Sums {
  readonly usedRe: Float64Array
  readonly usedIm: Float64Array
}

/** Slack for sums of binary fractions, relative to a fuse of some hundred amperes. */
export const TOLERANCE = 1e-9

function exceeds(network: Network, limits: Float64Array, row: number, re: number, im: number): boolean {
  const limit = limits[row] ?? Number.POSITIVE_INFINITY
  const sum = network.phasor[row] === 1 ? Math.hypot(re, im) : re
  return sum > limit + TOLERANCE * Math.max(1, Math.abs(limit))
}

/** Loads that take part, sorted by tier and order. Sorting numbers packed as doubles beats sorting with a callback. */
function admissionOrder(request: AllocationRequest): Int32Array {
  const count = request.maxA.length
  const part: number[] = []
  let sorted = true
  let lastTier = Number.NEGATIVE_INFINITY
  let lastOrder = Number.NEGATIVE_INFINITY
  for (let load = 0; load < count; load++) {
    if ((request.maxA[load] ?? 0) <= 0) continue
    part.push(load)
    const tier = request.tier[load] ?? 0
    const order = request.order[load] ?? 0
    if (tier < lastTier || (tier === lastTier && order < lastOrder)) sorted = false
    lastTier = tier
    lastOrder = order
  }
  const loads = Int32Array.from(part)
  if (sorted) return loads
  const { tier, order } = request
  return loads.sort((a, b) => (tier[a] ?? 0) - (tier[b] ?? 0) || (order[a] ?? 0) - (order[b] ?? 0) || a - b)
}

/**
 * Gives every load its minimum in order, and pauses those whose minimum no longer fits somewhere on their path.
 * A load that wants less than its minimum is paused too: there is nothing between the pause and the minimum.
 */
export function admit(network: Network, request: AllocationRequest): FillState {
  const order = admissionOrder(request)
  const state = {
    grantA: new Float64Array(network.loadCount),
    admitted: new Uint8Array(network.loadCount),
    bindingRow: new Int32Array(network.loadCount).fill(-1),
    usedRe: new Float64Array(network.rowCount),
    usedIm: new Float64Array(network.rowCount),
  }
  const running = new Int32Array(order.length)
  let count = 0
  for (const load of order) {
    const minimum = request.minA[load] ?? 0
    if ((request.maxA[load] ?? 0) + TOLERANCE < minimum) continue
    add(network, request, state, load, minimum)
    const blocked = overbookedRow(network, request, state, load)
    if (blocked >= 0) {
      add(network, request, state, load, -minimum)
      state.bindingRow[load] = blocked
      continue
    }
    state.grantA[load] = minimum
    state.admitted[load] = 1
    running[count++] = load
  }
  return { ...state, running: running.subarray(0, count) }
}

/** The first row that is over its limit among those a load is booked on, or -1. */
function overbookedRow(network: Network, request: AllocationRequest, state: Sums, load: number): number {
  const booked = request.mask[load] ?? 0
  const end = network.loadStart[load + 1] ?? 0
  for (let entry = network.loadStart[load] ?? 0; entry < end; entry++) {
    if (((network.entryMask[entry] ?? 0) & booked) === 0) continue
    const row = network.entryRow[entry] ?? 0
    if (exceeds(network, request.limits, row, state.usedRe[row] ?? 0, state.usedIm[row] ?? 0)) return row
  }
  return -1
}

/** Books `extraA` of a load on its rows. */
export function add(
  network: Network,
  request: { readonly mask: Uint8Array },
  state: Sums,
  load: number,
  extraA: number,
): void {
  if (extraA === 0) return
  const booked = request.mask[load] ?? 0
  const end = network.loadStart[load + 1] ?? 0
  for (let entry = network.loadStart[load] ?? 0; entry < end; entry++) {
    if (((network.entryMask[entry] ?? 0) & booked) === 0) continue
    const row = network.entryRow[entry] ?? 0
    state.usedRe[row] = (state.usedRe[row] ?? 0) + extraA * (network.entryRe[entry] ?? 0)
    state.usedIm[row] = (state.usedIm[row] ?? 0) + extraA * (network.entryIm[entry] ?? 0)
  }
}
