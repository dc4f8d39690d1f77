/**
 * A limit over time that is constant between steps. Steps are sorted by `fromMs`, strictly rising; a step holds
 * until the next one. Before the first step, and where the value is `Infinity`, there is no limit.
 */
export interface EnvelopeStep {
  readonly fromMs: number
  readonly value: number
}
export type Envelope = readonly EnvelopeStep[]

export const UNLIMITED: Envelope = []

/** One value for all time. */
export function constantEnvelope(value: number): Envelope {
  return [{ fromMs: Number.NEGATIVE_INFINITY, value }]
}

/** `value` from `fromMs` until `toMs` (exclusive), unlimited outside. An empty interval gives no limit at all. */
export function windowEnvelope(options: { fromMs: number; toMs: number; value: number }): Envelope {
  const { fromMs, toMs, value } = options
  if (!(toMs > fromMs)) return UNLIMITED
  const start: EnvelopeStep[] = [{ fromMs, value }]
  return Number.isFinite(toMs) ? [...start, { fromMs: toMs, value: Number.POSITIVE_INFINITY }] : start
}

/** The value at an instant; `Infinity` where nothing limits. */
export function valueAt(envelope: Envelope, atMs: number): number {
  let value = Number.POSITIVE_INFINITY
  for (const step of envelope) {
    if (step.fromMs > atMs) break
    value = step.value
  }
  return value
}

/** When the value in force at `atMs` next changes; `null` when it never does. */
export function nextChangeAfter(envelope: Envelope, atMs: number): number | null {
  const now = valueAt(envelope, atMs)
  for (const step of envelope) if (step.fromMs > atMs && step.value !== now) return step.fromMs
  return null
}

/** The lowest of all at each instant. */
export function minEnvelope(...envelopes: readonly Envelope[]): Envelope {
  const times = new Set(envelopes.flatMap((envelope) => envelope.map((step) => step.fromMs)))
  const steps: EnvelopeStep[] = []
  let last = Number.POSITIVE_INFINITY
  for (const fromMs of [...times].sort((a, b) => a - b)) {
    const value = Math.min(...envelopes.map((envelope) => valueAt(envelope, fromMs)))
    if (value !== last) steps.push({ fromMs, value })
    last = value
  }
  return steps
}

/** What holds inside [fromMs, toMs); unlimited outside. */
export function clipEnvelope(envelope: Envelope, interval: { fromMs: number; toMs: number }): Envelope {
  if (!(interval.toMs > interval.fromMs)) return UNLIMITED
  const inside: EnvelopeStep[] = [{ fromMs: interval.fromMs, value: valueAt(envelope, interval.fromMs) }]
  for (const step of envelope) {
    if (step.fromMs > interval.fromMs && step.fromMs < interval.toMs) inside.push(step)
  }
  if (Number.isFinite(interval.toMs)) inside.push({ fromMs: interval.toMs, value: Number.POSITIVE_INFINITY })
  const steps: EnvelopeStep[] = []
  let last = Number.POSITIVE_INFINITY
  for (const step of inside) {
    if (step.value !== last) steps.push(step)
    last = step.value
  }
  return steps
}
