import { expect, test } from 'vitest'
import {
  DEFAULT_DEVICE,
  DEFAULT_SETTINGS,
  EMPTY_SLOTS,
  type LinearModel,
  PLAN_POLICIES,
  type PolicyName,
  type Snapshot,
} from '../../../profiles/index.ts'
import { Planner, type PlannerInput, USUAL_SESSION } from '../../../src/energy/planner.ts'
import { meanPrice, type PriceSlot, priceAt } from '../../../src/energy/prices.ts'
import { socketSite } from '../../support/sites.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const site = socketSite(63, ['A'])

const PRICES = [
  { from: '2026-11-22T10:00:00Z', to: '2026-11-22T14:00:00Z', pricePerKwh: 0.2 },
  { from: '2026-11-22T14:00:00Z', to: '2026-11-22T22:00:00Z', pricePerKwh: 0.4 },
]
const TOLD = { departureMs: T0 + 4 * 3_600_000, remainingWh: 10_000 }

function input(
  policy: PolicyName,
  over: { readonly prices?: readonly PriceSlot[]; readonly told?: Partial<typeof TOLD> } = {},
): PlannerInput {
  const evse = {
    key: 'A#1',
    link: 'connected' as const,
    session: { transactionId: 'tx', startedAtMs: T0, ...(over.told ?? TOLD) },
    measured: null,
    slots: EMPTY_SLOTS,
    device: DEFAULT_DEVICE,
  }
  const snapshot: Snapshot = {
    nowMs: T0,
    limits: [],
    baseLoads: [],
    evses: [evse],
    policy,
    settings: DEFAULT_SETTINGS,
    site,
  }
  return { snapshot, deliveredWh: new Map(), prices: over.prices ?? [], usual: USUAL_SESSION }
}

const fullThrottle = async (model: LinearModel) =>
  Float64Array.from(model.upper, (upper) => Math.min(upper, 32))

test('advice is whom to serve first where the policy shares, and a cap where it waits', async () => {
  const planner = new Planner(fullThrottle)
  expect(await planner.advise(input('fair'))).toEqual({ 'A#1': { firstA: expect.closeTo(32) } })
  const cost = await planner.advise(input('cost', { prices: PRICES }))
  expect(cost).toEqual({ 'A#1': { firstA: expect.closeTo(32), capA: expect.closeTo(32) } })
})

test('nothing is planned where nobody told anything, or where there is no price to wait for', async () => {
  const planner = new Planner(fullThrottle)
  const unknown = input('fair', { told: {} })
  expect(await planner.advise(unknown)).toBeUndefined()
  expect(planner.outlook(unknown).slotsA).toBeNull()
  expect(await planner.advise(input('fair', { told: { departureMs: TOLD.departureMs } }))).toBeUndefined()
  expect(await planner.advise(input('cost'))).toBeUndefined()
})

test('a car whose plan falls short of what it wants is not told to let others go first', async () => {
  const nothingNow = async (model: LinearModel) => new Float64Array(model.upper.length)
  expect(await new Planner(nothingNow).advise(input('fair'))).toEqual({})
})

test('a policy with an order of its own is not advised', async () => {
  expect(await new Planner(fullThrottle).advise(input('priority'))).toBeUndefined()
})

test('no answer of the solver is no advice', async () => {
  expect(await new Planner(async () => null).advise(input('fair'))).toBeUndefined()
})

test('the limit of the site and the usual stay of a car are in the model', async () => {
  let asked: LinearModel | undefined
  await new Planner(async (model) => {
    asked = model
    return null
  }).advise(input('cost', { prices: PRICES, told: {} }))
  expect(asked?.upper[0]).toBe(32)
  expect(asked?.rows.some((row) => Math.abs(row.upper - 63 * PLAN_POLICIES.cost.laterShare) < 1e-6)).toBe(
    true,
  )
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
