import { describe, expect, it } from 'vitest'
import { type CallEnd, CallQueue } from '../../../src/ocpp/call-queue.ts'

function setup(maxWaiting = 2) {
  const sent: string[] = []
  const ends: Record<string, CallEnd> = {}
  const queue = new CallQueue((call) => sent.push(call.id), maxWaiting)
  const push = (id: string, deadlineAt: number, now = 0) =>
    queue.push(
      {
        id,
        action: 'Reset',
        payload: {},
        deadlineAt,
        sentAt: 0,
        settle: (end) => {
          ends[id] = end
        },
      },
      now,
    )
  return { sent, ends, queue, push }
}

describe('calls to one station', () => {
  it('are sent one at a time, in order', () => {
    const { sent, queue, push } = setup()
    push('a', 100)
    push('b', 100)
    expect(sent).toEqual(['a'])
    expect(queue.take('b')).toEqual({ kind: 'unmatched' })
    expect(queue.take('a')).toMatchObject({ kind: 'matched' })
    queue.advance(1)
    expect(sent).toEqual(['a', 'b'])
  })

  it('wait while they are held, and go when the hold ends', () => {
    const { sent, queue } = setup()
    const call = {
      id: 'a',
      action: 'Reset',
      payload: {},
      deadlineAt: 1000,
      sentAt: 0,
      settle: () => undefined,
    }
    expect(queue.push(call, 0, 300)).toBe(true)
    queue.expire(299, 300)
    expect(sent).toEqual([])
    queue.advance(300, 300)
    expect(sent).toEqual(['a'])
  })

  it('are refused beyond the bound', () => {
    const { push } = setup()
    expect([push('a', 1), push('b', 1), push('c', 1), push('d', 1)]).toEqual([true, true, true, false])
  })

  it('expire at their deadline, and make room for the next', () => {
    const { sent, ends, queue, push } = setup()
    push('a', 100)
    push('b', 300)
    queue.expire(99)
    expect(ends).toEqual({})
    queue.expire(100)
    expect(ends).toEqual({ a: { kind: 'expired' } })
    expect(sent).toEqual(['a', 'b'])
  })

  it('whose deadline passes while they wait are never sent', () => {
    const { sent, ends, queue, push } = setup()
    push('a', 1000)
    push('b', 50)
    queue.expire(60)
    expect(ends).toEqual({ b: { kind: 'unsent' } })
    queue.take('a')
    queue.advance(70)
    expect(sent).toEqual(['a'])
    expect(queue.isIdle).toBe(true)
  })

  it('tell a late answer from an answer to nothing, once', () => {
    const { queue, push } = setup()
    push('a', 10)
    queue.expire(10)
    expect(queue.take('a')).toEqual({ kind: 'late' })
    expect(queue.take('a')).toEqual({ kind: 'unmatched' })
  })

  it('all end when the socket closes', () => {
    const { ends, queue, push } = setup()
    push('a', 100)
    push('b', 100)
    queue.close()
    expect(ends).toEqual({ a: { kind: 'disconnected' }, b: { kind: 'unsent' } })
  })
})
