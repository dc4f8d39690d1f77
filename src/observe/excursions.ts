/** How long the nodes of sites drew more than their limit, counted from what is looked at again and again. */

import type { Sample } from './metric-kinds.ts'
import type { SiteLoad } from './site-metrics.ts'

/** Meters are not exact. */
const TOLERANCE = 1.01
/** After a longer gap nobody knows what was drawn: it is not counted. */
const MAX_GAP_MS = 5_000

export class ExcursionClock {
  readonly #above = new Map<string, { readonly siteId: string; readonly nodeId: string; seconds: number }>()
  #lastMs: number | undefined

  look(loads: readonly SiteLoad[], nowMs: number): void {
    const gapMs = this.#lastMs === undefined ? 0 : nowMs - this.#lastMs
    this.#lastMs = nowMs
    for (const load of loads) {
      const key = `${load.siteId}\0${load.nodeId}`
      const entry = this.#above.get(key) ?? { siteId: load.siteId, nodeId: load.nodeId, seconds: 0 }
      if (isAbove(load) && gapMs > 0 && gapMs <= MAX_GAP_MS) entry.seconds += gapMs / 1000
      this.#above.set(key, entry)
    }
  }

  samples(): readonly Sample[] {
    return [...this.#above.values()].map(({ siteId, nodeId, seconds }) => ({
      labels: { site: siteId, node: nodeId },
      value: seconds,
    }))
  }
}

function isAbove({ measuredA, limitA }: SiteLoad): boolean {
  return limitA.some((limit, phase) => limit !== null && (measuredA?.[phase] ?? 0) > limit * TOLERANCE)
}
