import type { Decision, NodeReport, Site } from '../../profiles/index.ts'
import type { ComplianceMinute } from '../store/energy.ts'

export interface ComplianceInput {
  readonly decision: Decision
  /** Measured current of each EVSE on the grid's phases, by EVSE index. */
  readonly evseA: readonly (readonly [number, number, number])[]
  /** Price per kWh now; undefined without prices. */
  readonly pricePerKwh?: number
}

interface Tally {
  limitA: (number | null)[]
  highestA: number[]
  ampereMs: number[]
  spanMs: number
  msAbove: number
  longestExcursionMs: number
  ampereSecondsAbove: number
  deliveredWh: number
  unmetWh: number
  cost: number | null
}

const MINUTE_MS = 60_000
/** A gap between two decisions (a restart, a suspended machine) is not filled with what was measured before it. */
const MAX_STEP_MS = 5_000
const TOLERANCE_A = 0.05

/**
 * Measured against allowed, per node and minute. What was measured holds from one decision to the next. What a car
 * could have taken is booked to the node that had no room for it.
 */
export class Compliance {
  readonly #site: Site
  #minuteMs = 0
  #last: (ComplianceInput & { readonly atMs: number }) | undefined
  #tallies = new Map<string, Tally>()
  readonly #aboveSinceMs = new Map<string, number>()

  constructor(site: Site) {
    this.#site = site
  }

  /** Takes a decision; returns the minutes that are complete with it, or nothing. */
  observe(input: ComplianceInput): ComplianceMinute[] {
    const { atMs } = input.decision
    const last = this.#last
    this.#last = { ...input, atMs }
    if (!last) {
      this.#minuteMs = minuteOf(atMs)
      return []
    }
    const stepMs = Math.min(MAX_STEP_MS, Math.max(0, atMs - last.atMs))
    this.#add(last, stepMs, atMs)
    if (minuteOf(atMs) === this.#minuteMs) return []
    const done = this.current()
    this.#minuteMs = minuteOf(atMs)
    this.#tallies = new Map()
    return done
  }

  /** The minute that is under way, as far as it is known. */
  current(): ComplianceMinute[] {
    return [...this.#tallies].map(([nodeId, tally]) => {
      const { ampereMs, spanMs, ...rest } = tally
      return {
        siteId: this.#site.id,
        nodeId,
        minuteMs: this.#minuteMs,
        meanA: ampereMs.map((value) => round(value / Math.max(1, spanMs))),
        ...rest,
        highestA: rest.highestA.map(round),
        ampereSecondsAbove: round(rest.ampereSecondsAbove),
        deliveredWh: round(rest.deliveredWh),
        unmetWh: round(rest.unmetWh),
      }
    })
  }

  #add(input: ComplianceInput, stepMs: number, nowMs: number): void {
    const byNode = new Map<string, NodeReport[]>()
    for (const report of input.decision.nodes)
      byNode.set(report.nodeId, [...(byNode.get(report.nodeId) ?? []), report])
    for (const [nodeId, reports] of byNode) this.#addLoad(nodeId, reports, stepMs, nowMs)
    this.#addEnergy(input, stepMs)
  }

  #addLoad(nodeId: string, reports: readonly NodeReport[], stepMs: number, nowMs: number): void {
    const tally = this.#tally(nodeId)
    let above = false
    tally.spanMs += stepMs
    for (const { phase, limitA, measuredA } of reports) {
      const index = phase - 1
      tally.limitA[index] = Math.min(tally.limitA[index] ?? Number.POSITIVE_INFINITY, round(limitA))
      tally.highestA[index] = Math.max(tally.highestA[index] ?? 0, measuredA)
      tally.ampereMs[index] = (tally.ampereMs[index] ?? 0) + measuredA * stepMs
      if (measuredA <= limitA + TOLERANCE_A) continue
      above = true
      tally.ampereSecondsAbove += ((measuredA - limitA) * stepMs) / 1000
    }
    if (!above) {
      this.#aboveSinceMs.delete(nodeId)
      return
    }
    tally.msAbove += stepMs
    const sinceMs = this.#aboveSinceMs.get(nodeId) ?? nowMs - stepMs
    this.#aboveSinceMs.set(nodeId, sinceMs)
    tally.longestExcursionMs = Math.max(tally.longestExcursionMs, nowMs - sinceMs)
  }

  #addEnergy({ decision, evseA, pricePerKwh }: ComplianceInput, stepMs: number): void {
    const hours = stepMs / 3_600_000
    const { voltageV, nodes } = this.#site
    for (const grant of decision.grants) {
      const evse = this.#site.evseByKey.get(grant.key)
      if (!evse) continue
      const drawnW = (evseA[evse.index] ?? [0, 0, 0]).reduce((sum, value) => sum + value * voltageV, 0)
      const { explanation } = grant
      const bound = explanation.code === 'node-limit' || explanation.code === 'waiting-for-turn'
      const couldW = Math.max(0, explanation.otherwiseA - grant.limitA) * evse.wattPerA
      const unmetWh = bound ? couldW * hours : 0
      for (const index of evse.path) {
        const nodeId = nodes[index]?.id
        const tally = nodeId === undefined ? undefined : this.#tallies.get(nodeId)
        if (!tally) continue
        const isCause = explanation.row?.nodeId === nodeId
        tally.deliveredWh += drawnW * hours
        if (isCause) tally.unmetWh += unmetWh
        if (pricePerKwh === undefined) continue
        tally.cost = (tally.cost ?? 0) + (drawnW * hours * pricePerKwh) / 1000
      }
    }
  }

  #tally(nodeId: string): Tally {
    const known = this.#tallies.get(nodeId)
    if (known) return known
    const made: Tally = {
      limitA: [null, null, null],
      highestA: [0, 0, 0],
      ampereMs: [0, 0, 0],
      spanMs: 0,
      msAbove: 0,
      longestExcursionMs: 0,
      ampereSecondsAbove: 0,
      deliveredWh: 0,
      unmetWh: 0,
      cost: null,
    }
    this.#tallies.set(nodeId, made)
    return made
  }
}

export function minuteOf(atMs: number): number {
  return Math.floor(atMs / MINUTE_MS) * MINUTE_MS
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
