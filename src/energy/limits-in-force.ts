import { nextChangeAfter, reduceWatch, ruleOf, valueAt } from '../../profiles/index.ts'
import type { LimitRecord } from '../store/sites.ts'
import { type ExternalLimits, sourceIdOf } from './external-limits.ts'
import { isValid, type Rank, type ScheduleRecord, type SourceState, watchConfig } from './limit-records.ts'
import { weeklyEnvelope } from './weekly-schedule.ts'

/** One limit as an operator sees it: who says what about which node, and until when. */
export interface LimitInForce {
  readonly sourceId: string
  readonly kind: 'operator' | 'schedule' | 'station' | 'grid'
  readonly nodeId: string
  readonly unit: 'A' | 'W'
  /** Null where it limits nothing now. */
  readonly value: number | null
  /** `overruled`: another limit of its group has the higher priority. */
  readonly state: 'normal' | 'failsafe' | 'inactive' | 'overruled'
  readonly group: string | null
  readonly priority: number
  readonly validFrom: string | null
  readonly validTo: string | null
  /** When a source with a heartbeat, or a station, last said something; null for the others. */
  readonly heardAt: string | null
  readonly setBy: string
  readonly updatedAt: string
}

function rankOf({ group, priority }: Partial<Rank>): Rank {
  return { group: group ?? null, priority: priority ?? 0 }
}

/** Says of limits that another of their group stands in for that they do not count. */
export function overruled(views: readonly LimitInForce[]): LimitInForce[] {
  const groupOf = ({ nodeId, unit, group }: LimitInForce) => `${nodeId}|${unit}|${group}`
  const best = new Map<string, number>()
  for (const view of views) {
    if (view.group === null || view.value === null) continue
    const before = best.get(groupOf(view)) ?? Number.NEGATIVE_INFINITY
    best.set(groupOf(view), Math.max(before, view.priority))
  }
  return views.map((view) => {
    const counts = view.group === null || view.value === null || view.priority === best.get(groupOf(view))
    return counts ? view : { ...view, state: 'overruled' }
  })
}

export function operatorView(record: LimitRecord, nowMs: number): LimitInForce {
  const { id, nodeId, unit, validFrom, validTo, setBy, updatedAt } = record
  const holds = isValid(record, nowMs)
  return {
    sourceId: id,
    kind: 'operator',
    nodeId,
    unit,
    value: holds ? record.value : null,
    state: holds ? 'normal' : 'inactive',
    ...rankOf(record),
    validFrom,
    validTo,
    setBy,
    updatedAt,
    heardAt: null,
  }
}

export function scheduleView(record: ScheduleRecord, nowMs: number): LimitInForce {
  const { id, nodeId, unit, setBy, updatedAt } = record
  const envelope = weeklyEnvelope(record.windows, record.timeZone, nowMs)
  const value = isValid(record, nowMs) ? valueAt(envelope, nowMs) : Number.POSITIVE_INFINITY
  const next = nextChangeAfter(envelope, nowMs)
  const holds = Number.isFinite(value)
  const { validFrom = null, validTo = null } = record
  return {
    sourceId: id,
    kind: 'schedule',
    nodeId,
    unit,
    value: finite(value),
    state: holds ? 'normal' : 'inactive',
    ...rankOf(record),
    validFrom,
    validTo: holds ? earliest(next, validTo) : validTo,
    setBy,
    updatedAt,
    heardAt: null,
  }
}

export function sourceView({ record, watch, value }: SourceState, nowMs: number): LimitInForce {
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
    ...rankOf(record),
    validFrom: null,
    validTo:
      rule === 'limit' && aged.limitUntilMs !== null ? new Date(aged.limitUntilMs).toISOString() : null,
    setBy,
    updatedAt,
    heardAt: watch.lastHeartbeatMs === null ? null : new Date(watch.lastHeartbeatMs).toISOString(),
  }
}

/** When a limit that holds now holds no more. */
function earliest(changeMs: number | null, validTo: string | null): string | null {
  const untilMs = Math.min(
    changeMs ?? Number.POSITIVE_INFINITY,
    validTo === null ? Number.POSITIVE_INFINITY : Date.parse(validTo),
  )
  return Number.isFinite(untilMs) ? new Date(untilMs).toISOString() : null
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

export function externalViews(external: ExternalLimits, nowMs: number): LimitInForce[] {
  const inputs = external.inputs()
  return external.list().map((limit) => {
    const own = inputs.filter((input) => input.sourceId === sourceIdOf(limit))
    const value = Math.min(...own.map((input) => valueAt(input.envelope, nowMs)))
    const changes = own.flatMap((input) => nextChangeAfter(input.envelope, nowMs) ?? [])
    return {
      sourceId: sourceIdOf(limit),
      kind: 'station',
      nodeId: limit.evseId === null ? limit.stationId : `${limit.stationId}#${limit.evseId}`,
      unit: own[0]?.unit ?? 'A',
      value: finite(value),
      state: Number.isFinite(value) ? 'normal' : 'inactive',
      ...rankOf({}),
      validFrom: null,
      validTo: changes.length === 0 ? null : new Date(Math.min(...changes)).toISOString(),
      setBy: limit.source,
      updatedAt: limit.receivedAt,
      heardAt: limit.receivedAt,
    }
  })
}
