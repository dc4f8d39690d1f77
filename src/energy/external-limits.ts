import type { Envelope, EnvelopeStep, LimitInput, Site } from '../../profiles/index.ts'
import type {
  ChargingScheduleType,
  ClearedChargingLimitRequest,
  NotifyChargingLimitRequest,
} from '../ocpp/v201/messages.generated.ts'
import type { StationEvent } from '../store/events.ts'
import type { Store } from '../store/ports.ts'

/** A limit that someone other than us has set at a station (K11, K12), as it was reported. */
export interface ExternalLimit {
  readonly stationId: string
  /** Null for the whole station. */
  readonly evseId: number | null
  /** ChargingLimitSource: EMS, SO, Other; what is cleared by this name. */
  readonly source: string
  readonly receivedAt: string
  readonly schedules: readonly ChargingScheduleType[]
}

interface Kept {
  /** The last station event that was folded in. */
  readonly after: number
  readonly limits: readonly ExternalLimit[]
}

const PAGE = 500
const KINDS = ['NotifyChargingLimit', 'ClearedChargingLimit']
/** Reported limits per station: a station that reports more loses its oldest. */
const MAX_PER_STATION = 32

/** What stations reported, folded from their stored messages, so that a restart forgets nothing. */
export class ExternalLimits {
  readonly #store: Store
  readonly #site: Site
  readonly #kept = new Map<string, Kept>()

  constructor(options: { store: Store; site: Site }) {
    this.#store = options.store
    this.#site = options.site
  }

  async restore(): Promise<void> {
    const kept = await this.#store.energy.list('external/')
    const stations = [...new Set(this.#site.evses.map((evse) => evse.stationId))]
    for (const stationId of stations) {
      const state = kept.get(`external/${stationId}`) as Kept | undefined
      if (state) this.#kept.set(stationId, state)
    }
    // What was reported when the process died, or before the station was part of the site, was answered: it counts.
    await Promise.all(stations.map((stationId) => this.update(stationId)))
  }

  /** Reads what the station has reported since; true where a limit changed. */
  async update(stationId: string): Promise<boolean> {
    const before = this.#kept.get(stationId) ?? { after: 0, limits: [] }
    const reports = await Promise.all(KINDS.map((kind) => this.#reports(stationId, kind, before.after)))
    const state = reports
      .flat()
      .sort((a, b) => a.id - b.id)
      .reduce(fold, before)
    if (state.after === before.after) return false
    this.#kept.set(stationId, state)
    await this.#store.energy.put(`external/${stationId}`, state)
    return state.limits !== before.limits
  }

  async #reports(stationId: string, kind: string, after: number): Promise<StationEvent[]> {
    const found: StationEvent[] = []
    for (;;) {
      const last = found.at(-1)?.id ?? after
      const page = await this.#store.events.list({ stationId, kind, after: last, limit: PAGE })
      found.push(...page)
      if (page.length < PAGE) return found
    }
  }

  list(): readonly ExternalLimit[] {
    return [...this.#kept.values()].flatMap((kept) => kept.limits)
  }

  inputs(): LimitInput[] {
    return this.list().flatMap((limit) =>
      limit.schedules.map((schedule) => ({
        sourceId: sourceIdOf(limit),
        origin: 'station' as const,
        setBy: limit.source,
        target: limit.evseId === null ? limit.stationId : `${limit.stationId}#${limit.evseId}`,
        unit: schedule.chargingRateUnit,
        envelope: envelopeOf(schedule, Date.parse(limit.receivedAt)),
      })),
    )
  }
}

export function sourceIdOf(limit: ExternalLimit): string {
  return `${limit.source} at ${limit.stationId}${limit.evseId === null ? '' : `#${limit.evseId}`}`
}

function fold(state: Kept, event: StationEvent): Kept {
  const next = { ...state, after: Math.max(state.after, event.id) }
  if (event.kind === 'NotifyChargingLimit') {
    // The message was checked against its schema before it was stored.
    const request = event.detail as NotifyChargingLimitRequest
    const limit: ExternalLimit = {
      stationId: event.stationId,
      evseId: request.evseId === undefined || request.evseId === 0 ? null : request.evseId,
      source: request.chargingLimit.chargingLimitSource,
      receivedAt: event.receivedAt,
      schedules: request.chargingSchedule ?? [],
    }
    const others = state.limits.filter((one) => !sameLimit(one, limit))
    return { ...next, limits: [...others, limit].slice(-MAX_PER_STATION) }
  }
  if (event.kind === 'ClearedChargingLimit') {
    const { chargingLimitSource: source, evseId } = event.detail as ClearedChargingLimitRequest
    const all = evseId === undefined || evseId === 0
    const limits = state.limits.filter((one) => one.source !== source || (!all && one.evseId !== evseId))
    return { ...next, limits }
  }
  return next
}

function sameLimit(a: ExternalLimit, b: ExternalLimit): boolean {
  return a.source === b.source && a.evseId === b.evseId
}

/** A schedule as a limit over time; one without a start counts from when it came. */
export function envelopeOf(schedule: ChargingScheduleType, receivedMs: number): Envelope {
  const startMs = schedule.startSchedule === undefined ? receivedMs : Date.parse(schedule.startSchedule)
  const steps: EnvelopeStep[] = schedule.chargingSchedulePeriod.map((period) => ({
    fromMs: startMs + period.startPeriod * 1000,
    value: period.limit,
  }))
  const { duration } = schedule
  if (duration === undefined) return steps
  const endMs = startMs + duration * 1000
  return [...steps.filter((step) => step.fromMs < endMs), { fromMs: endMs, value: Number.POSITIVE_INFINITY }]
}
