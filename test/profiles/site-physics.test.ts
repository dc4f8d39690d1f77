import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  allocate,
  baseLoads,
  type CircuitSpec,
  flattenSite,
  lessBase,
  loadMask,
  openSite,
  type Phase,
  type PhaseValues,
  type Site,
  type SiteSpec,
  type StationSpec,
  type Supply,
  safeDefaults,
  siteNetwork,
  staticLimits,
} from '../../profiles/index.ts'
import { type Draw, flows } from './site-physics.ts'

type Wiring = 'three-phase' | 'split-phase'
type Kinds = readonly Supply['kind'][]

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const given = <K extends string, T>(key: K, value: T | undefined) =>
  value === undefined ? {} : { [key]: value }

function supplies(wiring: Wiring, kinds: Kinds): fc.Arbitrary<Supply> {
  const phases: Phase[] = wiring === 'split-phase' ? [1, 2] : [1, 2, 3]
  const maxA = fc.constantFrom(10, 16, 32, 63)
  const ac = fc
    .record({ rotation: fc.shuffledSubarray(phases, { minLength: 1 }), maxA })
    .map((one): Supply => ({ kind: 'ac', ...one }))
  const line = fc
    .record({ pair: fc.shuffledSubarray(phases, { minLength: 2, maxLength: 2 }), maxA })
    .map(({ pair, maxA }): Supply => ({ kind: 'ac-line', between: [pair[0] ?? 1, pair[1] ?? 2], maxA }))
  const dc = fc
    .record({ maxW: fc.constantFrom(20_000, 50_000), efficiency: fc.constantFrom(0.9, 0.95, 1) })
    .map((one): Supply => ({ kind: 'dc', ...one }))
  return fc.oneof(...kinds.map((kind) => ({ ac, 'ac-line': line, dc })[kind]))
}

/** A tree of three levels with limits of every kind, some of them absent. */
function specs(wiring: Wiring, kinds: Kinds, uneven: boolean): fc.Arbitrary<SiteSpec> {
  const amps = fc.integer({ min: 8, max: 150 })
  const limits = fc.record({
    limitA: maybe(fc.oneof(amps, fc.tuple(amps, amps, amps))),
    limitW: maybe(fc.integer({ min: 2_000, max: 80_000 })),
    imbalanceA: uneven ? maybe(fc.integer({ min: 5, max: 40 })) : fc.constant(undefined),
  })
  const node = (raw: {
    limitA: number | PhaseValues | undefined
    limitW: number | undefined
    imbalanceA: number | undefined
  }) => ({
    ...given('limitA', raw.limitA),
    ...given('limitW', raw.limitW),
    ...given('imbalanceA', raw.imbalanceA),
  })
  const stations = fc.record({
    limits,
    supplies: fc.array(supplies(wiring, kinds), { minLength: 1, maxLength: 3 }),
    sharedDcW: maybe(fc.integer({ min: 10_000, max: 60_000 })),
  })
  const circuits = fc.record({ limits, stations: fc.array(stations, { minLength: 1, maxLength: 3 }) })
  return fc
    .record({ root: limits, circuits: fc.array(circuits, { minLength: 1, maxLength: 3 }) })
    .map(({ root, circuits: halls }) => ({
      id: 's',
      voltageV: wiring === 'split-phase' ? 120 : 230,
      wiring,
      root: {
        kind: 'circuit',
        id: 'grid',
        ...node(root),
        children: halls.map(
          (hall, h): CircuitSpec => ({
            kind: 'circuit',
            id: `hall-${h}`,
            ...node(hall.limits),
            children: hall.stations.map(
              (station, s): StationSpec => ({
                kind: 'station',
                id: `hall-${h}-${s}`,
                ...node(station.limits),
                ...given('sharedDcW', station.sharedDcW),
                evses: station.supplies.map((supply, e) => ({ evseId: e + 1, supply })),
              }),
            ),
          }),
        ),
      },
    }))
}

/** What each car does: how many of its EVSE's terminals it is known to use, and how much of its grant it draws. */
const behaviour = fc.record({
  terminals: fc.integer({ min: 1, max: 7 }),
  balanced: fc.boolean(),
  share: fc.constantFrom(0, 1, 1, 1, 0.3, 0.8),
  lagDeg: fc.integer({ min: -18, max: 18 }),
})

interface World {
  readonly spec: SiteSpec
  readonly site: Site
  readonly baseA: readonly PhaseValues[]
  readonly grantA: Float64Array
  readonly cars: readonly { terminals: number[]; mask: number; share: number; lagDeg: number }[]
}

function worlds(
  wiring: Wiring,
  kinds: Kinds,
  { uneven, ...base }: { min: number; max: number; uneven: boolean },
): fc.Arbitrary<World> {
  return fc
    .record({
      spec: specs(wiring, kinds, uneven),
      behaviours: fc.array(behaviour, { minLength: 27, maxLength: 27 }),
      buildings: fc.array(fc.tuple(fc.integer(base), fc.integer(base), fc.integer(base)), {
        minLength: 4,
        maxLength: 4,
      }),
      seeds: fc.array(fc.double({ min: 0.2, max: 4, noNaN: true }), { minLength: 27, maxLength: 27 }),
    })
    .map(({ spec, behaviours, buildings, seeds }) => {
      const site = flattenSite(spec)
      const network = siteNetwork(site)
      const cars = site.evses.map((evse, k) => {
        const own = behaviours[k] ?? { terminals: 7, balanced: false, share: 1, lagDeg: 0 }
        const wired = (1 << evse.terminals.length) - 1
        const bits = evse.supply.kind === 'ac' ? own.terminals & wired || wired : 7
        const balanced =
          evse.supply.kind === 'dc' || (evse.supply.kind === 'ac' && own.balanced && bits === 7)
        const terminals = evse.terminals.flatMap((_, index) => ((bits >> index) & 1 ? [index] : []))
        return {
          terminals,
          mask: loadMask(bits, balanced),
          share: own.share,
          lagDeg: own.lagDeg,
        }
      })
      const circuits = site.nodes.filter((node) => node.kind === 'circuit').slice(1)
      const inputs = circuits.map((node, k) => {
        const [a, b, c] = buildings[k] ?? [0, 0, 0]
        const currentA: PhaseValues = [a, b, wiring === 'split-phase' ? 0 : c]
        return {
          nodeId: node.id,
          currentA,
          measuredAtMs: 0,
          maxAgeMs: 1,
          staleA: currentA,
          includesEvses: false,
        }
      })
      const loads = baseLoads({ site, inputs, evseCurrentA: [], nowMs: 0 })
      const { grantA } = allocate(network, {
        limits: lessBase(site, staticLimits(site, network), loads),
        mask: Uint8Array.from(cars, ({ mask }) => mask),
        minA: new Float64Array(site.evses.length),
        maxA: Float64Array.from(site.evses, ({ maxA }) => maxA),
        weight: Float64Array.from(site.evses, (_, k) => seeds[k] ?? 1),
        tier: new Int32Array(site.evses.length),
        order: Float64Array.from(site.evses, (_, k) => k),
      })
      return { spec, site, baseA: loads.map(({ currentA }) => currentA), grantA, cars }
    })
}

const drawsOf = (world: World, inPhase: boolean, over?: readonly number[]): Draw[] =>
  world.cars.map(({ terminals, share, lagDeg }, k) => ({
    currentA: (over?.[k] ?? world.grantA[k] ?? 0) * (over ? 1 : share),
    terminals,
    lagDeg: inPhase ? 0 : lagDeg,
  }))

/** Limits that the draws exceed, beyond those that the buildings exceed by themselves. */
function excesses(world: World, draws: readonly Draw[]): string[] {
  const { spec, site, baseA } = world
  const alone = flows(spec, site, [], baseA)
  return flows(spec, site, draws, baseA).flatMap((flow, index) => {
    const node = site.nodes[index]
    const before = alone[index]
    if (!node || !before) return []
    const found: string[] = []
    const check = (what: string, value: number, limit: number, idle: number) => {
      if (value > Math.max(limit, idle) + 1e-6 * Math.max(1, limit))
        found.push(`${node.id} ${what}: ${value} > ${limit}`)
    }
    for (const [line, currentA] of flow.lineA.entries()) {
      check(`L${line + 1}`, currentA, node.limitA[line] ?? 0, before.lineA[line] ?? 0)
    }
    check('W', flow.powerW, node.limitW, before.powerW)
    const uneven = ({ activeA }: { activeA: readonly number[] }) => {
      const used = activeA.slice(0, spec.wiring === 'split-phase' ? 2 : 3)
      return Math.max(...used) - Math.min(...used)
    }
    check('imbalance', uneven(flow), node.imbalanceA, uneven(before))
    const outletW = site.evses
      .filter((evse) => evse.node === index && evse.supply.kind === 'dc')
      .reduce((total, evse) => {
        const efficiency = evse.supply.kind === 'dc' ? evse.supply.efficiency : 1
        const lines = spec.wiring === 'split-phase' ? 2 : 3
        return total + (draws[evse.index]?.currentA ?? 0) * lines * spec.voltageV * efficiency
      }, 0)
    check('dc', outletW, node.sharedDcW, 0)
    return found
  })
}

/** The same tree with reserves on its nodes and configured safe defaults on some of its EVSEs, taken off the lists. */
function fallingTo(circuit: CircuitSpec, safeA: (number | undefined)[], reserveA: number[]): CircuitSpec {
  return {
    ...circuit,
    reserveA: reserveA.pop() ?? 0,
    children: circuit.children.map((child) => {
      if (child.kind === 'circuit') return fallingTo(child, safeA, reserveA)
      const evses = child.evses.map((evse) => ({ ...evse, ...given('safeA', safeA.pop()) }))
      return { ...child, evses }
    }),
  }
}

const SITES: [string, Wiring, Kinds][] = [
  ['phase to neutral and DC', 'three-phase', ['ac', 'dc']],
  ['two of three phases each (delta)', 'three-phase', ['ac-line']],
  ['everything on three phases at once', 'three-phase', ['ac', 'ac-line', 'dc']],
  ['two legs (split phase)', 'split-phase', ['ac', 'ac-line', 'dc']],
]

describe('the network of a random site against Kirchhoff', () => {
  it.each(SITES)('keeps every limit of a node, also beside solar surplus: %s', (_, wiring, kinds) => {
    fc.assert(
      fc.property(worlds(wiring, kinds, { min: -60, max: 60, uneven: true }), (world) => {
        expect(excesses(world, drawsOf(world, true))).toEqual([])
      }),
      { numRuns: 250 },
    )
  })

  it.each(SITES)(
    'carries what its EVSEs fall to by themselves, or is refused by name: %s',
    (_, wiring, kinds) => {
      const configured = fc.array(fc.constantFrom(undefined, undefined, undefined, 0, 6, 10), {
        minLength: 27,
        maxLength: 27,
      })
      const reserves = fc.array(fc.constantFrom(0, 0, 5, 20), { minLength: 40, maxLength: 40 })
      fc.assert(
        fc.property(specs(wiring, kinds, true), configured, reserves, (drawn, safeA, reserveA) => {
          const spec = { ...drawn, root: fallingTo(drawn.root, [...safeA], [...reserveA]) }
          const opened = openSite(spec)
          if (!opened.ok) {
            const names = flattenSite(spec).nodes.map(({ id }) => id)
            for (const { code, where } of opened.problems.filter(({ severity }) => severity === 'error')) {
              expect(code).toBe('safe-defaults-exceed')
              expect(names).toContain(where)
            }
            return
          }
          const { site } = opened
          const fallen = safeDefaults(site, siteNetwork(site)).safeA
          const zero = new Set(
            opened.warnings.filter(({ code }) => code === 'safe-default-zero').map(({ where }) => where),
          )
          for (const { index, key, safeA: own } of site.evses) {
            if ((fallen[index] ?? 0) === 0 && own !== 0) expect(zero).toContain(key)
          }
          const cars = site.evses.map(({ terminals }) => ({
            terminals: terminals.map((_, terminal) => terminal),
            mask: 0,
            share: 1,
            lagDeg: 0,
          }))
          const baseA = baseLoads({ site, inputs: [], evseCurrentA: [], nowMs: 0 }).map(
            ({ currentA }) => currentA,
          )
          const world = { spec, site, baseA, grantA: fallen, cars }
          expect(excesses(world, drawsOf(world, true))).toEqual([])
          const alone = cars.map((car) => ({ ...car, terminals: car.terminals.slice(0, 1) }))
          expect(excesses(world, drawsOf({ ...world, cars: alone }, true))).toEqual([])
        }),
        { numRuns: 250 },
      )
    },
  )

  it('keeps every limit where each car has a power factor of its own', () => {
    fc.assert(
      fc.property(worlds('three-phase', ['ac', 'dc'], { min: 0, max: 60, uneven: true }), (world) => {
        expect(excesses(world, drawsOf(world, false))).toEqual([])
      }),
      { numRuns: 250 },
    )
  })

  it.each(SITES)('leaves nothing unused that one car could have: %s', (_, wiring, kinds) => {
    // The angle of a building's current is not known: beside currents between phases it counts in full.
    const max = kinds.includes('ac-line') && wiring === 'three-phase' ? 0 : 30
    fc.assert(
      fc.property(
        worlds(wiring, kinds, { min: 0, max, uneven: false }),
        fc.integer({ min: 0, max: 26 }),
        (world, pick) => {
          const index = pick % world.grantA.length
          const grantA = world.grantA[index] ?? 0
          const maxA = world.site.evses[index]?.maxA ?? 0
          if (grantA > maxA - 1) return
          const more = [...world.grantA]
          more[index] = Math.min(maxA, grantA * 1.01 + 0.1)
          expect(excesses(world, drawsOf(world, true, more))).not.toEqual([])
        },
      ),
      { numRuns: 250 },
    )
  })
})
