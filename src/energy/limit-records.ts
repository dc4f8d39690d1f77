/** What is stored of limits beside the configuration, and what the core is told of each. */

import {
  constantEnvelope,
  type LimitInput,
  type SourceWatch,
  type SourceWatchConfig,
} from '../../profiles/index.ts'
import type { GridSourceConfig } from '../grid/ports.ts'
import type { LimitRecord } from '../store/sites.ts'
import { type WeeklyWindow, weeklyEnvelope } from './weekly-schedule.ts'

/** Limits of one group on the same node and unit stand in for each other: of those in force the highest priority counts. */
export interface Rank {
  readonly group: string | null
  readonly priority: number
}

export interface ScheduleRecord extends Rank {
  readonly id: string
  readonly nodeId: string
  readonly unit: 'A' | 'W'
  /** IANA name: the windows are in local time, also where the clocks change. */
  readonly timeZone: string
  readonly windows: WeeklyWindow[]
  readonly validFrom: string | null
  readonly validTo: string | null
  readonly setBy: string
  readonly updatedAt: string
}

export interface SourceRecord extends GridSourceConfig, Rank {
  readonly id: string
  readonly setBy: string
  readonly updatedAt: string
}

export interface SourceState {
  readonly record: SourceRecord
  readonly watch: SourceWatch
  /** What the source said last; stands while the watch says so. */
  readonly value: number | null
}

export function watchConfig(record: SourceRecord): SourceWatchConfig {
  return {
    heartbeatTimeoutMs: record.heartbeatTimeoutMs,
    failsafeDurationMs: record.failsafeDurationMs,
    limitWaitMs: 120_000,
    afterFailsafe: record.afterFailsafe,
  }
}

/** What every stored limit tells the core beside its values. */
function inputOf(record: Partial<Rank> & { id: string; nodeId: string; unit: 'A' | 'W'; setBy: string }) {
  const { id, nodeId, unit, setBy, group, priority } = record
  const rank = group === undefined || group === null ? {} : { group, priority: priority ?? 0 }
  return { sourceId: id, setBy, target: nodeId, unit, ...rank }
}

export interface Validity {
  readonly validFrom?: string | null
  readonly validTo?: string | null
}

function validityOf({ validFrom, validTo }: Validity): { validFromMs?: number; validToMs?: number } {
  return {
    ...(validFrom ? { validFromMs: Date.parse(validFrom) } : {}),
    ...(validTo ? { validToMs: Date.parse(validTo) } : {}),
  }
}

export function isValid(validity: Validity, nowMs: number): boolean {
  const { validFromMs = nowMs, validToMs = Number.POSITIVE_INFINITY } = validityOf(validity)
  return validFromMs <= nowMs && nowMs < validToMs
}

export function operatorInput(record: LimitRecord): LimitInput {
  const envelope = constantEnvelope(record.value)
  return { ...inputOf(record), origin: 'operator', envelope, ...validityOf(record) }
}

export function scheduleInput(record: ScheduleRecord, nowMs: number): LimitInput {
  const envelope = weeklyEnvelope(record.windows, record.timeZone, nowMs)
  return { ...inputOf(record), origin: 'schedule', envelope, ...validityOf(record) }
}

export function sourceInput({ record, watch, value }: SourceState): LimitInput {
  return {
    ...inputOf(record),
    origin: 'grid',
    // A source that takes control without ever naming a value is held to its failsafe value.
    envelope: constantEnvelope(value ?? record.failsafeValue),
    watch: { state: watch, config: watchConfig(record), failsafeValue: record.failsafeValue },
  }
}
