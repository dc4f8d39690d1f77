import { pino } from 'pino'
import { beforeEach, describe, expect, it } from 'vitest'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { CallOutcome, StationBus } from '../../../src/bus/ports.ts'
import type { Action, Requests } from '../../../src/ocpp/v201/messages.generated.ts'
import { answerStep } from '../../../src/stations/order-outcome.ts'
import { createOrders, type Orders } from '../../../src/stations/orders.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

let nowMs: number
let outcome: CallOutcome
let sent: string[]
let orders: Orders
const store = createSqliteStore(':memory:')
const bus: StationBus = {
  call: async (_stationId, action) => {
    sent.push(action)
    return outcome as never
  },
  isOnline: () => true,
  onlineStations: () => [],
  disconnect: () => {},
}
beforeEach(() => {
  nowMs = Date.parse('2026-03-01T10:00:00Z')
  outcome = { kind: 'answered', payload: { status: 'Accepted' } as never }
  sent = []
  orders = createOrders({
    store: store.orders,
    bus,
    hub: createEventHub(() => {}),
    clock: { now: () => nowMs },
    log: pino({ level: 'silent' }),
  })
})

async function place<A extends Action>(action: A, request: object) {
  return (await orders.place('S', action, request as Requests[A], { actor: 'test' })).order
}

describe('an order whose outcome never comes', () => {
  const MINUTE = 60_000

  it.each([
    ['a log', 'GetLog', { logType: 'SecurityLog', log: {} }, 361 * MINUTE, 'failed', 'expired'],
    ['a report', 'GetBaseReport', { reportBase: 'FullInventory' }, 16 * MINUTE, 'failed', 'expired'],
    ['a reset', 'Reset', { type: 'OnIdle' }, 16 * MINUTE, 'failed', 'expired'],
    [
      'an availability that was so already',
      'ChangeAvailability',
      { operationalStatus: 'Operative' },
      2 * MINUTE,
      'done',
      'Accepted',
    ],
    [
      'a customer who was cleared without a word',
      'CustomerInformation',
      { report: false, clear: true },
      16 * MINUTE,
      'done',
      'Accepted',
    ],
    [
      'a customer report',
      'CustomerInformation',
      { report: true, clear: false },
      16 * MINUTE,
      'failed',
      'expired',
    ],
    ['a reservation', 'ReserveNow', {}, 31 * 24 * 60 * MINUTE, 'done', 'Expired'],
  ] as const)(
    '%s is given up in time, and not before',
    async (_what, action, request, afterMs, state, word) => {
      const order = await place(action, request)
      expect(order.state).toBe('following')
      await orders.expire()
      expect((await orders.get(order.id))?.state).toBe('following')
      nowMs += afterMs
      await orders.expire()
      expect(await orders.get(order.id)).toMatchObject({ state, outcome: word, expiresAt: null })
      expect(orders.follows('S')).toBe(false)
    },
  )

  it('waits longer for a reset that was scheduled', async () => {
    outcome = { kind: 'answered', payload: { status: 'Scheduled' } as never }
    const order = await place('Reset', { type: 'OnIdle' })
    nowMs += 24 * 60 * MINUTE
    await orders.expire()
    expect((await orders.get(order.id))?.state).toBe('following')
  })
})

describe('open orders of one station', () => {
  it('are bounded: what is beyond is not sent', async () => {
    for (let i = 0; i < 100; i++) await place('GetLog', { logType: 'SecurityLog', log: {} })
    const { order, outcome: last } = await orders.place('S', 'ClearCache', {}, { actor: 'test' })
    expect(last).toEqual({ kind: 'busy' })
    expect(order).toMatchObject({ state: 'failed', outcome: 'busy' })
    expect(sent).not.toContain('ClearCache')
  })

  it('have numbers of their own', async () => {
    const numbers = new Set<number | null>()
    for (let i = 0; i < 20; i++)
      numbers.add((await place('GetLog', { logType: 'SecurityLog', log: {} })).correlation)
    expect(numbers.size).toBe(20)
  })

  it('that were being sent when the service stopped are told apart from those that were followed', async () => {
    const followed = await place('GetLog', { logType: 'SecurityLog', log: {} })
    await store.orders.put({ ...followed, id: 'interrupted', state: 'sending' })
    const again = createOrders({
      store: store.orders,
      bus,
      hub: createEventHub(() => {}),
      clock: { now: () => nowMs },
      log: pino({ level: 'silent' }),
    })
    await again.start()
    again.stop()
    expect(await again.get('interrupted')).toMatchObject({ state: 'failed', outcome: 'interrupted' })
    expect(again.follows('S')).toBe(true)
  })
})

describe('what an answer means', () => {
  it.each([
    ['offline', { kind: 'offline' }, 'failed', 'offline'],
    [
      'a refusal',
      { kind: 'refused', code: 'NotSupported', description: 'no', details: {} },
      'failed',
      'NotSupported',
    ],
    ['a deadline', { kind: 'unanswered', reason: 'deadline' }, 'failed', 'deadline'],
    ['a rejected station', { kind: 'withheld', reason: 'rejected' }, 'failed', 'withheld'],
  ] as const)('%s fails an order', (_what, kind, state, word) => {
    expect(answerStep('ClearCache', kind)).toMatchObject({ state, outcome: word })
  })

  it.each([
    [['Accepted', 'Accepted'], 'done', 'Accepted'],
    [['Accepted', 'Rejected'], 'done', 'Partial'],
    [['Rejected', 'UnknownVariable'], 'failed', 'Rejected'],
  ] as const)('results of %s are told as a whole', (statuses, state, word) => {
    const payload = { setVariableResult: statuses.map((attributeStatus) => ({ attributeStatus })) } as never
    expect(answerStep('SetVariables', { kind: 'answered', payload })).toMatchObject({ state, outcome: word })
  })
})
