import { describe, expect, it } from 'vitest'
import { openSite, type Site, type SiteSpec, type StationSpec, type Supply } from '../../profiles/index.ts'
import { flows } from './site-physics.ts'
import { SiteSimulator } from './site-simulator.ts'

const station = (id: string, supply: Supply): StationSpec => ({
  kind: 'station',
  id,
  evses: [{ evseId: 1, supply }],
})
const line = (from: 1 | 2 | 3, to: 1 | 2 | 3): Supply => ({ kind: 'ac-line', between: [from, to], maxA: 32 })
const neutral = (...rotation: (1 | 2 | 3)[]): Supply => ({ kind: 'ac', rotation, maxA: 32 })
const dc: Supply = { kind: 'dc', maxW: 20_000, minW: 2_000, efficiency: 0.95 }
const stations = (supplies: readonly Supply[]) => supplies.map((supply, k) => station(`S${k + 1}`, supply))

const SITES: Record<string, SiteSpec> = {
  delta: {
    id: 'delta',
    voltageV: 120,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: 110,
      children: stations([
        ...[line(1, 2), line(2, 3), line(3, 1), line(2, 1), line(3, 2), line(1, 3)],
        ...[line(1, 2), line(2, 3), line(3, 1)],
      ]),
    },
  },
  'split phase': {
    id: 'split',
    voltageV: 120,
    wiring: 'split-phase',
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: 120,
      children: stations([line(1, 2), line(1, 2), line(2, 1), neutral(1), neutral(2), neutral(2), dc]),
    },
  },
  'everything at once': {
    id: 'mixed',
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: 110,
      limitW: 60_000,
      children: [
        {
          kind: 'circuit',
          id: 'hall',
          limitA: 90,
          imbalanceA: 40,
          children: stations([neutral(1, 2, 3), neutral(2, 3, 1), neutral(1), neutral(3), line(1, 3), dc]),
        },
        station('T1', neutral(3, 1, 2)),
      ],
    },
  },
}

const BUILDING_A = 15

/** mulberry32: the same numbers on every run. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function opened(spec: SiteSpec): Site {
  const result = openSite(spec)
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('; '))
  return result.site
}

/** Every node's lines by Kirchhoff, from what really flows; cars draw in phase with their voltage. */
function truth(spec: SiteSpec, simulator: SiteSimulator) {
  const { site } = simulator
  const lines =
    spec.wiring === 'split-phase' ? [BUILDING_A, BUILDING_A, 0] : [BUILDING_A, BUILDING_A, BUILDING_A]
  const draws = site.evses.map(({ key }) => {
    const drawn = simulator.drawnA(key)
    const terminals = drawn.flatMap((currentA, index) => (currentA > 0 ? [index] : []))
    return { currentA: Math.max(0, ...drawn), terminals, lagDeg: 0 }
  })
  const base = site.nodes.map(({ index }) => (index === 0 ? lines : [0, 0, 0]))
  return flows(spec, site, draws, base)
}

function readMeter(spec: SiteSpec, simulator: SiteSimulator): void {
  const [grid] = truth(spec, simulator)
  if (!grid) return
  const staleA = [40, 40, 40] as const
  simulator.baseLoads = [
    {
      nodeId: 'grid',
      currentA: grid.lineA,
      measuredAtMs: simulator.nowMs,
      maxAgeMs: 5_000,
      staleA,
      includesEvses: true,
    },
  ]
}

describe('a site of any wiring, by Kirchhoff, with a meter above it', () => {
  for (const [name, spec] of Object.entries(SITES)) {
    it.each([1, 2])(`never carries more than it may, whatever stations answer: ${name} (seed %i)`, (seed) => {
      const random = randomOf(seed)
      const simulator = new SiteSimulator(opened(spec))
      const keys = simulator.site.evses.map(({ key }) => key)
      let transactions = 0
      let fullest = 0
      for (let k = 0; k < 400; k++) {
        const key = keys[Math.floor(random() * keys.length)] ?? ''
        const real = simulator.truth.get(key)
        const draw = random()
        if (k > 20 && real) {
          if (draw < 0.05 && !real.car && real.connected) {
            const maxA = random() < 0.5 ? 32 : 10 + Math.floor(random() * 22)
            simulator.plug(key, { transactionId: `t${transactions++}`, maxA: [maxA, maxA, maxA] })
          } else if (draw < 0.065 && real.car && real.connected) simulator.unplug(key)
          else if (draw < 0.07) simulator.connect(key, !real.connected)
          else if (draw < 0.0705) simulator.restart()
        }
        readMeter(spec, simulator)
        simulator.decide(() => {
          const fate = random()
          const outcome = fate < 0.9 ? 'accepted' : fate < 0.95 ? 'rejected' : 'lost-applied'
          return { delayMs: 100 + Math.floor(random() * 3000), outcome }
        })
        simulator.advance(500 + Math.floor(random() * 1000))
        for (const [index, { id, lineA, powerW, activeA }] of truth(spec, simulator).entries()) {
          const node = simulator.site.nodes[index]
          if (!node) continue
          lineA.forEach((currentA, phase) => {
            expect(currentA, `step ${k}: ${id} L${phase + 1}`).toBeLessThanOrEqual(
              (node.limitA[phase] ?? 0) + 1e-6,
            )
          })
          expect(powerW, `step ${k}: ${id} W`).toBeLessThanOrEqual(node.limitW + 1e-3)
          expect(Math.max(...activeA) - Math.min(...activeA)).toBeLessThanOrEqual(node.imbalanceA + 1e-6)
          if (index === 0)
            fullest = Math.max(
              fullest,
              ...lineA.map((currentA, phase) => currentA / (node.limitA[phase] ?? 1)),
            )
        }
      }
      expect(fullest).toBeGreaterThan(0.75)
    })
  }
})
