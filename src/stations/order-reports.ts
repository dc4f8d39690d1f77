/** Orders whose outcome is a report in parts (B07, B08, K09, N02, N09, O03): complete when the last part is there. */

import type { Action, Requests } from '../ocpp/v201/messages.generated.ts'
import type { StationOrder } from '../store/orders.ts'
import type { Step } from './order-outcome.ts'

interface Part {
  readonly requestId: number
  /** Undefined where the message has none: its parts come in order. */
  readonly seqNo: number | undefined
  readonly isLast: boolean
  readonly items: readonly unknown[]
}

/** Items beyond this are counted, not kept: the events of the station hold every part anyway. */
const MAX_ITEMS = 2000

export const REPORT_OF: { readonly [A in Action]?: Action } = {
  GetBaseReport: 'NotifyReport',
  GetReport: 'NotifyReport',
  GetMonitoringReport: 'NotifyMonitoringReport',
  GetChargingProfiles: 'ReportChargingProfiles',
  GetDisplayMessages: 'NotifyDisplayMessages',
  CustomerInformation: 'NotifyCustomerInformation',
}

function partOf(action: Action, payload: unknown): Part | undefined {
  switch (action) {
    case 'NotifyReport': {
      // The device model keeps the contents.
      const { requestId, seqNo, tbc } = payload as Requests['NotifyReport']
      return { requestId, seqNo, isLast: tbc !== true, items: [] }
    }
    case 'NotifyMonitoringReport': {
      const { requestId, seqNo, tbc, monitor = [] } = payload as Requests['NotifyMonitoringReport']
      return { requestId, seqNo, isLast: tbc !== true, items: monitor }
    }
    case 'NotifyCustomerInformation': {
      const { requestId, seqNo, tbc, data } = payload as Requests['NotifyCustomerInformation']
      return { requestId, seqNo, isLast: tbc !== true, items: [data] }
    }
    case 'NotifyDisplayMessages': {
      const { requestId, tbc, messageInfo = [] } = payload as Requests['NotifyDisplayMessages']
      return { requestId, seqNo: undefined, isLast: tbc !== true, items: messageInfo }
    }
    case 'ReportChargingProfiles': {
      const { requestId, tbc, evseId, chargingLimitSource, chargingProfile } =
        payload as Requests['ReportChargingProfiles']
      const items = chargingProfile.map((profile) => ({ evseId, chargingLimitSource, profile }))
      return { requestId, seqNo: undefined, isLast: tbc !== true, items }
    }
    default:
      return undefined
  }
}

export interface ReportResult {
  readonly parts: readonly number[]
  /** Sequence number of the last part, once it has come. */
  readonly lastPart: number | null
  readonly items: readonly unknown[]
  readonly itemCount: number
}

const NO_PARTS: ReportResult = { parts: [], lastPart: null, items: [], itemCount: 0 }

/** Undefined where the message is not a part of this order's report. Parts may be repeated and out of order. */
export function reportStep(order: StationOrder, action: Action, payload: unknown): Step | undefined {
  if (REPORT_OF[order.action] !== action) return undefined
  const part = partOf(action, payload)
  if (part === undefined || part.requestId !== order.correlation) return undefined
  const known = (order.result as ReportResult | null) ?? NO_PARTS
  const seqNo = part.seqNo ?? known.parts.length
  if (known.parts.includes(seqNo)) return { state: 'following', outcome: 'Reporting' }
  const parts = [...known.parts, seqNo].sort((a, b) => a - b)
  const lastPart = part.isLast ? seqNo : known.lastPart
  const result: ReportResult = {
    parts,
    lastPart,
    items: [...known.items, ...part.items].slice(0, MAX_ITEMS),
    itemCount: known.itemCount + part.items.length,
  }
  const isComplete = lastPart !== null && parts.length === lastPart - (parts[0] ?? 0) + 1
  return { state: isComplete ? 'done' : 'following', outcome: isComplete ? 'Reported' : 'Reporting', result }
}
