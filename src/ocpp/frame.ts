/**
 * OCPP-J frames (part 4, section 4.2): text from a socket in, one of four kinds of frame out.
 * Knows nothing of actions and payload schemas.
 */

import { boundedDescription, type RpcErrorCode } from './errors.ts'

/** Message ids are string[36]; what stands for an id that could not be read. */
export const UNREADABLE_ID = '-1'
const MAX_ID_LENGTH = 36
/** OCPP payloads nest about ten deep; customData may add some. Deeper ones only aim at the stack. */
const MAX_DEPTH = 64

export interface CallFrame {
  readonly kind: 'call'
  readonly id: string
  readonly action: string
  readonly payload: unknown
}

export interface ResultFrame {
  readonly kind: 'result'
  readonly id: string
  readonly payload: unknown
}

export interface ErrorFrame {
  readonly kind: 'error'
  readonly id: string
  readonly code: string
  readonly description: string
  readonly details: object
}

export interface BrokenFrame {
  readonly kind: 'broken'
  /** The id to answer with: the sender's, or `-1` where none could be read. */
  readonly id: string
  readonly code: RpcErrorCode
  readonly description: string
  /** False for a broken answer: answering an answer could go on for ever. */
  readonly answerable: boolean
}

export type Frame = CallFrame | ResultFrame | ErrorFrame | BrokenFrame

/** Never throws, whatever the text. */
export function parseFrame(text: string): Frame {
  if (text.length > MAX_DEPTH && isNestedTooDeep(text))
    return broken(UNREADABLE_ID, 'RpcFrameworkError', `The message nests deeper than ${MAX_DEPTH} levels.`)
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return broken(UNREADABLE_ID, 'RpcFrameworkError', 'The message is not valid JSON.')
  }
  if (!Array.isArray(message))
    return broken(UNREADABLE_ID, 'RpcFrameworkError', 'A message is a JSON array: [2, id, action, payload].')
  return frameOf(message)
}

function frameOf(message: readonly unknown[]): Frame {
  const [type, id] = message
  if (type === 3) return resultFrame(message)
  if (type === 4) return errorFrame(message)
  if (typeof type !== 'number' || !Number.isInteger(type))
    return broken(readableId(id), 'RpcFrameworkError', 'The message type number is missing.')
  if (type !== 2)
    return broken(
      readableId(id),
      'MessageTypeNotSupported',
      `Message type ${type} is not supported: use 2, 3 or 4.`,
    )
  if (!isId(id))
    return broken(
      UNREADABLE_ID,
      'RpcFrameworkError',
      `The message id must be a string of 1 to ${MAX_ID_LENGTH} characters.`,
    )
  if (message.length !== 4)
    return broken(id, 'RpcFrameworkError', `A CALL has 4 elements, this one has ${message.length}.`)
  const [, , action, payload] = message
  if (typeof action !== 'string')
    return broken(id, 'RpcFrameworkError', 'The action of a CALL must be a string.')
  // Part 4, 4.1.5: null is a permitted, if discouraged, notation for "no payload".
  return { kind: 'call', id, action, payload: payload ?? {} }
}

function resultFrame(message: readonly unknown[]): Frame {
  const [, id, payload] = message
  if (!isId(id)) return brokenAnswer('The message id of a CALLRESULT cannot be read.')
  if (message.length !== 3)
    return brokenAnswer(`A CALLRESULT has 3 elements, this one has ${message.length}.`, id)
  return { kind: 'result', id, payload: payload ?? {} }
}

function errorFrame(message: readonly unknown[]): Frame {
  const [, id, code, description, details] = message
  if (!isId(id)) return brokenAnswer('The message id of a CALLERROR cannot be read.')
  if (typeof code !== 'string') return brokenAnswer('The error code of a CALLERROR must be a string.', id)
  // Stations in the field leave out the description or the details: the code alone says what matters.
  return {
    kind: 'error',
    id,
    code: code.slice(0, 64),
    description: typeof description === 'string' ? boundedDescription(description) : '',
    details: typeof details === 'object' && details !== null ? details : {},
  }
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && id.length > 0 && id.length <= MAX_ID_LENGTH
}

function readableId(id: unknown): string {
  return isId(id) ? id : UNREADABLE_ID
}

function broken(id: string, code: RpcErrorCode, description: string): BrokenFrame {
  return { kind: 'broken', id, code, description, answerable: true }
}

function brokenAnswer(description: string, id = UNREADABLE_ID): BrokenFrame {
  return { kind: 'broken', id, code: 'RpcFrameworkError', description, answerable: false }
}

/** Looks at the text, because JSON.parse would have built the whole tree already. Brackets in strings do not count. */
function isNestedTooDeep(text: string): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inString) {
      if (c === 0x5c) i++
      else if (c === 0x22) inString = false
    } else if (c === 0x22) inString = true
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > MAX_DEPTH) return true
    } else if (c === 0x5d || c === 0x7d) depth--
  }
  return false
}

export function encodeCall(id: string, action: string, payload: unknown): string {
  return `[2,${JSON.stringify(id)},${JSON.stringify(action)},${JSON.stringify(payload)}]`
}

export function encodeResult(id: string, payload: unknown): string {
  return `[3,${JSON.stringify(id)},${JSON.stringify(payload)}]`
}

export function encodeError(
  id: string,
  code: RpcErrorCode,
  description: string,
  details: object = {},
): string {
  return `[4,${JSON.stringify(id)},"${code}",${JSON.stringify(boundedDescription(description))},${JSON.stringify(details)}]`
}
