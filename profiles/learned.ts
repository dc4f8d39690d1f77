import type { PhaseCandidate } from './car-phases.ts'

/**
 * What measurement has taught about the car on an EVSE. Belongs to one transaction, and is kept over restarts: what
 * came with a later version is absent in what an earlier one wrote.
 */
export interface LearnedDraw {
  readonly transactionId: string
  /** What the car takes although it may have more; `null` while it takes all it is given. */
  readonly drawA: number | null
  /** The most it was seen to take. */
  readonly confirmedA: number
  /** Terminals that carry current, bit 0 is L1; `null` until known (see `learnPhases`). */
  readonly terminals: number | null
  /** Draws evenly on three terminals. */
  readonly balanced: boolean
  readonly belowSinceMs: number | null
  readonly overSinceMs: number | null
  /** Terminals that may soon be known. */
  readonly candidate?: PhaseCandidate | null
  /** Terminals that ever carried current, and those that came back after they had been released. */
  readonly used?: number
  readonly returned?: number
  /** How far it stays below a limit of which it takes all; absent until seen. */
  readonly shortfallA?: number
  /** The highest draw since `belowSinceMs`. */
  readonly peakA?: number
  /** How often it asked for more than it was left, and when last. */
  readonly asked?: number
  readonly askedMs?: number
  /** The unit in which its limit was said twice and not followed (see `watchLimit`). */
  readonly unfollowed?: 'A' | 'W'
  /** How many phases it surely has, where the station only tells a total; 1 until more are proven. */
  readonly phases?: number
}

/** Currents per terminal at one time, while `limitA` was in force. */
export interface Sample {
  readonly currentA: readonly number[]
  readonly limitA: number
  readonly atMs: number
  readonly basis?: MeasurementBasis
}

/**
 * What the currents of a sample come from: every terminal reported for itself (the default); one current without a
 * phase, which counts for each; a total, spread evenly because nobody knows where it flows.
 */
export type MeasurementBasis = 'phases' | 'highest' | 'total'

export interface LearnSettings {
  readonly gapA: number
  readonly headroomA: number
  readonly holdMs: number
  readonly mostHoldMs: number
  readonly idleA: number
  readonly chargeA: number
  readonly overA: number
  readonly overHoldMs: number
  readonly phaseHoldMs: number
  readonly phaseReturnMs: number
}

export const LEARN: LearnSettings = {
  /** A car that takes this much less than granted is limited by itself: more than cars stay below what they are told. */
  gapA: 1.2,
  /** Offered above what the car takes, so that it can show that it wants more. Less where its shortfall is known. */
  headroomA: 1.5,
  /** How long it must stay below, and not rise any more, before the rest is given to others; doubled with each time that it asked again. */
  holdMs: 10_000,
  mostHoldMs: 600_000,
  /** Below this a terminal is idle. */
  idleA: 1,
  /** What a car that charges takes at least: the pilot knows nothing below 6 A. */
  chargeA: 4,
  /** Draw above the limit that counts as disobedience, and for how long. */
  overA: 1.5,
  overHoldMs: 15_000,
  phaseHoldMs: 10_000,
  phaseReturnMs: 120_000,
}

/** Above a known shortfall: meters are exact to a few tenths of an ampere. */
const METER_A = 0.3
/** After this long without asking a car is trusted to stay below as at the start. */
const CALM_MS = 1_800_000

export function startLearning(transactionId: string): LearnedDraw {
  return {
    transactionId,
    drawA: null,
    confirmedA: 0,
    terminals: null,
    balanced: false,
    belowSinceMs: null,
    overSinceMs: null,
  }
}

/** How close to its limit a car must come to be taking all of it. */
function gapOf(learned: LearnedDraw, settings: LearnSettings): number {
  return Math.min(settings.gapA, (learned.shortfallA ?? Number.POSITIVE_INFINITY) + METER_A)
}

/** What a car is left above its draw, so that it can show that it wants more. */
function headroomOf(learned: LearnedDraw, settings: LearnSettings): number {
  return gapOf(learned, settings) + settings.headroomA - settings.gapA
}

/**
 * The current per phase in a sample. Of a total nobody knows on how many phases it flows: as few as could carry it
 * within the limit, so that nothing is taken from a car on one phase. More are certain once fewer could not.
 */
export function drawOf(
  learned: LearnedDraw,
  sample: Sample,
  settings: LearnSettings = LEARN,
): { drawA: number; phases: number } {
  const { currentA, limitA } = sample
  const highestA = Math.max(0, ...currentA)
  if (sample.basis !== 'total') return { drawA: highestA, phases: learned.phases ?? 1 }
  const totalA = currentA.reduce((sum, value) => sum + value, 0)
  let phases = Math.min(learned.phases ?? 1, currentA.length)
  while (phases < currentA.length && totalA / phases > limitA + settings.overA) phases++
  return { drawA: totalA / phases, phases }
}

/**
 * One measurement of the currents per terminal while `limitA` was in force and settled. A car that asks again (draws
 * up to what it was left) gets everything back at once; a cap is only taken after it stayed below for a while, is the
 * highest draw of that while, and a car with a constant maximum never reaches its cap plus headroom, so the cap does
 * not swing. One whose draw swings by itself is left alone for longer each time.
 */
export function learn(learned: LearnedDraw, sample: Sample, settings: LearnSettings = LEARN): LearnedDraw {
  const { limitA, atMs } = sample
  const { drawA, phases } = drawOf(learned, sample, settings)
  const gapA = gapOf(learned, settings)
  const known: LearnedDraw = {
    ...learned,
    confirmedA: Math.max(learned.confirmedA, drawA),
    ...(phases > 1 ? { phases } : {}),
  }
  const more = learned.drawA !== null && drawA > learned.drawA + (settings.headroomA - settings.gapA)
  if (drawA >= limitA - gapA) {
    if (more) return askedAgain(known, atMs)
    // Taking all of less than its maximum says nothing about the maximum.
    const fallsShort = learned.drawA === null ? { shortfallA: Math.max(0, limitA - drawA) } : {}
    return { ...known, ...fallsShort, belowSinceMs: null }
  }
  // So close that a cap would take nothing from it: whether it is limited by itself is not said.
  if (drawA >= limitA - headroomOf(learned, settings)) return { ...known, belowSinceMs: null }
  const rises = drawA > (learned.peakA ?? 0) + METER_A
  const sinceMs =
    learned.belowSinceMs === null || (rises && learned.drawA === null) ? atMs : learned.belowSinceMs
  const peakA = Math.max(drawA, learned.belowSinceMs === null ? 0 : (learned.peakA ?? 0))
  if (atMs - sinceMs >= holdOf(learned, atMs, settings))
    return { ...known, drawA: peakA, belowSinceMs: atMs, peakA: 0 }
  // It was left more than its cap and takes more than that: no need to ask.
  return { ...known, drawA: more ? drawA : learned.drawA, belowSinceMs: sinceMs, peakA }
}

function askedAgain(learned: LearnedDraw, atMs: number): LearnedDraw {
  const calm = atMs - (learned.askedMs ?? Number.NEGATIVE_INFINITY) > CALM_MS
  const asked = calm ? 1 : (learned.asked ?? 0) + 1
  return { ...learned, drawA: null, belowSinceMs: null, asked, askedMs: atMs }
}

function holdOf(learned: LearnedDraw, atMs: number, settings: LearnSettings): number {
  const calm = atMs - (learned.askedMs ?? Number.NEGATIVE_INFINITY) > CALM_MS
  const times = calm ? 0 : Math.min(16, learned.asked ?? 0)
  return Math.min(settings.holdMs * 2 ** times, Math.max(settings.holdMs, settings.mostHoldMs))
}

/** What the car can use at most, as far as known, with what it needs above that to show that it wants more. */
export function usableA(learned: LearnedDraw | null, maxA: number, settings: LearnSettings = LEARN): number {
  if (!learned || learned.drawA === null) return maxA
  return Math.min(maxA, learned.drawA + headroomOf(learned, settings))
}

/**
 * What the car will surely use: what it was seen to take, and a step above while it still takes all it gets. Given
 * first; the rest of what it might use is given from what is left over.
 */
export function surelyUsedA(
  learned: LearnedDraw | null,
  maxA: number,
  settings: LearnSettings = LEARN,
): number {
  if (learned && learned.drawA !== null) return usableA(learned, maxA, settings)
  return Math.min(maxA, Math.max(FIRST_TRY_A, (learned?.confirmedA ?? 0) * 1.3 + 1))
}

const FIRST_TRY_A = 12

/** Maximum to expect of a car that has not shown it: the mean of those that have, drawn to a prior while they are few. */
export function expectedMaximumA(knownA: readonly number[], priorA: number): number {
  const priorWeight = 4
  return (
    (knownA.reduce((sum, value) => sum + value, 0) + priorWeight * priorA) / (knownA.length + priorWeight)
  )
}

/** The station draws clearly above what it accepted, for long enough that it is not the car's reaction time. */
export function disobeys(learned: LearnedDraw | null, nowMs: number): boolean {
  return learned?.overSinceMs != null && nowMs - learned.overSinceMs >= LEARN.overHoldMs
}
