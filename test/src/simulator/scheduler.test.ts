import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createManualScheduler, createRealScheduler } from '../../../src/simulator/index.ts'

describe('the manual scheduler', () => {
  it('runs whatever is due in order of time, and of arrival at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 60 }), async (delays) => {
        const scheduler = createManualScheduler(1000)
        const ran: [number, number][] = []
        delays.forEach((delay, index) => void scheduler.after(delay, () => ran.push([delay, index])))
        await scheduler.advance(50)
        const expected = delays.map((delay, index): [number, number] => [delay, index])
        expect(ran).toEqual(expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]))
        expect(scheduler.pending()).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  it('never runs what was cancelled, also when another callback cancels it', async () => {
    const scheduler = createManualScheduler(0)
    const ran: string[] = []
    const cancel = scheduler.after(10, () => ran.push('late'))
    scheduler.after(5, () => cancel())
    const stop = scheduler.every(4, () => {
      ran.push(`at ${scheduler.now()}`)
      if (scheduler.now() === 12) stop()
    })
    await scheduler.advance(40)
    expect(ran).toEqual(['at 4', 'at 8', 'at 12'])
  })

  it('refuses a repetition without a period', () => {
    const scheduler = createManualScheduler(0)
    expect(() => scheduler.every(0, () => {})).toThrow(RangeError)
    expect(() => scheduler.every(Number.NaN, () => {})).toThrow(RangeError)
  })
})

describe('the real scheduler', () => {
  it('keeps accelerated time and wakes for an earlier callback that arrives later', async () => {
    const scheduler = createRealScheduler({ acceleration: 100 })
    const startMs = scheduler.now()
    const order: string[] = []
    await new Promise<void>((resolve) => {
      scheduler.after(10_000, () => {
        order.push('second')
        resolve()
      })
      scheduler.after(2000, () => order.push('first'))
    })
    expect(order).toEqual(['first', 'second'])
    expect(scheduler.now() - startMs).toBeGreaterThanOrEqual(10_000)
    scheduler.stop()
  })

  it('refuses time that stands still', () => {
    expect(() => createRealScheduler({ acceleration: 0 })).toThrow(RangeError)
  })
})
