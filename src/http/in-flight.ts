/** Knows when the last request being handled has been answered. */

import type { FastifyInstance } from 'fastify'

export interface InFlight {
  /** Resolves when nothing is being handled, or at the deadline. */
  settled(deadlineMs: number): Promise<void>
}

export function trackInFlight(app: FastifyInstance): InFlight {
  let count = 0
  let settle: (() => void) | undefined
  app.addHook('onRequest', async (_request, reply) => {
    count++
    // Comes after the answer has been handed over, and also where the client has gone away.
    reply.raw.once('close', () => {
      count--
      if (count === 0) settle?.()
    })
  })
  return {
    settled(deadlineMs) {
      if (count === 0) return Promise.resolve()
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, deadlineMs)
        settle = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    },
  }
}
