import { allocate, rowLoads } from './allocate.ts'
import { loadMask, type Network, phaseRow, powerRow, staticLimits } from './network.ts'
import type { Site } from './site.ts'
import { PHASES, roundDownTenth } from './units.ts'

export interface SafeDefaults {
  /** Amperes per phase by EVSE index: the TxDefaultProfile every station carries. */
  readonly safeA: Float64Array
  /** EVSEs that must fall to 0, and the row that leaves no room for their minimum. */
  readonly zero: readonly { readonly evseKey: string; readonly because: string }[]
}

/** Rows' limits less what nodes keep free for their building, summed up the tree. */
export function limitsLessReserve(site: Site, network: Network): Float64Array {
  const limits = staticLimits(site, network)
  const reserve = site.nodes.map((node) => [...node.reserveA])
  for (let index = site.nodes.length - 1; index >= 0; index--) {
    const node = site.nodes[index]
    const own = reserve[index]
    if (!node || !own) continue
    for (const phase of PHASES) {
      const row = phaseRow(index, phase)
      limits[row] = (limits[row] ?? 0) - (own[phase - 1] ?? 0)
    }
    const total = own.reduce((sum, value) => sum + value, 0)
    limits[powerRow(index)] = (limits[powerRow(index)] ?? 0) - total * site.voltageV
    const above = node.parent === null ? undefined : reserve[node.parent]
    if (above)
      own.forEach((value, phase) => {
        above[phase] = (above[phase] ?? 0) + value
      })
  }
  return limits
}

/** All terminals of every EVSE, not known to be balanced: the worst that can be plugged in. */
export function worstMask(site: Site): Uint8Array {
  return Uint8Array.from(site.evses, (evse) => {
    const terminals = evse.supply.kind === 'ac' ? (1 << evse.terminals.length) - 1 : 7
    return loadMask(terminals, evse.supply.kind === 'dc')
  })
}

/**
 * What each EVSE falls to by itself. Configured values stand; the others get their minimum current in configuration
 * order as long as every node can carry it at the same time, and 0 where one cannot.
 */
export function safeDefaults(site: Site, network: Network, limits?: Float64Array): SafeDefaults {
  const rowLimits = limits ?? limitsLessReserve(site, network)
  const wanted = Float64Array.from(site.evses, (evse) => evse.safeA ?? evse.minA)
  const configured = site.evses.map((evse) => evse.safeA !== null && limits === undefined)
  const result = allocate(network, {
    limits: rowLimits,
    mask: worstMask(site),
    minA: wanted,
    maxA: wanted,
    weight: new Float64Array(site.evses.length).fill(1),
    tier: Int32Array.from(site.evses, (evse) => (evse.safeA === null ? 1 : 0)),
    order: Float64Array.from(site.evses, (evse) => evse.index),
  })
  const safeA = Float64Array.from(site.evses, (evse) => {
    const granted = configured[evse.index] ? (wanted[evse.index] ?? 0) : (result.grantA[evse.index] ?? 0)
    return roundDownTenth(granted)
  })
  const zero = site.evses.flatMap((evse) => {
    if ((safeA[evse.index] ?? 0) > 0 || (wanted[evse.index] ?? 0) === 0) return []
    const row = network.rows[result.bindingRow[evse.index] ?? -1]
    return [{ evseKey: evse.key, because: row?.id ?? 'the site' }]
  })
  return { safeA, zero }
}

/** Rows that a set of safe defaults would overload. Empty means that the site is safe by itself. */
export function safeOverload(
  site: Site,
  network: Network,
  safeA: Float64Array,
): { id: string; where: string; sum: number; limit: number }[] {
  const limits = limitsLessReserve(site, network)
  const sums = rowLoads(network, safeA, worstMask(site))
  return network.rows.flatMap((row, index) => {
    const sum = sums[index] ?? 0
    const limit = limits[index] ?? Number.POSITIVE_INFINITY
    if (sum <= limit + 1e-6) return []
    const where = row.node === null ? row.id : (site.nodes[row.node]?.id ?? row.id)
    return [{ id: row.id, where, sum, limit }]
  })
}
