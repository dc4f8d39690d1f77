import { LEARN, type LearnedDraw, type LearnSettings, type Sample } from './learned.ts'

/** Terminals that carried the same currents for a while. */
export interface PhaseCandidate {
  readonly terminals: number
  readonly sinceMs: number
  readonly drawA: number
}

/**
 * Which terminals a car uses. All are booked until that is known, and one is released only when all of this holds:
 *
 * - the station has reported the current of every terminal itself: a total says nothing of where it flows;
 * - the car charges (`chargeA`): a trickle for its heating or its electronics says nothing of how it will charge;
 * - it has finished its start: in at least two samples `phaseHoldMs` apart the same terminals carried current, and it
 *   no longer rose by itself. Cars that start phase by phase take seconds from one to the next; each begins this anew;
 * - a terminal that the car has used before stays without current for `phaseReturnMs`, and one that was released and
 *   came back is not released again in this session (Phases3to1, cars that fall to one phase for a while).
 *
 * A terminal is booked again with its first current. What the limit was and when it was set does not matter here: so
 * on a site where limits change all the time phases are learned as fast as on a calm one.
 */
export function learnPhases(
  learned: LearnedDraw,
  sample: Sample,
  settings: LearnSettings = LEARN,
): LearnedDraw {
  const { currentA, atMs } = sample
  if ((sample.basis ?? 'phases') !== 'phases') return { ...learned, candidate: null, balanced: false }
  const drawA = Math.max(0, ...currentA)
  const seen = currentA.reduce((mask, value, bit) => (value > settings.idleA ? mask | (1 << bit) : mask), 0)
  const lowestA = Math.min(...currentA)
  const balanced = currentA.length === 3 && seen === 7 && drawA - lowestA <= Math.max(1, 0.1 * drawA)
  if (seen === 0) return { ...learned, candidate: null, balanced: false }
  const before = learned.terminals
  const used = (learned.used ?? 0) | seen
  if (before !== null && (seen & ~before) !== 0) {
    const returned = (learned.returned ?? 0) | (seen & ~before)
    return { ...learned, terminals: before | seen, used, returned, candidate: null, balanced }
  }
  const candidate = candidateOf(learned.candidate ?? null, { seen, drawA, sample }, settings)
  const known = { ...learned, used, balanced, candidate }
  const wanted = seen | (learned.returned ?? 0)
  if (candidate === null || wanted === before) return known
  const holdMs = (used & ~wanted) === 0 ? settings.phaseHoldMs : settings.phaseReturnMs
  return atMs - candidate.sinceMs >= holdMs ? { ...known, terminals: wanted } : known
}

function candidateOf(
  candidate: PhaseCandidate | null,
  now: { readonly seen: number; readonly drawA: number; readonly sample: Sample },
  settings: LearnSettings,
): PhaseCandidate | null {
  const { seen, drawA, sample } = now
  if (drawA < settings.chargeA) return null
  const rises = candidate !== null && drawA > candidate.drawA + 1 && drawA < sample.limitA - settings.gapA
  if (candidate === null || candidate.terminals !== seen || rises)
    return { terminals: seen, sinceMs: sample.atMs, drawA }
  return candidate
}
