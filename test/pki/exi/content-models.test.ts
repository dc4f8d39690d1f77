import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeToMirror, encodeFromMirror, type StreamKind } from '../../../pki/exi/index.ts'
import {
  localName,
  type ModelNode,
  type Models,
  type ModelType,
  type Node,
  openContent,
  referenceEncode,
  TypeBook,
} from './reference-codec.ts'

const file = new URL('../../../../shared/spec/exi-content-models.json', import.meta.url)
const isHere = existsSync(file)
if (!isHere) console.info('skipped: the published content models are not beside the repository')

const PER_ROOT = 60

/** Small, seeded, good enough to choose: a failure names its seed. */
function createDice(seed: number) {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number): number => Math.floor(next() * count)
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T
  return { below, pick, chance: (share: number) => next() < share }
}
type Dice = ReturnType<typeof createDice>

function lexical(type: ModelType, dice: Dice): string {
  if (type.enumeration) return dice.pick(type.enumeration)
  const longest = type.length ?? type.maxLength ?? 40
  const length = type.length ?? dice.pick([type.minLength ?? 0, dice.below(longest + 1), longest])
  const octets = () => Buffer.from(Array.from({ length }, () => dice.below(256)))
  switch (type.simple) {
    case 'xs:base64Binary':
      return octets().toString('base64')
    case 'xs:hexBinary':
      return octets().toString('hex').toUpperCase()
    case 'xs:unsignedByte':
      return String(dice.pick([0, 1, 127, 128, 255]))
    case 'xs:unsignedLong':
      return String(dice.pick([0n, 127n, 128n, 1n << 40n, (1n << 64n) - 1n]))
    case 'xs:short':
      return String(dice.pick([-32768, -129, -128, -1, 0, 1, 127, 128, 32767]))
    case 'xs:integer': {
      const magnitude = BigInt(`0x0${Buffer.from([dice.below(256), dice.below(256)]).toString('hex')}`)
      return String((magnitude << BigInt(dice.below(150))) * (dice.chance(0.3) ? -1n : 1n))
    }
    default:
      return Array.from({ length }, () => dice.pick(['a', 'Z', '/', ' ', 'ü', '€', '🚗', '\u{7f}'])).join('')
  }
}

/** What was there and what was not, to see that the walk left nothing out. */
interface Coverage {
  readonly present: Set<string>
  readonly absent: Set<string>
}

function instance(name: string, type: ModelType, book: TypeBook, dice: Dice, seen: Coverage): Node {
  const attributes: Record<string, string> = {}
  for (const { attribute, type: valueType, use } of type.attributes ?? []) {
    const there = use === 'required' || dice.chance(0.5)
    ;(there ? seen.present : seen.absent).add(`${name}/@${localName(attribute)}`)
    if (there) attributes[localName(attribute)] = lexical(book.named(valueType), dice)
  }
  const textType = book.textOf(type)
  if (textType) return { name, type, attributes, children: [], text: lexical(textType, dice) }
  const children: Node[] = []
  const content = openContent(type.content, book)
  // Wildcards have codes, but nothing is described that could stand there.
  const stopAfter = dice.pick([0, 2, 5, 30])
  for (;;) {
    const choices = content.next().filter((one) => one.name !== '*')
    const elements = new Set(choices.map((one) => one.name))
    const isNew = choices.some((one) => !seen.present.has(`${name}/${one.name}`))
    if (
      content.mayEnd() &&
      !isNew &&
      (children.length >= stopAfter || choices.length === 0 || dice.chance(0.08))
    ) {
      for (const one of elements) seen.absent.add(`${name}/${one}`)
      break
    }
    // What was not there yet comes first: the walk is to leave nothing out.
    const chosen = choices.find((one) => !seen.present.has(`${name}/${one.name}`)) ?? dice.pick(choices)
    seen.present.add(`${name}/${chosen.name}`)
    content.take(chosen.name)
    children.push(instance(chosen.name, chosen.type ?? {}, book, dice, seen))
  }
  return { name, type, attributes, children, text: undefined }
}

/** Which children are arrays in the mirror: those that may stand more than once. */
function lists(node: ModelNode | undefined, isInList = false): Set<string> {
  if (node === undefined) return new Set()
  const repeats = isInList || node.occurs[1] === 'unbounded' || node.occurs[1] > 1
  if (node.element !== undefined) return new Set(repeats ? [localName(node.element)] : [])
  return new Set(
    [...(node.sequence ?? []), ...(node.choice ?? [])].flatMap((part) => [...lists(part, repeats)]),
  )
}

function mirrorOf(node: Node): unknown {
  if (node.text !== undefined)
    return Object.keys(node.attributes).length === 0 ? node.text : { ...node.attributes, value: node.text }
  const result: Record<string, unknown> = { ...node.attributes }
  const arrays = lists(node.type.content)
  for (const child of node.children) {
    const name = localName(child.name)
    const earlier = result[name]
    if (!arrays.has(name)) result[name] = mirrorOf(child)
    else if (Array.isArray(earlier)) earlier.push(mirrorOf(child))
    else result[name] = [mirrorOf(child)]
  }
  return result
}

interface Root {
  readonly name: string
  readonly kind: StreamKind
  readonly schema: string
  readonly at: { readonly bits: number; readonly code: number; readonly end?: number }
  /** Body of the -2 envelope that the instance is put into. */
  readonly body?: string
  readonly type: (book: TypeBook) => ModelType
}

const DEF = 'urn:iso:15118:2:2013:MsgDef'
const CM = 'urn:iso:std:iso:15118:-20:CommonMessages'
const DS = 'http://www.w3.org/2000/09/xmldsig#'
const BODIES = [
  'CertificateInstallationReq',
  'CertificateInstallationRes',
  'CertificateUpdateReq',
  'CertificateUpdateRes',
]
const fragmentAt = (bits: number, code: number, end: number) => ({ bits, code, end })

const roots: readonly Root[] = [
  ...BODIES.map(
    (body): Root => ({
      name: 'def:V2G_Message',
      kind: 'document',
      schema: DEF,
      at: { bits: 7, code: 76 },
      body: `body:${body}`,
      type: (book) => book.global('def:V2G_Message'),
    }),
  ),
  ...(['CertificateInstallationReq', 'CertificateInstallationRes'] as const).map(
    (name, index): Root => ({
      name: `cm:${name}`,
      kind: 'document',
      schema: CM,
      at: { bits: 6, code: 7 + index },
      type: (book) => book.global(`cm:${name}`),
    }),
  ),
  ...(
    [
      ['CertificateInstallationReq', 15, 'body:CertificateInstallationReqType'],
      ['CertificateUpdateReq', 17, 'body:CertificateUpdateReqType'],
      ['ContractSignatureCertChain', 33, 'dt:CertificateChainType'],
      ['ContractSignatureEncryptedPrivateKey', 34, 'dt:ContractSignatureEncryptedPrivateKeyType'],
      ['DHpublickey', 45, 'dt:DiffieHellmanPublickeyType'],
    ] as const
  ).map(
    ([name, code, type]): Root => ({
      name: `body:${name}`,
      kind: 'fragment',
      schema: DEF,
      at: fragmentAt(8, code, 244),
      type: (book) => book.named(type),
    }),
  ),
  ...(
    [
      ['OEMProvisioningCertificateChain', 128, 'cm:SignedCertificateChainType'],
      ['SignedInstallationData', 231, 'cm:SignedInstallationDataType'],
    ] as const
  ).map(
    ([name, code, type]): Root => ({
      name: `cm:${name}`,
      kind: 'fragment',
      schema: CM,
      at: fragmentAt(9, code, 282),
      type: (book) => book.named(type),
    }),
  ),
  {
    name: 'ds:SignedInfo',
    kind: 'fragment',
    schema: DS,
    at: fragmentAt(6, 32, 46),
    type: (book) => book.global('ds:SignedInfo'),
  },
]

/** The envelope around a body: the head of a substitution group is not in the models as a choice. */
function build(root: Root, book: TypeBook, dice: Dice, seen: Coverage): Node {
  const type = root.type(book)
  if (root.body === undefined) return instance(root.name, type, book, dice, seen)
  const header = instance('def:Header', book.named('hdr:MessageHeaderType'), book, dice, seen)
  const content = instance(root.body, book.global(root.body), book, dice, seen)
  const bodyType = book.named('body:BodyType')
  const body = { name: 'def:Body', type: bodyType, attributes: {}, children: [content], text: undefined }
  return { name: root.name, type, attributes: {}, children: [header, body], text: undefined }
}

const hasSignature = (mirror: unknown): boolean => JSON.stringify(mirror).includes('"Signature"')

describe.skipIf(!isHere)('the tables say what the published content models say', () => {
  const models: Models = isHere ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const book = new TypeBook(models)
  const seen: Coverage = { present: new Set(), absent: new Set() }

  it.each(roots.map((root) => [`${root.kind} ${root.body ?? root.name}`, root] as const))(
    '%s: random instances have the bytes of a second encoder, and come back',
    (_, root) => {
      let signed = 0
      for (let seed = 1; seed <= PER_ROOT; seed++) {
        const node = build(root, book, createDice(seed * 7919 + root.at.code), seen)
        const fields = { [localName(root.name)]: mirrorOf(node) }
        const bytes = referenceEncode(node, root.at, book)
        const decoded = decodeToMirror(bytes, root.kind, root.schema)
        expect(decoded, `seed ${seed}`).toEqual(fields)
        // Where different names alternate, the mirror does not keep their order: what it has is encoded stably.
        const again = encodeFromMirror(fields, root.kind, root.schema)
        expect(decodeToMirror(again, root.kind, root.schema), `seed ${seed}`).toEqual(fields)
        if (isOrdered(node)) expect(Buffer.from(again).equals(bytes), `seed ${seed}`).toBe(true)
        signed += Number(hasSignature(fields))
      }
      if (root.kind === 'document') expect(signed).toBeGreaterThan(PER_ROOT / 4)
    },
  )

  it('and the walk left nothing out: every optional part was there and was missing', () => {
    const optional = [...seen.absent]
    expect(optional.filter((one) => !seen.present.has(one))).toEqual([])
    for (const part of [
      'def:Header/hdr:Notification',
      'hdr:Notification/dt:FaultMsg',
      'ds:Signature/ds:KeyInfo',
      'ds:Signature/ds:Object',
      'ds:Transform/ds:XPath',
      'ds:DSAKeyValue/ds:P',
      'ds:PGPData/ds:PGPKeyID',
      'ds:SPKIData/ds:SPKISexp',
      'ds:X509Data/ds:X509CRL',
      'ds:SignatureMethod/ds:HMACOutputLength',
      'ds:RetrievalMethod/@Type',
      'cm:PrioritizedEMAIDs/cm:EMAID',
      'cm:SignedInstallationData/cm:TPM_EncryptedPrivateKey',
      'cm:SignedInstallationData/cm:X448_EncryptedPrivateKey',
    ])
      expect([...seen.present], part).toContain(part)
  })

  it('the codes of roots, bodies and fragments are the published ones', () => {
    const { documentCodes, fragmentCodes } = models
    expect(documentCodes['iso15118-2']).toMatchObject({ bits: 7, 'def:V2G_Message': 76 })
    expect(documentCodes['iso15118-20']).toMatchObject({ bits: 6, 'cm:CertificateInstallationReq': 7 })
    expect(fragmentCodes['iso15118-2']).toMatchObject({ bits: 8, end: 244, eMAID: 236 })
    expect(fragmentCodes.xmldsig).toMatchObject({ bits: 6, end: 46, 'ds:SignedInfo': 32 })
  })
})

/** Whether equal names stand together and in the order of their codes, as an object of arrays has them. */
function isOrdered(node: Node): boolean {
  const names = node.children.map((child) => child.name)
  const runs = names.filter((name, index) => name !== names[index - 1])
  const isSequence = new Set(runs).size === runs.length
  const order = [...choicesOf(node.type.content)]
  const inOrder = runs.every((name, index) => order.indexOf(runs[index - 1] ?? '') <= order.indexOf(name))
  return isSequence && inOrder && node.children.every(isOrdered)
}

function choicesOf(node: ModelNode | undefined): Set<string> {
  if (node === undefined) return new Set()
  if (node.element !== undefined) return new Set([node.element])
  return new Set([...(node.sequence ?? []), ...(node.choice ?? [])].flatMap((part) => [...choicesOf(part)]))
}
