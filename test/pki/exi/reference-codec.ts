/**
 * A second EXI encoder, made to be compared with the first: it reads the published content models (not our tables)
 * and finds the productions of each place by taking derivatives of the model (where ours compiles an automaton).
 */

/** A model as `exi-content-models.json` has it; only what is used is named. */
export interface ModelNode {
  readonly element?: string
  readonly ref?: boolean
  readonly any?: string
  readonly type?: string
  readonly sequence?: readonly ModelNode[]
  readonly choice?: readonly ModelNode[]
  readonly occurs: readonly [number, number | 'unbounded']
}
interface ModelAttribute {
  readonly attribute: string
  readonly type: string
  readonly use: 'required' | 'optional'
}
export interface ModelType {
  readonly simple?: string
  readonly enumeration?: readonly string[]
  readonly length?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly extends?: string
  readonly simpleContent?: boolean
  readonly mixed?: boolean
  readonly attributes?: readonly ModelAttribute[]
  readonly content?: ModelNode
}
interface Schema {
  readonly elements: Readonly<Record<string, { readonly type: string | ModelType }>>
  readonly types: Readonly<Record<string, ModelType>>
}
export interface Models {
  readonly documentCodes: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly fragmentCodes: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly bodyChoice: Readonly<Record<string, number>>
  readonly 'iso15118-2': Schema
  readonly 'iso15118-20': Schema
  readonly xmldsig: Schema
}

/** One element as XML has it: attributes and children in document order, or text. */
export interface Node {
  readonly name: string
  readonly type: ModelType
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Node[]
  readonly text: string | undefined
}

export const localName = (qualified: string): string => qualified.slice(qualified.indexOf(':') + 1)

/** Finds types in the schemas, with what they inherit. */
export class TypeBook {
  readonly models: Models
  constructor(models: Models) {
    this.models = models
  }

  named(name: string): ModelType {
    if (name.startsWith('xs:')) return { simple: name }
    const { 'iso15118-2': two, 'iso15118-20': twenty, xmldsig } = this.models
    const found = two.types[name] ?? twenty.types[name] ?? xmldsig.types[name]
    if (!found) throw new Error(`no type ${name}`)
    return this.#whole(found)
  }

  ofElement(node: ModelNode): ModelType {
    if (node.type !== undefined) return this.named(node.type)
    return this.global(node.element ?? '')
  }

  global(name: string): ModelType {
    const { 'iso15118-2': two, 'iso15118-20': twenty, xmldsig } = this.models
    const type = (two.elements[name] ?? twenty.elements[name] ?? xmldsig.elements[name])?.type
    if (type === undefined) throw new Error(`no element ${name}`)
    return typeof type === 'string' ? this.named(type) : type
  }

  /** The simple type of text content, for simple types and simple content alike. */
  textOf(type: ModelType): ModelType | undefined {
    if (type.simple !== undefined) return type
    return type.simpleContent && type.extends !== undefined ? this.named(type.extends) : undefined
  }

  #whole(type: ModelType): ModelType {
    if (type.extends === undefined || type.simpleContent) return type
    const base = this.named(type.extends)
    const parts = [base.content, type.content].filter((part) => part !== undefined)
    return {
      ...type,
      attributes: [...(base.attributes ?? []), ...(type.attributes ?? [])],
      ...(parts.length === 0 ? {} : { content: { sequence: parts, occurs: [1, 1] } }),
    }
  }
}

/** Regular expressions over element names; `*` is a wildcard. */
type Expression =
  | { readonly kind: 'none' | 'empty' }
  | { readonly kind: 'symbol'; readonly name: string; readonly type: ModelType | undefined }
  | { readonly kind: 'then' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'star'; readonly inner: Expression }

const NONE: Expression = { kind: 'none' }
const EMPTY: Expression = { kind: 'empty' }

const then = (left: Expression, right: Expression): Expression =>
  left.kind === 'none' || right.kind === 'none'
    ? NONE
    : left.kind === 'empty'
      ? right
      : right.kind === 'empty'
        ? left
        : { kind: 'then', left, right }
const or = (left: Expression, right: Expression): Expression =>
  left.kind === 'none' ? right : right.kind === 'none' ? left : { kind: 'or', left, right }

function expressionOf(node: ModelNode | undefined, book: TypeBook): Expression {
  if (node === undefined) return EMPTY
  let once: Expression
  if (node.sequence) once = node.sequence.map((part) => expressionOf(part, book)).reduce(then, EMPTY)
  else if (node.choice) once = node.choice.map((part) => expressionOf(part, book)).reduce(or, NONE)
  else if (node.any !== undefined) once = { kind: 'symbol', name: '*', type: undefined }
  else once = { kind: 'symbol', name: node.element ?? '', type: book.ofElement(node) }
  const [min, max] = node.occurs
  let rest: Expression = EMPTY
  if (max === 'unbounded') rest = { kind: 'star', inner: once }
  else for (let i = min; i < max; i++) rest = or(then(once, rest), EMPTY)
  for (let i = 0; i < min; i++) rest = then(once, rest)
  return rest
}

function mayEnd(expression: Expression): boolean {
  switch (expression.kind) {
    case 'empty':
    case 'star':
      return true
    case 'then':
      return mayEnd(expression.left) && mayEnd(expression.right)
    case 'or':
      return mayEnd(expression.left) || mayEnd(expression.right)
    default:
      return false
  }
}

function firstOf(expression: Expression): { name: string; type: ModelType | undefined }[] {
  switch (expression.kind) {
    case 'symbol':
      return [expression]
    case 'star':
      return firstOf(expression.inner)
    case 'then':
      return mayEnd(expression.left)
        ? [...firstOf(expression.left), ...firstOf(expression.right)]
        : firstOf(expression.left)
    case 'or':
      return [...firstOf(expression.left), ...firstOf(expression.right)]
    default:
      return []
  }
}

function after(expression: Expression, name: string): Expression {
  switch (expression.kind) {
    case 'symbol':
      return expression.name === name ? EMPTY : NONE
    case 'star':
      return then(after(expression.inner, name), expression)
    case 'or':
      return or(after(expression.left, name), after(expression.right, name))
    case 'then': {
      const direct = then(after(expression.left, name), expression.right)
      return mayEnd(expression.left) ? or(direct, after(expression.right, name)) : direct
    }
    default:
      return NONE
  }
}

/** Productions in the order of their codes: attributes, elements, wildcard, end, text. */
function productionsOf(attributes: readonly ModelAttribute[], content: Expression, mixed: boolean): string[] {
  const result: string[] = []
  for (const { attribute, use } of attributes) {
    result.push(`@${localName(attribute)}`)
    if (use === 'required') return result
  }
  const names = [...new Set(firstOf(content).map(({ name }) => name))]
  result.push(...names.filter((name) => name !== '*'), ...names.filter((name) => name === '*'))
  if (mayEnd(content)) result.push('end')
  if (mixed) result.push('text')
  return result
}

class Bits {
  #text = ''
  number(width: number, value: number): void {
    if (width > 0) this.#text += value.toString(2).padStart(width, '0')
  }
  unsigned(value: bigint): void {
    let rest = value
    do {
      this.number(8, Number(rest & 127n) | (rest > 127n ? 128 : 0))
      rest >>= 7n
    } while (rest > 0n)
  }
  octets(bytes: Uint8Array): void {
    this.unsigned(BigInt(bytes.length))
    for (const octet of bytes) this.number(8, octet)
  }
  /** The code of one of so many productions, with one more for deviations from the schema. */
  code(productions: readonly string[], wanted: string): void {
    const code = productions.indexOf(wanted)
    if (code < 0) throw new Error(`${wanted} is none of ${productions.join(' ')}`)
    this.number(Math.ceil(Math.log2(productions.length + 1)), code)
  }
  bytes(): Buffer {
    const padded = this.#text.padEnd(Math.ceil(this.#text.length / 8) * 8, '0')
    return Buffer.from(padded.match(/.{8}/g)?.map((octet) => Number.parseInt(octet, 2)) ?? [])
  }
}

function writeText(bits: Bits, type: ModelType, text: string): void {
  if (type.enumeration) {
    bits.number(Math.ceil(Math.log2(type.enumeration.length)), type.enumeration.indexOf(text))
    return
  }
  switch (type.simple) {
    case 'xs:base64Binary':
      bits.octets(Buffer.from(text, 'base64'))
      break
    case 'xs:hexBinary':
      bits.octets(Buffer.from(text, 'hex'))
      break
    case 'xs:unsignedByte':
      bits.number(8, Number(text))
      break
    case 'xs:unsignedLong':
      bits.unsigned(BigInt(text))
      break
    case 'xs:short':
    case 'xs:integer': {
      const value = BigInt(text)
      bits.number(1, value < 0n ? 1 : 0)
      bits.unsigned(value < 0n ? -value - 1n : value)
      break
    }
    default: {
      const points = [...text]
      bits.unsigned(BigInt(points.length + 2))
      for (const point of points) bits.unsigned(BigInt(point.codePointAt(0) ?? 0))
    }
  }
}

/** `BodyElement` is the head of a substitution group: its codes are those of the whole schema. */
function writeBody(bits: Bits, body: Node, book: TypeBook): void {
  const [child] = body.children
  const { bodyChoice } = book.models
  bits.number(bodyChoice.bits ?? 0, bodyChoice[child?.name ?? ''] ?? 0)
  if (child) writeElement(bits, child, book)
  bits.code(['end'], 'end')
}

function writeElement(bits: Bits, node: Node, book: TypeBook): void {
  if (localName(node.name) === 'Body') {
    writeBody(bits, node, book)
    return
  }
  const { type } = node
  const textType = book.textOf(type)
  let attributes = [...(type.attributes ?? [])].sort((a, b) =>
    localName(a.attribute) < localName(b.attribute) ? -1 : 1,
  )
  let content: Expression = textType
    ? { kind: 'symbol', name: 'characters', type: undefined }
    : expressionOf(type.content, book)
  const mixed = type.mixed === true
  const step = (wanted: string): void => bits.code(productionsOf(attributes, content, mixed), wanted)
  for (const { attribute, type: valueType } of [...attributes]) {
    const name = localName(attribute)
    const value = node.attributes[name]
    if (value === undefined) continue
    step(`@${name}`)
    writeText(bits, book.named(valueType), value)
    attributes = attributes.slice(attributes.findIndex((one) => localName(one.attribute) === name) + 1)
  }
  if (textType) {
    step('characters')
    writeText(bits, textType, node.text ?? '')
    attributes = []
    content = EMPTY
  }
  for (const child of node.children) {
    step(child.name)
    attributes = []
    content = after(content, child.name)
    writeElement(bits, child, book)
  }
  step('end')
}

/** A stream: header, the code of its root, content, and the end code of fragments. */
export function referenceEncode(
  root: Node,
  at: { readonly bits: number; readonly code: number; readonly end?: number },
  book: TypeBook,
): Buffer {
  const bits = new Bits()
  bits.number(8, 0x80)
  bits.number(at.bits, at.code)
  writeElement(bits, root, book)
  if (at.end !== undefined) bits.number(at.bits, at.end)
  return bits.bytes()
}

/** Which children there may be next, and whether it may end here: for whoever makes instances. */
export function openContent(node: ModelNode | undefined, book: TypeBook) {
  let content = expressionOf(node, book)
  return {
    next: () => firstOf(content),
    mayEnd: () => mayEnd(content),
    take: (name: string) => {
      content = after(content, name)
    },
  }
}
