import { clipEnvelope, constantEnvelope, type Envelope, nextChangeAfter, valueAt } from './envelope.ts'
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

/** What an input says at one instant, and on which rows or which EVSE. */
interface Standing {
  readonly input: LimitInput
  readonly binding: BindingLimit
}

/** An input with its watch aged to now, and its envelope cut to its validity. */
interface Live {
  readonly input: LimitInput
  readonly envelope: Envelope
  readonly state: BindingLimit['state']
}

function liveOf(input: LimitInput, nowMs: number): Live | null {
  const { watch, validFromMs = Number.NEGATIVE_INFINITY, validToMs = Number.POSITIVE_INFINITY } = input
  if (!watch) {
    const envelope = clipEnvelope(input.envelope, { fromMs: validFromMs, toMs: validToMs })
    return { input, envelope, state: 'normal' }
  }
  const aged = reduceWatch(watch.state, { kind: 'tick', atMs: nowMs }, watch.config)
  const rule = ruleOf(aged)
  if (rule === 'none') return null
  if (rule === 'failsafe')
    return { input, envelope: constantEnvelope(watch.failsafeValue), state: 'failsafe' }
  const toMs = Math.min(validToMs, aged.limitUntilMs ?? Number.POSITIVE_INFINITY)
  return { input, envelope: clipEnvelope(input.envelope, { fromMs: validFromMs, toMs }), state: 'normal' }
}

function standingAt({ input, envelope, state }: Live, atMs: number): Standing | null {
  const { sourceId, origin, setBy } = input
  const by = setBy === undefined ? {} : { setBy }
  const said = valueAt(envelope, atMs)
  if (said === Number.POSITIVE_INFINITY) return null
  // What is no number cannot be kept: nothing may flow until somebody corrects it.
  const value = Number.isNaN(said) ? 0 : said
  const untilMs = nextChangeAfter(envelope, atMs)
  return { input, binding: { sourceId, origin, value, ...by, state, untilMs } }
}

/** Inputs that must be looked at together: those of one group on one target. Whoever has no group is alone. */
function companiesOf(all: readonly Live[]): Iterable<readonly Live[]> {
  const companies = new Map<string | Live, Live[]>()
  for (const one of all) {
    const { group, target } = one.input
    const key = group === undefined ? one : `${target}|${group}`
    const company = companies.get(key)
    if (company) company.push(one)
    else companies.set(key, [one])
  }
  return companies.values()
}

function standingsAt(company: readonly Live[], atMs: number): Standing[] {
  return company.map((one) => standingAt(one, atMs)).filter((one) => one !== null)
}

/** Now, and every later instant of the lookahead at which some source changes. */
function instantsOf(all: readonly Live[], fromMs: number, toMs: number): number[] {
  const steps = all.flatMap(({ envelope }) => envelope.map((step) => step.fromMs))
  const ahead = steps.filter((atMs) => atMs > fromMs && atMs < toMs)
  return [fromMs, ...[...new Set(ahead)].sort((x, y) => x - y)]
}

/**
 * Merges the configuration and all sources into one limit per row and EVSE, keeping which source binds and until
 * when. `lookaheadMs` takes the lowest that will hold in the near future, so that a known cut is met before it starts
 * and a known raise is not used before.
 */
export function mergeLimits(options: {
  readonly site: Site
  readonly network: Network
  readonly inputs: readonly LimitInput[]
  readonly nowMs: number
  readonly lookaheadMs?: number
}): MergedLimits {
  const { site, network, inputs, nowMs } = options
  const rowLimits = staticLimits(site, network)
  const rowBinding: (BindingLimit | null)[] = Array.from(rowLimits, (value) =>
    value === Number.POSITIVE_INFINITY
      ? null
      : { sourceId: 'site', origin: 'site', value, state: 'normal', untilMs: null },
  )
  const merged = {
    rowLimits,
    rowBinding,
    evseCapA: Float64Array.from(site.evses, (evse) => evse.maxA),
    evseBinding: site.evses.map((): BindingLimit | null => null),
  }
  const live = inputs.map((input) => liveOf(input, nowMs)).filter((one) => one !== null)
  const toMs = nowMs + (options.lookaheadMs ?? 0)
  for (const company of companiesOf(live)) {
    for (const atMs of instantsOf(company, nowMs, toMs)) lower(merged, site, standingsAt(company, atMs))
  }
  const targets = inputs.map(({ target }) => target)
  const changes = live.map(({ envelope }) => nextChangeAfter(envelope, nowMs)).filter((atMs) => atMs !== null)
  return {
    ...merged,
    unknownTargets: targets.filter((target) => !site.nodeById.has(target) && !site.evseByKey.has(target)),
    nextChangeMs: changes.length > 0 ? Math.min(...changes) : null,
  }
}

/** One row of a node, or one EVSE, that a standing is about. */
interface Place {
  readonly standing: Standing
  readonly row: number | null
  readonly evse: SiteEvse | null
}

function placesOf(site: Site, standing: Standing): Place[] {
  const { input } = standing
  const node = site.nodeById.get(input.target)
  if (node) return rowsOf(node.index, input).map((row) => ({ standing, row, evse: null }))
  const evse = site.evseByKey.get(input.target)
  return evse ? [{ standing, row: null, evse }] : []
}

/** Within a group only the highest priority stands, on each row by itself: an exception for L1 says nothing of L2. */
function outranked(places: readonly Place[]): (place: Place) => boolean {
  const best = new Map<string, number>()
  const keyOf = ({ row, evse, standing: { input } }: Place) =>
    `${row ?? `${evse?.key}|${input.unit}`}|${input.group}`
  const grouped = places.filter(({ standing }) => standing.input.group !== undefined)
  for (const place of grouped) {
    const priority = place.standing.input.priority ?? 0
    best.set(keyOf(place), Math.max(best.get(keyOf(place)) ?? Number.NEGATIVE_INFINITY, priority))
  }
  return (place) =>
    (place.standing.input.priority ?? 0) < (best.get(keyOf(place)) ?? Number.NEGATIVE_INFINITY)
}

function lower(
  merged: {
    readonly rowLimits: Float64Array
    readonly rowBinding: (BindingLimit | null)[]
    readonly evseCapA: Float64Array
    readonly evseBinding: (BindingLimit | null)[]
  },
  site: Site,
  standings: readonly Standing[],
): void {
  const places = standings.flatMap((standing) => placesOf(site, standing))
  const isOutranked = outranked(places)
  for (const place of places) {
    if (isOutranked(place)) continue
    const { row, evse, standing } = place
    const { input, binding } = standing
    if (row !== null && binding.value < (merged.rowLimits[row] ?? 0)) {
      merged.rowLimits[row] = binding.value
      merged.rowBinding[row] = binding
    }
    if (!evse) continue
    const capA = evseCap(evse, input, binding.value)
    if (capA >= (merged.evseCapA[evse.index] ?? 0)) continue
    merged.evseCapA[evse.index] = capA
    merged.evseBinding[evse.index] = binding
  }
}

function rowsOf(node: number, input: LimitInput): number[] {
  if (input.unit === 'W') return [powerRow(node)]
  return (input.phases ?? PHASES).map((phase) => phaseRow(node, phase))
}

function evseCap(evse: SiteEvse, input: LimitInput, value: number): number {
  return Math.max(0, input.unit === 'A' ? value : value / evse.wattPerA)
}
