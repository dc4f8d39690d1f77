import { admit } from './admission.ts'
import type { Network } from './network.ts'
import { waterFill } from './water-fill.ts'

/**
 * What each load of a network may have and wants. Arrays are indexed by load.
 * A load with `maxA` 0 takes no part.
 */
export interface AllocationRequest {
  /** Limit per row: amperes, watts for power rows. Already less the base load and everything that is not steered. */
  readonly limits: Float64Array
  /** Booked terminals (see `Entry.mask`). */
  readonly mask: Uint8Array
  /** The least a running load takes; a load that cannot have it is paused. */
  readonly minA: Float64Array
  readonly maxA: Float64Array
  /** Share of the common level: twice the weight, twice the current. */
  readonly weight: Float64Array
  /** The level at which a load's share begins: it gets weight x (level - offset). Zero when left out. */
  readonly offset?: Float64Array
  /** Lower tiers are filled to their maximum before higher ones get more than their minimum. */
  readonly tier: Int32Array
  /** Order of admission within a tier, lowest first. */
  readonly order: Float64Array
}

export interface Allocation {
  readonly grantA: Float64Array
  /** 1 where the load runs, 0 where it is paused or takes no part. */
  readonly admitted: Uint8Array
  /** The row that stopped the load, or -1 when its own maximum did. */
  readonly bindingRow: Int32Array
  /** What the rows carry after the allocation. */
  readonly used: Float64Array
}

/**
 * Splits the rows' limits over the loads: minimum currents first, in order of tier and admission; then, tier by
 * tier, weighted max-min by raising one level until a row or a maximum stops each load. Never exceeds a row.
 * Amperes are not rounded here; rounding down is the encoder's task.
 */
export function allocate(network: Network, request: AllocationRequest): Allocation {
  const state = admit(network, request)
  waterFill(network, request, state)
  return {
    grantA: state.grantA,
    admitted: state.admitted,
    bindingRow: state.bindingRow,
    used: rowMagnitudes(network, state.usedRe, state.usedIm),
  }
}

/** Row sums for given currents: magnitudes for phasor rows. */
export function rowLoads(network: Network, currentA: Float64Array, mask: Uint8Array): Float64Array {
  const { re, im } = rowPhasors(network, currentA, mask)
  return rowMagnitudes(network, re, im)
}

/** The same before magnitudes are taken, for sums that are to be added to. */
export function rowPhasors(
  network: Network,
  currentA: Float64Array,
  mask: Uint8Array,
): { readonly re: Float64Array; readonly im: Float64Array } {
  const re = new Float64Array(network.rowCount)
  const im = new Float64Array(network.rowCount)
  for (let load = 0; load < network.loadCount; load++) {
    const current = currentA[load] ?? 0
    if (current === 0) continue
    const booked = mask[load] ?? 0
    const end = network.loadStart[load + 1] ?? 0
    for (let entry = network.loadStart[load] ?? 0; entry < end; entry++) {
      if (((network.entryMask[entry] ?? 0) & booked) === 0) continue
      const row = network.entryRow[entry] ?? 0
      re[row] = (re[row] ?? 0) + current * (network.entryRe[entry] ?? 0)
      im[row] = (im[row] ?? 0) + current * (network.entryIm[entry] ?? 0)
    }
  }
  return { re, im }
}

function rowMagnitudes(network: Network, re: Float64Array, im: Float64Array): Float64Array {
  const sums = re.slice()
  for (let row = 0; row < network.rowCount; row++) {
    if (network.phasor[row] === 1) sums[row] = Math.hypot(re[row] ?? 0, im[row] ?? 0)
  }
  return sums
}
