import { readFile } from 'node:fs/promises'
import { type CompositeSchedule, compositeSchedule, parseTime } from '../../profiles/index.ts'
import { type CompositeCase, readCase } from './composite-case.ts'

/** Limits are floats in the stack that the cases come from. */
const TOLERANCE = 0.01

/**
 * How long the station of a case has been offline. The case file says `offline` at the time of the query but not for
 * how long; the cases about maxOfflineDuration carry that in their names only. The second query of the one about a
 * profile that is valid after it comes when the station is online again.
 */
function offlineSince({ name, n, query }: CompositeCase, fromMs: number): number | null {
  if (/_ValidAfterOfflineDuration/.test(name) && n > 1) return null
  if (/OfflineTooLong/.test(name)) return fromMs - 86_400_000
  return query.offline ? fromMs : null
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

/** Name and number of a case that could not be read, where the line tells them. */
function labelOf(line: string): { name: string; n: number | null } {
  const name = /"name"\s*:\s*"([^"]*)"/.exec(line)?.[1]
  const n = /"n"\s*:\s*(\d+)/.exec(line)?.[1]
  return { name: name ?? '(unreadable)', n: n === undefined ? null : Number(n) }
}

/**
 * Runs a file of composite-schedule cases (one JSON object per line). Prints one JSON line per case and a last one
 * with the counts. True when all pass. A line that is no case fails and names its number and what is wrong with it.
 */
export async function runComposite(file: string, print: (line: string) => void): Promise<boolean> {
  const lines = (await readFile(file, 'utf8')).split('\n')
  let total = 0
  let passed = 0
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    total++
    const testCase = readCase(line)
    const readable = typeof testCase !== 'string'
    const { name, n } = readable ? testCase : labelOf(line)
    const problems = readable
      ? differences(testCase, scheduleOf(testCase))
      : [`line ${index + 1}: ${testCase}`]
    if (problems.length === 0) passed++
    print(JSON.stringify({ name, n, pass: problems.length === 0, detail: problems.join('; ') }))
  }
  print(JSON.stringify({ total, passed, failed: total - passed }))
  return total > 0 && passed === total
}
