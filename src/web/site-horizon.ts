/** What is known today of the limits of the next hours: configuration, limits set by hand, weekly schedules. Pure. */

import type { Schemas } from './api.ts'
import { amperes, HOUR_MS, MINUTE_MS } from './format.ts'

type Schedule = Pick<Schemas['LimitSchedule'], 'id' | 'nodeId' | 'unit' | 'timeZone' | 'windows'>
type Limit = Pick<Schemas['Limit'], 'id' | 'nodeId' | 'value' | 'unit' | 'validFrom' | 'validTo'>

export interface Horizon {
  readonly nodeId: string
  /** Lowest configured limit of a phase; null where there is none. */
  readonly configuredA: number | null
  readonly voltageV: number
  readonly limits: readonly Limit[]
  readonly schedules: readonly Schedule[]
}

export interface Slot {
  readonly atMs: number
  /** Amperes per phase; null where nothing limits. */
  readonly limitA: number | null
  /** Who holds it there. */
  readonly by: string
}

export const SLOT_MS = 15 * MINUTE_MS
export const HORIZON_MS = 24 * HOUR_MS

/** One slot per quarter of an hour, the first one now. */
export function horizonOf(horizon: Horizon, nowMs: number): Slot[] {
  const firstMs = Math.floor(nowMs / SLOT_MS) * SLOT_MS
  return [...Array(HORIZON_MS / SLOT_MS).keys()].map((index) => {
    const atMs = firstMs + index * SLOT_MS
    return { atMs, ...lowest(horizon, Math.max(atMs, nowMs)) }
  })
}

export interface Change {
  readonly atMs: number
  readonly text: string
}

/** Limits by hand that begin or end, and schedules that change what they ask for, within the horizon, in order of time. */
export function changesAhead(
  { limits, schedules, voltageV }: Pick<Horizon, 'limits' | 'schedules' | 'voltageV'>,
  nowMs: number,
): Change[] {
  const byHand = limits.flatMap(({ id, nodeId, value, unit, validFrom, validTo }) => [
    { atMs: msOf(validFrom, 0), text: `"${id}" begins: ${value} ${unit} on ${nodeId}` },
    { atMs: msOf(validTo, 0), text: `"${id}" ends on ${nodeId}` },
  ])
  const bySchedule = schedules.flatMap((schedule) => {
    const { id, nodeId } = schedule
    const slots = horizonOf({ nodeId, configuredA: null, voltageV, limits: [], schedules: [schedule] }, nowMs)
    return slots.flatMap(({ atMs, limitA }, index) => {
      if (index === 0 || slots[index - 1]?.limitA === limitA) return []
      const what = limitA === null ? 'ends' : `asks for ${amperes(limitA)} per phase`
      return [{ atMs, text: `The schedule "${id}" ${what} on ${nodeId}` }]
    })
  })
  return [...byHand, ...bySchedule]
    .filter(({ atMs }) => atMs > nowMs && atMs < nowMs + HORIZON_MS)
    .sort((a, b) => a.atMs - b.atMs)
}

function lowest(horizon: Horizon, atMs: number): Omit<Slot, 'atMs'> {
  const { nodeId, configuredA, voltageV, limits, schedules } = horizon
  const found: { limitA: number; by: string }[] = []
  if (configuredA !== null) found.push({ limitA: configuredA, by: 'the configuration' })
  const add = (value: number, unit: 'A' | 'W', by: string): void => {
    found.push({ limitA: unit === 'A' ? value : value / (3 * voltageV), by })
  }
  for (const { id, nodeId: on, value, unit, validFrom, validTo } of limits)
    if (on === nodeId && atMs >= msOf(validFrom, 0) && atMs < msOf(validTo, Number.POSITIVE_INFINITY))
      add(value, unit, `the limit ${id}`)
  for (const { id, nodeId: on, unit, timeZone, windows } of schedules) {
    if (on !== nodeId) continue
    const { day, minute } = localTime(atMs, timeZone)
    for (const window of windows)
      if (holds(window, day, minute)) add(window.value, unit, `the schedule ${id}`)
  }
  const binding = found.sort((a, b) => a.limitA - b.limitA)[0]
  return binding ?? { limitA: null, by: 'nobody' }
}

const msOf = (iso: string | null, otherwise: number): number => (iso === null ? otherwise : Date.parse(iso))

const formats = new Map<string, Intl.DateTimeFormat>()
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** Monday is 1; minutes since midnight, by the clock on that wall. */
function localTime(atMs: number, timeZone: string): { day: number; minute: number } {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
  formats.set(timeZone, format)
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]))
  return {
    day: DAYS.indexOf(parts.get('weekday') ?? '') + 1,
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  }
}

/** A window that ends at or before it begins goes on into the next day. */
function holds({ days, from, to }: Schedule['windows'][number], day: number, minute: number): boolean {
  const [start, end] = [minutesOf(from), minutesOf(to)]
  if (end > start) return days.includes(day) && minute >= start && minute < end
  const before = day === 1 ? 7 : day - 1
  return (days.includes(day) && minute >= start) || (days.includes(before) && minute < end)
}

function minutesOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number)
  return hours * 60 + minutes
}
