import { describe, expect, test } from 'vitest'
import { changesAhead, type Horizon, horizonOf } from '../../../src/web/site-horizon.ts'

/** A Sunday morning in Berlin, one hour ahead of UTC. */
const NOW = Date.parse('2026-03-01T08:07:00Z')
const base: Horizon = { nodeId: 'grid', configuredA: 63, voltageV: 230, limits: [], schedules: [] }
const window = { days: [1, 2, 3, 4, 5, 6, 7], from: '10:00', to: '11:00', value: 32 }
const schedule = {
  id: 'peak',
  nodeId: 'grid',
  unit: 'A' as const,
  timeZone: 'Europe/Berlin',
  windows: [window],
}
const at = (horizon: Horizon, iso: string) =>
  horizonOf(horizon, NOW).find(({ atMs }) => atMs === Date.parse(iso))

describe('the limit of the next hours', () => {
  test('is a day of quarters, beginning with the present one', () => {
    const slots = horizonOf(base, NOW)
    expect(slots).toHaveLength(96)
    expect(slots[0]).toEqual({
      atMs: Date.parse('2026-03-01T08:00:00Z'),
      limitA: 63,
      by: 'the configuration',
    })
    expect(horizonOf({ ...base, configuredA: null }, NOW)[5]).toMatchObject({ limitA: null, by: 'nobody' })
  })

  test('follows a weekly schedule by the clock of its time zone', () => {
    const horizon = { ...base, schedules: [schedule] }
    expect(at(horizon, '2026-03-01T08:45:00Z')?.limitA).toBe(63)
    expect(at(horizon, '2026-03-01T09:00:00Z')).toMatchObject({ limitA: 32, by: 'the schedule peak' })
    expect(at(horizon, '2026-03-01T09:45:00Z')?.limitA).toBe(32)
    expect(at(horizon, '2026-03-01T10:00:00Z')?.limitA).toBe(63)
  })

  test('knows windows that last into the next day, and days on which none begins', () => {
    const night = { ...schedule, windows: [{ ...window, days: [7], from: '22:00', to: '06:00' }] }
    const horizon = { ...base, schedules: [night] }
    expect(at(horizon, '2026-03-01T20:45:00Z')?.limitA).toBe(63)
    expect(at(horizon, '2026-03-01T21:00:00Z')?.limitA).toBe(32)
    expect(at(horizon, '2026-03-02T04:45:00Z')?.limitA).toBe(32)
    expect(at(horizon, '2026-03-02T05:00:00Z')?.limitA).toBe(63)
    const monday = { ...base, schedules: [{ ...night, windows: [{ ...window, days: [2] }] }] }
    expect(horizonOf(monday, NOW).every(({ limitA }) => limitA === 63)).toBe(true)
  })

  test('takes limits set by hand for as long as they stand, on this node only, watts shared by three phases', () => {
    const limit = { id: 'works', nodeId: 'grid', value: 13_800, unit: 'W' as const, validFrom: null }
    const limits = [
      { ...limit, validTo: '2026-03-01T09:00:00Z' },
      { ...limit, id: 'elsewhere', nodeId: 'hall', value: 1, validTo: null },
    ]
    expect(at({ ...base, limits }, '2026-03-01T08:00:00Z')).toMatchObject({
      limitA: 20,
      by: 'the limit works',
    })
    expect(at({ ...base, limits }, '2026-03-01T09:00:00Z')?.limitA).toBe(63)
  })
})

describe('what happens next', () => {
  const limit = { id: 'works', nodeId: 'roof', value: 20, unit: 'A' as const }

  test('is what begins and ends in the next day, by hand and by schedule, in order', () => {
    const limits = [
      { ...limit, validFrom: '2026-03-01T09:30:00Z', validTo: null },
      { ...limit, id: 'past', validFrom: '2026-02-28T09:30:00Z', validTo: '2026-03-03T00:00:00Z' },
    ]
    expect(changesAhead({ limits, schedules: [schedule], voltageV: 230 }, NOW)).toEqual([
      { atMs: Date.parse('2026-03-01T09:00:00Z'), text: expect.stringContaining('"peak" asks for 32') },
      { atMs: Date.parse('2026-03-01T09:30:00Z'), text: '"works" begins: 20 A on roof' },
      { atMs: Date.parse('2026-03-01T10:00:00Z'), text: 'The schedule "peak" ends on grid' },
    ])
  })

  test('is nothing where nothing changes', () => {
    expect(changesAhead({ limits: [], schedules: [], voltageV: 230 }, NOW)).toEqual([])
  })
})
