import { type Allocation, allocate } from '../../profiles/index.ts'
import type { Highs } from '../../src/conformance/highs.ts'
import type { Instance } from './alloc-instance.ts'

/** Phases that a load is booked on. */
export function phasesOf({ request }: Instance, load: number): number {
  return [1, 2, 4].filter((bit) => ((request.mask[load] ?? 0) & bit) !== 0).length
}

/** Loads by row, with how often each counts. */
function rowTerms(
  { network, request }: Instance,
  running: (load: number) => boolean,
): Map<number, Map<number, number>> {
  const terms = new Map<number, Map<number, number>>()
  for (let load = 0; load < network.loadCount; load++) {
    if (!running(load)) continue
    for (let entry = network.loadStart[load] ?? 0; entry < (network.loadStart[load + 1] ?? 0); entry++) {
      if (((network.entryMask[entry] ?? 0) & (request.mask[load] ?? 0)) === 0) continue
      const row = network.entryRow[entry] ?? 0
      const own = terms.get(row) ?? new Map<number, number>()
      own.set(load, (own.get(load) ?? 0) + (network.entryRe[entry] ?? 0))
      terms.set(row, own)
    }
  }
  return terms
}

function constraints(instance: Instance, running: (load: number) => boolean): string[] {
  return [...rowTerms(instance, running)].map(([row, own]) => {
    const sum = [...own].map(([load, coeff]) => `${coeff} x${load}`).join(' + ')
    return ` r${row}: ${sum} <= ${instance.request.limits[row]}`
  })
}

function columns(highs: Highs, text: string): Map<string, number> {
  const solution = highs.solve(text)
  if (solution.Status !== 'Optimal') throw new Error(`the linear program is ${solution.Status}`)
  const values = new Map<string, number>()
  for (const [name, column] of Object.entries(solution.Columns)) {
    if (column.Primal !== undefined) values.set(name, column.Primal)
  }
  return values
}

/** Kilowatts of the most powerful split, ignoring minimum currents: what fairness is measured against. */
export function maxPower(
  highs: Highs,
  instance: Instance,
  voltageV: number,
): { readonly kw: number; readonly ms: number } {
  const { request } = instance
  const phases = (load: number) => phasesOf(instance, load)
  const objective = [...request.maxA.keys()].map((load) => `${phases(load)} x${load}`).join(' + ')
  const bounds = [...request.maxA].map((maxA, load) => ` 0 <= x${load} <= ${maxA}`)
  const text = [
    'Maximize',
    ` o: ${objective}`,
    'Subject To',
    ...constraints(instance, () => true),
    'Bounds',
    ...bounds,
    'End',
  ]
  const startMs = performance.now()
  const values = columns(highs, text.join('\n'))
  const ms = performance.now() - startMs
  let amperes = 0
  for (const load of request.maxA.keys()) amperes += phases(load) * (values.get(`x${load}`) ?? 0)
  return { kw: (amperes * voltageV) / 1000, ms }
}

/** The same power for a given split. */
export function powerOf(instance: Instance, grantA: Float64Array, voltageV: number): number {
  let amperes = 0
  grantA.forEach((value, load) => {
    amperes += phasesOf(instance, load) * value
  })
  return (amperes * voltageV) / 1000
}

/**
 * The lexicographic max-min split by successive linear programs, for the loads that an allocation admitted: raise
 * the lowest, find who cannot be raised any further, fix them, repeat.
 */
export function lexicographicMaxMin(
  highs: Highs,
  instance: Instance,
  allocation: Allocation,
): Map<number, number> {
  const { request } = instance
  const open = new Set<number>()
  allocation.admitted.forEach((admitted, load) => {
    if (admitted === 1) open.add(load)
  })
  const running = new Set(open)
  const fixed = new Map<number, number>()
  const rows = constraints(instance, (load) => running.has(load))
  const solve = (objective: string, levels: readonly string[], bounds: readonly string[]) => {
    const text = [
      'Maximize',
      ` o: ${objective}`,
      'Subject To',
      ...rows,
      ...levels,
      'Bounds',
      ...bounds,
      'End',
    ]
    return columns(highs, text.join('\n'))
  }
  while (open.size > 0) {
    const free = [...open]
    const own = free.map((load) => ` ${request.minA[load]} <= x${load} <= ${request.maxA[load]}`)
    const bounds = [...own, ...[...fixed].map(([load, value]) => ` x${load} = ${value}`)]
    // t is limited by those that can still rise; a load at its own maximum does not hold the others back.
    const levels = free.map((load) => ` l${load}: x${load} - t >= 0`)
    const level = solve('t', levels, [...bounds, ' 0 <= t <= 1000']).get('t') ?? 0
    const floor = free.map(
      (load) => ` l${load}: x${load} >= ${Math.max(level - 1e-7, request.minA[load] ?? 0)}`,
    )
    for (const load of free) {
      const most = solve(`x${load}`, floor, bounds).get(`x${load}`) ?? 0
      if (most > Math.max(level, request.minA[load] ?? 0) + 1e-5) continue
      fixed.set(load, Math.min(most, Math.max(level, request.minA[load] ?? 0)))
      open.delete(load)
    }
    if (free.length === open.size) throw new Error('the oracle found nobody to fix')
  }
  return fixed
}

/** Largest distance between an allocation and the oracle, in amperes, and the oracle's own power. */
export function compareToOracle(
  highs: Highs,
  instance: Instance,
  voltageV: number,
): { readonly distanceA: number; readonly kw: number } {
  const allocation = allocate(instance.network, instance.request)
  const oracle = lexicographicMaxMin(highs, instance, allocation)
  const optimumA = allocation.grantA.map((_, load) => oracle.get(load) ?? 0)
  const distances = [...optimumA].map((value, load) => Math.abs(value - (allocation.grantA[load] ?? 0)))
  return { distanceA: Math.max(0, ...distances), kw: powerOf(instance, optimumA, voltageV) }
}
