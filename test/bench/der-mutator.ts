export type RandomBelow = (below: number) => number

/** Reproducible randomness: a failing input can be found again from its number. */
export function randomNumbers(seed: number): RandomBelow {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

interface Node {
  tag: number
  children: Node[] | undefined
  content: Uint8Array
}

/** Reads well-formed DER into a tree; octet strings that hold DER are opened too, as extensions are. */
function readNodes(bytes: Uint8Array): Node[] | undefined {
  const nodes: Node[] = []
  for (let at = 0; at < bytes.length; ) {
    const [tag, first] = [bytes[at], bytes[at + 1]]
    if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
    let [length, start] = [first, at + 2]
    if (first >= 0x80) {
      const count = first & 0x7f
      if (count === 0 || count > 3) return undefined
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[start++] ?? 0)
    }
    if (start + length > bytes.length) return undefined
    const content = bytes.subarray(start, start + length)
    const mayNest = (tag & 0x20) !== 0 || tag === 0x04
    nodes.push({ tag, content, children: mayNest && length > 0 ? readNodes(content) : undefined })
    at = start + length
  }
  return nodes
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  return length < 0x10000
    ? [0x82, length >> 8, length & 0xff]
    : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]
}

function write(node: Node): Buffer {
  const content =
    node.children === undefined ? Buffer.from(node.content) : Buffer.concat(node.children.map(write))
  return Buffer.concat([Uint8Array.from([node.tag, ...lengthBytes(content.length)]), content])
}

function flatten(nodes: readonly Node[], into: Node[] = []): Node[] {
  for (const node of nodes) {
    into.push(node)
    if (node.children !== undefined) flatten(node.children, into)
  }
  return into
}

const TAGS = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x30, 0x31, 0x80, 0x82, 0x86, 0xa0,
  0xa1, 0xa3,
]

/** Changes the structure and keeps every length right, so that the mutation reaches the code behind the reader. */
function mutateTree(bytes: Uint8Array, other: Uint8Array, random: RandomBelow): Uint8Array {
  const [tree, donor] = [readNodes(bytes), readNodes(other)]
  if (tree === undefined || donor === undefined) return bytes
  const nodes = flatten(tree)
  const node = nodes[random(nodes.length)]
  const parents = nodes.filter(
    (candidate) => candidate.children !== undefined && candidate.children.length > 0,
  )
  const parent = parents[random(parents.length)]
  const strangers = flatten(random(2) === 0 ? tree : donor)
  const stranger = strangers[random(strangers.length)]
  if (node === undefined || parent?.children === undefined || stranger === undefined) return bytes
  const at = random(parent.children.length)
  switch (random(8)) {
    case 0:
      node.tag = TAGS[random(TAGS.length)] ?? 0
      break
    case 1:
      parent.children.splice(at, 1)
      break
    case 2:
      parent.children.splice(at, 0, ...parent.children.slice(at, at + 1))
      break
    case 3:
      parent.children.splice(at, 1, structuredClone(stranger))
      break
    case 4:
      parent.children.reverse()
      break
    case 5:
      node.children = undefined
      node.content =
        random(2) === 0 ? new Uint8Array() : node.content.slice(0, random(node.content.length + 1))
      break
    case 6:
      // Many copies: what grows with the number of entries shows here.
      parent.children.push(...Array.from({ length: 1 + random(60) }, () => structuredClone(stranger)))
      break
    default:
      node.children = undefined
      node.content = Uint8Array.from({ length: random(40) }, () => random(256))
  }
  return Buffer.concat(tree.map(write))
}

function mutateBytes(bytes: Uint8Array, other: Uint8Array, random: RandomBelow): Uint8Array {
  const at = random(bytes.length)
  const changed = Uint8Array.from(bytes)
  switch (random(6)) {
    case 0:
      changed[at] = (changed[at] ?? 0) ^ (1 << random(8))
      return changed
    case 1:
      changed[at] = random(256)
      changed[random(bytes.length)] = random(256)
      return changed
    case 2:
      return changed.subarray(0, at)
    case 3:
      return Buffer.concat([changed.subarray(0, at), Uint8Array.of(random(256)), changed.subarray(at)])
    case 4:
      return Buffer.concat([changed.subarray(0, at), changed.subarray(at + 1 + random(16))])
    default:
      return Buffer.concat([changed.subarray(0, at), other.subarray(random(other.length))])
  }
}

/** One mutation, sometimes two: of the bytes or of the structure. */
export function mutateDer(bytes: Uint8Array, other: Uint8Array, random: RandomBelow): Uint8Array {
  const once = random(2) === 0 ? mutateBytes(bytes, other, random) : mutateTree(bytes, other, random)
  return random(4) === 0 && once.length > 0 ? mutateTree(once, other, random) : once
}
