/**
 * How an order goes on after the station agreed: which later message of the station moves it, and when it is given
 * up. A table, one entry per action that has an outcome of its own. Pure.
 */

import type { Action, Requests } from '../ocpp/v201/messages.generated.ts'
import type { StationOrder } from '../store/orders.ts'
import type { Step } from './order-outcome.ts'
import { reportStep } from './order-reports.ts'
import { solicitedAction } from './solicited.ts'

/** A message that the station sent. */
export interface Observation {
  readonly action: Action
  readonly payload: unknown
}

export interface Follower {
  readonly observe: (order: StationOrder, observation: Observation) => Step | undefined
  readonly expiresInS: (order: StationOrder, status: string) => number
  /** How an order ends that nothing more was heard of. */
  readonly onExpiry: (order: StationOrder) => Step
}

const LOST: Step = {
  state: 'failed',
  outcome: 'expired',
  detail: 'The station agreed, but its outcome never came.',
}
const ACCEPTED: Step = { state: 'done', outcome: 'Accepted' }
const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/** Statuses of a walk that ends well or badly. */
function walk(message: Action, good: ReadonlySet<string>, bad: ReadonlySet<string>): Follower['observe'] {
  return (order, { action, payload }) => {
    if (action !== message) return undefined
    const { status, requestId } = payload as { status: string; requestId?: number }
    if (requestId !== undefined && requestId !== order.correlation) return undefined
    const steps = [...((order.result as { steps?: string[] } | null)?.steps ?? []), status].slice(-50)
    const state = good.has(status) ? 'done' : bad.has(status) ? 'failed' : 'following'
    return { state, outcome: status, result: { ...(payload as object), steps } }
  }
}

const report: Follower = {
  observe: (order, { action, payload }) => reportStep(order, action, payload),
  expiresInS: () => 15 * MINUTE,
  onExpiry: () => LOST,
}

function isSameEvse(wanted: { id: number; connectorId?: number } | undefined, payload: unknown): boolean {
  if (wanted === undefined) return true
  const { evseId, connectorId, evse } = payload as {
    evseId?: number
    connectorId?: number
    evse?: { id: number }
  }
  const actual = evseId ?? evse?.id
  if (actual !== undefined && actual !== wanted.id) return false
  return wanted.connectorId === undefined || connectorId === undefined || connectorId === wanted.connectorId
}

/** The availability that a StatusNotification or NotifyEvent reports, if it concerns what was changed. */
function availability(order: StationOrder, { action, payload }: Observation): string | undefined {
  const { evse } = order.request as Requests['ChangeAvailability']
  if (action === 'StatusNotification') {
    const status = payload as Requests['StatusNotification']
    return isSameEvse(evse, status) ? status.connectorStatus : undefined
  }
  if (action !== 'NotifyEvent') return undefined
  const { eventData } = payload as Requests['NotifyEvent']
  return eventData.find(
    ({ component, variable }) =>
      variable.name === 'AvailabilityState' && (evse === undefined || component.evse?.id === evse.id),
  )?.actualValue
}

function ended(payload: unknown, match: (event: Requests['TransactionEvent']) => boolean): Step | undefined {
  const event = payload as Requests['TransactionEvent']
  if (!match(event)) return undefined
  const { transactionId, stoppedReason } = event.transactionInfo
  if (event.eventType !== 'Ended') return { state: 'following', outcome: event.triggerReason }
  return { state: 'done', outcome: 'Ended', result: { transactionId, stoppedReason: stoppedReason ?? null } }
}

export const FOLLOWERS: { readonly [A in Action]?: Follower } = {
  GetBaseReport: report,
  GetReport: report,
  GetMonitoringReport: report,
  GetChargingProfiles: report,
  GetDisplayMessages: report,
  CustomerInformation: {
    ...report,
    // Clearing without a report may be confirmed by a notification, or may not (N10).
    onExpiry: (order) => ((order.request as Requests['CustomerInformation']).report ? LOST : ACCEPTED),
  },
  GetLog: {
    observe: walk(
      'LogStatusNotification',
      new Set(['Uploaded']),
      new Set([
        'BadMessage',
        'NotSupportedOperation',
        'PermissionDenied',
        'UploadFailure',
        'AcceptedCanceled',
      ]),
    ),
    expiresInS: () => 6 * HOUR,
    onExpiry: () => LOST,
  },
  UpdateFirmware: {
    observe: walk(
      'FirmwareStatusNotification',
      new Set(['Installed']),
      new Set(['DownloadFailed', 'InstallationFailed', 'InstallVerificationFailed', 'InvalidSignature']),
    ),
    expiresInS: () => 7 * DAY,
    onExpiry: () => LOST,
  },
  PublishFirmware: {
    observe: walk(
      'PublishFirmwareStatusNotification',
      new Set(['Published']),
      new Set(['DownloadFailed', 'InvalidChecksum', 'PublishFailed']),
    ),
    expiresInS: () => DAY,
    onExpiry: () => LOST,
  },
  Reset: {
    observe(order, { action, payload }) {
      const { evseId } = order.request as Requests['Reset']
      if (evseId !== undefined) {
        if (action !== 'StatusNotification' || !isSameEvse({ id: evseId }, payload)) return undefined
        const { connectorStatus } = payload as Requests['StatusNotification']
        return { state: 'done', outcome: connectorStatus }
      }
      if (action !== 'BootNotification') return undefined
      return {
        state: 'done',
        outcome: 'Rebooted',
        result: { reason: (payload as Requests['BootNotification']).reason },
      }
    },
    // A scheduled reset waits for the end of the transactions.
    expiresInS: (_order, status) => (status === 'Scheduled' ? 7 * DAY : 15 * MINUTE),
    onExpiry: () => LOST,
  },
  TriggerMessage: {
    observe(order, { action, payload }) {
      const { evse } = order.request as Requests['TriggerMessage']
      if (solicitedAction('TriggerMessage', order.request) !== action || !isSameEvse(evse, payload))
        return undefined
      return { state: 'done', outcome: 'Received' }
    },
    expiresInS: () => 5 * MINUTE,
    onExpiry: () => LOST,
  },
  RequestStartTransaction: {
    observe(order, { action, payload }) {
      if (action !== 'TransactionEvent') return undefined
      const { transactionInfo, evse } = payload as Requests['TransactionEvent']
      if (transactionInfo.remoteStartId !== order.correlation) return undefined
      const { transactionId } = transactionInfo
      return { state: 'done', outcome: 'Started', result: { transactionId, evseId: evse?.id ?? null } }
    },
    // The driver has until EVConnectionTimeOut to plug in.
    expiresInS: () => HOUR,
    onExpiry: () => ({ ...LOST, detail: 'No transaction with this remoteStartId was reported.' }),
  },
  RequestStopTransaction: {
    observe(order, { action, payload }) {
      if (action !== 'TransactionEvent') return undefined
      const wanted = (order.request as Requests['RequestStopTransaction']).transactionId
      return ended(payload, (event) => event.transactionInfo.transactionId === wanted)
    },
    // With TxStopPoint EVConnected the transaction ends when the driver unplugs.
    expiresInS: () => DAY,
    onExpiry: () => LOST,
  },
  ChangeAvailability: {
    observe(order, observation) {
      const status = availability(order, observation)
      if (status === undefined) return undefined
      const { operationalStatus } = order.request as Requests['ChangeAvailability']
      const isReached = (status === 'Unavailable') === (operationalStatus === 'Inoperative')
      return isReached ? { state: 'done', outcome: status } : undefined
    },
    expiresInS: (_order, status) => (status === 'Scheduled' ? 7 * DAY : MINUTE),
    // A station that was in this state already has nothing to notify (G03).
    onExpiry: () => ACCEPTED,
  },
  ReserveNow: {
    observe(order, { action, payload }) {
      if (action === 'ReservationStatusUpdate') {
        const { reservationId, reservationUpdateStatus } = payload as Requests['ReservationStatusUpdate']
        if (reservationId !== order.correlation) return undefined
        return {
          state: reservationUpdateStatus === 'Removed' ? 'failed' : 'done',
          outcome: reservationUpdateStatus,
        }
      }
      if (action !== 'TransactionEvent') return undefined
      const { reservationId, transactionInfo } = payload as Requests['TransactionEvent']
      if (reservationId !== order.correlation) return undefined
      return { state: 'done', outcome: 'Used', result: { transactionId: transactionInfo.transactionId } }
    },
    expiresInS: () => 30 * DAY,
    onExpiry: () => ({ state: 'done', outcome: 'Expired' }),
  },
}
