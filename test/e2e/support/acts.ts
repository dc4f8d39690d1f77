/**
 * Acts of an operator as cases of OCPP 2.0.1 part 6 describe them: the CSMS sends a message, the station answers,
 * and messages that follow bring the outcome.
 */

import { expect, it } from 'vitest'
import type { Action, Requests } from '../../../src/ocpp/v201/messages.generated.ts'
import type { StationOrder } from '../../../src/store/orders.ts'
import type { TestService } from './ocpp-service.ts'

/** What the order gave as its requestId, remoteStartId or reservation id. */
type Correlated = number | null

export interface Act<A extends Action = Action> {
  /** Id of the case in part 6, then what it is about. */
  readonly title: string
  readonly action: A
  /** Numbers by which messages refer to each other are left out: Gridkeep fills them in. */
  readonly request: object
  /** The station's answer. */
  readonly answer: object
  /** State of the order after the answer. */
  readonly leaves: readonly [StationOrder['state'], string]
  /** What the station sends afterwards, each with the state that the order has then. */
  readonly follow?: readonly {
    readonly action: Action
    readonly payload: object | ((correlation: Correlated) => object)
    readonly leaves?: readonly [StationOrder['state'], string]
  }[]
}

/** The id of the case is the name of the station. */
export function stationOf(title: string): string {
  return title.split(':')[0] ?? title
}

export async function play(service: TestService, act: Act): Promise<StationOrder> {
  const stationId = stationOf(act.title)
  const station = await service.booted(stationId)
  station.answer((action) => (action === act.action ? act.answer : undefined))
  const { order } = await service.server.orders.place(
    stationId,
    act.action,
    act.request as Requests[Action],
    { actor: 'test' },
  )
  const calls = station.received.filter((message) => message[0] === 2 && message[2] === act.action)
  expect(calls).toHaveLength(1)
  expect(calls[0]?.[3]).toMatchObject(act.request)
  expect([order.state, order.outcome]).toEqual(act.leaves)
  for (const { action, payload, leaves } of act.follow ?? []) {
    const body = typeof payload === 'function' ? payload(order.correlation) : payload
    await station.ok(action, body)
    if (leaves === undefined) continue
    const current = await service.server.orders.get(order.id)
    expect([current?.state, current?.outcome]).toEqual(leaves)
  }
  await station.close()
  return (await service.server.orders.get(order.id)) ?? order
}

/* What the cases have in common. */

export const AT = '2026-03-01T10:00:00Z'
export const LATER = '2026-03-01T12:00:00Z'
export const idToken = { idToken: 'AABBCCDD', type: 'ISO14443' }
export const groupIdToken = { idToken: 'GROUP1', type: 'Central' }
export const evse = { id: 1 }
export const connector = { id: 1, connectorId: 1 }
export const accepted = { status: 'Accepted' }
export const rejected = { status: 'Rejected' }
export const done = ['done', 'Accepted'] as const
export const following = ['following', 'Accepted'] as const

export const status = (connectorStatus: string, evseId = 1, connectorId = 1) => ({
  action: 'StatusNotification' as const,
  payload: { timestamp: AT, connectorStatus, evseId, connectorId },
})
export const availability = (
  actualValue: string,
  name = 'Connector',
  place: object | undefined = connector,
) => ({
  action: 'NotifyEvent' as const,
  payload: {
    generatedAt: AT,
    seqNo: 0,
    eventData: [
      {
        eventId: 1,
        timestamp: AT,
        trigger: 'Delta',
        actualValue,
        eventNotificationType: 'HardWiredNotification',
        component: { name, ...(place === undefined ? {} : { evse: place }) },
        variable: { name: 'AvailabilityState' },
      },
    ],
  },
})
export const boot = (reason: string) => ({
  action: 'BootNotification' as const,
  payload: { reason, chargingStation: { model: 'M1', vendorName: 'Acme' } },
})
export const transaction = (
  eventType: string,
  triggerReason: string,
  info: object = {},
  more: object = {},
) => ({
  action: 'TransactionEvent' as const,
  payload: (correlation: number | null) => ({
    eventType,
    timestamp: AT,
    triggerReason,
    seqNo: eventType === 'Started' ? 0 : eventType === 'Updated' ? 1 : 2,
    transactionInfo: {
      transactionId: 'TX',
      ...info,
      ...(triggerReason === 'RemoteStart' ? { remoteStartId: correlation } : {}),
    },
    evse: connector,
    ...more,
  }),
})

/** One test per act, against a service of their own. */
export function checkActs(acts: readonly Act[], service: () => TestService): void {
  it.each(acts.map((act) => [act.title, act] as const))('%s', async (_title, act) => {
    await play(service(), act)
  })
}
