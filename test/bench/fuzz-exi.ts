import { readFileSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { decodeToMirror, ExiError, encodeFromMirror, type StreamKind } from '../../pki/exi/index.ts'

/**
 * Throws mutated reference streams at the decoder. Whatever comes in, the decoder must either refuse it with an
 * ExiError, or give a message that encodes and decodes to itself.
 */

export interface FuzzReport {
  readonly inputs: number
  readonly accepted: number
  readonly refused: Readonly<Record<string, number>>
  readonly failures: readonly string[]
  readonly slowestMs: number
  readonly heapGrowthBytes: number
  readonly seconds: number
}

interface Seed {
  readonly kind: StreamKind
  readonly schema: string
  readonly bytes: Uint8Array
}

/** Reproducible randomness: a failing input can be found again from its number. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** From the root of the repository, where npm runs tests and scripts; both may run this file from different depths. */
function readSeeds(): Seed[] {
  const file = resolvePath('test/fixtures/exi-pnc.json')
  const { vectors }: { vectors: { kind: StreamKind; schema: string; exi_hex: string }[] } = JSON.parse(
    readFileSync(file, 'utf8'),
  )
  return vectors.map(({ kind, schema, exi_hex }) => ({ kind, schema, bytes: Buffer.from(exi_hex, 'hex') }))
}

function mutate(bytes: Uint8Array, other: Uint8Array, random: (below: number) => number): Uint8Array {
  const at = random(bytes.length)
  // Most grammar decisions are in the first bytes and between long binaries: half of the changes go to the start.
  const near = random(2) === 0 ? random(Math.min(bytes.length, 64)) : at
  switch (random(7)) {
    case 0:
      return flipped(bytes, near, 1 << random(8))
    case 1:
      return flipped(flipped(bytes, near, 1 + random(255)), at, 1 + random(255))
    case 2:
      return bytes.slice(0, at)
    case 3:
      return Uint8Array.from([...bytes.subarray(0, near), random(256), ...bytes.subarray(near)])
    case 4:
      return Uint8Array.from([...bytes.subarray(0, near), ...bytes.subarray(near + 1 + random(8))])
    case 5:
      return Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(random(other.length))])
    default:
      return Uint8Array.from({ length: random(200) }, (_, i) => (i < 2 ? (bytes[i] ?? 0) : random(256)))
  }
}

function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ mask
  return copy
}

/** What happened to one input: the code of the refusal, `accepted`, or a text that starts with `failure`. */
function feed(bytes: Uint8Array, { kind, schema }: Seed): string {
  let fields: Record<string, unknown>
  try {
    fields = decodeToMirror(bytes, kind, schema)
  } catch (error) {
    return error instanceof ExiError ? error.code : `failure: ${String(error)}`
  }
  try {
    const again = decodeToMirror(encodeFromMirror(fields, kind, schema), kind, schema)
    return isDeepStrictEqual(again, fields) ? 'accepted' : 'failure: decodes to something else after encoding'
  } catch (error) {
    return `failure: accepted, but ${String(error)}`
  }
}

/** Feeds `count` mutated inputs and prints one JSON line of what happened. */
export async function run(
  print: (line: string) => void,
  count = 1_000_000,
  seed = 15118,
): Promise<FuzzReport> {
  const seeds = readSeeds()
  const random = randomNumbers(seed)
  const refused: Record<string, number> = {}
  const failures: string[] = []
  let accepted = 0
  let slowestMs = 0
  let heapAfterWarmup = 0
  const warmup = Math.min(count, 10_000)
  const begin = performance.now()
  for (let number = 0; number < count; number++) {
    if (number === warmup) heapAfterWarmup = settledHeap()
    const chosen = seeds[random(seeds.length)]
    const other = seeds[random(seeds.length)]
    if (chosen === undefined || other === undefined) break
    const input = mutate(chosen.bytes, other.bytes, random)
    const start = performance.now()
    const outcome = feed(input, chosen)
    slowestMs = Math.max(slowestMs, performance.now() - start)
    if (outcome === 'accepted') accepted++
    else if (!outcome.startsWith('failure')) refused[outcome] = (refused[outcome] ?? 0) + 1
    else if (failures.length < 20)
      failures.push(`input ${number} (${Buffer.from(input).toString('hex')}): ${outcome}`)
  }
  const seconds = (performance.now() - begin) / 1000
  const heapGrowthBytes = count > warmup ? settledHeap() - heapAfterWarmup : 0
  const report = { inputs: count, accepted, refused, failures, slowestMs, heapGrowthBytes, seconds }
  print(JSON.stringify(report))
  return report
}

/** Collects first when Node was started with --expose-gc; otherwise the number includes garbage. */
function settledHeap(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
