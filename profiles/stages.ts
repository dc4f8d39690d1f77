import { type Allocation, type AllocationRequest, allocate, rowLoads } from './allocate.ts'
import type { Network } from './network.ts'

/**
 * Allocates in stages: every load first up to the first maximum, then, with what is left, up to the next. Later
 * stages never take from earlier ones. A load whose maximum of a stage is below its minimum waits for a later stage.
 * Used to give what a plan wants, and what is surely used, before what may not be.
 */
export function allocateInStages(
  network: Network,
  request: AllocationRequest,
  stageMaxA: readonly Float64Array[],
): Allocation {
  let result: Allocation | null = null
  for (const stageA of stageMaxA) {
    const before: Allocation | null = result
    const minA = request.minA.map((own, load) => Math.max(own, before?.grantA[load] ?? 0))
    const maxA = request.maxA.map((most, load) => {
      const stage = Math.min(most, Math.max(stageA[load] ?? 0, before?.grantA[load] ?? 0))
      return stage + 1e-9 < (minA[load] ?? 0) ? 0 : Math.max(stage, minA[load] ?? 0)
    })
    // Those that already run stay first, so that nobody who joins later can push them out.
    const running = (load: number) => (before?.admitted[load] === 1 ? 0 : 1)
    const order = request.order.map((own, load) => own + running(load) * 1e15)
    const made = allocate(network, { ...request, minA, maxA, order })
    result = before ? keepBinding(made, before) : made
  }
  return result ?? allocate(network, request)
}

function keepBinding(made: Allocation, before: Allocation): Allocation {
  const bindingRow = made.bindingRow.map((row, load) =>
    made.admitted[load] === 1 || row >= 0 ? row : (before.bindingRow[load] ?? row),
  )
  return { ...made, bindingRow }
}

/**
 * Rounds grants down to what stations can set, then gives the crumbs of each row away again in whole steps, to those
 * that lost most. `stepsOf` lists a load's settable currents in ascending order; `null` means continuous.
 */
export function quantize(options: {
  readonly network: Network
  readonly limits: Float64Array
  readonly mask: Uint8Array
  readonly grantA: Float64Array
  readonly maxA: Float64Array
  readonly stepsOf: (load: number) => readonly number[] | null
}): Float64Array {
  const { network, limits, mask, stepsOf } = options
  const rounded = options.grantA.map((grantA, load) => {
    const steps = stepsOf(load)
    if (!steps) return grantA
    return steps.filter((step) => step <= grantA + 1e-6).at(-1) ?? 0
  })
  const losses = [...rounded.keys()]
    .filter((load) => (rounded[load] ?? 0) > 0 && stepsOf(load) !== null)
    .map((load) => ({ load, lostA: (options.grantA[load] ?? 0) - (rounded[load] ?? 0) }))
    .sort((a, b) => b.lostA - a.lostA || a.load - b.load)
  const sums = rowLoads(network, rounded, mask)
  for (const { load } of losses) {
    const steps = stepsOf(load) ?? []
    const next = steps.find((step) => step > (rounded[load] ?? 0) + 1e-6)
    if (next === undefined || next > (options.maxA[load] ?? 0) + 1e-6) continue
    if (!fitsAfter(network, limits, mask, sums, load, next - (rounded[load] ?? 0))) continue
    book(network, mask, sums, load, next - (rounded[load] ?? 0))
    rounded[load] = next
  }
  return rounded
}

function fitsAfter(
  network: Network,
  limits: Float64Array,
  mask: Uint8Array,
  sums: Float64Array,
  load: number,
  extraA: number,
): boolean {
  for (let entry = network.loadStart[load] ?? 0; entry < (network.loadStart[load + 1] ?? 0); entry++) {
    if (((network.entryMask[entry] ?? 0) & (mask[load] ?? 0)) === 0) continue
    const row = network.entryRow[entry] ?? 0
    const size = Math.hypot(network.entryRe[entry] ?? 0, network.entryIm[entry] ?? 0)
    if ((sums[row] ?? 0) + extraA * size > (limits[row] ?? 0) + 1e-6) return false
  }
  return true
}

function book(network: Network, mask: Uint8Array, sums: Float64Array, load: number, extraA: number): void {
  for (let entry = network.loadStart[load] ?? 0; entry < (network.loadStart[load + 1] ?? 0); entry++) {
    if (((network.entryMask[entry] ?? 0) & (mask[load] ?? 0)) === 0) continue
    const row = network.entryRow[entry] ?? 0
    const size = Math.hypot(network.entryRe[entry] ?? 0, network.entryIm[entry] ?? 0)
    sums[row] = (sums[row] ?? 0) + extraA * size
  }
}
