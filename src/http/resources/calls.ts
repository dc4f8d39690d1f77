/** One OCPP call to a station, and the one place that maps its outcome to HTTP. */

import type { CallOutcome } from '../../bus/ports.ts'
import { redact } from '../../observe/redact.ts'
import type { Action, Requests } from '../../ocpp/v201/messages.generated.ts'
import type { Role } from '../../store/access.ts'
import { requireRole } from '../auth.ts'
import type { Operations } from '../operation.ts'
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
      requireRole(principal, rolesFor(action))
      await requireStation(services, stationId)
      const outcome = await services.bus.call(stationId, action, unchecked(body), {
        ...(query.deadlineMs !== undefined && { deadlineMs: query.deadlineMs }),
      })
      const audit = {
        action: 'station.call',
        subject: stationId,
        detail: { action, outcome: outcome.kind, payload: audited(body) },
      }
      if (outcome.kind === 'answered') return { status: 200, body: { ...outcome.payload }, audit }
      return { problem: toProblem(stationId, action, outcome), audit }
    },
  }
}

function rolesFor(action: Action): readonly Role[] {
  if (TRUST_ACTIONS.has(action)) return ['security']
  return action === 'GetInstalledCertificateIds' ? ['operator', 'security'] : ['operator']
}

/** The bus checks every payload against the schema of its action before it sends it, and answers `invalid`. */
function unchecked(payload: object): Requests[Action] {
  return payload as Requests[Action]
}

function audited(payload: object): object {
  const safe = redact(payload)
  const bytes = Buffer.byteLength(JSON.stringify(safe))
  return bytes <= MAX_AUDITED_BYTES ? safe : { omitted: `${bytes} bytes` }
}

function toProblem(
  stationId: string,
  action: Action,
  outcome: Exclude<CallOutcome, { kind: 'answered' }>,
): ApiProblem {
  switch (outcome.kind) {
    case 'offline':
      return new ApiProblem(
        'station.offline',
        `${stationId} has no connection; nothing was sent and nothing is queued. Call again when it is online.`,
      )
    case 'withheld':
      return new ApiProblem('station.withheld', `Nothing was sent: ${outcome.reason}`)
    case 'busy':
      return new ApiProblem('station.busy', `Nothing was sent to ${stationId}; try again shortly.`, {
        retryAfterS: 5,
      })
    case 'unanswered':
      return new ApiProblem(
        'station.unanswered',
        `${stationId} got ${action} but did not answer (${outcome.reason}); it may have acted. Read its state before calling again.`,
      )
    case 'refused':
      return new ApiProblem(
        'station.refused',
        `${stationId} answered ${action} with ${outcome.code}: ${outcome.description}`,
        {
          ocppError: { code: outcome.code, description: outcome.description, details: outcome.details },
        },
      )
    case 'invalid':
      return invalid(
        'call.payload-invalid',
        outcome.issues.map((message) => ({ path: 'body', message })),
      )
    case 'malformed':
      return new ApiProblem(
        'station.answer-malformed',
        `${stationId} answered ${action} against the schema; see issues.`,
        {
          issues: outcome.issues.map((message) => ({ path: 'answer', message })),
        },
      )
  }
}
