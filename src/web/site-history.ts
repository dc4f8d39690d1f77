/** What the grid connections drew while somebody looked at them. */

import { gridOf, type SiteStatus } from './site-facts.ts'

/** Half an hour of decisions that come every second. */
const KEPT = 1800

export interface SiteHistory {
  readonly timeS: number[]
  readonly measuredA: readonly [(number | null)[], (number | null)[], (number | null)[]]
  readonly limitA: (number | null)[]
}

const histories = new Map<string, SiteHistory>()

export function historyOf(siteId: string): SiteHistory {
  const known = histories.get(siteId)
  if (known) return known
  const history: SiteHistory = { timeS: [], measuredA: [[], [], []], limitA: [] }
  histories.set(siteId, history)
  return history
}

export function remember(status: SiteStatus): void {
  const grid = gridOf(status)
  if (!grid) return
  const history = historyOf(status.siteId)
  const second = Date.parse(status.at) / 1000
  if (second <= (history.timeS.at(-1) ?? 0)) return
  history.timeS.push(second)
  for (const [index, row] of history.measuredA.entries()) row.push(grid.measuredA?.[index] ?? null)
  const limits = grid.limitA.filter((value): value is number => value !== null)
  history.limitA.push(limits.length === 0 ? null : Math.min(...limits))
  if (history.timeS.length <= KEPT) return
  history.timeS.shift()
  history.limitA.shift()
  for (const row of history.measuredA) row.shift()
}
