import type { CodedProduction, ComplexType, ElementType, Particle } from './model.ts'
import type { ValueType } from './values.ts'

/**
 * Compiles content models into the states of an EXI grammar (EXI 1.0 section 8.5.4), in non-strict mode:
 * productions of a state are ordered attributes, elements in schema order, wildcards, end, text; their codes
 * count from 0; and one more code stands for everything that deviates from the schema.
 */

export type Production =
  | {
      readonly event: 'AT' | 'CH'
      readonly name: string
      readonly type: ValueType<unknown>
      readonly next: number
    }
  | {
      readonly event: 'SE'
      readonly name: string
      readonly type: ElementType<unknown>
      readonly isList: boolean
      readonly next: number
    }
  /** One element more than the list may hold: only there to give the end of a full list the code of a loop. */
  | { readonly event: 'overflow'; readonly name: string }
  /** Has a code but no table: a wildcard, or text between children. */
  | { readonly event: 'wildcard' | 'text' }
  | { readonly event: 'EE' }

export interface State {
  readonly bits: number
  /** In code order, each with its code. */
  readonly entries: readonly (readonly [number, Production])[]
  /** The same by code; codes of coded types have gaps. */
  readonly byCode: readonly (Production | undefined)[]
  /** The code of schema deviations, where the tables know it. */
  readonly escapeCode: number | undefined
  /** A list of this state is at its maximum: the two readings of the boundary differ here. */
  readonly listIsFull: boolean
}

/**
 * What follows the last element that a list may hold. `schema`: only the end, as the EXI specification has it.
 * `loop`: still "another or the end", as libcbv2g (and, for 20 roots, RISE-V2G) write it.
 */
export type FullList = 'schema' | 'loop'

interface Position {
  readonly index: number
  readonly production: PositionProduction
  readonly isRequiredAttribute: boolean
  readonly isAttribute: boolean
  readonly closesList: boolean
  readonly follow: Position[]
}

/** A production whose target is not known yet: the state after a position has that position's number. */
type PositionProduction = Production extends infer P ? (P extends unknown ? Omit<P, 'next'> : never) : never

interface Piece {
  readonly nullable: boolean
  readonly first: readonly Position[]
  readonly last: readonly Position[]
}

const EMPTY: Piece = { nullable: true, first: [], last: [] }

const compiled: Record<FullList, WeakMap<ElementType<unknown>, readonly State[]>> = {
  schema: new WeakMap(),
  loop: new WeakMap(),
}

/** The states of an element's content; the first one is where it begins. Compiled once per type. */
export function statesOf(type: ElementType<unknown>, fullList: FullList): readonly State[] {
  const known = compiled[fullList].get(type)
  if (known !== undefined) return known
  const states = type.kind === 'coded' ? type.states.map(codedState) : new Compiler(fullList).compile(type)
  compiled[fullList].set(type, states)
  return states
}

function codedState(state: {
  readonly bits: number
  readonly codes: Readonly<Record<number, CodedProduction>>
}): State {
  const entries = Object.entries(state.codes).map(([code, production]) => {
    const known: Production = production.event === 'SE' ? { ...production, isList: false } : production
    return [Number(code), known] as const
  })
  return { bits: state.bits, ...indexed(entries), escapeCode: undefined, listIsFull: false }
}

function indexed(entries: readonly (readonly [number, Production])[]): Pick<State, 'entries' | 'byCode'> {
  const byCode: (Production | undefined)[] = []
  for (const [code, production] of entries) byCode[code] = production
  return { entries, byCode }
}

/** Builds the position automaton of one type: a state per place in the unrolled content model. */
class Compiler {
  readonly #fullList: FullList
  readonly #positions: Position[] = []

  constructor(fullList: FullList) {
    this.#fullList = fullList
  }

  compile(type: ValueType<unknown> | ComplexType<unknown>): readonly State[] {
    const whole =
      type.kind === 'value' ? this.#at({ event: 'CH', name: 'value', type }) : this.#complexType(type)
    const mixed = type.kind === 'complex' && type.mixed
    const ends = new Set(whole.last)
    const start = this.#state(whole.first, whole.nullable, mixed && !this.#blocked(whole.first), false)
    const rest = this.#positions.map((position) => {
      const textAllowed = mixed && (!position.isAttribute || !this.#blocked(position.follow))
      return this.#state(position.follow, ends.has(position), textAllowed, position.closesList)
    })
    return [start, ...rest]
  }

  #complexType(type: ComplexType<unknown>): Piece {
    let whole = EMPTY
    for (const name of Object.keys(type.attributes).sort()) {
      const attribute = type.attributes[name]
      if (attribute === undefined) continue
      const piece = this.#at(
        { event: 'AT', name, type: attribute.type },
        { attribute: attribute.required ? 'required' : 'optional' },
      )
      whole = this.#then(whole, attribute.required ? piece : { ...piece, nullable: true })
    }
    if (type.value !== undefined)
      return this.#then(whole, this.#at({ event: 'CH', name: 'value', type: type.value }))
    return this.#then(whole, this.#particle(type.content))
  }

  /** Unrolls a particle's occurrences: required copies in a row, then optional ones inside each other, or a loop. */
  #particle(particle: Particle<unknown>): Piece {
    const { min, max } = particle
    let required = EMPTY
    const looped = max === Number.POSITIVE_INFINITY
    const requiredCount = looped ? Math.max(min, 1) : min
    for (let i = 1; i < requiredCount; i++) required = this.#then(required, this.#once(particle, false))
    if (looped) {
      const loop = this.#once(particle, false)
      for (const position of loop.last) this.#follow(position, loop.first)
      return this.#then(required, min === 0 ? { ...loop, nullable: true } : loop)
    }
    const closesList = particle.kind === 'element' && max > 1
    if (requiredCount > 0) required = this.#then(required, this.#once(particle, closesList && max === min))
    return this.#then(required, this.#optionalCopies(particle, max - min, closesList))
  }

  #optionalCopies(particle: Particle<unknown>, count: number, closesList: boolean): Piece {
    const pieces: Piece[] = []
    for (let i = 1; i <= count; i++) pieces.push(this.#once(particle, closesList && i === count))
    if (closesList && this.#fullList === 'loop')
      pieces.push(this.#at({ event: 'overflow', name: particle.name }))
    return pieces.reduceRight<Piece>((rest, piece) => ({ ...this.#then(piece, rest), nullable: true }), EMPTY)
  }

  #once(particle: Particle<unknown>, closesList: boolean): Piece {
    switch (particle.kind) {
      case 'sequence':
        return particle.items.reduce<Piece>((whole, item) => this.#then(whole, this.#particle(item)), EMPTY)
      case 'choice': {
        const pieces = particle.items.map((item) => this.#particle(item))
        return {
          nullable: pieces.some((piece) => piece.nullable),
          first: pieces.flatMap((piece) => piece.first),
          last: pieces.flatMap((piece) => piece.last),
        }
      }
      case 'any':
        return this.#at({ event: 'wildcard' })
      case 'element': {
        if (particle.type === undefined) return EMPTY
        const { name, type, isList } = particle
        return this.#at({ event: 'SE', name, type, isList }, { closesList })
      }
    }
  }

  #at(
    production: PositionProduction,
    traits: { readonly attribute?: 'required' | 'optional'; readonly closesList?: boolean } = {},
  ): Piece {
    const position: Position = {
      index: this.#positions.length + 1,
      production,
      isAttribute: traits.attribute !== undefined,
      isRequiredAttribute: traits.attribute === 'required',
      closesList: traits.closesList ?? false,
      follow: [],
    }
    this.#positions.push(position)
    return { nullable: false, first: [position], last: [position] }
  }

  #then(before: Piece, after: Piece): Piece {
    for (const position of before.last) this.#follow(position, after.first)
    return {
      nullable: before.nullable && after.nullable,
      first: before.nullable ? [...before.first, ...after.first] : before.first,
      last: after.nullable ? [...before.last, ...after.last] : after.last,
    }
  }

  #follow(position: Position, next: readonly Position[]): void {
    for (const candidate of next) if (!position.follow.includes(candidate)) position.follow.push(candidate)
  }

  /** A required attribute must come before any text may. */
  #blocked(next: readonly Position[]): boolean {
    return next.some((position) => position.isRequiredAttribute)
  }

  #state(next: readonly Position[], mayEnd: boolean, textAllowed: boolean, listIsFull: boolean): State {
    const productions: Production[] = next.map((position) => withTarget(position.production, position.index))
    if (mayEnd) productions.push({ event: 'EE' })
    if (textAllowed) productions.push({ event: 'text' })
    productions.sort((a, b) => EVENT_ORDER[a.event] - EVENT_ORDER[b.event])
    return {
      bits: Math.ceil(Math.log2(productions.length + 1)),
      ...indexed(productions.map((production, code) => [code, production] as const)),
      escapeCode: productions.length,
      listIsFull,
    }
  }
}

/** Section 8.5.4.3: the order in which the productions of a state get their codes. */
const EVENT_ORDER: Record<Production['event'], number> = {
  AT: 0,
  SE: 1,
  overflow: 1,
  wildcard: 2,
  EE: 3,
  CH: 4,
  text: 4,
}

function withTarget(production: PositionProduction, next: number): Production {
  switch (production.event) {
    case 'AT':
    case 'CH':
    case 'SE':
      return { ...production, next }
    default:
      return production
  }
}

/** How a production is called in error messages. */
export function productionName(production: Production): string {
  switch (production.event) {
    case 'EE':
      return 'EE'
    case 'wildcard':
      return 'SE(*)'
    case 'text':
      return 'CH(mixed)'
    case 'CH':
      return `CH(${production.type.xsd})`
    case 'overflow':
      return `SE(${production.name})`
    case 'AT':
    case 'SE':
      return `${production.event}(${production.name})`
  }
}
