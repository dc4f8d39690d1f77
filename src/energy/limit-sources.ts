import {
  constantEnvelope,
  type LimitInput,
  reduceWatch,
  ruleOf,
  type Site,
  type SourceWatch,
  type SourceWatchConfig,
  startWatch,
  valueAt,
} from '../../profiles/index.ts'
import type { GridSignal, GridSourceConfig } from '../grid/ports.ts'
import type { Store } from '../store/ports.ts'
import type { LimitRecord } from '../store/sites.ts'
import { ExternalLimits, sourceIdOf } from './external-limits.ts'
import { type WeeklyWindow, weeklyEnvelope } from './weekly-schedule.ts'

export interface ScheduleRecord {
  readonly id: string
  readonly nodeId: string
  readonly unit: 'A' | 'W'
  /** IANA name: the windows are in local time, also where the clocks change. */
  readonly timeZone: string
  readonly windows: WeeklyWindow[]
  readonly setBy: string
  readonly updatedAt: string
}

export interface SourceRecord extends GridSourceConfig {
  readonly id: string
  readonly setBy: string
  readonly updatedAt: string
}

interface SourceState {
  readonly record: SourceRecord
  readonly watch: SourceWatch
  /** What the source said last; stands while the watch says so. */
  readonly value: number | null
}

/** One limit as an operator sees it: who says what about which node, and until when. */
export interface LimitInForce {
  readonly sourceId: string
  readonly kind: 'operator' | 'schedule' | 'station' | 'grid'
  readonly nodeId: string
  readonly unit: 'A' | 'W'
  /** Null where it limits nothing now. */
  readonly value: number | null
  readonly state: 'normal' | 'failsafe' | 'inactive'
  readonly validFrom: string | null
  readonly validTo: string | null
  readonly setBy: string
  readonly updatedAt: string
}

/** Everything that limits a site beside its configuration, from whatever source. */
export class LimitSources {
  readonly external: ExternalLimits
  readonly #site: Site
  readonly #store: Store
  #operator: readonly LimitRecord[] = []
  readonly #schedules = new Map<string, ScheduleRecord>()
  readonly #sources = new Map<string, SourceState>()

  constructor(options: { store: Store; site: Site }) {
    this.#site = options.site
    this.#store = options.store
    this.external = new ExternalLimits(options)
  }

  /** What was signalled to the process before this one stands, and its age goes on counting. */
  async restore(): Promise<void> {
    await this.reloadOperator()
    await this.external.restore()
    for (const record of (await this.#store.energy.list(this.#key('schedule', ''))).values())
      this.#schedules.set((record as ScheduleRecord).id, record as ScheduleRecord)
    for (const state of (await this.#store.energy.list(this.#key('source', ''))).values())
      this.#sources.set((state as SourceState).record.id, state as SourceState)
  }

  async reloadOperator(): Promise<void> {
    this.#operator = await this.#store.sites.limits(this.#site.id)
  }

  get operator(): readonly LimitRecord[] {
    return this.#operator
  }

  get schedules(): readonly ScheduleRecord[] {
    return [...this.#schedules.values()]
  }

  get sources(): readonly SourceRecord[] {
    return [...this.#sources.values()].map((state) => state.record)
  }

  async putSchedule(record: ScheduleRecord): Promise<void> {
    await this.#store.energy.put(this.#key('schedule', record.id), record)
    this.#schedules.set(record.id, record)
  }

  async removeSchedule(id: string): Promise<boolean> {
    this.#schedules.delete(id)
    return this.#store.energy.remove(this.#key('schedule', id))
  }

  /** A source that is new, or means something else now, has not spoken yet: its failsafe value holds until it does. */
  async putSource(record: SourceRecord, nowMs: number): Promise<void> {
    await this.#keepSource({ record, watch: startWatch(nowMs), value: null })
  }

  async removeSource(id: string): Promise<boolean> {
    this.#sources.delete(id)
    return this.#store.energy.remove(this.#key('source', id))
  }

  /** False where there is no such source. */
  async signal(id: string, signal: GridSignal, nowMs: number): Promise<boolean> {
    const state = this.#sources.get(id)
    if (!state) return false
    const config = watchConfig(state.record)
    const alive = reduceWatch(state.watch, { kind: 'heartbeat', atMs: nowMs }, config)
    const { active, durationMs } = signal
    const watch =
      active === undefined
        ? alive
        : reduceWatch(
            alive,
            { kind: 'limit', atMs: nowMs, active, ...(durationMs === undefined ? {} : { durationMs }) },
            config,
          )
    await this.#keepSource({ ...state, watch, value: signal.value ?? state.value })
    return true
  }

  async #keepSource(state: SourceState): Promise<void> {
    this.#sources.set(state.record.id, state)
    await this.#store.energy.put(this.#key('source', state.record.id), state)
  }

  inputs(nowMs: number): LimitInput[] {
    return [
      ...this.#operator.map(operatorInput),
      ...[...this.#schedules.values()].map((record) => scheduleInput(record, nowMs)),
      ...[...this.#sources.values()].map(sourceInput),
      ...this.external.inputs(),
    ]
  }

  inForce(nowMs: number): LimitInForce[] {
    return [
      ...this.#operator.map((record) => operatorView(record, nowMs)),
      ...[...this.#schedules.values()].map((record) => scheduleView(record, nowMs)),
      ...[...this.#sources.values()].map((state) => sourceView(state, nowMs)),
      ...this.#externalViews(nowMs),
    ]
  }

  #externalViews(nowMs: number): LimitInForce[] {
    const inputs = this.external.inputs()
    return this.external.list().map((limit) => {
      const own = inputs.filter((input) => input.sourceId === sourceIdOf(limit))
      const value = Math.min(...own.map((input) => valueAt(input.envelope, nowMs)))
      return {
        sourceId: sourceIdOf(limit),
        kind: 'station',
        nodeId: limit.evseId === null ? limit.stationId : `${limit.stationId}#${limit.evseId}`,
        unit: own[0]?.unit ?? 'A',
        value: finite(value),
        state: Number.isFinite(value) ? 'normal' : 'inactive',
        validFrom: null,
        validTo: null,
        setBy: limit.source,
        updatedAt: limit.receivedAt,
      }
    })
  }

  #key(kind: 'schedule' | 'source', id: string): string {
    return `${kind}/${this.#site.id}/${id}`
  }
}

function watchConfig(record: SourceRecord): SourceWatchConfig {
  return {
    heartbeatTimeoutMs: record.heartbeatTimeoutMs,
    failsafeDurationMs: record.failsafeDurationMs,
    limitWaitMs: 120_000,
    afterFailsafe: record.afterFailsafe,
  }
}

function operatorInput(record: LimitRecord): LimitInput {
  return {
    sourceId: record.id,
    origin: 'operator',
    target: record.nodeId,
    unit: record.unit,
    envelope: constantEnvelope(record.value),
    ...(record.validFrom === null ? {} : { validFromMs: Date.parse(record.validFrom) }),
    ...(record.validTo === null ? {} : { validToMs: Date.parse(record.validTo) }),
  }
}

function scheduleInput(record: ScheduleRecord, nowMs: number): LimitInput {
  const { id, nodeId, unit, windows, timeZone } = record
  return {
    sourceId: id,
    origin: 'schedule',
    target: nodeId,
    unit,
    envelope: weeklyEnvelope(windows, timeZone, nowMs),
  }
}

function sourceInput({ record, watch, value }: SourceState): LimitInput {
  return {
    sourceId: record.id,
    origin: 'grid',
    target: record.nodeId,
    unit: record.unit,
    // A source that takes control without ever naming a value is held to its failsafe value.
    envelope: constantEnvelope(value ?? record.failsafeValue),
    watch: { state: watch, config: watchConfig(record), failsafeValue: record.failsafeValue },
  }
}

function operatorView(record: LimitRecord, nowMs: number): LimitInForce {
  const { id, nodeId, unit, validFrom, validTo, setBy, updatedAt } = record
  const began = validFrom === null || Date.parse(validFrom) <= nowMs
  const holds = began && (validTo === null || Date.parse(validTo) > nowMs)
  return {
    sourceId: id,
    kind: 'operator',
    nodeId,
    unit,
    value: holds ? record.value : null,
    state: holds ? 'normal' : 'inactive',
    validFrom,
    validTo,
    setBy,
    updatedAt,
  }
}

function scheduleView(record: ScheduleRecord, nowMs: number): LimitInForce {
  const { id, nodeId, unit, setBy, updatedAt } = record
  const envelope = weeklyEnvelope(record.windows, record.timeZone, nowMs)
  const value = valueAt(envelope, nowMs)
  const next = envelope.find((step) => step.fromMs > nowMs)?.fromMs
  const holds = Number.isFinite(value)
  return {
    sourceId: id,
    kind: 'schedule',
    nodeId,
    unit,
    value: finite(value),
    state: holds ? 'normal' : 'inactive',
    validFrom: null,
    validTo: holds && next !== undefined ? new Date(next).toISOString() : null,
    setBy,
    updatedAt,
  }
}

function sourceView({ record, watch, value }: SourceState, nowMs: number): LimitInForce {
  const aged = reduceWatch(watch, { kind: 'tick', atMs: nowMs }, watchConfig(record))
  const rule = ruleOf(aged)
  const { id, nodeId, unit, failsafeValue, setBy, updatedAt } = record
  const said = rule === 'limit' ? (value ?? failsafeValue) : null
  return {
    sourceId: id,
    kind: 'grid',
    nodeId,
    unit,
    value: rule === 'failsafe' ? failsafeValue : said,
    state: rule === 'failsafe' ? 'failsafe' : rule === 'limit' ? 'normal' : 'inactive',
    validFrom: null,
    validTo:
      rule === 'limit' && aged.limitUntilMs !== null ? new Date(aged.limitUntilMs).toISOString() : null,
    setBy,
    updatedAt,
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
