import { PHASES } from './units.ts'

/** What measurement has taught about the car on an EVSE. Belongs to one transaction. */
export interface LearnedDraw {
  readonly transactionId: string
  /** What the car takes although it may have more; `null` while it takes all it is given. */
  readonly drawA: number | null
  /** The most it was seen to take. */
  readonly confirmedA: number
  /** Terminals that carry current, bit 0 is L1; `null` until measured for long enough. */
  readonly terminals: number | null
  /** Draws evenly on three terminals. */
  readonly balanced: boolean
  readonly belowSinceMs: number | null
  readonly terminalsSinceMs: number | null
  readonly candidateTerminals: number | null
  readonly overSinceMs: number | null
}

export interface LearnSettings {
  readonly gapA: number
  readonly headroomA: number
  readonly holdMs: number
  readonly idleA: number
  readonly overA: number
  readonly overHoldMs: number
}

export const LEARN: LearnSettings = {
  /** A car that takes this much less than granted is limited by itself. */
  gapA: 0.7,
  /** Offered above what the car takes, so that it can show that it wants more. */
  headroomA: 1,
  /** How long it must stay below before the rest is given to others, and on its phases before they are released. */
  holdMs: 20_000,
  /** Below this a terminal is idle. */
  idleA: 1,
  /** Draw above the limit that counts as disobedience, and for how long. */
  overA: 1.5,
  overHoldMs: 15_000,
}

export function startLearning(transactionId: string): LearnedDraw {
  return {
    transactionId,
    drawA: null,
    confirmedA: 0,
    terminals: null,
    balanced: false,
    belowSinceMs: null,
    terminalsSinceMs: null,
    candidateTerminals: null,
    overSinceMs: null,
  }
}

/**
 * One measurement of the currents per terminal while `limitA` was in force and settled. A car that asks again (draws
 * up to what it was left) gets everything back at once; a cap is only taken after it stayed below for a while, and
 * a car with a constant maximum never reaches its cap plus headroom, so the cap does not swing.
 */
export function learn(
  learned: LearnedDraw,
  sample: { readonly currentA: readonly number[]; readonly limitA: number; readonly atMs: number },
  settings: LearnSettings = LEARN,
): LearnedDraw {
  const drawA = Math.max(0, ...sample.currentA)
  const confirmedA = Math.max(learned.confirmedA, drawA)
  const withPhases = { ...learnTerminals(learned, sample, drawA, settings), confirmedA }
  const overSinceMs = drawA > sample.limitA + settings.overA ? (learned.overSinceMs ?? sample.atMs) : null
  if (drawA >= sample.limitA - settings.gapA) {
    // Taking all of less than its maximum says nothing about the maximum; taking more than that lifts it.
    const more = learned.drawA !== null && drawA > learned.drawA + settings.headroomA / 2
    return { ...withPhases, drawA: more ? null : learned.drawA, belowSinceMs: null, overSinceMs }
  }
  const belowSinceMs = learned.belowSinceMs ?? sample.atMs
  const settled = sample.atMs - belowSinceMs >= settings.holdMs
  return { ...withPhases, drawA: settled ? drawA : learned.drawA, belowSinceMs, overSinceMs }
}

/** Phases are released only after a steady draw; a new one is booked at the first sign of current. */
function learnTerminals(
  learned: LearnedDraw,
  sample: { readonly currentA: readonly number[]; readonly atMs: number },
  drawA: number,
  settings: LearnSettings,
): LearnedDraw {
  const { currentA, atMs } = sample
  let seen = 0
  PHASES.forEach((_, index) => {
    if ((currentA[index] ?? 0) > settings.idleA) seen |= 1 << index
  })
  const lowest = Math.min(...currentA)
  const balanced = currentA.length === 3 && seen === 7 && drawA - lowest <= Math.max(1, 0.1 * drawA)
  if (seen === 0) return { ...learned, candidateTerminals: null, terminalsSinceMs: null, balanced: false }
  if (learned.terminals !== null && (seen & ~learned.terminals) !== 0) {
    return {
      ...learned,
      terminals: learned.terminals | seen,
      candidateTerminals: null,
      terminalsSinceMs: null,
      balanced,
    }
  }
  if (seen !== learned.candidateTerminals) {
    return { ...learned, candidateTerminals: seen, terminalsSinceMs: atMs, balanced }
  }
  const steady = atMs - (learned.terminalsSinceMs ?? atMs) >= settings.holdMs
  return { ...learned, balanced, terminals: steady ? seen : learned.terminals }
}

/** What the car can use at most, as far as known. */
export function usableA(learned: LearnedDraw | null, maxA: number, settings: LearnSettings = LEARN): number {
  if (!learned || learned.drawA === null) return maxA
  return Math.min(maxA, learned.drawA + settings.headroomA)
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
