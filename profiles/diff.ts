import { rowPhasors } from './allocate.ts'
import type { LimitBelief, ProfileSlot } from './belief.ts'
import type { Network } from './network.ts'
import type { ClearChargingProfileRequest, SetChargingProfileRequest } from './profile.ts'

export type PushDirection = 'lower' | 'refresh' | 'raise' | 'base'

/** One call to a station. `belief` is what to remember as in flight when it is sent. */
export type Push = {
  /** `evse key/slot`: at most one push per slot in a decision. */
  readonly id: string
  readonly stationId: string
  /** 0 for the whole station. */
  readonly evseId: number
  readonly evseKey: string | null
  readonly slot: ProfileSlot
  readonly direction: PushDirection
  /** Wave 1 goes now. Wave 2 goes after every push in `waitsFor` was accepted: decide again then. */
  readonly wave: 1 | 2
  readonly waitsFor: readonly string[]
  readonly belief: LimitBelief
} & (
  | { readonly action: 'SetChargingProfile'; readonly request: SetChargingProfileRequest }
  | { readonly action: 'ClearChargingProfile'; readonly request: ClearChargingProfileRequest }
)

/** A push that changes the worst current of one load. */
export interface Candidate {
  readonly push: Push
  readonly load: number
  /** Worst current per phase until the station has answered, if this is sent. */
  readonly worstAfterA: number
  /** It lets the EVSE draw more than what is in force now, even if less than what is still counted for it. */
  readonly raises: boolean
  /** Goes instead where a raise must wait and the car may not (K15.FR.08). */
  readonly meanwhile?: Push
  /** Raises are tried in this order. */
  readonly order: number
}

/**
 * Orders pushes so that no row can be exceeded at any moment: whatever does not raise goes now; a raise goes now only
 * if it fits on top of the worst of everything else; other raises wait for the reductions on the rows they need.
 */
export function orderPushes(options: {
  readonly network: Network
  readonly limits: Float64Array
  readonly mask: Uint8Array
  readonly worstA: Float64Array
  readonly candidates: readonly Candidate[]
}): Push[] {
  const { network, limits, mask, candidates } = options
  const worstA = options.worstA.slice()
  const now: Push[] = []
  const raises: Candidate[] = []
  for (const candidate of candidates) {
    if (candidate.raises || candidate.worstAfterA > (worstA[candidate.load] ?? 0) + 1e-6)
      raises.push(candidate)
    else now.push(candidate.push)
  }
  raises.sort((a, b) => a.order - b.order || a.load - b.load)
  const sums = rowPhasors(network, worstA, mask)
  const lowers = now.filter((push) => push.direction === 'lower').map((push) => push.id)
  const later: Push[] = []
  for (const raise of raises) {
    if (fits({ network, limits, mask, worstA, sums, load: raise.load, toA: raise.worstAfterA })) {
      const extraA = raise.worstAfterA - (worstA[raise.load] ?? 0)
      worstA[raise.load] = raise.worstAfterA
      addToSums({ network, mask, sums, load: raise.load, extraA, worstA })
      now.push(raise.push)
    } else if (raise.meanwhile) now.push(raise.meanwhile)
    else {
      later.push({ ...raise.push, wave: 2, waitsFor: lowers })
    }
  }
  return [...now, ...later]
}

interface Sums {
  readonly network: Network
  readonly mask: Uint8Array
  readonly sums: { readonly re: Float64Array; readonly im: Float64Array }
  readonly worstA: Float64Array
}

/** Phasors are added as such: their magnitudes would leave room unused for ever where currents are turned apart. */
function fits(
  options: Sums & { readonly limits: Float64Array; readonly load: number; readonly toA: number },
): boolean {
  const { network, limits, mask, sums, worstA, load } = options
  const extraA = options.toA - (worstA[load] ?? 0)
  for (const [row, change] of rowChanges(network, mask[load] ?? 0, load, extraA)) {
    const re = (sums.re[row] ?? 0) + change.re
    const sum = network.phasor[row] === 1 ? Math.hypot(re, (sums.im[row] ?? 0) + change.im) : re
    const limit = limits[row] ?? Number.POSITIVE_INFINITY
    if (sum > limit + 1e-6) return false
  }
  return true
}

function addToSums(options: Sums & { readonly load: number; readonly extraA: number }): void {
  const { network, mask, sums, load, extraA } = options
  for (const [row, change] of rowChanges(network, mask[load] ?? 0, load, extraA)) {
    sums.re[row] = (sums.re[row] ?? 0) + change.re
    sums.im[row] = (sums.im[row] ?? 0) + change.im
  }
}

/** By row: the phasor that `extraA` more of one load adds. */
export function rowChanges(
  network: Network,
  booked: number,
  load: number,
  extraA: number,
): Map<number, { re: number; im: number }> {
  const changes = new Map<number, { re: number; im: number }>()
  const end = network.loadStart[load + 1] ?? 0
  for (let entry = network.loadStart[load] ?? 0; entry < end; entry++) {
    if (((network.entryMask[entry] ?? 0) & booked) === 0) continue
    const row = network.entryRow[entry] ?? 0
    const change = changes.get(row) ?? { re: 0, im: 0 }
    change.re += extraA * (network.entryRe[entry] ?? 0)
    change.im += extraA * (network.entryIm[entry] ?? 0)
    changes.set(row, change)
  }
  return changes
}

/**
 * Keeps a limit that is already in force when the change is not worth a message, as long as every row still carries
 * it. Reductions are only skipped where there is room; `wantedA` is changed in place. What a car does not use stays
 * with it until somebody needs it: taking it back before that would cost a call now and another when it asks again.
 */
export function applyDeadband(options: {
  readonly network: Network
  readonly limits: Float64Array
  readonly mask: Uint8Array
  readonly wantedA: Float64Array
  readonly heldA: (load: number) => number | null
  readonly deadbandA: (load: number) => number
  /** Up to here a reduction is skipped as long as there is room, whatever its size. */
  readonly mayKeepA: (load: number) => number
}): Set<number> {
  const { network, limits, mask, wantedA } = options
  const kept = new Set<number>()
  for (let load = 0; load < wantedA.length; load++) {
    const heldA = options.heldA(load)
    if (heldA === null || heldA === 0) continue
    const wanted = wantedA[load] ?? 0
    if (wanted === 0 || Math.abs(wanted - heldA) > options.deadbandA(load) || wanted === heldA) continue
    if (heldA > wanted) continue
    wantedA[load] = heldA
    kept.add(load)
  }
  const sums = rowPhasors(network, wantedA, mask)
  for (let load = 0; load < wantedA.length; load++) {
    const heldA = options.heldA(load)
    const wanted = wantedA[load] ?? 0
    if (heldA === null || wanted === 0 || heldA <= wanted) continue
    const small = heldA - wanted <= options.deadbandA(load)
    if (!small && heldA > options.mayKeepA(load) + 1e-6) continue
    const worstA = wantedA
    if (!fits({ network, limits, mask, worstA, sums, load, toA: heldA })) continue
    addToSums({ network, mask, sums, load, extraA: heldA - wanted, worstA })
    wantedA[load] = heldA
    if (small) kept.add(load)
  }
  return kept
}
