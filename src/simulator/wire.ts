import { createRequire } from 'node:module'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { Action, Requests, Responses } from '../ocpp/v201/messages.generated.ts'

/**
 * OCPP-J frames and payload checks of the station's side. They are kept apart from the server's on purpose:
 * a mistake in one of them shows up as a disagreement instead of being shared by both ends.
 */
export type Frame =
  | { readonly kind: 'call'; readonly id: string; readonly action: string; readonly payload: unknown }
  | { readonly kind: 'result'; readonly id: string; readonly payload: unknown }
  | {
      readonly kind: 'error'
      readonly id: string
      readonly code: string
      readonly description: string
      readonly details: unknown
    }

export type WireErrorCode =
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

/** What a station answers with a CALLERROR. */
export class WireError extends Error {
  readonly code: WireErrorCode
  readonly messageId: string

  constructor(code: WireErrorCode, description: string, messageId = '-1') {
    super(description)
    this.name = 'WireError'
    this.code = code
    this.messageId = messageId
  }
}

export function parseFrame(text: string): Frame {
  const frame = parseArray(text)
  const [type, id] = frame
  if (typeof id !== 'string' || id.length === 0 || id.length > 36) {
    throw new WireError('RpcFrameworkError', 'The message id must be a string of 1 to 36 characters.')
  }
  if (type === 2) return parseCall(frame, id)
  if (type === 3) {
    if (frame.length !== 3) throw new WireError('RpcFrameworkError', 'A CALLRESULT has 3 elements.', id)
    return { kind: 'result', id, payload: frame[2] }
  }
  if (type === 4) {
    const [, , code, description, details] = frame
    if (typeof code !== 'string' || typeof description !== 'string') {
      throw new WireError('RpcFrameworkError', 'A CALLERROR names a code and a description.', id)
    }
    return { kind: 'error', id, code, description, details }
  }
  throw new WireError('MessageTypeNotSupported', 'The message type must be 2, 3 or 4.', id)
}

function parseArray(text: string): readonly unknown[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new WireError('RpcFrameworkError', 'The frame is not JSON.')
  }
  if (!Array.isArray(value)) throw new WireError('RpcFrameworkError', 'The frame is not an array.')
  return value
}

function parseCall(frame: readonly unknown[], id: string): Frame {
  const [, , action, payload] = frame
  if (frame.length !== 4 || typeof action !== 'string' || typeof payload !== 'object' || payload === null) {
    throw new WireError('RpcFrameworkError', 'A CALL is [2, id, action, {payload}].', id)
  }
  return { kind: 'call', id, action, payload }
}

export const callFrame = (id: string, action: string, payload: unknown) =>
  JSON.stringify([2, id, action, payload])
export const resultFrame = (id: string, payload: unknown) => JSON.stringify([3, id, payload])
export const errorFrame = (id: string, code: WireErrorCode, description: string) =>
  JSON.stringify([4, id, code, description.slice(0, 255), {}])

const loadJson = createRequire(import.meta.url)
let compiler: Ajv | undefined
let schemas: ReadonlyMap<string, object> | undefined
const requestChecks = new Map<string, ValidateFunction>()
const responseChecks = new Map<string, ValidateFunction>()

/** Schemas are compiled when their action is first seen: most stations use a dozen of the sixty-four. */
function checkFor(cache: Map<string, ValidateFunction>, name: string): ValidateFunction | undefined {
  const known = cache.get(name)
  if (known !== undefined) return known
  schemas ??= loadSchemas()
  const schema = schemas.get(name)
  if (schema === undefined) return undefined
  compiler ??= new Ajv({
    allErrors: false,
    strict: false,
    formats: { 'date-time': isDateTime },
  })
  const check = compiler.compile(schema)
  cache.set(name, check)
  return check
}

/** By name without their `$id`, which is not an URI that the compiler would take. */
function loadSchemas(): ReadonlyMap<string, object> {
  const bundle: unknown = loadJson('ocpp-rpc/lib/schemas/ocpp2_0_1.json')
  if (!Array.isArray(bundle)) throw new TypeError('The OCPP 2.0.1 schema bundle must be an array.')
  return new Map(
    bundle.map(({ $id, ...schema }: { $id: string; [key: string]: unknown }) => [
      $id.replace(/^urn:/, ''),
      schema,
    ]),
  )
}

const DATE_TIME =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i

export function isDateTime(text: string): boolean {
  return DATE_TIME.test(text) && !Number.isNaN(Date.parse(text.replace(/:60/, ':59')))
}

const CODE_OF_KEYWORD: Readonly<Record<string, WireErrorCode>> = {
  type: 'TypeConstraintViolation',
  required: 'OccurrenceConstraintViolation',
  minItems: 'OccurrenceConstraintViolation',
  maxItems: 'OccurrenceConstraintViolation',
  additionalProperties: 'FormatViolation',
}

function violation(kind: string, errors: readonly ErrorObject[] | null | undefined): WireError {
  const [first] = errors ?? []
  const code = CODE_OF_KEYWORD[first?.keyword ?? ''] ?? 'PropertyConstraintViolation'
  return new WireError(code, `${kind}${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`)
}

/** True for actions that OCPP 2.0.1 defines at all. */
export function isAction(action: string): action is Action {
  return checkFor(requestChecks, `${action}.req`) !== undefined
}

export function assertRequest<A extends Action>(action: A, payload: unknown): asserts payload is Requests[A] {
  const check = checkFor(requestChecks, `${action}.req`)
  if (check === undefined) throw new WireError('NotImplemented', `${action} is not an OCPP 2.0.1 action.`)
  if (!check(payload)) throw violation(`${action} request`, check.errors)
}

export function assertResponse<A extends Action>(
  action: A,
  payload: unknown,
): asserts payload is Responses[A] {
  const check = checkFor(responseChecks, `${action}.conf`)
  if (check === undefined) throw new WireError('NotImplemented', `${action} is not an OCPP 2.0.1 action.`)
  if (!check(payload)) throw violation(`${action} response`, check.errors)
}
