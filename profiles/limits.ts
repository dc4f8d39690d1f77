import { clipEnvelope, type Envelope, lowestIn, nextChangeAfter, valueAt } from './envelope.ts'
import { reduceWatch, ruleOf, type SourceWatch, type SourceWatchConfig } from './heartbeat.ts'
import { type Network, phaseRow, powerRow, staticLimits } from './network.ts'
import type { Site, SiteEvse } from './site.ts'
import { PHASES, type Phase } from './units.ts'

/** Who set a limit. `site` is the configuration, `station` a NotifyChargingLimit, `upstream` another CSMS. */
export type LimitOrigin = 'site' | 'schedule' | 'operator' | 'api' | 'station' | 'grid' | 'upstream'

/** One source's say about one node (or one EVSE). The lowest of all sources holds. */
export interface LimitInput {
  readonly sourceId: string
  readonly origin: LimitOrigin
  /** Who set it, in the words of whoever feeds the core: goes into explanations as it is. */
  readonly setBy?: string
  /** Node of the site tree, or the key of an EVSE (`stationId#evseId`). */
  readonly target: string
  /** Amperes per phase, or watts over all phases. */
  readonly unit: 'A' | 'W'
  /** Phases that an ampere limit is about; all when left out. */
  readonly phases?: readonly Phase[]
  readonly envelope: Envelope
  readonly validFromMs?: number
  readonly validToMs?: number
  /**
   * Sources with the same group on the same target stand in for each other: only the highest priority that is valid
   * counts (an operator's exception above the weekly schedule). Without a group a source always counts.
   */
  readonly group?: string
  readonly priority?: number
  /** For sources with a heartbeat: their watch, and the value that holds when they are lost. */
  readonly watch?: {
    readonly state: SourceWatch
    readonly config: SourceWatchConfig
    readonly failsafeValue: number
  }
}

/** The limit that holds on a row, and who set it. */
export interface BindingLimit {
  readonly sourceId: string
  readonly origin: LimitOrigin
  readonly value: number
  readonly setBy?: string
  readonly state: 'normal' | 'failsafe'
  /** When this source's value changes next; `null` when it does not. */
  readonly untilMs: number | null
}

export interface MergedLimits {
  /** By row of the site's network. */
  readonly rowLimits: Float64Array
  readonly rowBinding: readonly (BindingLimit | null)[]
  /** By EVSE index: cap in amperes per phase, and who set it. */
  readonly evseCapA: Float64Array
  readonly evseBinding: readonly (BindingLimit | null)[]
  /** Targets that no node and no EVSE answers to: a configuration mistake to show, never to ignore silently. */
  readonly unknownTargets: readonly string[]
  readonly nextChangeMs: number | null
}

interface Standing {
  readonly input: LimitInput
  readonly binding: BindingLimit
}

function standingOf(input: LimitInput, nowMs: number, lookaheadMs: number): Standing | null {
  const fromMs = input.validFromMs ?? Number.NEGATIVE_INFINITY
  const toMs = input.validToMs ?? Number.POSITIVE_INFINITY
  const { sourceId, origin } = input
  const by = input.setBy === undefined ? {} : { setBy: input.setBy }
  if (input.watch) {
    const watch = reduceWatch(input.watch.state, { kind: 'tick', atMs: nowMs }, input.watch.config)
    const rule = ruleOf(watch)
    if (rule === 'none') return null
    if (rule === 'failsafe') {
      const value = input.watch.failsafeValue
      return { input, binding: { sourceId, origin, ...by, value, state: 'failsafe', untilMs: null } }
    }
  }
  const envelope = clipEnvelope(input.envelope, { fromMs, toMs })
  const value = lowestIn(envelope, { fromMs: nowMs, toMs: nowMs + lookaheadMs })
  if (value === Number.POSITIVE_INFINITY) return null
  // A value taken from the lookahead holds from now on: the moment it changes is searched behind the lookahead.
  const seenMs = valueAt(envelope, nowMs) === value ? nowMs : nowMs + lookaheadMs
  return {
    input,
    binding: { sourceId, origin, ...by, value, state: 'normal', untilMs: nextChangeAfter(envelope, seenMs) },
  }
}

/** Within a group only the highest priority stands. */
function ranked(standings: readonly Standing[]): Standing[] {
  const best = new Map<string, number>()
  const groupOf = ({ input }: Standing) => `${input.target}|${input.unit}|${input.group}`
  for (const standing of standings) {
    if (standing.input.group === undefined) continue
    const group = groupOf(standing)
    best.set(group, Math.max(best.get(group) ?? Number.NEGATIVE_INFINITY, standing.input.priority ?? 0))
  }
  return standings.filter(
    (standing) =>
      standing.input.group === undefined || (standing.input.priority ?? 0) === best.get(groupOf(standing)),
  )
}

/**
 * Merges the configuration and all sources into one limit per row and EVSE, keeping which source binds and until
 * when. `lookaheadMs` takes the lowest value of the near future, so that a known cut is met before it starts.
 */
export function mergeLimits(options: {
  readonly site: Site
  readonly network: Network
  readonly inputs: readonly LimitInput[]
  readonly nowMs: number
  readonly lookaheadMs?: number
}): MergedLimits {
  const { site, network, nowMs } = options
  const rowLimits = staticLimits(site, network)
  const rowBinding: (BindingLimit | null)[] = Array.from(rowLimits, (value) =>
    value === Number.POSITIVE_INFINITY
      ? null
      : { sourceId: 'site', origin: 'site', value, state: 'normal', untilMs: null },
  )
  const evseCapA = Float64Array.from(site.evses, (evse) => evse.maxA)
  const evseBinding: (BindingLimit | null)[] = site.evses.map(() => null)
  const unknownTargets: string[] = []
  const standings = options.inputs.map((input) => standingOf(input, nowMs, options.lookaheadMs ?? 0))
  const all = ranked(standings.filter((standing) => standing !== null))
  for (const { input, binding } of all) {
    const node = site.nodeById.get(input.target)
    const evse = site.evseByKey.get(input.target)
    if (node) {
      for (const row of rowsOf(node.index, input)) {
        if (binding.value >= (rowLimits[row] ?? 0)) continue
        rowLimits[row] = binding.value
        rowBinding[row] = binding
      }
    } else if (evse) {
      const capA = evseCap(evse, input, binding.value)
      if (capA >= (evseCapA[evse.index] ?? 0)) continue
      evseCapA[evse.index] = capA
      evseBinding[evse.index] = binding
    }
  }
  for (const input of options.inputs) {
    if (!site.nodeById.has(input.target) && !site.evseByKey.has(input.target))
      unknownTargets.push(input.target)
  }
  const changes = all.flatMap(({ binding }) => (binding.untilMs === null ? [] : [binding.untilMs]))
  const nextChangeMs = changes.length > 0 ? Math.min(...changes) : null
  return { rowLimits, rowBinding, evseCapA, evseBinding, unknownTargets, nextChangeMs }
}

function rowsOf(node: number, input: LimitInput): number[] {
  if (input.unit === 'W') return [powerRow(node)]
  return (input.phases ?? PHASES).map((phase) => phaseRow(node, phase))
}

function evseCap(evse: SiteEvse, input: LimitInput, value: number): number {
  return Math.max(0, input.unit === 'A' ? value : value / evse.wattPerA)
}
