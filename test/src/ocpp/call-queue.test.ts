import { describe, expect, it } from 'vitest'
import { type CallEnd, CallQueue, type PendingCall } from '../../../src/ocpp/call-queue.ts'

function setup(maxWaiting = 2, heldUntil: (call: PendingCall) => number = () => 0) {
  const sent: string[] = []
  const ends: Record<string, CallEnd> = {}
  const queue = new CallQueue({ send: (call) => sent.push(call.id), heldUntil, maxWaiting })
  const push = (id: string, deadlineAt: number, now = 0, urgent = false) =>
    queue.push(
      {
        id,
        action: 'Reset',
        payload: {},
        urgent,
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
    const { sent, queue, push } = setup(2, () => 300)
    expect(push('a', 1000)).toBe(true)
    queue.expire(299)
    expect(sent).toEqual([])
    queue.advance(300)
    expect(sent).toEqual(['a'])
  })

  it('of an operator are not held with our own, and go before them', () => {
    const { sent, queue, push } = setup(4, ({ urgent }) => (urgent ? 300 : 3000))
    push('own', 9000)
    push('operator-1', 9000, 0, true)
    push('operator-2', 9000, 0, true)
    queue.advance(300)
    queue.take('operator-1')
    queue.advance(301)
    queue.take('operator-2')
    queue.advance(302)
    expect(sent).toEqual(['operator-1', 'operator-2'])
    queue.advance(3000)
    expect(sent).toEqual(['operator-1', 'operator-2', 'own'])
  })

  it('of an operator wait a few seconds for an unanswered one of ours, not its whole deadline', () => {
    const { sent, ends, queue, push } = setup()
    push('own', 30_000)
    push('operator', 30_000, 2_000, true)
    queue.expire(4_999)
    expect(sent).toEqual(['own'])
    queue.expire(5_000)
    expect(ends).toEqual({ own: { kind: 'expired' } })
    expect(sent).toEqual(['own', 'operator'])
    expect(queue.take('own')).toEqual({ kind: 'late' })
  })

  it('of an operator wait for each other', () => {
    const { sent, queue, push } = setup()
    push('first', 30_000, 0, true)
    push('second', 30_000, 0, true)
    queue.expire(29_999)
    expect(sent).toEqual(['first'])
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
