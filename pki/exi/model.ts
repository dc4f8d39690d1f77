import type { ValueType } from './values.ts'

/**
 * Content models as data: what the tables are written in, and what `grammar.ts` compiles into states.
 * The TypeScript type of a decoded element follows from its model (`Decoded<typeof model>`), so a table
 * is the only place where a message is described.
 */

declare const shape: unique symbol

/** A part of a content model. `V` is what it adds to the object of the element that contains it. */
export interface Particle<V> {
  readonly kind: 'element' | 'sequence' | 'choice' | 'any'
  readonly name: string
  readonly type: ElementType<unknown> | undefined
  readonly items: readonly Particle<unknown>[]
  readonly min: number
  readonly max: number
  /** Whether the decoded object holds an array under `name`. */
  readonly isList: boolean
  readonly [shape]?: V
}

export interface Attribute<V> {
  readonly kind: 'attribute'
  readonly type: ValueType<unknown>
  readonly required: boolean
  readonly [shape]?: V
}

/** An element with attributes, child elements, or both. */
export interface ComplexType<V> {
  readonly kind: 'complex'
  readonly attributes: Readonly<Record<string, Attribute<unknown>>>
  readonly content: Particle<unknown>
  /** Text content (`simpleContent`); appears as `value`. */
  readonly value: ValueType<unknown> | undefined
  /** Text may stand between the children. It has codes, but no message uses it, so the codec refuses it. */
  readonly mixed: boolean
  readonly [shape]?: V
}

/** A type whose states and codes are written down, because its content model holds far more than the tables do. */
export interface CodedType<V> {
  readonly kind: 'coded'
  readonly states: readonly CodedState[]
  readonly [shape]?: V
}

export interface CodedState {
  readonly bits: number
  readonly codes: Readonly<Record<number, CodedProduction>>
}

export type CodedProduction =
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
      readonly next: number
    }
  | { readonly event: 'EE' }

export type ElementType<V> = ValueType<V> | ComplexType<V> | CodedType<V>

/** The TypeScript type of what an element of this type decodes to. */
export type Decoded<T> = T extends ElementType<infer V> ? V : never

type Simplify<T> = T extends unknown ? { readonly [K in keyof T]: T[K] } : never

type Both<P extends readonly unknown[]> = P extends readonly [Particle<infer V>, ...infer Rest]
  ? V & Both<Rest>
  : unknown

type OneOf<P extends readonly unknown[]> = P[number] extends Particle<infer V> ? V : never

type AttributesOf<A extends Readonly<Record<string, Attribute<unknown>>>> = {
  readonly [K in keyof A as A[K] extends { readonly required: true } ? K : never]: A[K] extends Attribute<
    infer V
  >
    ? V
    : never
} & {
  readonly [K in keyof A as A[K] extends { readonly required: true } ? never : K]?: A[K] extends Attribute<
    infer V
  >
    ? V
    : never
}

function element(name: string, type: ElementType<unknown>, min: number, max: number): Particle<never> {
  return { kind: 'element', name, type, items: [], min, max, isList: max > 1 }
}

function group(
  kind: 'sequence' | 'choice',
  items: readonly Particle<unknown>[],
  min = 1,
  max = 1,
): Particle<never> {
  return { kind, name: '', type: undefined, items, min, max, isList: false }
}

/** Exactly one child element. */
export function one<const N extends string, V>(
  name: N,
  type: ElementType<V>,
): Particle<{ readonly [K in N]: V }> {
  return element(name, type, 1, 1)
}

/** A child element that may be missing. */
export function optional<const N extends string, V>(
  name: N,
  type: ElementType<V>,
): Particle<{ readonly [K in N]?: V }> {
  return element(name, type, 0, 1)
}

/** `min` (at least one) to `max` child elements of one name; an array, also when there is only one. */
export function list<const N extends string, V>(
  name: N,
  type: ElementType<V>,
  bounds: { readonly min: number; readonly max: number },
): Particle<{ readonly [K in N]: readonly V[] }> {
  return element(name, type, bounds.min, bounds.max)
}

/** Any number of child elements of one name, or none. */
export function anyNumber<const N extends string, V>(
  name: N,
  type: ElementType<V>,
): Particle<{ readonly [K in N]?: readonly V[] }> {
  return element(name, type, 0, Number.POSITIVE_INFINITY)
}

/** Exactly one of the alternatives. */
export function choice<const P extends readonly Particle<unknown>[]>(...items: P): Particle<OneOf<P>> {
  return group('choice', items)
}

/** Children in this order. */
export function sequence<const P extends readonly Particle<unknown>[]>(...items: P): Particle<Both<P>> {
  return group('sequence', items)
}

/** A group of children that is there as a whole or not at all. */
export function optionalGroup<const P extends readonly Particle<unknown>[]>(
  ...items: P
): Particle<Partial<Both<P>>> {
  return group('sequence', items, 0, 1)
}

/**
 * Alternatives that may follow each other in any number. The decoded object has one array per name;
 * how different names were interleaved is not kept.
 */
export function repeatedChoice<const P extends readonly Particle<unknown>[]>(
  min: 0 | 1,
  ...items: P
): Particle<RepeatedShape<P>> {
  return group('choice', items.map(asList), min, Number.POSITIVE_INFINITY)
}

/** A sequence that may follow itself; one array per name. */
export function repeatedSequence<const P extends readonly Particle<unknown>[]>(
  ...items: P
): Particle<RepeatedShape<P>> {
  return group('sequence', items.map(asList), 1, Number.POSITIVE_INFINITY)
}

type Arrays<V> = { readonly [K in keyof V]?: readonly Exclude<V[K], undefined>[] }
type RepeatedShape<P extends readonly unknown[]> = P extends readonly [Particle<infer V>, ...infer Rest]
  ? Arrays<V> & RepeatedShape<Rest>
  : unknown

function asList(particle: Particle<unknown>): Particle<unknown> {
  return { ...particle, isList: true }
}

/** A wildcard (`xs:any`). It takes part in the codes; its content is outside the tables and refused. */
export function any(min: number, max: number): Particle<Record<never, never>> {
  return { kind: 'any', name: '*', type: undefined, items: [], min, max, isList: false }
}

export function required<V>(type: ValueType<V>): Attribute<V> & { readonly required: true } {
  return { kind: 'attribute', type, required: true }
}

export function maybe<V>(type: ValueType<V>): Attribute<V> & { readonly required: false } {
  return { kind: 'attribute', type, required: false }
}

/** An element with child elements in the given order, and attributes. */
export function complex<
  const P extends readonly Particle<unknown>[],
  const A extends Readonly<Record<string, Attribute<unknown>>> = Record<never, never>,
>(
  content: P,
  options: { readonly attributes?: A; readonly mixed?: boolean } = {},
): ComplexType<Simplify<AttributesOf<A> & Both<P>>> {
  return {
    kind: 'complex',
    attributes: options.attributes ?? {},
    content: group('sequence', content),
    value: undefined,
    mixed: options.mixed ?? false,
  }
}

/** An element with text content and attributes; the text appears as `value`. */
export function valued<V, const A extends Readonly<Record<string, Attribute<unknown>>>>(
  value: ValueType<V>,
  attributes: A,
): ComplexType<Simplify<AttributesOf<A> & { readonly value: V }>> {
  return { kind: 'complex', attributes, content: group('sequence', []), value, mixed: false }
}
