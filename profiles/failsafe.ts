import { allocate, rowLoads } from './allocate.ts'
import { type BaseLoadInput, baseLoads, lessBase } from './base-load.ts'
import { loadMask, type Network, staticLimits } from './network.ts'
import type { Site } from './site.ts'
import { type PhaseValues, phaseValues, roundDownTenth } from './units.ts'

export interface SafeDefaults {
  /** Amperes per phase by EVSE index: the TxDefaultProfile every station carries. */
  readonly safeA: Float64Array
  /** EVSEs that must fall to 0, and the row that leaves no room for their minimum. */
  readonly zero: readonly { readonly evseKey: string; readonly because: string }[]
}

/**
 * Rows' limits less what nodes keep free for their building. `silentA` says what metered nodes carry instead, by node
 * id, with all that is below them.
 */
export function limitsLessReserve(
  site: Site,
  network: Network,
  silentA: ReadonlyMap<string, number | PhaseValues> = new Map(),
): Float64Array {
  const inputs = [...silentA].map(([nodeId, value]): BaseLoadInput => {
    const staleA = phaseValues(value)
    return { nodeId, currentA: staleA, staleA, measuredAtMs: 0, maxAgeMs: 0, includesEvses: false }
  })
  const base = baseLoads({ site, inputs, evseCurrentA: [], nowMs: 0 })
  return lessBase(site, staticLimits(site, network), base)
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

const usual = new WeakMap<Site, Float64Array>()

/** The safe defaults of the configuration itself, split once per site. */
export function usualSafeA(site: Site, network: Network): Float64Array {
  const known = usual.get(site) ?? safeDefaults(site, network).safeA
  usual.set(site, known)
  return known.slice()
}

/**
 * Rows that a set of safe defaults would overload, beside reserves or beside what silent meters count as. Empty means
 * that the site is safe by itself.
 */
export function safeOverload(
  site: Site,
  network: Network,
  safeA: Float64Array,
  silentA?: ReadonlyMap<string, number | PhaseValues>,
): { id: string; where: string; sum: number; limit: number }[] {
  const limits = limitsLessReserve(site, network, silentA)
  const sums = rowLoads(network, safeA, worstMask(site))
  return network.rows.flatMap((row, index) => {
    const sum = sums[index] ?? 0
    const limit = limits[index] ?? Number.POSITIVE_INFINITY
    if (sum <= limit + 1e-6) return []
    const where = row.node === null ? row.id : (site.nodes[row.node]?.id ?? row.id)
    return [{ id: row.id, where, sum, limit }]
  })
}
