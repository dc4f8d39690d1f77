/**
 * What can be wrong with an EXI stream or with a value that should become one.
 *
 * - `exi-header`: the stream does not begin with the one header byte ISO 15118 uses
 * - `exi-truncated`: the stream ends inside a value
 * - `exi-event`: an event code that the grammar does not have in this state
 * - `exi-unsupported`: a legal code for something outside the tables (another message, a wildcard, a schema deviation)
 * - `exi-value`: a value that its type does not allow
 * - `exi-trailing`: bytes after the end of the document
 * - `exi-too-long`: more bytes than any message of these tables can have
 * - `exi-encode`: the object handed to the encoder does not fit the table
 */
export type ExiErrorCode =
  | 'exi-header'
  | 'exi-truncated'
  | 'exi-event'
  | 'exi-unsupported'
  | 'exi-value'
  | 'exi-trailing'
  | 'exi-too-long'
  | 'exi-encode'

export interface ExiErrorDetail {
  /** Where in the stream, counted in bits from its first byte. */
  readonly bitOffset: number
  /** Element names from the root to where it went wrong. */
  readonly path?: readonly string[]
  /** The productions that the grammar has in this state, with their codes. */
  readonly expected?: readonly string[]
}

/** Every error the EXI codec throws. `bitOffset`, `path` and `expected` say where and what would have been right. */
export class ExiError extends Error {
  readonly code: ExiErrorCode
  /** The message without place and expectation. */
  readonly what: string
  readonly bitOffset: number
  readonly path: readonly string[]
  readonly expected: readonly string[]

  constructor(code: ExiErrorCode, what: string, detail: ExiErrorDetail) {
    const path = detail.path ?? []
    const expected = detail.expected ?? []
    const where = path.length > 0 ? ` in ${path.join('/')}` : ''
    const wanted = expected.length > 0 ? `; expected ${expected.join(', ')}` : ''
    super(`EXI, bit ${detail.bitOffset}${where}: ${what}${wanted}`)
    this.name = 'ExiError'
    this.code = code
    this.what = what
    this.bitOffset = detail.bitOffset
    this.path = path
    this.expected = expected
  }
}
