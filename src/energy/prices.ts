/** One stretch of a tariff. */
export interface PriceSlot {
  readonly from: string
  readonly to: string
  readonly pricePerKwh: number
}

/** The price of an instant; undefined where none is known. */
export function priceAt(slots: readonly PriceSlot[], atMs: number): number | undefined {
  return slots.find((slot) => Date.parse(slot.from) <= atMs && atMs < Date.parse(slot.to))?.pricePerKwh
}

/** Mean over a stretch, as far as prices are known; undefined where none is. */
export function meanPrice(slots: readonly PriceSlot[], fromMs: number, toMs: number): number | undefined {
  let sum = 0
  let knownMs = 0
  for (const slot of slots) {
    const overlapMs = Math.min(toMs, Date.parse(slot.to)) - Math.max(fromMs, Date.parse(slot.from))
    if (overlapMs <= 0) continue
    sum += overlapMs * slot.pricePerKwh
    knownMs += overlapMs
  }
  return knownMs > 0 ? sum / knownMs : undefined
}

interface Stretch {
  readonly fromMs: number
  readonly toMs: number
  readonly pricePerKwh: number
}

/** Prices over a span of time; where two slots overlap the earlier in the list holds, as with `priceAt`. */
export class Tariff {
  readonly #stretches: readonly Stretch[]

  constructor(slots: readonly PriceSlot[], span: { readonly fromMs: number; readonly toMs: number }) {
    this.#stretches = slots
      .map(({ from, to, pricePerKwh }) => ({ fromMs: Date.parse(from), toMs: Date.parse(to), pricePerKwh }))
      .filter(({ fromMs, toMs }) => toMs > span.fromMs && fromMs <= span.toMs)
  }

  /** Mean price of a stretch and whether it is the same throughout; undefined where any part of it has no price. */
  over(
    fromMs: number,
    toMs: number,
  ): { readonly meanPerKwh: number; readonly constant: boolean } | undefined {
    let sum = 0
    let constant = true
    const first = this.#at(fromMs)?.pricePerKwh
    for (let atMs = fromMs; atMs < toMs || atMs === fromMs; ) {
      const stretch = this.#at(atMs)
      if (!stretch || first === undefined) return undefined
      if (toMs <= fromMs) return { meanPerKwh: first, constant: true }
      const untilMs = Math.min(toMs, stretch.toMs, this.#nextChangeMs(atMs))
      sum += stretch.pricePerKwh * (untilMs - atMs)
      constant &&= stretch.pricePerKwh === first
      atMs = untilMs
    }
    return { meanPerKwh: sum / (toMs - fromMs), constant }
  }

  #at(atMs: number): Stretch | undefined {
    return this.#stretches.find(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs)
  }

  /** An earlier slot of the list may begin within a later one. */
  #nextChangeMs(afterMs: number): number {
    return Math.min(
      ...this.#stretches.map(({ fromMs }) => (fromMs > afterMs ? fromMs : Number.POSITIVE_INFINITY)),
    )
  }
}

const KEEP_PAST_MS = 35 * 86_400_000
/** Quarter hours of those days, and some more. */
const KEEP_PAST_SLOTS = 4_000

/** What held until now, kept when other prices are set: sessions under way are settled with it. */
export function pastPrices(
  past: readonly PriceSlot[],
  leaving: readonly PriceSlot[],
  nowMs: number,
): PriceSlot[] {
  const knownToMs = Math.max(0, ...past.map(({ to }) => Date.parse(to)))
  const added = leaving.flatMap((slot): PriceSlot[] => {
    const fromMs = Math.max(knownToMs, Date.parse(slot.from))
    const toMs = Math.min(nowMs, Date.parse(slot.to))
    return fromMs < toMs
      ? [{ ...slot, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }]
      : []
  })
  return [...past, ...added].filter(({ to }) => Date.parse(to) > nowMs - KEEP_PAST_MS).slice(-KEEP_PAST_SLOTS)
}
