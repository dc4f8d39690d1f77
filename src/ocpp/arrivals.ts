/**
 * New connections are let in a few at a time. After a restart thousands of stations knock within a second, and
 * the loop would work through all of their handshakes (a millisecond each under TLS) before it turned to anything else:
 * messages of stations that are already there, deadlines, other listeners.
 */

import type { Socket } from 'node:net'

export interface ArrivalsOptions {
  readonly admit: (socket: Socket) => void
  /** Let in per turn of the event loop. */
  readonly perTurn: number
  /** Handshakes under way at a time; undefined where there is none to wait for. */
  readonly maxUnderWay?: number
  /** Sockets that may wait outside; the rest are turned away. */
  readonly maxWaiting: number
}

export interface Arrivals {
  /** A paused socket has arrived. */
  push(socket: Socket): void
  /** A handshake has ended, well or badly. */
  ended(): void
  close(): void
}

export function createArrivals(options: ArrivalsOptions): Arrivals {
  const { admit, perTurn, maxUnderWay = Number.POSITIVE_INFINITY, maxWaiting } = options
  let waiting: Socket[] = []
  let next = 0
  let underWay = 0
  let isScheduled = false

  function schedule(): void {
    if (isScheduled || next >= waiting.length || underWay >= maxUnderWay) return
    isScheduled = true
    setImmediate(turn)
  }

  function turn(): void {
    isScheduled = false
    for (let n = 0; n < perTurn && next < waiting.length && underWay < maxUnderWay; n++) {
      const socket = waiting[next++]
      if (socket === undefined || socket.destroyed) continue
      if (maxUnderWay !== Number.POSITIVE_INFINITY) underWay++
      admit(socket)
    }
    if (next === waiting.length) {
      waiting = []
      next = 0
    }
    schedule()
  }

  return {
    push(socket) {
      // Whoever gives up while waiting is noticed when his turn comes.
      socket.on('error', () => socket.destroy())
      if (waiting.length - next >= maxWaiting) {
        socket.destroy()
        return
      }
      waiting.push(socket)
      schedule()
    },
    ended() {
      underWay = Math.max(0, underWay - 1)
      schedule()
    },
    close() {
      for (const socket of waiting.slice(next)) socket.destroy()
      waiting = []
      next = 0
    },
  }
}
