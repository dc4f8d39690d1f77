/**
 * Damaged OCPP frames, by the million: nothing may throw, and whatever is refused must say why.
 * npx tsc -p tsconfig.json --noEmit false --outDir dist/bench && node dist/bench/test/bench/fuzz-ocpp.js 1000000
 */

import { fileURLToPath } from 'node:url'
import { isAction, stationMaySend } from '../../src/ocpp/actions.ts'
import { encodeError, parseFrame } from '../../src/ocpp/frame.ts'
import { createSchemas } from '../../src/ocpp/schemas.ts'

const SEEDS = [
  '[2,"a","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}]',
  '[2,"b","TransactionEvent",{"eventType":"Updated","timestamp":"2026-01-01T00:00:00Z","triggerReason":"MeterValuePeriodic","seqNo":1,"transactionInfo":{"transactionId":"T"},"evse":{"id":1},"meterValue":[{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{"value":1.5,"phase":"L1"}]}]}]',
  '[2,"c","NotifyReport",{"requestId":1,"generatedAt":"2026-01-01T00:00:00Z","seqNo":0,"reportData":[{"component":{"name":"C"},"variable":{"name":"V"},"variableAttribute":[{"value":"1"}]}]}]',
  '[3,"d",{"status":"Accepted"}]',
  '[4,"e","GenericError","what",{}]',
]
const BITS = [
  '"',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '\\',
  'null',
  'true',
  '1e999',
  '-0',
  '\u0000',
  '\ud800',
  '__proto__',
  '2026-02-30T25:61:61Z',
]

/** Small, seeded and good enough to damage text. */
function random(seed: number): (bound: number) => number {
  let state = seed >>> 0 || 1
  return (bound) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}

export function fuzz(count: number, seed: number): { accepted: number; refused: number } {
  const next = random(seed)
  const schemas = createSchemas()
  const pick = <T>(list: readonly [T, ...T[]] | readonly T[]): T => list[next(list.length)] as T
  let accepted = 0
  for (let i = 0; i < count; i++) {
    let text = pick(SEEDS)
    for (let damage = next(4); damage >= 0; damage--) {
      const at = next(text.length + 1)
      text = text.slice(0, at) + pick(BITS) + text.slice(at + next(12))
    }
    const frame = parseFrame(text)
    if (frame.kind === 'broken') {
      const answer: unknown = JSON.parse(encodeError(frame.id, frame.code, frame.description))
      if (!Array.isArray(answer) || answer.length !== 5) throw new Error(`no proper CALLERROR for ${text}`)
      continue
    }
    if (frame.kind !== 'call' || !isAction(frame.action) || !stationMaySend(frame.action)) continue
    const violation = schemas.check(frame.action, 'req', frame.payload)
    if (violation === undefined) accepted++
    else if (violation.issues.length === 0) throw new Error(`a refusal without a reason for ${text}`)
  }
  return { accepted, refused: count - accepted }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const count = Number(process.argv[2] ?? 1_000_000)
  const seed = Number(process.argv[3] ?? Date.now())
  const started = performance.now()
  const { accepted, refused } = fuzz(count, seed)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  process.stdout.write(
    `${count} frames, seed ${seed}: ${accepted} accepted, ${refused} refused, ${seconds} s\n`,
  )
}
