import { describe, expect, test } from 'vitest'
import { ExcursionClock } from '../../../src/observe/excursions.ts'

const load = (measured: number, limit: number | null = 63) => [
  { siteId: 'depot', nodeId: 'grid', measuredA: [10, measured, 0], limitA: [limit, limit, limit] },
]

describe('time above the limit', () => {
  test('is counted from look to look while any phase is above', () => {
    const clock = new ExcursionClock()
    clock.look(load(70), 0)
    clock.look(load(70), 1_000)
    clock.look(load(60), 2_000)
    clock.look(load(64), 3_500)
    expect(clock.samples()).toEqual([{ labels: { site: 'depot', node: 'grid' }, value: 2.5 }])
  })

  test('is not counted for what meters cannot tell, nor without a limit or a meter', () => {
    const clock = new ExcursionClock()
    clock.look(load(0), 0)
    clock.look(load(63.5), 1_000)
    clock.look(load(900, null), 2_000)
    clock.look([{ siteId: 'depot', nodeId: 'grid', measuredA: null, limitA: [1, 1, 1] }], 3_000)
    expect(clock.samples()).toMatchObject([{ value: 0 }])
  })

  test('is not made up for a time in which nobody looked', () => {
    const clock = new ExcursionClock()
    clock.look(load(70), 0)
    clock.look(load(70), 60_000)
    expect(clock.samples()).toMatchObject([{ value: 0 }])
  })
})
