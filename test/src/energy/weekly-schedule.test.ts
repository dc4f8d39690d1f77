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
})
