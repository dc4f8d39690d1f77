/** The RPC error codes of OCPP 2.0.1 part 4, table 8, and how a schema violation becomes one of them. */

import type { ErrorObject } from 'ajv'

export type RpcErrorCode =
  | 'FormatViolation'
  | 'GenericError'
  | 'InternalError'
  | 'MessageTypeNotSupported'
  | 'NotImplemented'
  | 'NotSupported'
  | 'OccurrenceConstraintViolation'
  | 'PropertyConstraintViolation'
  | 'ProtocolError'
  | 'RpcFrameworkError'
  | 'SecurityError'
  | 'TypeConstraintViolation'

/** Thrown by handlers: the station gets exactly this as a CALLERROR. Everything else becomes InternalError. */
export class RpcError extends Error {
  readonly code: RpcErrorCode
  readonly details: object

  constructor(code: RpcErrorCode, description: string, details: object = {}) {
    super(description)
    this.name = 'RpcError'
    this.code = code
    this.details = details
  }
}

/**
 * A keyword that is not listed says something about a value, and is a PropertyConstraintViolation. An unknown
 * property makes the payload another structure than the schema's, hence FormatViolation.
 */
const CODE_BY_KEYWORD: ReadonlyMap<string, RpcErrorCode> = new Map([
  ['required', 'OccurrenceConstraintViolation'],
  ['minItems', 'OccurrenceConstraintViolation'],
  ['maxItems', 'OccurrenceConstraintViolation'],
  ['type', 'TypeConstraintViolation'],
  ['additionalProperties', 'FormatViolation'],
])

export interface SchemaViolation {
  readonly code: RpcErrorCode
  /** One line per finding: where, and what is wrong with it. */
  readonly issues: readonly string[]
}

export function schemaViolation(errors: readonly ErrorObject[]): SchemaViolation {
  const keyword = errors[0]?.keyword ?? ''
  return {
    code: CODE_BY_KEYWORD.get(keyword) ?? 'PropertyConstraintViolation',
    issues: errors.map(describeIssue),
  }
}

function describeIssue(error: ErrorObject): string {
  const where = error.instancePath === '' ? '/' : error.instancePath
  const extra: unknown = error.params.additionalProperty ?? error.params.allowedValues
  const what = error.message ?? error.keyword
  return extra === undefined ? `${where} ${what}` : `${where} ${what}: ${String(extra)}`
}

/** Part 4 bounds the description to 255 characters. */
export function boundedDescription(description: string): string {
  return description.length <= 255 ? description : `${description.slice(0, 254)}…`
}
