import type { Phase, PhaseValues } from './units.ts'
import { MIN_PILOT_A, PHASES, phaseValues } from './units.ts'

/** Alternating current, phase to neutral. `rotation[k]` is the grid phase that feeds the EVSE's terminal L(k+1). */
export interface AcSupply {
  readonly kind: 'ac'
  readonly rotation: readonly Phase[]
  readonly maxA: number
  readonly minA?: number
}

/** One current between two phases (208 V of a US star, a delta site) or two legs (240 V split phase). */
export interface LineToLineSupply {
  readonly kind: 'ac-line'
  readonly between: readonly [Phase, Phase]
  readonly maxA: number
  readonly minA?: number
}

/** Direct current: the grid sees `maxW / efficiency`, balanced over three phases, or over the two legs of a split phase. */
export interface DcSupply {
  readonly kind: 'dc'
  readonly maxW: number
  readonly minW?: number
  readonly efficiency: number
}

export type Supply = AcSupply | LineToLineSupply | DcSupply

export interface EvseSpec {
  /** The number that OCPP uses, from 1. */
  readonly evseId: number
  readonly supply: Supply
  readonly connectors?: number
  /**
   * What the EVSE falls to when nobody steers it, in amperes per phase (for DC: on the grid side).
   * Left out, the core chooses (see `safeDefaults`).
   */
  readonly safeA?: number
}

interface NodeSpec {
  readonly id: string
  /** Amperes per phase: one number for all, or one per phase. */
  readonly limitA?: number | PhaseValues
  /** Counted as volt-amperes: what a power factor below one takes is not given away. */
  readonly limitW?: number
  /** Largest difference between two phases in amperes. */
  readonly imbalanceA?: number
  /** What else the node may carry when nobody measures it (a building): kept free of charging. */
  readonly reserveA?: number | PhaseValues
}

export interface StationSpec extends NodeSpec {
  readonly kind: 'station'
  readonly evses: readonly EvseSpec[]
  /** Power modules shared by the station's DC outlets, in watts at the outlets. */
  readonly sharedDcW?: number
}

export interface CircuitSpec extends NodeSpec {
  readonly kind: 'circuit'
  readonly children: readonly (CircuitSpec | StationSpec)[]
}

/** A constraint that no tree of fuses can express: |sum coeff x I x e^(j angle)| <= limitA (a delta-wye transformer). */
export interface PhasorConstraintSpec {
  readonly id: string
  readonly limitA: number
  readonly terms: readonly {
    readonly stationId: string
    readonly evseId: number
    readonly coeff: number
    readonly angleDeg: number
  }[]
}

export interface SiteSpec {
  readonly id: string
  /** Nominal line-to-neutral voltage. */
  readonly voltageV: number
  /** `split` is two legs of `voltageV` 180 degrees apart; everything else is three-phase. */
  readonly wiring?: 'three-phase' | 'split-phase'
  /** How fast the limit of an EVSE may rise, in amperes per phase and second on the grid side; left out: at once. */
  readonly rampAPerS?: number
  /** The grid connection. */
  readonly root: CircuitSpec
  readonly phasorConstraints?: readonly PhasorConstraintSpec[]
}

export interface SiteNode {
  readonly index: number
  readonly id: string
  readonly kind: 'circuit' | 'station'
  readonly parent: number | null
  readonly depth: number
  readonly limitA: PhaseValues
  readonly limitW: number
  readonly imbalanceA: number
  readonly sharedDcW: number
  readonly reserveA: PhaseValues
}

/** What one terminal of an EVSE does to one grid phase, per ampere of the EVSE's current. */
export interface Terminal {
  readonly phase: Phase
  /** Degrees against the phase's own voltage: 0 phase to neutral, +-30 between two phases. */
  readonly angleDeg: number
}

export interface SiteEvse {
  readonly index: number
  /** `stationId#evseId`, the key used in snapshots, decisions and explanations. */
  readonly key: string
  readonly stationId: string
  readonly evseId: number
  readonly node: number
  /** Nodes from the station up to the grid connection. */
  readonly path: readonly number[]
  readonly supply: Supply
  readonly terminals: readonly Terminal[]
  readonly maxA: number
  readonly minA: number
  /** Grid watts per ampere of the EVSE's current, all terminals together. */
  readonly wattPerA: number
  readonly safeA: number | null
}

/** A checked site: nodes in order from the grid connection down, EVSEs in configuration order. */
export interface Site {
  readonly id: string
  readonly voltageV: number
  readonly wiring: 'three-phase' | 'split-phase'
  readonly rampAPerS: number | null
  readonly nodes: readonly SiteNode[]
  readonly evses: readonly SiteEvse[]
  readonly nodeById: ReadonlyMap<string, SiteNode>
  readonly evseByKey: ReadonlyMap<string, SiteEvse>
  readonly phasorConstraints: readonly PhasorConstraintSpec[]
}

export function evseKey(stationId: string, evseId: number): string {
  return `${stationId}#${evseId}`
}

/** The conductors that carry load. */
export function linesOf(wiring: Site['wiring']): readonly Phase[] {
  return wiring === 'split-phase' ? [1, 2] : PHASES
}

function terminalsOf(supply: Supply, wiring: Site['wiring']): Terminal[] {
  if (supply.kind === 'ac') return supply.rotation.map((phase) => ({ phase, angleDeg: 0 }))
  if (supply.kind === 'dc') return linesOf(wiring).map((phase) => ({ phase, angleDeg: 0 }))
  const [from, to] = supply.between
  if (wiring === 'split-phase') return [from, to].map((phase) => ({ phase, angleDeg: 0 }))
  // A current from phase a to the phase that follows it leads a's voltage by 30 degrees and trails b's by 30.
  const forward = to === (from % 3) + 1
  const lead = forward ? 30 : -30
  return [
    { phase: from, angleDeg: lead },
    { phase: to, angleDeg: -lead },
  ]
}

function electrics(supply: Supply, site: { voltageV: number; wiring: Site['wiring'] }) {
  if (supply.kind === 'ac') {
    const wattPerA = supply.rotation.length * site.voltageV
    return { wattPerA, maxA: supply.maxA, minA: supply.minA ?? MIN_PILOT_A }
  }
  if (supply.kind === 'ac-line') {
    const wattPerA = site.voltageV * (site.wiring === 'split-phase' ? 2 : Math.sqrt(3))
    return { wattPerA, maxA: supply.maxA, minA: supply.minA ?? MIN_PILOT_A }
  }
  const wattPerA = linesOf(site.wiring).length * site.voltageV
  const toA = (powerW: number) => powerW / supply.efficiency / wattPerA
  return { wattPerA, maxA: toA(supply.maxW), minA: toA(supply.minW ?? 0) }
}

/**
 * Flattens a site. Does not judge it: `openSite` checks first and is what callers outside the core use.
 */
export function flattenSite(spec: SiteSpec): Site {
  const nodes: SiteNode[] = []
  const evses: SiteEvse[] = []
  const wiring = spec.wiring ?? 'three-phase'
  const visit = (node: CircuitSpec | StationSpec, parent: number | null, above: readonly number[]) => {
    const index = nodes.length
    nodes.push({
      index,
      id: node.id,
      kind: node.kind,
      parent,
      depth: above.length,
      limitA: phaseValues(node.limitA ?? Number.POSITIVE_INFINITY),
      limitW: node.limitW ?? Number.POSITIVE_INFINITY,
      reserveA: phaseValues(node.reserveA ?? 0),
      imbalanceA: node.imbalanceA ?? Number.POSITIVE_INFINITY,
      sharedDcW:
        node.kind === 'station' ? (node.sharedDcW ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
    })
    const path = [index, ...above]
    if (node.kind === 'circuit') {
      for (const child of node.children) visit(child, index, path)
      return
    }
    for (const evse of node.evses) {
      evses.push({
        index: evses.length,
        key: evseKey(node.id, evse.evseId),
        stationId: node.id,
        evseId: evse.evseId,
        node: index,
        path,
        supply: evse.supply,
        terminals: terminalsOf(evse.supply, wiring),
        ...electrics(evse.supply, { voltageV: spec.voltageV, wiring }),
        safeA: evse.safeA ?? null,
      })
    }
  }
  visit(spec.root, null, [])
  return {
    id: spec.id,
    voltageV: spec.voltageV,
    wiring,
    rampAPerS: spec.rampAPerS ?? null,
    nodes,
    evses,
    nodeById: new Map(nodes.map((node) => [node.id, node])),
    evseByKey: new Map(evses.map((evse) => [evse.key, evse])),
    phasorConstraints: spec.phasorConstraints ?? [],
  }
}
