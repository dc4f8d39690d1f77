/** Renegotiations that lead to the next one, with nobody gaining by it. */

/** The same needs this soon after an answer are the station's own renegotiation (K16.FR.12), not the car's. */
export const ECHO_MS = 120_000

/** K15.FR.08 wants an answer within a minute, however often it is asked for. */
const LONGEST_MS = 45_000
const PROMPT = 2

/**
 * How long the answer to the n-th request of the same kind in a row waits: none at first, then longer and longer. A
 * station that asks anew with every answer (K16.FR.12), or a car that plans above every offer (K15.FR.13), would
 * otherwise renegotiate as fast as messages travel.
 */
export function patienceMs(repeats: number): number {
  return repeats <= PROMPT ? 0 : Math.min(LONGEST_MS, 1_000 * 2 ** (repeats - PROMPT))
}
