import { expect, it } from 'vitest'
import {
  constantEnvelope,
  decide,
  type LimitInput,
  openSite,
  otherwise,
  type Site,
} from '../../profiles/index.ts'
import { SiteSimulator } from './site-simulator.ts'

/** Two circuits of two sockets each. */
function depot(gridA: number, garageA: number): Site {
  const circuit = (id: string, limitA: number) => ({
    kind: 'circuit' as const,
    id,
    limitA,
    children: [1, 2].map((k) => ({
      kind: 'station' as const,
      id: `${id}-${k}`,
      evses: [{ evseId: 1, supply: { kind: 'ac' as const, rotation: [1, 2, 3] as const, maxA: 32 } }],
    })),
  })
  const opened = openSite({
    id: 'depot',
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: gridA,
      children: [circuit('garage', garageA), circuit('yard', 60)],
    },
  })
  if (!opened.ok) throw new Error('The site of this test is refused')
  return opened.site
}

function settled(site: Site, limits: readonly LimitInput[]): SiteSimulator {
  const simulator = new SiteSimulator(site)
  simulator.limits = [...limits]
  for (const { key } of site.evses) simulator.plug(key, { transactionId: `tx-${key}`, maxA: [32, 32, 32] })
  for (let k = 0; k < 60; k++) {
    simulator.decide(() => ({ delayMs: 200, outcome: 'accepted' }))
    simulator.advance(500)
  }
  return simulator
}

function grantOf(simulator: SiteSimulator, key: string) {
  const grant = simulator.last?.grants.find((one) => one.key === key)
  if (!grant) throw new Error(`Nothing was decided for ${key}`)
  return grant
}

function ask(simulator: SiteSimulator, key: string) {
  const snapshot = simulator.snapshot()
  return otherwise(snapshot, decide(snapshot), key)
}

const cut: LimitInput = {
  sourceId: 'evening',
  origin: 'operator',
  setBy: 'anna',
  target: 'garage',
  unit: 'A',
  envelope: constantEnvelope(16),
}

it('says what a car would get without the limit that an operator set: what it gets when the operator lifts it', () => {
  const bound = settled(depot(100, 40), [cut])
  const key = 'garage-1#1'
  expect(grantOf(bound, key).limitA).toBeCloseTo(8, 1)
  expect(grantOf(bound, key).explanation.source).toMatchObject({ sourceId: 'evening', setBy: 'anna' })
  const answer = ask(bound, key)
  expect(answer?.limitA).toBeCloseTo(grantOf(settled(depot(100, 40), []), key).limitA, 1)
  // The fuse of the garage is the next to bind.
  expect(answer?.explanation).toMatchObject({ code: 'node-limit', row: { nodeId: 'garage', limit: 40 } })
})

it('says what a car would get with a larger fuse, and which one binds then', () => {
  const bound = settled(depot(90, 40), [])
  const key = 'garage-1#1'
  expect(grantOf(bound, key).explanation.row).toMatchObject({ nodeId: 'garage' })
  const answer = ask(bound, key)
  expect(answer?.limitA).toBeCloseTo(grantOf(settled(depot(90, 10_000), []), key).limitA, 1)
  expect(answer?.explanation.row).toMatchObject({ nodeId: 'grid', limit: 90 })
})

it('knows a cap of the EVSE itself, and says nothing where nothing can be lifted', () => {
  const key = 'yard-1#1'
  const capped = settled(depot(200, 40), [{ ...cut, target: key, envelope: constantEnvelope(10) }])
  expect(grantOf(capped, key)).toMatchObject({ limitA: 10, explanation: { code: 'evse-limit' } })
  expect(ask(capped, key)?.limitA).toBeCloseTo(30, 1)
  const free = settled(depot(500, 500), [])
  expect(grantOf(free, 'garage-1#1').explanation.code).toBe('own-maximum')
  expect(ask(free, 'garage-1#1')).toBeNull()
  expect(ask(free, 'nowhere#1')).toBeNull()
})

it('names who waits for whom: without the cut the one that waits for its turn charges', () => {
  const bound = settled(depot(100, 40), [{ ...cut, envelope: constantEnvelope(7) }])
  const waiting = bound.last?.grants.find((one) => one.explanation.code === 'waiting-for-turn')
  if (!waiting) throw new Error('Two cars do not fit into 7 A')
  expect(waiting.limitA).toBe(0)
  expect(ask(bound, waiting.key)?.limitA).toBeCloseTo(20, 1)
})
