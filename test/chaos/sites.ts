/** The sites that troubles are let loose on, as data: configuration, stations and cars. */

import type { SiteSpec } from '../../profiles/index.ts'
import {
  type EvseOptions,
  type PhaseCurrents,
  type Random,
  typicalVehicle,
  type VehicleOptions,
} from '../../src/simulator/index.ts'

export const WORLDS = ['sockets', 'mixed', 'delta', 'split', 'deep'] as const
export type WorldName = (typeof WORLDS)[number]

type Circuit = SiteSpec['root']
type StationNode = Extract<Circuit['children'][number], { kind: 'station' }>
type Supply = StationNode['evses'][number]['supply']

/** One EVSE as it is configured and as it is simulated. */
interface Outlet {
  readonly supply: Supply
  readonly simulated: EvseOptions
}

export interface SitePlan {
  readonly spec: Omit<SiteSpec, 'id'>
  readonly stations: readonly { readonly id: string; readonly evses: readonly EvseOptions[] }[]
  readonly meters: readonly {
    readonly nodeId: string
    readonly staleA: number
    /** A meter of its own for what the EVSEs are not: a building, its solar power. */
    readonly buildingOnly?: boolean
  }[]
  /** Where limits are cut and meters fall silent. */
  readonly cuttable: readonly [string, ...string[]]
  /** What the grid connection carries besides the EVSEs on a calm day; negative is solar power. */
  readonly buildingA: PhaseCurrents
  readonly solarA: number
  readonly car: (random: Random) => VehicleOptions
}

const ROTATIONS = [
  [1, 2, 3],
  [2, 3, 1],
  [3, 1, 2],
] as const
const PAIRS = [
  [1, 2],
  [2, 3],
  [3, 1],
] as const

const socket = (index: number): Outlet => ({
  supply: { kind: 'ac', rotation: ROTATIONS[index % 3] ?? ROTATIONS[0], maxA: 32 },
  simulated: { kind: 'AC', phases: 3, maxCurrentA: 32 },
})
const fastCharger: Outlet = {
  supply: { kind: 'dc', maxW: 22_000, minW: 2_000, efficiency: 0.95 },
  simulated: { kind: 'DC', maxDcPowerW: 22_000 },
}
const line = (between: readonly [1 | 2 | 3, 1 | 2 | 3], maxA: number, voltageV: number): Outlet => ({
  supply: { kind: 'ac-line', between, maxA },
  simulated: { kind: 'AC', phases: 1, maxCurrentA: maxA, voltageV },
})
const leg = (phase: 1 | 2): Outlet => ({
  supply: { kind: 'ac', rotation: [phase], maxA: 16 },
  simulated: { kind: 'AC', phases: 1, maxCurrentA: 16, voltageV: 120 },
})

interface Place extends Omit<StationNode, 'kind' | 'evses'> {
  readonly outlets: readonly Outlet[]
}

const stationNode = ({ outlets, ...node }: Place): StationNode => ({
  kind: 'station',
  ...node,
  evses: outlets.map(({ supply }, index) => ({ evseId: index + 1, supply })),
})
const circuit = (id: string, limitA: number, children: Circuit['children']): Circuit => ({
  kind: 'circuit',
  id,
  limitA,
  children,
})
const simulated = (places: readonly Place[]) =>
  places.map(({ id, outlets }) => ({ id, evses: outlets.map((outlet) => outlet.simulated) }))
const stationId = (index: number) => `CS-${String(index + 1).padStart(2, '0')}`
const places = (count: number, outlets: (index: number) => readonly Outlet[]): Place[] =>
  Array.from({ length: count }, (_, index) => ({ id: stationId(index), outlets: outlets(index) }))

/** Cars large and empty enough to go on taking whatever they may for the whole run. */
const car = (random: Random): VehicleOptions => ({
  ...typicalVehicle(random),
  soc: 0.1,
  targetSoc: 1,
  batteryWh: 90_000,
})
const linkedToLegs = (random: Random): VehicleOptions => ({
  ...car(random),
  phases: 1,
  maxCurrentA: random.pick([16, 32, 48]),
})

const GRID_AND_CIRCUITS = ['grid', 'garage', 'yard'] as const
const meterEach = (nodeIds: readonly string[]) =>
  nodeIds.map((nodeId) => ({ nodeId, staleA: nodeId === 'grid' ? 20 : 0 }))

/** Single sockets on two circuits. */
function sockets(count = 12): SitePlan {
  const all = places(count, (index) => [socket(index)])
  return twoCircuits(all, { gridA: 80, circuitA: 50 })
}

/** Sockets, pairs of them on one station, and DC chargers with two outlets on the same power modules. */
function mixed(count = 9): SitePlan {
  const all = places(count, (index) => {
    if (index % 3 === 0) return [socket(index)]
    return index % 3 === 1 ? [fastCharger, fastCharger] : [socket(index), socket(index + 1)]
  }).map((place, index) => (index % 3 === 1 ? { ...place, sharedDcW: 30_000 } : place))
  return twoCircuits(all, { gridA: 120, circuitA: 80 })
}

function twoCircuits(all: readonly Place[], limits: { gridA: number; circuitA: number }): SitePlan {
  const on = (remainder: number) => all.filter((_, index) => index % 2 === remainder).map(stationNode)
  const root = circuit('grid', limits.gridA, [
    circuit('garage', limits.circuitA, on(0)),
    circuit('yard', limits.circuitA, on(1)),
  ])
  return {
    spec: { voltageV: 230, root },
    stations: simulated(all),
    meters: meterEach(GRID_AND_CIRCUITS),
    cuttable: GRID_AND_CIRCUITS,
    buildingA: [5, 4, 3],
    solarA: 0,
    car,
  }
}

const PRIMARY_LIMIT_A = 40

/** 208 V between phases, behind a transformer whose primary winding has a limit of its own. */
function delta(count = 9): SitePlan {
  const all = places(count, (index) => [line(PAIRS[index % 3] ?? PAIRS[0], 32, 208)])
  const plan = twoCircuits(all, { gridA: 100, circuitA: 70 })
  const terms = (winding: number) =>
    all.map(({ id }, index) => {
      const offset = (index + 3 - winding) % 3
      // What 208 V star draws from 480 V delta: the pair's own winding twice, each neighbour's once against it.
      return {
        stationId: id,
        evseId: 1,
        coeff: offset === 0 ? 0.5 : -0.25,
        angleDeg: [30, -90, 150][index % 3] ?? 0,
      }
    })
  return {
    ...plan,
    spec: {
      voltageV: 120,
      root: plan.spec.root,
      phasorConstraints: [0, 1, 2].map((winding) => ({
        id: `winding-${winding + 1}`,
        limitA: PRIMARY_LIMIT_A,
        terms: terms(winding),
      })),
    },
    car: linkedToLegs,
  }
}

/** 120/240 V: most between the legs, some on one, and a limit to how uneven the legs may be. */
function split(count = 10): SitePlan {
  const all = places(count, (index) => {
    if (index % 5 === 0) return [leg(index % 2 === 0 ? 1 : 2)]
    return [line([1, 2], 48, 240)]
  })
  const plan = twoCircuits(all, { gridA: 150, circuitA: 100 })
  return {
    ...plan,
    spec: { voltageV: 120, wiring: 'split-phase', root: plan.spec.root },
    buildingA: [8, 5, 0],
    car: linkedToLegs,
  }
}

/** A car that nobody has measured yet may take all of it on one phase. */
const IMBALANCE_A = 40

/** Four circuits deep, uneven phases limited, with a building and its solar power on the grid connection. */
function deep(count = 11): SitePlan {
  const all = places(count, (index) => [socket(index)])
  const take = (from: number, to: number) => all.slice(from, to).map(stationNode)
  const floors = circuit('main', 100, [
    circuit('floor-1', 63, [circuit('row-a', 32, take(0, 3)), circuit('row-b', 40, take(3, 6))]),
    circuit('floor-2', 50, take(6, 9)),
    ...take(9, count),
  ])
  const root = circuit('grid', 125, [{ ...floors, imbalanceA: IMBALANCE_A }])
  return {
    spec: { voltageV: 230, root },
    stations: simulated(all),
    // The promise of ten seconds is one to sites that measure what their fuses carry.
    meters: [
      { nodeId: 'grid', staleA: 40, buildingOnly: true },
      ...meterEach(['main', 'floor-1', 'row-a', 'row-b', 'floor-2']),
    ],
    cuttable: ['grid', 'main', 'floor-1', 'row-b'],
    buildingA: [30, 25, 20],
    solarA: 25,
    car,
  }
}

const PLANS: Readonly<Record<WorldName, (stations?: number) => SitePlan>> = {
  sockets,
  mixed,
  delta,
  split,
  deep,
}

export function sitePlan(name: WorldName, stations?: number): SitePlan {
  return PLANS[name](stations)
}
