import { networkOf, phaseRow, powerRow } from './network.ts'
import { linesOf, type Site } from './site.ts'
import { addPhases, mapPhases, PHASES, type PhaseValues } from './units.ts'

/**
 * What a node carries besides its EVSEs: a building, minus its solar power and battery. Negative is surplus.
 * Every input says what to assume when it goes silent, because silence is not zero.
 */
export interface BaseLoadInput {
  readonly nodeId: string
  readonly currentA: PhaseValues
  readonly measuredAtMs: number
  readonly maxAgeMs: number
  /** Assumed when the measurement is older than `maxAgeMs`. */
  readonly staleA: PhaseValues
  /** Added to every fresh measurement, for what changes between two of them. */
  readonly marginA?: number
  /** The meter sits above the EVSEs: their measured current is taken off again. */
  readonly includesEvses: boolean
  /** What the meter showed last, as it is: for the record, where no margin and no caution belongs. */
  readonly shown?: { readonly currentA: PhaseValues; readonly includesEvses: boolean }
}

export interface NodeBaseLoad {
  readonly nodeId: string
  readonly currentA: PhaseValues
  readonly stale: boolean
  /** All that the node carries, EVSEs and all, as measured; what nobody measures counts as assumed. */
  readonly measuredA: PhaseValues
  /** The part of it that is in phase with the voltage: what makes power. */
  readonly activeA: PhaseValues
}

/** Currents of each phase against its own voltage: between two phases they are turned, and magnitudes are no sum. */
export interface PhasorSum {
  readonly re: PhaseValues
  readonly im: PhaseValues
}

/** What the EVSEs below each node draw together, by node index; `evseCurrentA` by EVSE index, on the grid's phases. */
export function evseSums(site: Site, evseCurrentA: readonly PhaseValues[]): PhasorSum[] {
  const sums = site.nodes.map(() => ({
    re: [0, 0, 0] as [number, number, number],
    im: [0, 0, 0] as [number, number, number],
  }))
  for (const evse of site.evses) {
    const drawnA = evseCurrentA[evse.index] ?? [0, 0, 0]
    for (const { phase, angleDeg } of evse.terminals) {
      const [re, im] = turned(drawnA[phase - 1] ?? 0, angleDeg)
      for (const node of evse.path) {
        const sum = sums[node]
        if (!sum) continue
        sum.re[phase - 1] = (sum.re[phase - 1] ?? 0) + re
        sum.im[phase - 1] = (sum.im[phase - 1] ?? 0) + im
      }
    }
  }
  return sums
}

/** What a meter shows less the EVSEs below it, per phase; what remains is taken to be in phase with the voltage. */
export function lessEvses(shownA: PhaseValues, evses: PhasorSum): PhaseValues {
  return mapPhases(shownA, (value, phase) => inPhase(value, evses.im[phase] ?? 0) - (evses.re[phase] ?? 0))
}

/** What a meter shows of a load in phase with the voltage, and of the EVSEs beside it. */
export function withEvses(loadA: PhaseValues, evses: PhasorSum): PhaseValues {
  return mapPhases(loadA, (value, phase) => {
    const re = value + (evses.re[phase] ?? 0)
    const im = evses.im[phase] ?? 0
    return im === 0 ? re : (re < 0 ? -1 : 1) * Math.hypot(re, im)
  })
}

function turned(currentA: number, angleDeg: number): [number, number] {
  if (angleDeg === 0) return [currentA, 0]
  const angle = (angleDeg * Math.PI) / 180
  return [currentA * Math.cos(angle), currentA * Math.sin(angle)]
}

function inPhase(currentA: number, im: number): number {
  if (im === 0) return currentA
  return (currentA < 0 ? -1 : 1) * Math.sqrt(Math.max(0, currentA * currentA - im * im))
}

/**
 * Base load per node index. A node's own meter counts; a node without one carries its configured reserve and the sum
 * of those below.
 * `evseCurrentA` is the measured current per grid phase of each EVSE, by EVSE index.
 */
export function baseLoads(options: {
  readonly site: Site
  readonly inputs: readonly BaseLoadInput[]
  readonly evseCurrentA: readonly PhaseValues[]
  readonly nowMs: number
}): NodeBaseLoad[] {
  const { site, nowMs } = options
  const inputs = new Map(options.inputs.map((input) => [input.nodeId, input]))
  const evsesBelow = evseSums(site, options.evseCurrentA)
  const counted = site.nodes.map((node) => ({ currentA: node.reserveA, stale: false }))
  /** What meters show beside the EVSEs. */
  const shownA = site.nodes.map((node) => node.reserveA)
  // Children come after their parents in `nodes`, so walking backwards sums the tree in one pass.
  for (let index = site.nodes.length - 1; index >= 0; index--) {
    const node = site.nodes[index]
    const evses = evsesBelow[index]
    if (!node || !evses) continue
    const input = inputs.get(node.id)
    if (input) {
      counted[index] = ownBaseLoad(input, evses, nowMs)
      shownA[index] = counted[index]?.stale ? input.staleA : besideEvses(input.shown ?? input, evses)
    }
    const own = counted[index]
    const above = node.parent === null ? undefined : counted[node.parent]
    if (!own || !above || node.parent === null) continue
    counted[node.parent] = {
      currentA: addPhases(above.currentA, own.currentA),
      stale: above.stale || own.stale,
    }
    shownA[node.parent] = addPhases(shownA[node.parent] ?? [0, 0, 0], shownA[index] ?? [0, 0, 0])
  }
  return site.nodes.map(({ id, index }) => ({
    nodeId: id,
    currentA: counted[index]?.currentA ?? [0, 0, 0],
    stale: counted[index]?.stale ?? false,
    measuredA: withEvses(shownA[index] ?? [0, 0, 0], evsesBelow[index] ?? NONE),
    activeA: addPhases(shownA[index] ?? [0, 0, 0], (evsesBelow[index] ?? NONE).re),
  }))
}

const NONE: PhasorSum = { re: [0, 0, 0], im: [0, 0, 0] }

function besideEvses(
  shown: { readonly currentA: PhaseValues; readonly includesEvses: boolean },
  evses: PhasorSum,
): PhaseValues {
  return shown.includesEvses ? lessEvses(shown.currentA, evses) : shown.currentA
}

function ownBaseLoad(
  input: BaseLoadInput,
  evses: PhasorSum,
  nowMs: number,
): { currentA: PhaseValues; stale: boolean } {
  const ageMs = nowMs - input.measuredAtMs
  // A time stamp far in the future is a broken clock, not a fresh value.
  const stale =
    !(ageMs <= input.maxAgeMs && ageMs >= -input.maxAgeMs) || !input.currentA.every(Number.isFinite)
  if (stale) return { currentA: input.staleA, stale: true }
  const marginA = input.marginA ?? 0
  return { currentA: mapPhases(besideEvses(input, evses), (value) => value + marginA), stale: false }
}

/** Takes the base load off the rows: per phase, over all phases for power, and its own unevenness for imbalance. */
export function lessBase(site: Site, rowLimits: Float64Array, base: readonly NodeBaseLoad[]): Float64Array {
  const available = rowLimits.slice()
  const network = networkOf(site)
  for (const node of site.nodes) {
    const current = base[node.index]?.currentA ?? [0, 0, 0]
    for (const phase of PHASES) {
      const row = phaseRow(node.index, phase)
      available[row] = besideBase(available[row] ?? 0, current[phase - 1] ?? 0, network.phasor[row] === 1)
    }
    const total = current[0] + current[1] + current[2]
    available[powerRow(node.index)] = (available[powerRow(node.index)] ?? 0) - total * site.voltageV
  }
  network.rows.forEach((row, index) => {
    if (row.kind !== 'imbalance' || row.node === null || row.phase === null) return
    const current = base[row.node]?.currentA ?? [0, 0, 0]
    const least = Math.min(...linesOf(site.wiring).map((phase) => current[phase - 1] ?? 0))
    const uneven = (current[row.phase - 1] ?? 0) - least
    available[index] = (available[index] ?? 0) - uneven
  })
  return available
}

/**
 * What cars may carry beside a base load. Surplus does not wholly take off what flows between two phases: the two are
 * up to 30 degrees apart, so |S e^(j30) - surplus| <= limit is solved for S.
 */
function besideBase(limitA: number, baseA: number, turned: boolean): number {
  if (!turned || baseA >= 0 || !Number.isFinite(limitA)) return limitA - baseA
  const across = baseA / 2
  return -baseA * Math.cos(Math.PI / 6) + Math.sqrt(Math.max(0, limitA * limitA - across * across))
}
