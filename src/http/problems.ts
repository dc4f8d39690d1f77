/** The one table of API errors, and how they travel (RFC 9457). */

import type { components } from './api.generated.ts'
import type { Issue } from './services.ts'

export type ProblemBody = components['schemas']['Problem']

const PROBLEMS = {
  'request.invalid': [400, 'The request breaks the API contract'],
  'call.payload-invalid': [400, 'The payload breaks the OCPP schema'],
  'auth.missing': [401, 'No API key'],
  'auth.invalid': [401, 'Unknown or revoked API key'],
  'auth.forbidden': [403, 'The API key may not do this'],
  'auth.cross-site': [403, 'A request of another site'],
  'route.unknown': [404, 'No such resource'],
  'station.unknown': [404, 'No such station'],
  'order.unknown': [404, 'No such order'],
  'session.unknown': [404, 'No such session'],
  'id-token.unknown': [404, 'No such id token'],
  'contract.unknown': [404, 'No such contract'],
  'vehicle.unknown': [404, 'No such vehicle'],
  'trusted-certificate.unknown': [404, 'No such trusted certificate'],
  'trust-proposal.unknown': [404, 'No such proposal'],
  'certificate.unknown': [404, 'No such certificate'],
  'authority.unknown': [404, 'No such authority'],
  'trust.unknown': [404, 'No such anchor or policy'],
  'campaign.unknown': [404, 'No such campaign'],
  'site.unknown': [404, 'No such site'],
  'limit.unknown': [404, 'No such limit'],
  'meter.unknown': [404, 'No such meter'],
  'evse.unknown': [404, 'No such EVSE'],
  'schedule.unknown': [404, 'No such schedule'],
  'source.unknown': [404, 'No such grid source'],
  'outlook.unknown': [404, 'The site has decided nothing yet'],
  'replay.unknown': [404, 'Nothing is recorded of that time'],
  'api-key.unknown': [404, 'No such API key'],
  'station.offline': [409, 'The station is offline'],
  'station.withheld': [409, 'The state of the station forbids calls'],
  'contract.exists': [409, 'The vehicle has such a contract already'],
  'contract.wrong-state': [409, 'The state of the contract forbids it'],
  'vehicle.has-contracts': [409, 'The vehicle has contracts'],
  'certificate.already-revoked': [409, 'The certificate is revoked already'],
  'certificate.not-on-hold': [409, 'The certificate is not on hold'],
  'authority.refused': [409, 'The authority cannot do this'],
  'authority-operation.unknown': [404, 'No such operation'],
  'authority-operation.refused': [409, 'The operation does not allow this'],
  'campaign.conflict': [409, 'The state of the campaign forbids it'],
  'key-store.unavailable': [503, 'The key store does not answer'],
  'api-key.name-taken': [409, 'The name is taken'],
  'api-key.last-admin': [409, 'The last admin key'],
  'request.too-large': [413, 'The request is too large'],
  'request.media-type': [415, 'Unsupported content type'],
  'station.password-required': [422, 'The security profile needs a password'],
  'contract.invalid': [422, 'The contract cannot be taken in'],
  'trusted-certificate.invalid': [422, 'The certificates cannot be trusted'],
  'trust.invalid': [422, 'Stations cannot be made to trust this'],
  'campaign.invalid': [422, 'The campaign cannot be planned'],
  'firmware.untrusted': [422, 'The firmware is not to be trusted'],
  'site.invalid': [422, 'The site cannot be kept within its limits'],
  'limit.invalid': [422, 'The limit cannot be applied'],
  'auth.rate-limited': [429, 'Too many failed attempts'],
  internal: [500, 'Internal error'],
  'service.absent': [501, 'This service was started without it'],
  'station.refused': [502, 'The station refused the call'],
  'station.answer-malformed': [502, 'The answer of the station breaks the OCPP schema'],
  'station.busy': [503, 'Too many calls wait for this station'],
  'events.too-many-clients': [503, 'Too many event streams'],
  'station.unanswered': [504, 'The station did not answer'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemCode = keyof typeof PROBLEMS

export const PROBLEM_CODES: readonly {
  readonly code: string
  readonly status: number
  readonly title: string
}[] = Object.entries(PROBLEMS).map(([code, [status, title]]) => ({ code, status, title }))

export interface ProblemExtras {
  readonly issues?: readonly Issue[]
  readonly ocppError?: { readonly code: string; readonly description: string; readonly details: object }
  readonly orderId?: string
  readonly retryAfterS?: number
}

export class ApiProblem extends Error {
  readonly code: ProblemCode
  readonly status: number
  readonly extras: ProblemExtras

  /** `detail` tells the reader what to do next. */
  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}) {
    super(detail)
    this.name = 'ApiProblem'
    this.code = code
    this.status = PROBLEMS[code][0]
    this.extras = extras
  }

  toBody(): ProblemBody {
    const { issues, ocppError, orderId } = this.extras
    return {
      type: `urn:gridkeep:problem:${this.code}`,
      title: PROBLEMS[this.code][1],
      status: this.status,
      code: this.code,
      detail: this.message,
      ...(issues && { issues: issues.map(({ path, message }) => ({ path, message })) }),
      ...(orderId !== undefined && { orderId }),
      ...(ocppError && { ocppError: { ...ocppError, details: { ...ocppError.details } } }),
    }
  }
}

/** Says in one sentence what several issues are about. */
export function invalid(code: ProblemCode, issues: readonly Issue[], extras: ProblemExtras = {}): ApiProblem {
  const [first] = issues
  const rest = issues.length > 1 ? ` (and ${issues.length - 1} more, see issues)` : ''
  return new ApiProblem(code, first ? `${first.path}: ${first.message}${rest}` : 'The request is refused.', {
    ...extras,
    issues,
  })
}
