import type { SiteSpec } from '../../profiles/index.ts'
import type { Feeder, SiteModelOptions, SiteNodeOptions } from '../../src/simulator/index.ts'

type Circuit = SiteSpec['root']
type Child = Circuit['children'][number]
type Evse = Extract<Child, { kind: 'station' }>['evses'][number]

const ROTATION = ['R', 'S', 'T'] as const

/** The wires of a configured site, read apart from the core that decides over it. */
export function physicsOf(spec: Omit<SiteSpec, 'id'>): Omit<SiteModelOptions, 'scheduler'> {
  const nodes: SiteNodeOptions[] = []
  const feeders: Feeder[] = []
  const visit = (node: Child, parent: string | undefined): void => {
    const limit = limitOf(node, spec.voltageV)
    // A station without a limit of its own is no place to look at.
    const counts = node.kind === 'circuit' || limit.limitA !== undefined
    if (counts) nodes.push({ id: node.id, ...(parent === undefined ? {} : { parent }), ...limit })
    const at = counts || parent === undefined ? node.id : parent
    if (node.kind === 'circuit') for (const child of node.children) visit(child, node.id)
    else for (const evse of node.evses) feeders.push({ stationId: node.id, node: at, ...wires(evse) })
  }
  visit(spec.root, undefined)
  const sums = spec.phasorConstraints ?? []
  return { nodes, feeders, sums, wiring: spec.wiring ?? 'three-phase' }
}

function limitOf(node: Child, voltageV: number): Pick<SiteNodeOptions, 'limitA' | 'imbalanceA'> {
  const imbalance = node.imbalanceA === undefined ? {} : { imbalanceA: node.imbalanceA }
  if (node.limitA !== undefined) return { limitA: node.limitA, ...imbalance }
  if (node.kind !== 'station' || node.sharedDcW === undefined) return {}
  // What shared power modules give at the outlets is drawn evenly from three phases.
  const [first] = node.evses
  const efficiency = first?.supply.kind === 'dc' ? first.supply.efficiency : 1
  return { limitA: node.sharedDcW / efficiency / (3 * voltageV) }
}

function wires({ evseId, supply }: Evse): Pick<Feeder, 'evseId' | 'rotation' | 'between'> {
  if (supply.kind === 'dc') return { evseId }
  if (supply.kind === 'ac-line') return { evseId, between: supply.between }
  // A socket on one phase uses the station's L1 alone: where the others would hang does not matter.
  const phases = [
    ...supply.rotation,
    ...([1, 2, 3] as const).filter((phase) => !supply.rotation.includes(phase)),
  ]
  return {
    evseId,
    rotation: phases.map((phase) => ROTATION[phase - 1]).join('') as Feeder['rotation'] & string,
  }
}
