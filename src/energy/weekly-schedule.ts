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
  // Yesterday's windows may last into today.
  for (let offset = -1; offset <= DAYS_AHEAD; offset++) {
    const date = localDate(nowMs + offset * DAY_MS, timeZone)
    const weekday = ((new Date(date).getUTCDay() + 6) % 7) + 1
    for (const { days, from, to, value } of windows) {
      if (!days.includes(weekday)) continue
      const startMs = date + minutesOf(from) * 60_000
      const endMs = date + minutesOf(to) * 60_000
      envelopes.push(
        windowEnvelope({
          fromMs: utcOf(startMs, timeZone),
          toMs: utcOf(endMs > startMs ? endMs : endMs + DAY_MS, timeZone),
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

/** A local time, written as if it were UTC, as an instant. In the hour that a change of clocks skips: after it. */
function utcOf(localMs: number, timeZone: string): number {
  const guess = localMs - offsetMs(localMs, timeZone)
  return localMs - offsetMs(guess, timeZone)
}

const formats = new Map<string, Intl.DateTimeFormat>()

function offsetMs(atMs: number, timeZone: string): number {
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
  return local - Math.floor(atMs / 1000) * 1000
}
