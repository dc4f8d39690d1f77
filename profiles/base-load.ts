import type { Site } from './site.ts'
import { addPhases, mapPhases, type PhaseValues } from './units.ts'

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
  const evsesBelow: PhaseValues[] = site.nodes.map(() => [0, 0, 0])
  for (const evse of site.evses) {
    for (const node of evse.path) {
      evsesBelow[node] = addPhases(
        evsesBelow[node] ?? [0, 0, 0],
        options.evseCurrentA[evse.index] ?? [0, 0, 0],
      )
    }
  }
  const result: NodeBaseLoad[] = site.nodes.map((node) => ({
    nodeId: node.id,
    currentA: node.reserveA,
    stale: false,
    measuredA: node.reserveA,
  }))
  for (const evse of site.evses) {
    const own = result[evse.node]
    const drawnA = options.evseCurrentA[evse.index] ?? [0, 0, 0]
    if (own) result[evse.node] = { ...own, measuredA: addPhases(own.measuredA, drawnA) }
  }
  // Children come after their parents in `nodes`, so walking backwards sums the tree in one pass.
  for (let index = site.nodes.length - 1; index >= 0; index--) {
    const node = site.nodes[index]
    const current = result[index]
    if (!node || !current) continue
    const input = inputs.get(node.id)
    const own = input ? ownBaseLoad(input, evsesBelow[index] ?? [0, 0, 0], nowMs) : current
    result[index] = own
    const above = node.parent === null ? undefined : result[node.parent]
    if (above && node.parent !== null) {
      result[node.parent] = {
        nodeId: above.nodeId,
        currentA: addPhases(above.currentA, own.currentA),
        stale: above.stale || own.stale,
        measuredA: addPhases(above.measuredA, own.measuredA),
      }
    }
  }
  return result
}

function ownBaseLoad(input: BaseLoadInput, evsesBelow: PhaseValues, nowMs: number): NodeBaseLoad {
  const ageMs = nowMs - input.measuredAtMs
  // A time stamp far in the future is a broken clock, not a fresh value.
  const stale =
    !(ageMs <= input.maxAgeMs && ageMs >= -input.maxAgeMs) || !input.currentA.every(Number.isFinite)
  if (stale) {
    const measuredA = addPhases(input.staleA, evsesBelow)
    return { nodeId: input.nodeId, currentA: input.staleA, stale: true, measuredA }
  }
  const marginA = input.marginA ?? 0
  const currentA = mapPhases(input.currentA, (value, phase) => {
    const evses = input.includesEvses ? evsesBelow[phase] : 0
    return value - evses + marginA
  })
  return { nodeId: input.nodeId, currentA, stale: false, measuredA: shownA(input, evsesBelow) }
}

function shownA(input: BaseLoadInput, evsesBelow: PhaseValues): PhaseValues {
  const { currentA, includesEvses } = input.shown ?? input
  return includesEvses ? currentA : addPhases(currentA, evsesBelow)
}
