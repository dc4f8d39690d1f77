import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { valueAt } from '../../../profiles/index.ts'
import { isTimeZone, weeklyEnvelope } from '../../../src/energy/weekly-schedule.ts'

const evening = [{ days: [1, 2, 3, 4, 5], from: '17:00', to: '20:00', value: 20 }]
const at = (time: string) => Date.parse(time)
const value = (windows: Parameters<typeof weeklyEnvelope>[0], time: string) =>
  valueAt(weeklyEnvelope(windows, 'Europe/Berlin', at(time)), at(time))

describe('a weekly schedule', () => {
  test('limits inside of its windows and nowhere else, in local time', () => {
    // Monday; Berlin is one hour ahead in winter.
    expect(value(evening, '2026-11-23T15:59:59Z')).toBe(Number.POSITIVE_INFINITY)
    expect(value(evening, '2026-11-23T16:00:00Z')).toBe(20)
    expect(value(evening, '2026-11-23T18:59:59Z')).toBe(20)
    expect(value(evening, '2026-11-23T19:00:00Z')).toBe(Number.POSITIVE_INFINITY)
  })

  test('knows its days', () => {
    expect(value(evening, '2026-11-22T17:00:00Z')).toBe(Number.POSITIVE_INFINITY)
    expect(value(evening, '2026-11-28T17:00:00Z')).toBe(Number.POSITIVE_INFINITY)
  })

  test('a window over midnight belongs to the day on which it begins', () => {
    const night = [{ days: [7], from: '22:00', to: '06:00', value: 10 }]
    expect(value(night, '2026-11-22T22:00:00Z')).toBe(10)
    expect(value(night, '2026-11-23T04:00:00Z')).toBe(10)
    expect(value(night, '2026-11-23T05:00:00Z')).toBe(Number.POSITIVE_INFINITY)
    expect(value(night, '2026-11-23T22:00:00Z')).toBe(Number.POSITIVE_INFINITY)
  })

  test('stays at the same local hour when the clocks change', () => {
    const morning = [{ days: [1, 2, 3, 4, 5, 6, 7], from: '08:00', to: '09:00', value: 5 }]
    expect(value(morning, '2026-10-24T06:30:00Z')).toBe(5)
    expect(value(morning, '2026-10-25T06:30:00Z')).toBe(Number.POSITIVE_INFINITY)
    expect(value(morning, '2026-10-25T07:30:00Z')).toBe(5)
    expect(value(morning, '2026-03-29T06:30:00Z')).toBe(5)
  })

  test('the lowest holds where windows overlap, and the end of the day is 24:00', () => {
    const both = [
      { days: [1], from: '00:00', to: '24:00', value: 40 },
      { days: [1], from: '10:00', to: '11:00', value: 15 },
    ]
    expect(value(both, '2026-11-23T09:30:00Z')).toBe(15)
    expect(value(both, '2026-11-23T22:59:59Z')).toBe(40)
    expect(value(both, '2026-11-23T23:00:00Z')).toBe(Number.POSITIVE_INFINITY)
  })

  test('refuses zones that nobody knows', () => {
    expect(isTimeZone('Europe/Berlin')).toBe(true)
    expect(isTimeZone('Europe/Atlantis')).toBe(false)
  })

  test('the evening before a short day lasts into it', () => {
    const night = [{ days: [7], from: '22:00', to: '06:00', value: 10 }]
    // Sunday 29 March 2026 has 23 hours; this is Monday, half past midnight.
    expect(value(night, '2026-03-29T22:30:00Z')).toBe(10)
  })

  test('holds in both hours that are called the same, and around one that is skipped', () => {
    const early = [{ days: [7], from: '02:30', to: '03:30', value: 5 }]
    expect(value(early, '2026-10-25T00:30:00Z')).toBe(5)
    expect(value(early, '2026-10-25T02:29:59Z')).toBe(5)
    expect(value(early, '2026-10-25T02:30:00Z')).toBe(Number.POSITIVE_INFINITY)
    expect(value(early, '2026-03-29T01:15:00Z')).toBe(5)
    expect(value(early, '2026-03-29T01:30:00Z')).toBe(Number.POSITIVE_INFINITY)
  })

  test('never limits less than what a clock on the wall says, anywhere, and no more away from a change', () => {
    const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'UTC']
    const changes = ['2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-03-08T07:00Z', '2026-11-01T06:00Z']
    const minutes = fc.integer({ min: 0, max: 95 }).map((quarter) => quarter * 15)
    const clock = (minute: number) =>
      `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
    const window = fc.record({
      days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      from: minutes,
      to: minutes,
    })
    const instant = fc.oneof(
      fc.integer({ min: at('2026-01-01T00:00Z'), max: at('2027-01-01T00:00Z') }),
      fc
        .tuple(fc.constantFrom(...changes), fc.integer({ min: -1800, max: 1800 }))
        .map(([change, minute]) => at(change) + minute * 60_000),
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.array(window, { minLength: 1, maxLength: 3 }),
        instant,
        (zone, raw, nowMs) => {
          const windows = raw.map(({ days, from, to }) => ({
            days,
            from: clock(from),
            to: clock(to),
            value: 5,
          }))
          const own = valueAt(weeklyEnvelope(windows, zone, nowMs), nowMs)
          const wall = onWall(nowMs, zone)
          const limited = raw.some(({ days, from, to }) => {
            const before = wall.weekday === 1 ? 7 : wall.weekday - 1
            const overnight = to <= from
            if (days.includes(wall.weekday) && wall.minute >= from && (overnight || wall.minute < to))
              return true
            return overnight && days.includes(before) && wall.minute < to
          })
          if (limited) expect(own).toBe(5)
          const steady = onWall(nowMs - 7_200_000, zone).offset === onWall(nowMs + 7_200_000, zone).offset
          if (!limited && steady) expect(own).toBe(Number.POSITIVE_INFINITY)
        },
      ),
      { numRuns: 800 },
    )
  })
})

/** Weekday and minute of a clock on the wall, and how far it is from UTC. */
function onWall(atMs: number, timeZone: string): { weekday: number; minute: number; offset: number } {
  const text = new Date(atMs).toLocaleString('sv-SE', { timeZone })
  const local = Date.parse(`${text.replace(' ', 'T')}Z`)
  const date = new Date(local)
  return {
    weekday: date.getUTCDay() === 0 ? 7 : date.getUTCDay(),
    minute: date.getUTCHours() * 60 + date.getUTCMinutes(),
    offset: Math.round((local - atMs) / 60_000),
  }
}
