import type { StationOrder } from '../../store/orders.ts'
import type { components } from '../api.generated.ts'
import { BASE_PATH } from '../base-path.ts'
import type { Operations, Principal } from '../operation.ts'
import { defined, pageOf, pick } from '../pages.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices } from '../services.ts'
import { IMPERSONAL_ACTIONS, seesDrivers } from '../withheld.ts'
import { callProblem, requireCallRole, unchecked } from './calls.ts'
import { requireStation } from './stations.ts'

export type OrderOperations = Pick<Operations, 'createOrder' | 'listOrders' | 'getOrder'>

export function orderOperations(services: ApiServices): OrderOperations {
  const { store } = services
  return {
    createOrder: async ({ path, query, body, principal }) => {
      const { stationId, action } = path
      requireCallRole(principal, action)
      await requireStation(services, stationId)
      const { order, outcome } = await services.orders.place(stationId, action, unchecked(body), {
        actor: principal.name,
        ...(query.deadlineMs !== undefined && { deadlineMs: query.deadlineMs }),
      })
      const audit = {
        action: 'station.order',
        subject: stationId,
        // The order itself keeps the request.
        detail: { action, orderId: order.id, outcome: outcome.kind },
      }
      if (outcome.kind !== 'answered')
        return { problem: callProblem(stationId, action, outcome, { orderId: order.id }), audit }
      if (order.state === 'done' || order.state === 'failed')
        return { status: 200, body: toBody(order, principal), audit }
      return {
        status: 202,
        body: toBody(order, principal),
        headers: { location: `${BASE_PATH}/orders/${order.id}` },
        audit,
      }
    },

    listOrders: async ({ query, principal }) => {
      const { after, state, limit, ...filter } = query
      const page = await pageOf(
        limit,
        (size) =>
          store.orders.list({
            ...defined({ ...filter, before: after, states: state && [state] }),
            limit: size,
          }),
        (last) => last.id,
      )
      return { status: 200, body: { ...page, items: page.items.map((item) => toBody(item, principal)) } }
    },

    getOrder: async ({ path, principal }) => {
      const order = await store.orders.get(path.orderId)
      if (!order)
        throw new ApiProblem('order.unknown', `There is no order "${path.orderId}"; see GET /api/v1/orders.`)
      return { status: 200, body: toBody(order, principal) }
    },
  }
}

function toBody(order: StationOrder, principal: Principal): components['schemas']['StationOrder'] {
  const { request, response, result } = order
  const plain = pick(order, [
    'id',
    'stationId',
    'action',
    'actor',
    'state',
    'outcome',
    'detail',
    'createdAt',
    'updatedAt',
    'expiresAt',
  ])
  if (!seesDrivers(principal) && !IMPERSONAL_ACTIONS.includes(order.action))
    return { ...plain, request: {}, response: null, result: null }
  return {
    ...plain,
    request: { ...request },
    response: response && { ...response },
    result: result && { ...result },
  }
}
