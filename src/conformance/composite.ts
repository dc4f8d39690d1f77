import { readFile } from 'node:fs/promises'
import {
  type ChargingProfile,
  type CompositePeriod,
  type CompositeSchedule,
  compositeSchedule,
  parseTime,
} from '../../profiles/index.ts'

/** One line of the case file. */
interface CompositeCase {
  readonly name: string
  readonly n: number
  readonly evses: number
  readonly defaults: {
    readonly A: number
    readonly W: number
    readonly numberPhases: number
    readonly voltage: number
  }
  readonly profiles: readonly { readonly evseId: number | string; readonly profile: ChargingProfile }[]
  readonly transactions: readonly {
    readonly evse: number
    readonly id: string
    readonly start: string | null
  }[]
  readonly query: {
    readonly start: string
    readonly end: string
    readonly evseId: number
    readonly unit: 'A' | 'W'
    readonly offline: boolean
    readonly simulateTx: boolean
  }
  readonly expected: {
    readonly duration: number | null
    readonly periods: readonly Partial<CompositePeriod>[]
  }
}

/** Limits are floats in the stack that the cases come from. */
const TOLERANCE = 0.01

/**
 * How long the station of a case has been offline. The case file says `offline` at the time of the query but not for
 * how long; the cases about maxOfflineDuration carry that in their names only.
 */
function offlineSince(testCase: CompositeCase, fromMs: number): number | null {
  if (/OfflineTooLong/.test(testCase.name)) return fromMs - 86_400_000
  return testCase.query.offline ? fromMs : null
}

function scheduleOf(testCase: CompositeCase): CompositeSchedule {
  const { query, defaults } = testCase
  const fromMs = parseTime(query.start)
  return compositeSchedule({
    evseIds: Array.from({ length: testCase.evses }, (_, k) => k + 1),
    profiles: testCase.profiles.map(({ evseId, profile }) => ({ evseId: Number(evseId), profile })),
    transactions: testCase.transactions.map(({ evse, id, start }) => ({
      evseId: evse,
      transactionId: id,
      startMs: start === null ? null : parseTime(start),
    })),
    defaults: {
      limitA: defaults.A,
      limitW: defaults.W,
      numberPhases: defaults.numberPhases,
      voltageV: defaults.voltage,
    },
    offlineSinceMs: offlineSince(testCase, fromMs),
    evseId: query.evseId,
    unit: query.unit,
    fromMs,
    toMs: parseTime(query.end),
    simulateTransaction: query.simulateTx,
  })
}

function differences(testCase: CompositeCase, actual: CompositeSchedule): string[] {
  const { expected } = testCase
  const found: string[] = []
  if (expected.duration !== null && expected.duration !== actual.durationS) {
    found.push(`duration ${actual.durationS}, expected ${expected.duration}`)
  }
  if (expected.periods.length !== actual.periods.length) {
    found.push(`${actual.periods.length} periods, expected ${expected.periods.length}`)
  }
  expected.periods.forEach((period, index) => {
    const own: Readonly<Record<string, unknown>> = { ...actual.periods[index] }
    for (const [field, wanted] of Object.entries(period)) {
      const value = own[field]
      const near =
        typeof value === 'number' && typeof wanted === 'number' && Math.abs(value - wanted) <= TOLERANCE
      if (near || value === wanted) continue
      found.push(`period ${index} ${field} ${String(value)}, expected ${String(wanted)}`)
    }
  })
  return found
}

/**
 * Runs a file of composite-schedule cases (one JSON object per line). Prints one JSON line per case and a last one
 * with the counts. True when all pass.
 */
export async function runComposite(file: string, print: (line: string) => void): Promise<boolean> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '')
  let passed = 0
  for (const line of lines) {
    let name = '(unreadable)'
    let n: number | null = null
    let problems: string[]
    try {
      const testCase: CompositeCase = JSON.parse(line)
      name = testCase.name
      n = testCase.n
      problems = differences(testCase, scheduleOf(testCase))
    } catch (cause) {
      problems = [cause instanceof Error ? cause.message : String(cause)]
    }
    if (problems.length === 0) passed++
    print(JSON.stringify({ name, n, pass: problems.length === 0, detail: problems.join('; ') }))
  }
  print(JSON.stringify({ total: lines.length, passed, failed: lines.length - passed }))
  return lines.length > 0 && passed === lines.length
}
