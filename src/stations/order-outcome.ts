/** What a station's answer to a call means for the order behind it. Pure. */

import type { CallOutcome } from '../bus/ports.ts'
import type { Action } from '../ocpp/v201/messages.generated.ts'

export interface Step {
  readonly state: 'following' | 'done' | 'failed'
  /** Stable word: the station's status, or ours. */
  readonly outcome: string
  readonly detail?: string
  /** Merged into the order's result. */
  readonly result?: object
}

/** Statuses by which a station agrees, beside `Accepted`. */
const AGREED: { readonly [A in Action]?: readonly string[] } = {
  ChangeAvailability: ['Scheduled'],
  GetBaseReport: ['EmptyResultSet'],
  GetChargingProfiles: ['NoProfiles'],
  GetDisplayMessages: ['Unknown'],
  GetInstalledCertificateIds: ['NotFound'],
  GetLog: ['AcceptedCanceled'],
  GetMonitoringReport: ['EmptyResultSet'],
  GetReport: ['EmptyResultSet'],
  Reset: ['Scheduled'],
  UnlockConnector: ['Unlocked'],
  UnpublishFirmware: ['Unpublished'],
  UpdateFirmware: ['AcceptedCanceled'],
}

/** Of these nothing follows: there is nothing to report. */
const NOTHING_FOLLOWS: ReadonlySet<string> = new Set(['EmptyResultSet', 'NoProfiles', 'Unknown', 'NotFound'])

export function followsNothing(outcome: string): boolean {
  return NOTHING_FOLLOWS.has(outcome)
}

/** The first step: `done` here means that the station agreed; whether more follows is the follower's to say. */
export function answerStep(action: Action, outcome: CallOutcome): Step {
  switch (outcome.kind) {
    case 'answered':
      return answeredStep(action, outcome.payload)
    case 'refused':
      return { state: 'failed', outcome: outcome.code, detail: outcome.description }
    case 'unanswered':
      return { state: 'failed', outcome: outcome.reason }
    case 'withheld':
      return { state: 'failed', outcome: outcome.kind, detail: outcome.reason }
    case 'invalid':
    case 'malformed':
      return { state: 'failed', outcome: outcome.kind, detail: outcome.issues.join('; ') }
    case 'offline':
    case 'busy':
      return { state: 'failed', outcome: outcome.kind }
  }
}

function answeredStep(action: Action, payload: object): Step {
  const statuses = statusesOf(payload)
  if (statuses.length === 0) return { state: 'done', outcome: 'Answered' }
  const agreed = new Set(['Accepted', 'RebootRequired', ...(AGREED[action] ?? [])])
  const good = statuses.filter((status) => agreed.has(status))
  const first = statuses.find((status) => !agreed.has(status)) ?? statuses[0] ?? 'Answered'
  if (good.length === statuses.length) return { state: 'done', outcome: first }
  if (good.length > 0)
    return { state: 'done', outcome: 'Partial', detail: `${good.length} of ${statuses.length}` }
  return { state: 'failed', outcome: first }
}

/** The status of an answer, or those of its results where it has one per item. */
function statusesOf(payload: object): string[] {
  const { status } = payload as { status?: unknown }
  if (typeof status === 'string') return [status]
  const results = Object.values(payload).find((value) => Array.isArray(value))
  if (!Array.isArray(results)) return []
  return results.flatMap((result: { status?: unknown; attributeStatus?: unknown }) => {
    const own = result.status ?? result.attributeStatus
    return typeof own === 'string' ? [own] : []
  })
}
