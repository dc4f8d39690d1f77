/** Load against limit at the grid connection and at each circuit below it. */

import type { Schemas } from '../api.ts'
import { amperes, time } from '../format.ts'
import { PhaseBars } from '../parts/bars.tsx'
import { bindingText, gridOf, headroom, type NodeStatus, type SiteStatus } from '../site-facts.ts'

export function NodeList({ status, site }: { readonly status: SiteStatus; readonly site: Schemas['Site'] }) {
  const grid = gridOf(status)
  const circuits = status.nodes.filter((node) => node.kind === 'circuit' && node !== grid)
  return (
    <>
      {(grid ? [grid, ...circuits] : circuits).map((node) => (
        <NodeBars key={node.nodeId} node={node} scaleA={configuredA(site, node)} />
      ))}
    </>
  )
}

/** The fuse is the full width of a bar, so that a lower limit in force is seen as what it takes away. */
function configuredA(site: Schemas['Site'], node: NodeStatus): number {
  const found = find(site.config.root, node.nodeId)
  const limit = found?.limitA
  const configured = limit === undefined ? [] : typeof limit === 'number' ? [limit] : limit
  return Math.max(1, ...configured, ...node.limitA.map((value) => value ?? 0), ...(node.measuredA ?? []))
}

type Circuit = Schemas['CircuitNode']

function find(node: Circuit, nodeId: string): Circuit | Schemas['StationNode'] | undefined {
  if (node.id === nodeId) return node
  for (const child of node.children) {
    const found = child.kind === 'circuit' ? find(child, nodeId) : child.id === nodeId ? child : undefined
    if (found) return found
  }
  return undefined
}

function NodeBars({ node, scaleA }: { readonly node: NodeStatus; readonly scaleA: number }) {
  const room = headroom(node)
  return (
    <div class="node" data-node={node.nodeId}>
      <div class="row between">
        <h3>{node.nodeId}</h3>
        <span class="small soft">
          {room ? `${amperes(Math.max(0, room.freeA))} free on L${room.phase}` : 'no limit of its own'}
        </span>
      </div>
      <PhaseBars node={node} scaleA={scaleA} />
      <p class="small soft">
        Limit: {bindingText(node)}
        {node.binding?.validTo ? `, until ${time(node.binding.validTo)}` : ''}
        {node.limitW === null ? '' : `; ${Math.round(node.limitW / 100) / 10} kW over all phases`}
      </p>
    </div>
  )
}
