import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDateTime } from '../../../src/ocpp/date-time.ts'

describe('isDateTime', () => {
  it('accepts every instant that JavaScript writes', () => {
    const min = new Date('0001-01-01T00:00:00Z')
    const max = new Date('9999-12-31T23:59:59Z')
    fc.assert(
      fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
        expect(isDateTime(date.toISOString())).toBe(true)
      }),
    )
  })

  it.each([
    '2026-02-28T10:00:00Z',
    '2024-02-29T10:00:00Z',
    '2000-02-29T10:00:00z',
    '2026-01-31T23:59:60Z',
    '2026-01-31t10:00:00.1Z',
    '2026-01-31T10:00:00.123456789+14:00',
    '2026-01-31T10:00:00-05:30',
  ])('accepts %s', (text) => expect(isDateTime(text)).toBe(true))

  it.each([
    '',
    'now',
    '2026-01-31',
    '2026-01-31T10:00:00',
    '2026-01-31 10:00:00Z',
    '2026-02-29T10:00:00Z',
    '1900-02-29T10:00:00Z',
    '2026-13-01T10:00:00Z',
    '2026-00-01T10:00:00Z',
    '2026-04-31T10:00:00Z',
    '2026-01-00T10:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T10:60:00Z',
    '2026-01-31T10:00:61Z',
    '2026-01-31T10:00:00.Z',
    '2026-01-31T10:00:00+0100',
    '2026-01-31T10:00:00+24:00',
    '2026-01-31T10:00:00Zx',
    '1767225600',
  ])('refuses %s', (text) => expect(isDateTime(text)).toBe(false))

  it('agrees with the parser of JavaScript about what it accepts', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        if (isDateTime(text)) expect(Number.isNaN(Date.parse(text.replace(':60', ':59')))).toBe(false)
      }),
    )
  })
})
