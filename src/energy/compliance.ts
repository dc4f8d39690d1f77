import { type Decision, linesOf, type NodeReport, type PowerReport, type Site } from '../../profiles/index.ts'
import type { ComplianceMinute } from '../store/energy.ts'

export interface ComplianceInput {
  readonly decision: Decision
  /** Measured current of each EVSE on the grid's phases, by EVSE index. */
  readonly evseA: readonly (readonly [number, number, number])[]
  /** Price per kWh now; undefined without prices. */
  readonly pricePerKwh?: number
}

/** A minute as it grows: means are kept as sums. */
type Tally = { -readonly [key in keyof Omit<ComplianceMinute, Named | 'meanA'>]: ComplianceMinute[key] } & {
  limitA: (number | null)[]
  highestA: number[]
  ampereMs: number[]
}
type Named = 'siteId' | 'nodeId' | 'minuteMs'

const MINUTE_MS = 60_000
/** A gap between two decisions (a restart, a suspended machine) is not filled with what was measured before it. */
const MAX_STEP_MS = 5_000
const TOLERANCE_A = 0.05
const TOLERANCE_W = 10

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
      if (minuteOf(atMs) === this.#minuteMs) return []
      const resumed = this.current()
      this.#minuteMs = minuteOf(atMs)
      this.#tallies = new Map()
      return resumed
    }
    const untilMs = Math.min(atMs, last.atMs + MAX_STEP_MS)
    const endMs = this.#minuteMs + MINUTE_MS
    this.#add(last, last.atMs, Math.min(untilMs, endMs))
    if (minuteOf(atMs) === this.#minuteMs) return []
    const done = this.current()
    this.#minuteMs = minuteOf(atMs)
    this.#tallies = new Map()
    if (untilMs > this.#minuteMs) this.#add(last, this.#minuteMs, untilMs)
    return done
  }

  /** Goes on with a minute that an earlier process began, so that the rest of it does not replace its beginning. */
  resume(minutes: readonly ComplianceMinute[], nowMs: number): void {
    this.#minuteMs = minuteOf(nowMs)
    for (const { siteId: _, nodeId, minuteMs, meanA, ...kept } of minutes) {
      if (minuteMs !== this.#minuteMs) continue
      const ampereMs = meanA.map((value) => value * kept.observedMs)
      this.#tallies.set(nodeId, { ...kept, limitA: [...kept.limitA], highestA: [...kept.highestA], ampereMs })
    }
  }

  /** The minute that is under way, as far as it is known. */
  current(): ComplianceMinute[] {
    return [...this.#tallies].map(([nodeId, tally]) => {
      const { ampereMs, ...rest } = tally
      return {
        siteId: this.#site.id,
        nodeId,
        minuteMs: this.#minuteMs,
        meanA: ampereMs.map((value) => round(value / Math.max(1, tally.observedMs))),
        ...rest,
        highestA: rest.highestA.map(round),
        ampereSecondsAbove: round(rest.ampereSecondsAbove),
        wattSecondsAbove: round(rest.wattSecondsAbove),
        deliveredWh: round(rest.deliveredWh),
        unmetWh: round(rest.unmetWh),
      }
    })
  }

  #add(input: ComplianceInput, fromMs: number, toMs: number): void {
    const stepMs = Math.max(0, toMs - fromMs)
    const above = new Map<string, boolean>()
    const silent = new Set<string>()
    const { nodes, powers } = input.decision
    for (const report of nodes) {
      const tally = this.#tally(report.nodeId)
      const index = report.phase - 1
      tally.limitA[index] = Math.min(tally.limitA[index] ?? Number.POSITIVE_INFINITY, round(report.limitA))
      if (report.baseStale) silent.add(report.nodeId)
      else above.set(report.nodeId, addPhase(tally, report, stepMs) || above.get(report.nodeId) === true)
    }
    for (const report of powers) {
      const tally = this.#tally(report.nodeId)
      tally.limitW = Math.min(tally.limitW ?? Number.POSITIVE_INFINITY, Math.round(report.limitW))
      if (report.baseStale) silent.add(report.nodeId)
      else above.set(report.nodeId, addPower(tally, report, stepMs) || above.get(report.nodeId) === true)
    }
    for (const nodeId of this.#tooUneven(nodes)) above.set(nodeId, true)
    for (const [nodeId, isAbove] of above) {
      const tally = this.#tally(nodeId)
      tally.observedMs += stepMs
      this.#addExcursion(nodeId, tally, isAbove ? { fromMs, toMs } : null)
    }
    // What is assumed while a meter is silent is no measurement: the minute was not observed.
    for (const nodeId of silent) this.#addExcursion(nodeId, this.#tally(nodeId), null)
    this.#addEnergy(input, stepMs)
  }

  /** Nodes whose phases differ by more than they may. */
  #tooUneven(reports: readonly NodeReport[]): string[] {
    const lines = linesOf(this.#site.wiring)
    const limited = this.#site.nodes.filter(({ imbalanceA }) => Number.isFinite(imbalanceA))
    return limited.flatMap(({ id, imbalanceA }) => {
      const own = reports.filter(({ nodeId, phase }) => nodeId === id && lines.includes(phase))
      const measuredA = own.map((report) => report.measuredA)
      const isKnown = own.length === lines.length && own.every(({ baseStale }) => !baseStale)
      return isKnown && Math.max(...measuredA) - Math.min(...measuredA) > imbalanceA + TOLERANCE_A ? [id] : []
    })
  }

  #addExcursion(nodeId: string, tally: Tally, span: { fromMs: number; toMs: number } | null): void {
    if (span === null) {
      this.#aboveSinceMs.delete(nodeId)
      return
    }
    tally.msAbove += span.toMs - span.fromMs
    const sinceMs = this.#aboveSinceMs.get(nodeId) ?? span.fromMs
    this.#aboveSinceMs.set(nodeId, sinceMs)
    tally.longestExcursionMs = Math.max(tally.longestExcursionMs, span.toMs - sinceMs)
  }

  #addEnergy({ decision, evseA, pricePerKwh }: ComplianceInput, stepMs: number): void {
    const hours = stepMs / 3_600_000
    const { nodes } = this.#site
    for (const grant of decision.grants) {
      const evse = this.#site.evseByKey.get(grant.key)
      if (!evse) continue
      const terminalsA = (evseA[evse.index] ?? []).reduce((sum, value) => sum + value, 0)
      const drawnW = (terminalsA / evse.terminals.length) * evse.wattPerA
      const { explanation } = grant
      const bound = explanation.code === 'node-limit' || explanation.code === 'waiting-for-turn'
      const couldW = Math.max(0, explanation.wantsA - grant.limitA) * evse.wattPerA
      const unmetWh = bound ? couldW * hours : 0
      for (const index of evse.path) {
        const nodeId = nodes[index]?.id
        const tally = nodeId === undefined ? undefined : this.#tallies.get(nodeId)
        if (!tally) continue
        // A sum that belongs to no node (a transformer) is the grid connection's.
        const isCause = (explanation.row?.nodeId ?? nodes[0]?.id) === nodeId
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
      limitW: null,
      highestA: [0, 0, 0],
      highestW: null,
      ampereMs: [0, 0, 0],
      observedMs: 0,
      msAbove: 0,
      longestExcursionMs: 0,
      ampereSecondsAbove: 0,
      wattSecondsAbove: 0,
      deliveredWh: 0,
      unmetWh: 0,
      cost: null,
    }
    this.#tallies.set(nodeId, made)
    return made
  }
}

/** Adds a stretch of one phase; true where it was above its limit. */
function addPhase(tally: Tally, { phase, limitA, measuredA }: NodeReport, stepMs: number): boolean {
  const index = phase - 1
  tally.highestA[index] = Math.max(tally.highestA[index] ?? 0, measuredA)
  tally.ampereMs[index] = (tally.ampereMs[index] ?? 0) + measuredA * stepMs
  const above = measuredA > limitA + TOLERANCE_A
  if (above) tally.ampereSecondsAbove += ((measuredA - limitA) * stepMs) / 1000
  return above
}

/** The same for the power of all phases. */
function addPower(tally: Tally, { limitW, measuredW }: PowerReport, stepMs: number): boolean {
  tally.highestW = Math.max(tally.highestW ?? 0, Math.round(measuredW))
  const above = measuredW > limitW + TOLERANCE_W
  if (above) tally.wattSecondsAbove += ((measuredW - limitW) * stepMs) / 1000
  return above
}

export function minuteOf(atMs: number): number {
  return Math.floor(atMs / MINUTE_MS) * MINUTE_MS
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
