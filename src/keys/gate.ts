import { KeyUnavailable } from './ports.ts'

export interface GateOptions {
  /** For one operation, and for waiting to begin it. */
  readonly deadlineMs: number
  /** Operations that the other side handles at once. */
  readonly maxInFlight: number
  readonly maxWaiting?: number
}

export interface Gate {
  /** `slot`: a number from 0 below `maxInFlight` that nobody else holds meanwhile. */
  run<T>(work: (slot: number) => Promise<T>): Promise<T>
}

/**
 * In front of whatever may stall: a token, a program. One operation that exceeds its deadline closes the gate until
 * it comes back: everything else is refused at once instead of piling up behind it.
 */
export function createGate({ deadlineMs, maxInFlight, maxWaiting = 1000 }: GateOptions): Gate {
  const free = Array.from({ length: maxInFlight }, (_, slot) => slot)
  const waiting: ((slot: number) => void)[] = []
  let stalled = 0

  const unavailable = (message: string) => new KeyUnavailable(message, deadlineMs)

  async function takeSlot(): Promise<number> {
    if (stalled > 0) throw unavailable('The key store does not answer; what needs it has to wait')
    const slot = free.pop()
    if (slot !== undefined) return slot
    if (waiting.length >= maxWaiting) throw unavailable('Too many signatures wait for the key store')
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(begin), 1)
        reject(unavailable('The key store is too slow for what is asked of it'))
      }, deadlineMs)
      const begin = (taken: number): void => {
        clearTimeout(timer)
        resolve(taken)
      }
      waiting.push(begin)
    })
  }

  function giveBack(slot: number): void {
    const next = waiting.shift()
    if (next) next(slot)
    else free.push(slot)
  }

  return {
    async run(work) {
      const slot = await takeSlot()
      let late = false
      const running = work(slot).finally(() => {
        if (late) stalled -= 1
        giveBack(slot)
      })
      let timer: NodeJS.Timeout | undefined
      const deadline = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          late = true
          stalled += 1
          reject(unavailable(`The key store did not answer within ${deadlineMs} ms`))
        }, deadlineMs)
      })
      try {
        return await Promise.race([running, deadline])
      } finally {
        clearTimeout(timer)
        // Its failure has been reported, or comes after everybody was told that it stalled.
        running.catch(() => undefined)
      }
    },
  }
}
