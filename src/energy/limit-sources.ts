import { type LimitInput, reduceWatch, type Site, startWatch } from '../../profiles/index.ts'
import type { GridSignal } from '../grid/ports.ts'
import type { Store } from '../store/ports.ts'
import type { LimitRecord } from '../store/sites.ts'
import { ExternalLimits } from './external-limits.ts'
import {
  operatorInput,
  type Rank,
  type ScheduleRecord,
  type SourceRecord,
  type SourceState,
  scheduleInput,
  sourceInput,
  type Validity,
  watchConfig,
} from './limit-records.ts'
import {
  externalViews,
  type LimitInForce,
  operatorView,
  overruled,
  scheduleView,
  sourceView,
} from './limits-in-force.ts'

/** What was stored before limits had a rank has none. */
const UNRANKED: Rank = { group: null, priority: 0 }

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
    for (const kept of (await this.#store.energy.list(this.#key('schedule', ''))).values()) {
      const record = kept as Omit<ScheduleRecord, keyof Rank | keyof Validity>
      this.#schedules.set(record.id, { ...UNRANKED, validFrom: null, validTo: null, ...record })
    }
    for (const kept of (await this.#store.energy.list(this.#key('source', ''))).values()) {
      const state = kept as Omit<SourceState, 'record'> & { record: Omit<SourceRecord, keyof Rank> }
      this.#sources.set(state.record.id, { ...state, record: { ...UNRANKED, ...state.record } })
    }
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
    return overruled([
      ...this.#operator.map((record) => operatorView(record, nowMs)),
      ...[...this.#schedules.values()].map((record) => scheduleView(record, nowMs)),
      ...[...this.#sources.values()].map((state) => sourceView(state, nowMs)),
      ...externalViews(this.external, nowMs),
    ])
  }

  /** Of a site that is no more: one that gets its name later begins without limits. */
  async forget(): Promise<void> {
    for (const { id } of this.schedules) await this.removeSchedule(id)
    for (const { id } of this.sources) await this.removeSource(id)
  }

  #key(kind: 'schedule' | 'source', id: string): string {
    return `${kind}/${this.#site.id}/${id}`
  }
}
