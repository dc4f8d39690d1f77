import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type ArrivalsOptions, createArrivals } from '../../../src/ocpp/arrivals.ts'

function setup(options: Partial<ArrivalsOptions> = {}) {
  const admitted: Socket[] = []
  const arrivals = createArrivals({
    admit: (socket) => admitted.push(socket),
    perTurn: 3,
    maxWaiting: 100,
    ...options,
  })
  const knock = () => {
    const socket = Object.assign(new EventEmitter(), {
      destroyed: false,
      destroy() {
        this.destroyed = true
      },
    }) as unknown as Socket
    arrivals.push(socket)
    return socket
  }
  return { admitted, arrivals, knock }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('arriving sockets', () => {
  it('are let in a few per turn of the loop, in their order', async () => {
    const { admitted, knock } = setup()
    const sockets = Array.from({ length: 7 }, knock)
    expect(admitted).toHaveLength(0)
    await turn()
    expect(admitted).toEqual(sockets.slice(0, 3))
    await turn()
    await turn()
    expect(admitted).toEqual(sockets)
  })

  it('wait while enough handshakes are under way', async () => {
    const { admitted, arrivals, knock } = setup({ maxUnderWay: 2 })
    for (let i = 0; i < 5; i++) knock()
    for (let i = 0; i < 5; i++) await turn()
    expect(admitted).toHaveLength(2)
    arrivals.ended()
    await turn()
    expect(admitted).toHaveLength(3)
    for (let i = 0; i < 9; i++) arrivals.ended()
    for (let i = 0; i < 5; i++) await turn()
    expect(admitted).toHaveLength(5)
  })

  it('are turned away where too many wait, and forgotten when they have gone', async () => {
    const { admitted, knock } = setup({ maxWaiting: 2 })
    const [first, second, third] = [knock(), knock(), knock()]
    expect(third?.destroyed).toBe(true)
    first?.emit('error', new Error('reset'))
    await turn()
    expect(admitted).toEqual([second])
  })

  it('are dropped when the listener closes', async () => {
    const { admitted, arrivals, knock } = setup()
    const socket = knock()
    arrivals.close()
    await turn()
    expect(admitted).toEqual([])
    expect(socket.destroyed).toBe(true)
  })
})
