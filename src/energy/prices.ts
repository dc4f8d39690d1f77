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
