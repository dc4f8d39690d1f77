import type { AllocationRequest } from './allocate.ts'
import { expectedMaximumA, type LearnedDraw, type LearnSettings, surelyUsedA, usableA } from './learned.ts'
import type { PlanPolicy } from './plan-policy.ts'

/** Share of a request by which a waiting car must be behind one that charges to take its place. */
const KEEP_PLACE = 0.1
/** A car for which a plan has less than this share of its minimum waits. */
export const WAITS_BELOW = 0.1

/** What a car can take in the next period: known, sure, and expected. Amperes per phase. */
export interface CarOutlook {
  /** The most it is offered. */
  readonly maxA: number
  /** What it will surely use; the rest of what it may use is given from what is left over. */
  readonly sureA: number
  readonly minA: number
  /** What it is planned with. */
  readonly expectedA: number
  /** Periods to spare if it charged at its maximum from now on. */
  readonly laxity: number
}

/**
 * The outlook of one car. `fillA` is the current that would fill it within one period, `knownA` the maxima of cars
 * like it, `stepUp` the next settable current.
 */
export function carOutlook(options: {
  readonly learned: LearnedDraw
  readonly settings: LearnSettings
  readonly supply: { readonly minA: number; readonly maxA: number }
  readonly fillA: number
  readonly leftPeriods: number
  readonly phases: number
  readonly knownA: readonly number[]
  readonly stepUp: (currentA: number) => number
}): CarOutlook {
  const { learned, settings, supply, fillA, leftPeriods, stepUp } = options
  const hardA = stepUp(usableA(learned, supply.maxA, settings))
  const maxA = Math.min(hardA, Math.max(stepUp(Math.min(fillA, supply.maxA)), supply.minA))
  const expected = expectedMaximumA(options.knownA, usualMaximumA(options.phases))
  const expectedA = Math.min(hardA, learned.drawA ?? Math.max(learned.confirmedA, expected))
  return {
    maxA,
    // A car with no time to spare is believed to take what it needs.
    sureA: Math.min(maxA, Math.max(surelyUsedA(learned, maxA, settings), fillA / leftPeriods)),
    minA: Math.min(supply.minA, maxA),
    expectedA,
    laxity: leftPeriods - fillA / Math.max(1, learned.drawA ?? supply.maxA),
  }
}

/** Most cars with three phases charge with 11 kW, those with fewer more often with more than 16 A. */
function usualMaximumA(phases: number): number {
  return phases >= 3 ? 16 : 24
}

/** A car in a split that follows a plan. */
export interface PlannedCar extends CarOutlook {
  readonly load: number
  readonly running: boolean
  /** It has had its turn, or has not begun: contactors and drivers dislike a change every period. */
  readonly mayPause: boolean
  /** Share of its request that it has. */
  readonly fulfilled: number
}

/** The request to the allocator: least laxity, smoothly (raise whoever has least time to spare until all have the same). */
export function plannedRequest(options: {
  readonly policy: PlanPolicy
  readonly cars: readonly PlannedCar[]
  readonly limits: Float64Array
  readonly mask: Uint8Array
}): AllocationRequest {
  const { policy, cars, limits, mask } = options
  const byLoad = (pick: (car: PlannedCar) => number) => spread(cars, mask.length, pick)
  return {
    limits,
    mask,
    minA: byLoad((car) => car.minA),
    maxA: byLoad((car) => car.maxA),
    weight: byLoad((car) => Math.max(1, car.expectedA)),
    offset: byLoad((car) => car.laxity),
    tier: new Int32Array(mask.length),
    order: byLoad((car) => orderOf(car, policy)),
  }
}

/** A car that charges keeps its place unless another is clearly more in need: switching costs starts. */
function orderOf(car: PlannedCar, policy: PlanPolicy): number {
  if (policy.order === 'laxity') return (car.running ? 0 : 1e6) + car.laxity
  return car.fulfilled - (car.running ? KEEP_PLACE : 0)
}

/**
 * Order and stages (see `allocateInStages`) that carry out a plan: first what it has for each car, then what those
 * that run will surely use, then everybody, then what they may use. Without a plan the last two only. A policy that
 * keeps current for later stops at the plan, but for cars that the plan cannot fill (not in `filled`).
 */
export function plannedStages(options: {
  readonly policy: PlanPolicy
  readonly cars: readonly PlannedCar[]
  readonly request: AllocationRequest
  readonly firstA: Float64Array | null
  readonly filled: ReadonlySet<number>
}): { readonly order: Float64Array; readonly stages: readonly Float64Array[] } {
  const { policy, cars, request, firstA, filled } = options
  const byLoad = (pick: (car: PlannedCar) => number) => spread(cars, request.mask.length, pick)
  const sureA = byLoad((car) => car.sureA)
  if (!firstA) return { order: request.order, stages: [sureA, request.maxA] }
  const planned = (car: PlannedCar) => firstA[car.load] ?? 0
  // Its minimum current would cost others more than it gains.
  const waits = (car: PlannedCar) => car.mayPause && planned(car) < WAITS_BELOW * car.minA
  const first = byLoad((car) => (waits(car) ? 0 : Math.max(car.minA, Math.min(planned(car), car.sureA))))
  const runningA = byLoad((car) => (waits(car) ? 0 : car.sureA))
  return {
    order:
      policy.order === 'laxity'
        ? request.order.map((own, load) => own - (firstA[load] ?? 0) * 100)
        : request.order,
    stages: policy.keepForLater
      ? [first, byLoad((car) => (filled.has(car.load) ? (first[car.load] ?? 0) : car.maxA))]
      : [first, runningA, sureA, request.maxA],
  }
}

function spread(cars: readonly PlannedCar[], count: number, pick: (car: PlannedCar) => number): Float64Array {
  const values = new Float64Array(count)
  for (const car of cars) values[car.load] = pick(car)
  return values
}
