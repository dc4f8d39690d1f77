/** One OCPP call to a station, and the one place that maps its outcome to HTTP. */

import type { CallOutcome } from '../../bus/ports.ts'
import type { Action, Requests } from '../../ocpp/v201/messages.generated.ts'
import { redactedRequest } from '../../stations/order-request.ts'
import type { Role } from '../../store/access.ts'
import { requireRole } from '../auth.ts'
import type { Operations, Principal } from '../operation.ts'
import type { ProblemExtras } from '../problems.ts'
import { ApiProblem, invalid } from '../problems.ts'
import type { ApiServices } from '../services.ts'
import { requireStation } from './stations.ts'

/** Calls that decide whom a station trusts. */
const TRUST_ACTIONS: ReadonlySet<Action> = new Set([
  'CertificateSigned',
  'DeleteCertificate',
  'InstallCertificate',
])
const MAX_AUDITED_BYTES = 4096

export function callOperations(services: ApiServices): Pick<Operations, 'callStation'> {
  return {
    callStation: async ({ path, query, body, principal }) => {
      const { stationId, action } = path
      requireCallRole(principal, action)
      await requireStation(services, stationId)
      const request = unchecked(body)
      const outcome = await services.bus.call(stationId, action, request, {
        urgent: true,
        ...(query.deadlineMs !== undefined && { deadlineMs: query.deadlineMs }),
      })
      const audit = {
        action: 'station.call',
        subject: stationId,
        detail: { action, outcome: outcome.kind, payload: audited(action, request) },
      }
      if (outcome.kind === 'answered') return { status: 200, body: { ...outcome.payload }, audit }
      return { problem: callProblem(stationId, action, outcome), audit }
    },
  }
}

export function requireCallRole(principal: Principal, action: Action): void {
  requireRole(principal, rolesFor(action))
}

function rolesFor(action: Action): readonly Role[] {
  if (TRUST_ACTIONS.has(action)) return ['security']
  return action === 'GetInstalledCertificateIds' ? ['operator', 'security'] : ['operator']
}

/** The bus checks every payload against the schema of its action before it sends it, and answers `invalid`. */
export function unchecked(payload: object): Requests[Action] {
  return payload as Requests[Action]
}

function audited(action: Action, request: Requests[Action]): object {
  const safe = redactedRequest(action, request)
  const bytes = Buffer.byteLength(JSON.stringify(safe))
  return bytes <= MAX_AUDITED_BYTES ? safe : { omitted: `${bytes} bytes` }
}

/** What a call that was not answered means to whoever asked for it. */
export function callProblem(
  stationId: string,
  action: Action,
  outcome: Exclude<CallOutcome, { kind: 'answered' }>,
  extras: ProblemExtras = {},
): ApiProblem {
  switch (outcome.kind) {
    case 'offline':
      return new ApiProblem(
        'station.offline',
        `${stationId} has no connection; nothing was sent and nothing is queued. Call again when it is online.`,
        extras,
      )
    case 'withheld':
      return new ApiProblem('station.withheld', `Nothing was sent: ${outcome.reason}`, extras)
    case 'busy':
      return new ApiProblem('station.busy', `Nothing was sent to ${stationId}; try again shortly.`, {
        ...extras,
        retryAfterS: 5,
      })
    case 'unanswered':
      return new ApiProblem(
        'station.unanswered',
        `${stationId} got ${action} but did not answer (${outcome.reason}); it may have acted. Read its state before calling again.`,
        extras,
      )
    case 'refused':
      return new ApiProblem(
        'station.refused',
        `${stationId} answered ${action} with ${outcome.code}: ${outcome.description}`,
        {
          ...extras,
          ocppError: { code: outcome.code, description: outcome.description, details: outcome.details },
        },
      )
    case 'invalid':
      return invalid(
        'call.payload-invalid',
        outcome.issues.map((message) => ({ path: 'body', message })),
        extras,
      )
    case 'malformed':
      return new ApiProblem(
        'station.answer-malformed',
        `${stationId} answered ${action} against the schema; see issues.`,
        {
          ...extras,
          issues: outcome.issues.map((message) => ({ path: 'answer', message })),
        },
      )
  }
}
