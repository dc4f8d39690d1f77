import { expect, test } from 'vitest'
import { DEFAULT_SETTINGS, decide, type LinearModel, openSite } from '../../../profiles/index.ts'
import { Planner, USUAL_SESSION } from '../../../src/energy/planner.ts'
import { meanPrice, priceAt } from '../../../src/energy/prices.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const opened = openSite({
  id: 'depot',
  voltageV: 230,
  root: {
    kind: 'circuit',
    id: 'grid',
    limitA: 63,
    children: [
      {
        kind: 'station',
        id: 'A',
        evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
      },
    ],
  },
})
if (!opened.ok) throw new Error('The site of this test is refused')
const { site } = opened

function input(policy: 'fair' | 'cost' | 'priority') {
  const snapshot = { nowMs: T0, limits: [], baseLoads: [], evses: [], policy, settings: DEFAULT_SETTINGS }
  return {
    nowMs: T0,
    policy,
    limits: [],
    baseLoads: [],
    sessions: [{ key: 'A#1', session: { transactionId: 'tx', startedAtMs: T0 }, deliveredWh: 0 }],
    prices: [],
    usual: USUAL_SESSION,
    decision: decide({ ...snapshot, site }),
  }
}

const fullThrottle = async (model: LinearModel) =>
  Float64Array.from(model.upper, (upper) => Math.min(upper, 32))

test('advice is a weight where the policy shares, and a cap where it waits', async () => {
  const planner = new Planner(site, fullThrottle)
  expect(await planner.advise(input('fair'))).toEqual({ 'A#1': { weight: 32 } })
  expect(await planner.advise(input('cost'))).toEqual({ 'A#1': { capA: 32 } })
})

test('a policy with an order of its own is not advised', async () => {
  expect(await new Planner(site, fullThrottle).advise(input('priority'))).toBeUndefined()
})

test('no answer of the solver is no advice', async () => {
  expect(await new Planner(site, async () => null).advise(input('fair'))).toBeUndefined()
})

test('the limit of the site and the usual stay of a car are in the model', async () => {
  let asked: LinearModel | undefined
  await new Planner(site, async (model) => {
    asked = model
    return null
  }).advise(input('fair'))
  expect(asked?.upper[0]).toBe(32)
  expect(asked?.rows.some((row) => row.upper === 63)).toBe(true)
  const usualAh = USUAL_SESSION.energyWh / 690
  expect(asked?.rows.some((row) => Math.abs(row.upper - usualAh) < 1e-6)).toBe(true)
})

test('prices are known where a slot says so, and averaged over what is known', () => {
  const slots = [
    { from: '2026-11-22T10:00:00Z', to: '2026-11-22T11:00:00Z', pricePerKwh: 0.2 },
    { from: '2026-11-22T11:00:00Z', to: '2026-11-22T12:00:00Z', pricePerKwh: 0.4 },
  ]
  expect(priceAt(slots, T0)).toBe(0.2)
  expect(priceAt(slots, T0 + 7_200_000)).toBeUndefined()
  expect(meanPrice(slots, T0 + 1_800_000, T0 + 5_400_000)).toBeCloseTo(0.3)
  expect(meanPrice(slots, T0 + 7_200_000, T0 + 9_000_000)).toBeUndefined()
})
