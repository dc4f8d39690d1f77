import type { SalesTariff } from './profile.ts'

/** One price from `fromMs` until `toMs`. Where two overlap, the earlier in the list holds. */
export interface PriceStep {
  readonly fromMs: number
  readonly toMs: number
  readonly pricePerKwh: number
}

/** ISO 15118-2 counts price levels in a byte; more than this tells a car nothing. */
const MAX_LEVELS = 32
/** The schema of OCPP 2.0.1 takes this many entries. */
const MAX_ENTRIES = 1024

/**
 * Prices as a car understands them: levels, 1 being the cheapest. Neighbours that differ least are joined until the
 * entries fit. `null` where the price of now is not known, or where there is only one.
 */
export function salesTariffOf(
  prices: readonly PriceStep[],
  options: { readonly nowMs: number; readonly untilMs: number; readonly maxEntries: number },
): SalesTariff | null {
  const { nowMs, untilMs } = options
  const steps = fitted(stepsOf(prices, nowMs, untilMs), Math.min(options.maxEntries, MAX_ENTRIES))
  const levels = levelsOf(steps.map((step) => step.pricePerKwh))
  if (new Set(levels).size < 2) return null
  return {
    id: 1,
    numEPriceLevels: Math.max(...levels),
    salesTariffEntry: steps.map((step, index) => ({
      relativeTimeInterval: {
        start: Math.round((step.fromMs - nowMs) / 1000),
        duration: Math.max(1, Math.round((step.toMs - step.fromMs) / 1000)),
      },
      ePriceLevel: levels[index] ?? 1,
    })),
  }
}

/** Prices without a gap from now on; what comes after the first gap is left out. */
function stepsOf(prices: readonly PriceStep[], nowMs: number, untilMs: number): PriceStep[] {
  const steps: PriceStep[] = []
  for (let atMs = nowMs; atMs < untilMs; ) {
    const at = atMs
    const found = prices.find((price) => price.fromMs <= at && at < price.toMs)
    if (!found) break
    // An earlier entry of the list may begin inside this one.
    const before = prices.slice(0, prices.indexOf(found))
    const cuts = before.map((price) => price.fromMs).filter((fromMs) => fromMs > at)
    const toMs = Math.min(found.toMs, untilMs, ...cuts)
    const last = steps.at(-1)
    if (last && last.pricePerKwh === found.pricePerKwh) steps[steps.length - 1] = { ...last, toMs }
    else steps.push({ fromMs: at, toMs, pricePerKwh: found.pricePerKwh })
    atMs = toMs
  }
  return steps
}

function fitted(steps: readonly PriceStep[], maxEntries: number): PriceStep[] {
  const kept = [...steps]
  while (kept.length > Math.max(1, maxEntries)) {
    let best = 0
    let least = Number.POSITIVE_INFINITY
    for (let k = 0; k + 1 < kept.length; k++) {
      const gap = Math.abs((kept[k]?.pricePerKwh ?? 0) - (kept[k + 1]?.pricePerKwh ?? 0))
      if (gap >= least) continue
      least = gap
      best = k
    }
    const [a, b] = [kept[best], kept[best + 1]]
    if (!a || !b) break
    const [aMs, bMs] = [a.toMs - a.fromMs, b.toMs - b.fromMs]
    const pricePerKwh = (a.pricePerKwh * aMs + b.pricePerKwh * bMs) / (aMs + bMs)
    kept.splice(best, 2, { fromMs: a.fromMs, toMs: b.toMs, pricePerKwh })
  }
  return kept
}

/** The rank of each price among all; by range where there are too many to tell apart. */
function levelsOf(prices: readonly number[]): number[] {
  const distinct = [...new Set(prices)].sort((a, b) => a - b)
  if (distinct.length <= MAX_LEVELS) return prices.map((price) => distinct.indexOf(price) + 1)
  const [low = 0, high = 0] = [distinct[0], distinct.at(-1)]
  return prices.map((price) => 1 + Math.floor(((price - low) / (high - low)) * (MAX_LEVELS - 1)))
}
