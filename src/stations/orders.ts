/**
 * Orders: what an operator asked of a station, from the call to its outcome. The call goes out at once or not at all
 * (nothing is queued for an offline station); the outcome may come minutes or days later, after restarts of either
 * side, and is followed by the messages of the station.
 */

import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { CallOutcome, EventHub, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Action, IdTokenType, Requests } from '../ocpp/v201/messages.generated.ts'
import type { OrderStore, StationOrder } from '../store/orders.ts'
import { FOLLOWERS, type Observation } from './order-followers.ts'
import { answerStep, followsNothing, type Step } from './order-outcome.ts'
import { correlated, redactedRequest } from './order-request.ts'

/** Who places orders that no operator asked for. */
export const POLICY_ACTOR = 'policy'

const SWEEP_MS = 10_000
const SWEEPS_PER_PRUNE = 360
/** How long a token of a remote start is good. */
const REMOTE_START_MS = 86_400_000
const RETENTION_MS = 90 * 86_400_000
/** Open orders of one station: an operator's script gone wild must not fill memory. */
const MAX_OPEN = 100
/** Messages that arrive before the answer to the call that caused them. */
const MAX_EARLY = 20

export interface PlacedOrder {
  readonly order: StationOrder
  /** What became of the call itself. */
  readonly outcome: CallOutcome
}

export interface Orders {
  /** Takes up the orders that were open when the service stopped. */
  start(): Promise<void>
  stop(): void
  /** Gives up orders whose outcome never came; called by a timer as well. */
  expire(): Promise<void>
  /**
   * Calls the station and opens the order. A missing requestId, remoteStartId, reservation id is filled in.
   * Resolves with the answer to the call; what follows is in the store and on the hub (`order.updated`).
   */
  place<A extends Action>(
    stationId: string,
    action: A,
    request: Requests[A],
    options: { actor: string; deadlineMs?: number },
  ): Promise<PlacedOrder>
  /** Whether orders of this station are open: cheap, asked for every message. */
  follows(stationId: string): boolean
  /** A message of the station was stored: moves the orders that wait for it. Never rejects. */
  observe(stationId: string, observation: Observation): Promise<void>
  /** Whether an accepted remote start of the last day used this token (C05). */
  startedRemotely(stationId: string, idToken: IdTokenType): Promise<boolean>
  get(id: string): Promise<StationOrder | undefined>
  list: OrderStore['list']
}

interface Open {
  order: StationOrder
  /** Not undefined while the call is on its way. */
  early: Observation[] | undefined
}

export function createOrders(options: {
  store: OrderStore
  bus: StationBus
  hub: EventHub
  clock: Clock
  log: Logger
}): Orders {
  const { store, bus, hub, clock, log } = options
  const open = new Map<string, Open[]>()
  let timer: NodeJS.Timeout | undefined
  let lastNumber = 0
  let sweeps = 0

  const isoNow = () => new Date(clock.now()).toISOString()

  /** Increasing over restarts as well, and within the integers of OCPP for a century. */
  function nextNumber(): number {
    lastNumber = Math.max(lastNumber + 1, Math.floor(clock.now() / 1000) - 1_700_000_000)
    return lastNumber
  }

  async function save(order: StationOrder): Promise<void> {
    await store.put(order)
    const { id: orderId, stationId, action, state, outcome, updatedAt: at } = order
    hub.publish({ kind: 'order.updated', orderId, stationId, action, state, outcome, at })
  }

  function remember(order: StationOrder, early: Observation[] | undefined): Open {
    const entry: Open = { order, early }
    const list = open.get(order.stationId)
    if (list === undefined) open.set(order.stationId, [entry])
    else list.push(entry)
    return entry
  }

  function forget(entry: Open): void {
    const list = open.get(entry.order.stationId)?.filter((other) => other !== entry) ?? []
    if (list.length === 0) open.delete(entry.order.stationId)
    else open.set(entry.order.stationId, list)
  }

  async function take(entry: Open, step: Step, change: Partial<StationOrder> = {}): Promise<void> {
    const { state, outcome, detail = null, result } = step
    entry.order = {
      ...entry.order,
      ...change,
      state,
      outcome,
      detail,
      result: result === undefined ? entry.order.result : { ...entry.order.result, ...result },
      updatedAt: isoNow(),
      ...(state === 'following' ? {} : { expiresAt: null }),
    }
    if (state !== 'following') forget(entry)
    await save(entry.order)
  }

  /** The answer has come: either that was all, or the follower takes over. */
  async function answered(entry: Open, outcome: CallOutcome): Promise<void> {
    const step = answerStep(entry.order.action, outcome)
    const response = outcome.kind === 'answered' ? outcome.payload : null
    const early = entry.early ?? []
    entry.early = undefined
    const follower = FOLLOWERS[entry.order.action]
    const isFollowed = step.state === 'done' && follower !== undefined && !followsNothing(step.outcome)
    if (!isFollowed) {
      await take(entry, step, { response })
      if (step.state === 'done') await supersede(entry.order)
      return
    }
    const expiresAt = new Date(
      clock.now() + follower.expiresInS(entry.order, step.outcome) * 1000,
    ).toISOString()
    await take(entry, { ...step, state: 'following' }, { response, expiresAt })
    await supersede(entry.order)
    for (const observation of early) await move(entry, observation)
  }

  /** Orders that this one ends: a cancelled reservation, an update or upload that was cancelled for a new one. */
  async function supersede(order: StationOrder): Promise<void> {
    for (const other of [...(open.get(order.stationId) ?? [])]) {
      if (other.order.id === order.id || other.order.state !== 'following') continue
      const isCancelled =
        order.action === 'CancelReservation' &&
        other.order.action === 'ReserveNow' &&
        other.order.correlation === (order.request as Requests['CancelReservation']).reservationId
      const isReplaced = order.outcome === 'AcceptedCanceled' && other.order.action === order.action
      if (isCancelled) await take(other, { state: 'done', outcome: 'Cancelled' })
      else if (isReplaced) await take(other, { state: 'failed', outcome: 'AcceptedCanceled' })
    }
  }

  async function move(entry: Open, observation: Observation): Promise<void> {
    if (entry.order.state !== 'following') return
    const step = FOLLOWERS[entry.order.action]?.observe(entry.order, observation)
    if (step !== undefined) await take(entry, step)
  }

  async function expire(): Promise<void> {
    const now = isoNow()
    for (const entry of [...open.values()].flat()) {
      const { expiresAt, action } = entry.order
      const follower = FOLLOWERS[action]
      if (expiresAt !== null && expiresAt <= now && follower !== undefined)
        await take(entry, follower.onExpiry(entry.order))
    }
    sweeps = (sweeps + 1) % SWEEPS_PER_PRUNE
    if (sweeps === 1) await store.prune(new Date(clock.now() - RETENTION_MS).toISOString())
  }

  return {
    async start() {
      const left = await store.list({ states: ['sending', 'following'], limit: 10_000 })
      for (const order of left) {
        const entry = remember(order, undefined)
        if (order.state === 'sending')
          await take(entry, {
            state: 'failed',
            outcome: 'interrupted',
            detail: 'The service stopped during the call.',
          })
      }
      timer = setInterval(() => {
        expire().catch((error: unknown) => log.error({ err: error }, 'expired orders could not be closed'))
      }, SWEEP_MS)
      timer.unref()
    },

    stop: () => clearInterval(timer),
    expire,

    async place(stationId, action, request, { actor, deadlineMs }) {
      const { request: complete, correlation } = correlated(action, request, nextNumber)
      const at = isoNow()
      const order: StationOrder = {
        id: randomUUID(),
        stationId,
        action,
        request: redactedRequest(action, complete),
        actor,
        state: 'sending',
        outcome: null,
        detail: null,
        response: null,
        result: null,
        correlation,
        createdAt: at,
        updatedAt: at,
        expiresAt: null,
      }
      const isFull = (open.get(stationId)?.length ?? 0) >= MAX_OPEN
      const entry = remember(order, [])
      await save(order)
      const outcome: CallOutcome = isFull
        ? { kind: 'busy' }
        : await bus.call(stationId, action, complete, {
            urgent: actor !== POLICY_ACTOR,
            ...(deadlineMs !== undefined && { deadlineMs }),
          })
      await answered(entry, outcome)
      return { order: entry.order, outcome }
    },

    follows: (stationId) => open.has(stationId),

    async observe(stationId, observation) {
      for (const entry of [...(open.get(stationId) ?? [])]) {
        if (entry.early !== undefined) {
          if (entry.early.length < MAX_EARLY) entry.early.push(observation)
          continue
        }
        try {
          await move(entry, observation)
        } catch (error) {
          log.error({ err: error, stationId, orderId: entry.order.id }, 'an order could not be moved on')
        }
      }
    },

    async startedRemotely(stationId, idToken) {
      const starts = await store.list({ stationId, action: 'RequestStartTransaction', limit: 20 })
      const since = new Date(clock.now() - REMOTE_START_MS).toISOString()
      return starts.some(({ state, request, createdAt }) => {
        const given = (request as Partial<Requests['RequestStartTransaction']>).idToken
        const isSame =
          given?.type === idToken.type && given.idToken.toLowerCase() === idToken.idToken.toLowerCase()
        return isSame && state !== 'failed' && createdAt >= since
      })
    },

    get: (id) => store.get(id),
    list: (filter) => store.list(filter),
  }
}
