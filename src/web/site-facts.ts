/** What the status of a site means in words and numbers. */

import type { Schemas } from './api.ts'

export type SiteStatus = Schemas['SiteStatus']
export type NodeStatus = Schemas['SiteNodeStatus']
export type EvseStatus = Schemas['SiteEvseStatus']

export interface Headroom {
  readonly phase: number
  readonly freeA: number
  readonly limitA: number
  readonly measuredA: number
}

/** The phase of the node that has the least left, by what is measured. */
export function headroom(node: NodeStatus): Headroom | undefined {
  let tightest: Headroom | undefined
  node.limitA.forEach((limitA, index) => {
    if (limitA === null) return
    const measuredA = node.measuredA?.[index] ?? 0
    const freeA = limitA - measuredA
    if (!tightest || freeA < tightest.freeA) tightest = { phase: index + 1, freeA, limitA, measuredA }
  })
  return tightest
}

export function gridOf(status: SiteStatus): NodeStatus | undefined {
  return status.nodes.find((node) => node.parentId === null)
}

/** Measuring is not exact: a tenth of an ampere is not an excursion. */
const TOLERANCE_A = 0.1

export function isAbove(node: NodeStatus): boolean {
  return node.limitA.some(
    (limitA, index) => limitA !== null && (node.measuredA?.[index] ?? 0) > limitA + TOLERANCE_A,
  )
}

export function bindingText(node: NodeStatus): string {
  const { binding } = node
  if (!binding) return 'no limit of its own'
  if (binding.source === 'configuration') return "the site's configuration"
  const { limitId, source, setBy, state } = binding
  const by = setBy === null ? '' : ` of ${setBy}`
  const silent = state === 'failsafe' ? ', silent: its failsafe value' : ''
  return limitId === null ? source : `limit "${limitId}" (${source}${by}${silent})`
}

const NOT_STEERED = new Set([
  'disobeys',
  'no-safe-default',
  'smart-charging-off',
  'lease-refused',
  'offline',
  'never-seen',
])

/** EVSEs that cannot be steered now and are booked at their worst case. */
export function troubled(status: SiteStatus): EvseStatus[] {
  return status.evses.filter((evse) => evse.reason !== null && NOT_STEERED.has(evse.reason.code))
}

const HELD_BACK = new Set(['node-limit', 'evse-limit', 'plan', 'waiting-for-turn', 'waiting-for-others'])

/** Cars that would take more than they get. */
export function heldBack(status: SiteStatus): EvseStatus[] {
  return status.evses.filter(
    (evse) => evse.transactionId !== null && evse.reason !== null && HELD_BACK.has(evse.reason.code),
  )
}

/** The nodes above a station, from the station to the grid connection. */
export function pathToGrid(status: SiteStatus, stationId: string): NodeStatus[] {
  const path: NodeStatus[] = []
  let next = status.nodes.find((node) => node.kind === 'station' && node.nodeId === stationId)
  while (next && path.length < 100) {
    path.push(next)
    const parentId: string | null = next.parentId
    next = parentId === null ? undefined : status.nodes.find((node) => node.nodeId === parentId)
  }
  return path
}
