/** Amperes on one conductor. A brand, so that a power cannot be passed where a current is wanted. */
export type Ampere = number & { readonly unit?: 'A' }
/** Watts over all phases together. */
export type Watt = number & { readonly unit?: 'W' }

/** Grid phase, or leg of a split-phase supply (legs use 1 and 2). */
export type Phase = 1 | 2 | 3

/** One number per grid phase L1, L2, L3. */
export type PhaseValues = readonly [number, number, number]

export const PHASES: readonly Phase[] = [1, 2, 3]

/** K01.FR.49: an AC schedule period without numberPhases means three. */
export const DEFAULT_AC_PHASES = 3

/** Lowest current that IEC 61851-1 can offer to a car; below it there is only a pause. */
export const MIN_PILOT_A = 6

/**
 * Rounds a limit down to tenths. OCPP limits carry one decimal, and rounding up is how a fuse is overbooked.
 * The small term forgives binary fractions: 6.1 must not become 6.
 */
export function roundDownTenth(value: number): number {
  if (!Number.isFinite(value)) return value
  return Math.floor(value * 10 + 1e-6) / 10
}

/** Power of `currentA` on each of `phases` conductors. K01.FR.50 read backwards. */
export function wattsOf(options: { currentA: number; voltageV: number; phases: number }): Watt {
  return options.currentA * options.voltageV * options.phases
}

/** Current on each of `phases` conductors for a total power. K01.FR.50. */
export function amperesOf(options: { powerW: number; voltageV: number; phases: number }): Ampere {
  return options.powerW / (options.voltageV * options.phases)
}

export function phaseValues(value: number | PhaseValues): PhaseValues {
  return typeof value === 'number' ? [value, value, value] : value
}

export function mapPhases(
  values: PhaseValues,
  each: (value: number, index: 0 | 1 | 2) => number,
): PhaseValues {
  return [each(values[0], 0), each(values[1], 1), each(values[2], 2)]
}

export function addPhases(a: PhaseValues, b: PhaseValues): PhaseValues {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}
