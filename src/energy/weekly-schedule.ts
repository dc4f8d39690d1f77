import { type Envelope, minEnvelope, windowEnvelope } from '../../profiles/index.ts'

export interface WeeklyWindow {
  /** 1 is Monday, 7 is Sunday: the day on which the window begins. */
  readonly days: number[]
  /** Local times `HH:MM`. A window that ends at or before its start ends on the next day. */
  readonly from: string
  readonly to: string
  readonly value: number
}

const DAY_MS = 86_400_000
/** Windows are laid out this many days ahead: enough for every lookahead and for the planner. */
const DAYS_AHEAD = 3

/** The windows around `nowMs` as one envelope; the lowest holds where they overlap, and none limits outside of all. */
export function weeklyEnvelope(windows: readonly WeeklyWindow[], timeZone: string, nowMs: number): Envelope {
  const envelopes: Envelope[] = []
  const today = localDate(nowMs, timeZone)
  // Yesterday's windows may last into today. Days are counted on the local calendar: not all have 24 hours.
  for (let offset = -1; offset <= DAYS_AHEAD; offset++) {
    const date = today + offset * DAY_MS
    const weekday = ((new Date(date).getUTCDay() + 6) % 7) + 1
    for (const { days, from, to, value } of windows) {
      if (!days.includes(weekday)) continue
      const startMs = date + minutesOf(from) * 60_000
      const endMs = date + minutesOf(to) * 60_000
      envelopes.push(
        windowEnvelope({
          fromMs: Math.min(...instantsOf(startMs, timeZone)),
          toMs: Math.max(...instantsOf(endMs > startMs ? endMs : endMs + DAY_MS, timeZone)),
          value,
        }),
      )
    }
  }
  return minEnvelope(...envelopes)
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: name })
    return true
  } catch {
    return false
  }
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(':').map(Number)
  return (hours ?? 0) * 60 + (minutes ?? 0)
}

/** Local midnight of the day that `atMs` falls on, written as if it were UTC. */
function localDate(atMs: number, timeZone: string): number {
  const local = atMs + offsetMs(atMs, timeZone)
  return Math.floor(local / DAY_MS) * DAY_MS
}

/**
 * The instants of a local time that is written as if it were UTC: two in the hour that comes twice when clocks change.
 * For a time that a change skips, what the clocks of before and of after make of it.
 */
function instantsOf(localMs: number, timeZone: string): number[] {
  const guesses = [-DAY_MS, DAY_MS].map((around) => localMs - offsetMs(localMs + around, timeZone))
  const exact = guesses.filter((atMs) => atMs + offsetMs(atMs, timeZone) === localMs)
  return exact.length > 0 ? exact : guesses
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Clocks change on quarters of an hour: offsets already looked up, by zone and quarter. */
const offsets = new Map<string, number>()
const QUARTER_MS = 900_000
const KEPT_OFFSETS = 50_000

function offsetMs(atMs: number, timeZone: string): number {
  const quarter = Math.floor(atMs / QUARTER_MS)
  const key = `${timeZone}|${quarter}`
  const known = offsets.get(key) ?? offsetOf(quarter * QUARTER_MS, timeZone)
  if (offsets.size >= KEPT_OFFSETS) offsets.clear()
  offsets.set(key, known)
  return known
}

function offsetOf(atMs: number, timeZone: string): number {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-GB', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  formats.set(timeZone, format)
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]))
  const of = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0
  const local = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
  return local - atMs
}
