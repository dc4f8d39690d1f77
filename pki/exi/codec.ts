import { BitReader, BitWriter } from './bits.ts'
import { ExiError, type ExiErrorCode } from './errors.ts'
import { type FullList, type Production, productionName, type State, statesOf } from './grammar.ts'
import type { ElementType } from './model.ts'

/** "No cookie, no options, final version 1": the only header ISO 15118 uses ([V2G2-099]). */
const HEADER = 0x80

/** The largest message of the tables, a -20 response with every list full, has about 14 KiB. */
export const MAX_STREAM_BYTES = 64 * 1024

/** Where an element stands: the code that begins the stream, and the one that ends it (documents end without one). */
export interface RootCode {
  readonly bits: number
  readonly code: number
  readonly end?: number
}

/** One kind of stream: its possible roots by name. */
export type Roots = Readonly<Record<string, { readonly at: RootCode; readonly type: ElementType<unknown> }>>

export interface DecodedRoot {
  readonly name: string
  readonly value: unknown
}

/**
 * Decodes one EXI stream whose root is one of `roots`. A list that holds its maximum is first read as the EXI
 * specification has it, then the way libcbv2g writes it.
 * @throws ExiError with the bit offset, the element path and the productions that were expected
 */
export function decodeRoot(bytes: Uint8Array, roots: Roots): DecodedRoot {
  const first = new Decoder(bytes, 'schema')
  try {
    return first.root(roots)
  } catch (error) {
    if (!first.metFullList) throw error
    try {
      return new Decoder(bytes, 'loop').root(roots)
    } catch {
      // The second reading was only a guess: what is wrong under the specification is what the reader needs to know.
      throw error
    }
  }
}

/** Encodes `value` under the root `name`; lists at their maximum end as the EXI specification has it, unless told. */
export function encodeRoot(
  name: string,
  value: unknown,
  roots: Roots,
  fullList: FullList = 'schema',
): Uint8Array {
  const root = Object.hasOwn(roots, name) ? roots[name] : undefined
  if (root === undefined) {
    throw new ExiError('exi-encode', `no table for '${name}'`, { bitOffset: 0, expected: Object.keys(roots) })
  }
  return new Encoder(fullList).root(name, root, value)
}

class Decoder {
  metFullList = false
  readonly #reader: BitReader
  readonly #totalBits: number
  readonly #fullList: FullList
  readonly #path: string[] = []

  constructor(bytes: Uint8Array, fullList: FullList) {
    if (bytes.length > MAX_STREAM_BYTES) {
      const what = `${bytes.length} bytes, at most ${MAX_STREAM_BYTES} are accepted`
      throw new ExiError('exi-too-long', what, { bitOffset: 0 })
    }
    this.#reader = new BitReader(bytes)
    this.#totalBits = bytes.length * 8
    this.#fullList = fullList
  }

  root(roots: Roots): DecodedRoot {
    const header = this.#reader.bits(8)
    if (header !== HEADER) {
      const what = `the stream begins with 0x${header.toString(16).padStart(2, '0')}`
      throw new ExiError('exi-header', what, { bitOffset: 0, expected: ['the header 0x80'] })
    }
    const found = this.#rootElement(roots)
    this.#path.push(found.name)
    const value = this.#element(found.type)
    if (found.at.end !== undefined) this.#end(found.at.bits, found.at.end)
    if (this.#totalBits - this.#reader.bitOffset >= 8) {
      throw this.#error('exi-trailing', 'the document has ended, but bytes follow', this.#reader.bitOffset)
    }
    return { name: found.name, value }
  }

  #rootElement(roots: Roots) {
    const start = this.#reader.bitOffset
    const entries = Object.entries(roots)
    const bits = entries[0]?.[1].at.bits ?? 0
    const code = this.#reader.bits(bits)
    for (const [name, root] of entries) if (root.at.code === code) return { name, ...root }
    const expected = entries.map(([name, root]) => `SE(${name})=${root.at.code}`)
    throw this.#error(
      'exi-unsupported',
      `root element code ${code} of ${bits} bits is not in the tables`,
      start,
      expected,
    )
  }

  #end(bits: number, wanted: number): void {
    const start = this.#reader.bitOffset
    const code = this.#reader.bits(bits)
    if (code !== wanted)
      throw this.#error('exi-event', `code ${code} of ${bits} bits`, start, [`ED=${wanted}`])
  }

  /** Every turn of the loop consumes at least one bit, and types nest only as deep as the tables do. */
  #element(type: ElementType<unknown>): unknown {
    const states = statesOf(type, this.#fullList)
    const fields: Record<string, unknown> = {}
    let state = states[0]
    while (state !== undefined) {
      const production = this.#production(state)
      if (production.event === 'EE') break
      state = states[this.#take(production, fields)]
    }
    return type.kind === 'value' ? fields.value : fields
  }

  #production(state: State): Production {
    if (state.listIsFull) this.metFullList = true
    const start = this.#reader.bitOffset
    const code = this.#reader.bits(state.bits)
    const production = state.byCode[code]
    if (production !== undefined) return production
    const isEscape = code === state.escapeCode
    const what = isEscape
      ? 'a deviation from the schema (second-level code)'
      : `code ${code} of ${state.bits} bits`
    throw this.#error(isEscape ? 'exi-unsupported' : 'exi-event', what, start, expectedIn(state))
  }

  #take(production: Exclude<Production, { event: 'EE' }>, fields: Record<string, unknown>): number {
    switch (production.event) {
      case 'AT':
      case 'CH':
        this.#path.push(production.event === 'AT' ? `@${production.name}` : 'text()')
        fields[production.name] = this.#read(production.type)
        this.#path.pop()
        return production.next
      case 'SE': {
        this.#path.push(production.name)
        const value = this.#element(production.type)
        this.#path.pop()
        const earlier = fields[production.name]
        if (!production.isList) fields[production.name] = value
        else if (Array.isArray(earlier)) earlier.push(value)
        else fields[production.name] = [value]
        return production.next
      }
      case 'overflow':
        throw this.#error(
          'exi-event',
          `one ${production.name} more than the list may hold`,
          this.#reader.bitOffset,
        )
      case 'wildcard':
      case 'text':
        throw this.#error(
          'exi-unsupported',
          `${productionName(production)}, which no table describes`,
          this.#reader.bitOffset,
        )
    }
  }

  #read(type: { read(reader: BitReader): unknown }): unknown {
    try {
      return type.read(this.#reader)
    } catch (error) {
      if (!(error instanceof ExiError)) throw error
      throw this.#error(error.code, error.what, error.bitOffset, error.expected)
    }
  }

  #error(code: ExiErrorCode, what: string, bitOffset: number, expected: readonly string[] = []): ExiError {
    return new ExiError(code, what, { bitOffset, path: [...this.#path], expected })
  }
}

class Encoder {
  readonly #writer = new BitWriter()
  readonly #path: string[] = []
  readonly #fullList: FullList

  constructor(fullList: FullList) {
    this.#fullList = fullList
  }

  root(
    name: string,
    root: { readonly at: RootCode; readonly type: ElementType<unknown> },
    value: unknown,
  ): Uint8Array {
    this.#path.push(name)
    this.#writer.bits(8, HEADER)
    this.#writer.bits(root.at.bits, root.at.code)
    this.#element(root.type, value)
    if (root.at.end !== undefined) this.#writer.bits(root.at.bits, root.at.end)
    return this.#writer.finish()
  }

  #element(type: ElementType<unknown>, value: unknown): void {
    const states = statesOf(type, this.#fullList)
    const source = new Source(type.kind === 'value' ? { value } : value)
    let state = states[0]
    while (state !== undefined) {
      const [code, production] = this.#next(state, source)
      this.#writer.bits(state.bits, code)
      if (production.event === 'EE') break
      state = states[this.#put(production, source)]
    }
    const left = source.left()
    if (left.length > 0) {
      throw this.#error(
        `${left.join(', ')} cannot stand here: not in the content model, or more than it may hold`,
      )
    }
  }

  /** Takes the first production, in code order, for which the object still has something. */
  #next(state: State, source: Source): readonly [number, Production] {
    for (const entry of state.entries) {
      const production = entry[1]
      if (production.event === 'EE') return entry
      if ('type' in production && source.has(production.name)) return entry
    }
    throw this.#error('nothing to put here', expectedIn(state))
  }

  #put(production: Exclude<Production, { event: 'EE' }>, source: Source): number {
    if (!('type' in production)) throw this.#error(`${productionName(production)} cannot be written`)
    const isElement = production.event === 'SE'
    const value = source.take(production.name, isElement && production.isList)
    this.#path.push(isElement ? production.name : `@${production.name}`)
    if (production.event === 'SE') this.#element(production.type, value)
    else this.#write(production.type, value)
    this.#path.pop()
    return production.next
  }

  #write(type: { write(writer: BitWriter, value: unknown): void }, value: unknown): void {
    try {
      type.write(this.#writer, value)
    } catch (error) {
      if (!(error instanceof ExiError)) throw error
      throw this.#error(error.what)
    }
  }

  #error(what: string, expected: readonly string[] = []): ExiError {
    return new ExiError('exi-encode', what, {
      bitOffset: this.#writer.bitOffset,
      path: [...this.#path],
      expected,
    })
  }
}

/** Hands out the fields of one element's object, and knows which are left. */
class Source {
  readonly #fields: object
  /** Single fields that were handed out, and lists that were handed out to the end. */
  readonly #done: string[] = []
  /** How far the lists are that were begun. */
  readonly #progress = new Map<string, number>()

  constructor(value: unknown) {
    this.#fields = typeof value === 'object' && value !== null ? value : {}
  }

  has(name: string): boolean {
    const field = this.#field(name)
    if (field === undefined || this.#done.includes(name)) return false
    return !Array.isArray(field) || field.length > 0
  }

  take(name: string, fromList: boolean): unknown {
    const field = this.#field(name)
    if (!fromList || !Array.isArray(field)) {
      this.#done.push(name)
      return field
    }
    const index = this.#progress.get(name) ?? 0
    this.#progress.set(name, index + 1)
    if (index + 1 === field.length) this.#done.push(name)
    return field[index]
  }

  left(): string[] {
    return Object.keys(this.#fields).filter((name) => this.has(name))
  }

  /** Names of the tables only, and never what every object inherits. */
  #field(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? Reflect.get(this.#fields, name) : undefined
  }
}

function expectedIn(state: State): string[] {
  const names: string[] = []
  for (const [code, production] of state.entries) names.push(`${productionName(production)}=${code}`)
  return names
}
