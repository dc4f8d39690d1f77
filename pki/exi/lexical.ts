import { decodeRoot, encodeRoot, type Roots } from './codec.ts'
import { ExiError } from './errors.ts'
import { fragmentTables } from './fragment.ts'
import type { CodedType, ComplexType, ElementType, Particle } from './model.ts'
import { documents2 } from './tables-2.ts'
import { documents20 } from './tables-20.ts'
import type { ValueType } from './values.ts'

/**
 * The same messages as plain JSON that mirrors the XML: every leaf is its XML text (base64, hex, decimal), attributes
 * stand beside children, repeated elements are arrays, text beside attributes is `value`. For logs, test vectors and
 * tools that do not want bytes and bigints.
 */

export type StreamKind = 'document' | 'fragment'

const XMLDSIG_SCHEMA = 'http://www.w3.org/2000/09/xmldsig#'

const tables: Readonly<Record<StreamKind, Readonly<Record<string, Roots>>>> = {
  document: {
    'urn:iso:15118:2:2013:MsgDef': documents2,
    'urn:iso:std:iso:15118:-20:CommonMessages': documents20,
  },
  fragment: {
    'urn:iso:15118:2:2013:MsgDef': fragmentTables['15118-2'],
    'urn:iso:std:iso:15118:-20:CommonMessages': fragmentTables['15118-20'],
    [XMLDSIG_SCHEMA]: fragmentTables.xmldsig,
  },
}

function rootsOf(kind: StreamKind, schema: string): Roots {
  const roots = tables[kind][schema]
  if (roots !== undefined) return roots
  const expected = Object.keys(tables[kind])
  throw new ExiError('exi-unsupported', `no ${kind} tables for schema '${schema}'`, {
    bitOffset: 0,
    expected,
  })
}

/** Decodes any stream the tables know into `{ rootName: mirror }`. */
export function decodeToMirror(bytes: Uint8Array, kind: StreamKind, schema: string): Record<string, unknown> {
  const roots = rootsOf(kind, schema)
  const { name, value } = decodeRoot(bytes, roots)
  const type = roots[name]?.type
  return { [name]: type === undefined ? undefined : mirror(type, value) }
}

/** Encodes `{ rootName: mirror }`; the reverse of `decodeToMirror`. */
export function encodeFromMirror(fields: unknown, kind: StreamKind, schema: string): Uint8Array {
  const roots = rootsOf(kind, schema)
  const [entry, ...others] = entriesOf(fields)
  const name = entry?.[0] ?? ''
  const type = Object.hasOwn(roots, name) ? roots[name]?.type : undefined
  if (entry === undefined || others.length > 0 || type === undefined) {
    throw new ExiError('exi-encode', `one root element is needed, not '${name}'`, {
      bitOffset: 0,
      expected: Object.keys(roots),
    })
  }
  return encodeRoot(name, unmirror(type, entry[1]), roots)
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []
}

function mirror(type: ElementType<unknown>, value: unknown): unknown {
  if (type.kind === 'value') return type.toLexical(value)
  const members = membersOf(type)
  const result: Record<string, unknown> = {}
  for (const [name, field] of entriesOf(value)) {
    const member = members.get(name)
    if (member === undefined) continue
    result[name] = Array.isArray(field) ? field.map((item) => mirror(member, item)) : mirror(member, field)
  }
  const isBareText = members.has('value') && Object.keys(result).length === 1
  return isBareText ? result.value : result
}

/** Names the type does not know are passed on, so that the encoder can refuse them with the place. */
function unmirror(type: ElementType<unknown>, value: unknown): unknown {
  if (type.kind === 'value') return fromText(type, value)
  const members = membersOf(type)
  const valueType = members.get('value')
  if (valueType !== undefined && typeof value === 'string') return { value: unmirror(valueType, value) }
  const result: Record<string, unknown> = {}
  for (const [name, field] of entriesOf(value)) {
    const member = members.get(name)
    if (member === undefined) result[name] = field
    else
      result[name] = Array.isArray(field)
        ? field.map((item) => unmirror(member, item))
        : unmirror(member, field)
  }
  return result
}

function fromText(type: ValueType<unknown>, value: unknown): unknown {
  if (typeof value !== 'string')
    throw new ExiError('exi-encode', `${type.xsd}: text is needed`, { bitOffset: 0 })
  try {
    return type.fromLexical(value)
  } catch (error) {
    if (error instanceof ExiError) throw error
    throw new ExiError('exi-encode', `'${value}' is not an ${type.xsd}`, { bitOffset: 0 })
  }
}

/** Attributes, children and text of a type by name. */
function membersOf(type: ComplexType<unknown> | CodedType<unknown>): Map<string, ElementType<unknown>> {
  const members = new Map<string, ElementType<unknown>>()
  if (type.kind === 'coded') {
    for (const state of type.states) {
      for (const production of Object.values(state.codes)) {
        if (production.event !== 'EE') members.set(production.name, production.type)
      }
    }
    return members
  }
  for (const [name, attribute] of Object.entries(type.attributes)) members.set(name, attribute.type)
  if (type.value !== undefined) members.set('value', type.value)
  collect(type.content, members)
  return members
}

function collect(particle: Particle<unknown>, members: Map<string, ElementType<unknown>>): void {
  if (particle.type !== undefined) members.set(particle.name, particle.type)
  for (const item of particle.items) collect(item, members)
}
