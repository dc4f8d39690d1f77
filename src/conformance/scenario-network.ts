import { buildNetwork, type Entry, type Network, phasorRows, type Row } from '../../profiles/index.ts'
import type { ScenarioSite } from './scenario-view.ts'

export interface ScenarioNetwork {
  readonly network: Network
  /** The scenario's constraint behind each row. */
  readonly constraintOf: readonly number[]
}

/** A scenario's constraints as a network of the core: plain rows where no angle occurs, phasor rows elsewhere. */
export function scenarioNetwork(site: ScenarioSite): ScenarioNetwork {
  const rows: Row[] = []
  const entries: Entry[] = []
  const constraintOf: number[] = []
  site.constraints.forEach((constraint, index) => {
    const terms = constraint.terms.map(([load, coeff, angleDeg]) => ({ load, coeff, angleDeg }))
    const made = phasorRows({ id: constraint.id, terms, firstRow: rows.length })
    rows.push(...made.rows)
    entries.push(...made.entries)
    for (const _ of made.rows) constraintOf.push(index)
  })
  return { network: buildNetwork({ loadCount: site.loads.length, rows, entries }), constraintOf }
}
