import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { decodeToMirror, encodeFromMirror, type StreamKind } from '../../pki/index.ts'
import { type EndToEndCase, runCase } from './exi-cases.ts'

/** One reference stream: the fields mirror the XML, every leaf as XML text. */
interface Vector {
  readonly name: string
  readonly kind: StreamKind
  readonly schema: string
  readonly fields: unknown
  readonly exi_hex: string
  /** Independent codecs disagree about it: a failure is reported, but does not fail the run. */
  readonly contested?: boolean
}

interface VectorFile {
  readonly vectors?: readonly Vector[]
  readonly e2e?: readonly EndToEndCase[]
}

interface Line {
  readonly name: string
  readonly direction: 'decode' | 'encode' | 'end-to-end'
  readonly pass: boolean
  readonly contested: boolean
  readonly detail: string
  readonly exiResponse?: string
}

/**
 * Runs a file of EXI reference streams and end-to-end provisioning cases. Prints one JSON line per vector and
 * direction, one per end-to-end case, and a last one with counts.
 * @returns false when something failed that is not contested
 */
export async function runExi(file: string, print: (line: string) => void): Promise<boolean> {
  const { vectors = [], e2e = [] }: VectorFile = JSON.parse(await readFile(file, 'utf8'))
  const counts = { vectors: vectors.length, cases: e2e.length, passed: 0, failed: 0, contestedFailed: 0 }
  const report = (line: Line): void => {
    if (line.pass) counts.passed++
    else if (line.contested) counts.contestedFailed++
    else counts.failed++
    print(JSON.stringify(line))
  }
  for (const vector of vectors) {
    report(checkDecoding(vector))
    report(checkEncoding(vector))
  }
  for (const endToEnd of e2e) {
    const { name } = endToEnd
    report({ name, direction: 'end-to-end', contested: false, ...(await runCase(endToEnd)) })
  }
  print(JSON.stringify(counts))
  return counts.failed === 0
}

function checkDecoding({ name, kind, schema, fields, exi_hex, contested = false }: Vector): Line {
  const head = { name, direction: 'decode', contested } as const
  try {
    const decoded = decodeToMirror(Buffer.from(exi_hex, 'hex'), kind, schema)
    const pass = isDeepStrictEqual(decoded, fields)
    return {
      ...head,
      pass,
      detail: pass ? 'same fields' : `fields differ at ${firstDifference(decoded, fields)}`,
    }
  } catch (error) {
    return { ...head, pass: false, detail: messageOf(error) }
  }
}

function checkEncoding({ name, kind, schema, fields, exi_hex, contested = false }: Vector): Line {
  const head = { name, direction: 'encode', contested } as const
  try {
    const encoded = Buffer.from(encodeFromMirror(fields, kind, schema))
    const wanted = Buffer.from(exi_hex, 'hex')
    if (encoded.equals(wanted)) return { ...head, pass: true, detail: 'same bytes' }
    const at = encoded.findIndex((octet, index) => octet !== wanted[index])
    const detail = `${encoded.length} bytes instead of ${wanted.length}, different from byte ${at < 0 ? encoded.length : at} on`
    return { ...head, pass: false, detail }
  } catch (error) {
    return { ...head, pass: false, detail: messageOf(error) }
  }
}

/** Path of the first field in which two mirrors differ. */
function firstDifference(actual: unknown, wanted: unknown, path = ''): string {
  const left = fieldsOf(actual)
  const right = fieldsOf(wanted)
  if (left === undefined || right === undefined) return path === '' ? 'the root' : path
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const [a, b] = [left.get(name), right.get(name)]
    if (!isDeepStrictEqual(a, b)) return firstDifference(a, b, `${path}/${name}`)
  }
  return path
}

function fieldsOf(value: unknown): Map<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
